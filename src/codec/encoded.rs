//! A stream of messages as a stream of bytes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_core::Stream;

use crate::codec::encoder::{PACKED_BYTES_MAX, PACKED_MESSAGES_MAX};
use crate::codec::{ByteSource, Codec, MessageEncoder, Part};
use crate::metadata::MetadataMap;
use crate::status::Status;

pin_project_lite::pin_project! {
    /// Encodes a stream's messages, packing what is ready at once into one chunk.
    pub(crate) struct EncodedStream<S, C> {
        #[pin]
        stream: S,
        encoder: MessageEncoder<C>,
        buffer: BytesMut,
        end: Option<Result<MetadataMap, Status>>,
    }
}

impl<S, C> EncodedStream<S, C> {
    pub(crate) fn new(stream: S, encoder: MessageEncoder<C>) -> Self {
        EncodedStream { stream, encoder, buffer: BytesMut::new(), end: None }
    }
}

impl<S, C> ByteSource for EncodedStream<S, C>
where
    C: Codec,
    S: Stream<Item = Result<C::Encode, Status>> + Send,
{
    fn poll_part(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Part> {
        let mut this = self.project();
        let mut packed = 0;
        while this.end.is_none() && this.buffer.len() < PACKED_BYTES_MAX && packed < PACKED_MESSAGES_MAX {
            packed += 1;
            // A stream that panics has still made the messages before; they go out, then its failure.
            let polled = catch_unwind(AssertUnwindSafe(|| this.stream.as_mut().poll_next(cx)));
            let polled = polled
                .unwrap_or_else(|_panic| Poll::Ready(Some(Err(Status::internal("the stream of messages panicked")))));
            match polled {
                Poll::Ready(Some(Ok(message))) => {
                    if let Err(status) = this.encoder.encode(&message, this.buffer) {
                        *this.end = Some(Err(status));
                    }
                }
                Poll::Ready(Some(Err(status))) => *this.end = Some(Err(status)),
                Poll::Ready(None) => *this.end = Some(Ok(MetadataMap::new())),
                Poll::Pending if this.buffer.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if !this.buffer.is_empty() {
            return Poll::Ready(Part::Data(this.buffer.split().freeze()));
        }
        let end = this.end.take().unwrap_or_else(|| Ok(MetadataMap::new()));
        Poll::Ready(Part::End(end))
    }
}
