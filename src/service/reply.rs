//! What a handler's answer looks like before anybody carries it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, ready};

use bytes::BufMut as _;

use crate::codec::{ByteSource, CompressionEncoding, Filled, Part, Quota, Rope};
use crate::context::Context;
use crate::metadata::MetadataMap;
use crate::status::Status;

/// An answer: initial metadata, then bytes. A call that fails before any message has neither.
#[allow(missing_debug_implementations, reason = "not nameable outside of the crate")]
pub struct Reply {
    pub(crate) metadata: MetadataMap,
    pub(crate) encoding: Option<CompressionEncoding>,
    pub(crate) body: ReplyBody,
}

/// The bytes of an answer.
pub(crate) enum ReplyBody {
    /// Exactly one message, with its prefix, and OK.
    Message(Rope),
    /// Messages as they come, and a status of their own.
    Stream(Pin<Box<dyn ByteSource>>),
    /// No message at all.
    Failed(Status),
}

/// What a handler answered, and how its messages are compressed.
pub(crate) struct Answer {
    pub(crate) metadata: MetadataMap,
    pub(crate) encoding: Option<CompressionEncoding>,
    pub(crate) body: ReplyBody,
}

type Answered = Result<Answer, Status>;

/// The future of an answer, made by [`StreamCall`](crate::service::StreamCall). It never fails: an error is an
/// answer too.
pub struct ReplyFuture {
    context: Context,
    /// What is announced when the handler sends its metadata before it has answered.
    encoding: Option<CompressionEncoding>,
    handler: Option<Pin<Box<dyn Future<Output = Answered> + Send>>>,
}

impl ReplyFuture {
    pub(crate) fn new(
        context: Context,
        encoding: Option<CompressionEncoding>,
        handler: impl Future<Output = Answered> + Send + 'static,
    ) -> Self {
        ReplyFuture { context, encoding, handler: Some(Box::pin(handler)) }
    }
}

impl Future for ReplyFuture {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Reply> {
        let handler = self.handler.as_mut().expect("a future is not polled after it is ready");
        if let Poll::Ready(answered) = handler.as_mut().poll(cx) {
            self.handler = None;
            return Poll::Ready(match answered {
                Ok(Answer { mut metadata, encoding, body }) => {
                    if let Some(early) = self.context.take_initial_metadata() {
                        crate::metadata::merge(&mut metadata, early);
                    }
                    Reply { metadata, encoding, body }
                }
                Err(status) => Reply {
                    metadata: self.context.take_initial_metadata().unwrap_or_default(),
                    encoding: None,
                    body: ReplyBody::Failed(status),
                },
            });
        }
        // The handler is not done, but it may have sent its initial metadata ahead.
        let metadata = ready!(self.context.poll_initial_metadata(cx.waker()));
        let handler = self.handler.take().expect("it was polled just now");
        Poll::Ready(Reply {
            metadata,
            encoding: self.encoding,
            body: ReplyBody::Stream(Box::pin(Late { context: self.context.clone(), handler, stream: None })),
        })
    }
}

impl fmt::Debug for ReplyFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyFuture").field("context", &self.context).finish_non_exhaustive()
    }
}

/// The bytes of a handler that sent its initial metadata first and is still at work.
struct Late {
    context: Context,
    handler: Pin<Box<dyn Future<Output = Answered> + Send>>,
    stream: Option<Pin<Box<dyn ByteSource>>>,
}

impl ByteSource for Late {
    fn poll_part(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Part> {
        loop {
            if let Some(stream) = &mut self.stream {
                return stream.as_mut().poll_part(cx);
            }
            let answer = match ready!(self.handler.as_mut().poll(cx)) {
                Ok(answer) => answer,
                Err(status) => return Poll::Ready(Part::End(Err(status))),
            };
            // The headers are gone: what the response would have put there goes into the trailers.
            match answer.body {
                ReplyBody::Stream(stream) => {
                    self.context.append_trailing(answer.metadata);
                    self.stream = Some(stream);
                }
                ReplyBody::Message(message) => {
                    self.context.append_trailing(answer.metadata);
                    self.stream = Some(Box::pin(Single(message)));
                }
                ReplyBody::Failed(status) => return Poll::Ready(Part::End(Err(status))),
            }
        }
    }
}

/// One message, and the end of a call that went well.
pub(crate) struct Single(pub(crate) Rope);

impl ByteSource for Single {
    fn poll_part(mut self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Part> {
        Poll::Ready(self.0.pop_front().map_or_else(|| Part::End(Ok(MetadataMap::new())), Part::Data))
    }

    fn poll_fill(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        output: &mut Rope,
        _: Quota,
    ) -> Poll<Filled> {
        while let Some(bytes) = self.0.pop_front() {
            output.put(bytes);
        }
        Poll::Ready(Filled::End(Ok(MetadataMap::new())))
    }
}
