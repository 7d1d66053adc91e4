//! A stream of messages as a stream of bytes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::codec::encoder::{PACKED_BYTES_MAX, PACKED_MESSAGES_MAX};
use crate::codec::{ByteSource, Codec, Filled, MessageEncoder, Part, Quota, Rope};
use crate::metadata::MetadataMap;
use crate::status::Status;

/// What is packed into one piece.
const QUOTA: Quota = Quota { bytes: PACKED_BYTES_MAX, messages: PACKED_MESSAGES_MAX };

pin_project_lite::pin_project! {
    /// Encodes a stream's messages, packing what is ready at once.
    pub(crate) struct EncodedStream<S, C> {
        #[pin]
        stream: S,
        encoder: MessageEncoder<C>,
        // What was made and not handed out as a part.
        made: Rope,
        end: Option<Result<MetadataMap, Status>>,
    }
}

impl<S, C> EncodedStream<S, C> {
    pub(crate) fn new(stream: S, encoder: MessageEncoder<C>) -> Self {
        EncodedStream { stream, encoder, made: Rope::default(), end: None }
    }
}

impl<S, C> ByteSource for EncodedStream<S, C>
where
    C: Codec,
    S: Stream<Item = Result<C::Encode, Status>> + Send,
{
    fn poll_part(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Part> {
        loop {
            if let Some(bytes) = self.as_mut().project().made.pop_front() {
                return Poll::Ready(Part::Data(bytes));
            }
            if let Some(end) = self.as_mut().project().end.take() {
                return Poll::Ready(Part::End(end));
            }
            let mut made = std::mem::take(self.as_mut().project().made);
            let filled = self.as_mut().poll_fill(cx, &mut made, QUOTA);
            let this = self.as_mut().project();
            *this.made = made;
            if let Filled::End(end) = ready!(filled) {
                *this.end = Some(end);
            }
        }
    }

    fn poll_fill(self: Pin<&mut Self>, cx: &mut Context<'_>, output: &mut Rope, quota: Quota) -> Poll<Filled> {
        let mut this = self.project();
        let start = output.mark();
        let mut whole = start;
        let mut count = 0;
        let polled = catch_unwind(AssertUnwindSafe(|| {
            while output.since(start) < quota.bytes && count < quota.messages {
                match this.stream.as_mut().poll_next(cx) {
                    Poll::Ready(Some(Ok(message))) => {
                        if let Err(status) = this.encoder.encode(&message, output) {
                            return Filled::End(Err(status));
                        }
                        whole = output.mark();
                        count += 1;
                    }
                    Poll::Ready(Some(Err(status))) => return Filled::End(Err(status)),
                    Poll::Ready(None) => return Filled::End(Ok(MetadataMap::new())),
                    Poll::Pending => break,
                }
            }
            Filled::More
        }));
        match polled {
            Ok(Filled::More) if count == 0 => Poll::Pending,
            Ok(filled) => Poll::Ready(filled),
            Err(_panic) => {
                // What was made before is whole; it goes out, then the failure.
                output.truncate(whole);
                Poll::Ready(Filled::End(Err(Status::internal("the stream of messages panicked"))))
            }
        }
    }
}
