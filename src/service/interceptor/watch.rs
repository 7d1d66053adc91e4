//! Sees a call to its end, whatever that is.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::context::Context;
use crate::metadata::MetadataMap;
use crate::service::interceptor::{Next, ServerCall, ServerReply};
use crate::service::{BoxReplies, PollReplies, Replies, ReplyPart};
use crate::status::{Code, Status};

/// How a call ended, seen from an interceptor.
#[derive(Debug)]
pub struct CallEnd {
    result: Result<MetadataMap, Status>,
    traffic: Arc<Traffic>,
    context: Context,
    duration: Duration,
}

impl CallEnd {
    /// The call's code. CANCELLED, too, for a call whose caller went away.
    #[must_use]
    pub fn code(&self) -> Code {
        self.result.as_ref().err().map_or(Code::Ok, Status::code)
    }

    /// What the call failed with; `None` if it did not.
    #[must_use]
    pub fn failure(&self) -> Option<&Status> {
        self.result.as_ref().err()
    }

    /// The trailing metadata.
    #[must_use]
    pub fn trailers(&self) -> &MetadataMap {
        self.result.as_ref().unwrap_or_else(Status::metadata)
    }

    /// The call's context: its method, its peer, and what interceptors left there.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// How many messages came and were taken.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.traffic.requests.load(Ordering::Relaxed)
    }

    /// How many bytes they had, decompressed.
    #[must_use]
    pub fn request_bytes(&self) -> u64 {
        self.traffic.request_bytes.load(Ordering::Relaxed)
    }

    /// How many messages were sent.
    #[must_use]
    pub fn replies(&self) -> u64 {
        self.traffic.replies.load(Ordering::Relaxed)
    }

    /// How many bytes they had, before compression.
    #[must_use]
    pub fn reply_bytes(&self) -> u64 {
        self.traffic.reply_bytes.load(Ordering::Relaxed)
    }

    /// From when the interceptor saw the call to its end, a stream's writing included.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

/// What a call's messages add up to, and what ended it where its messages become bytes.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    requests: AtomicU64,
    request_bytes: AtomicU64,
    replies: AtomicU64,
    reply_bytes: AtomicU64,
    failure: OnceLock<Status>,
}

impl Traffic {
    pub(super) fn count_request(&self, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.request_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn count_reply(&self, bytes: usize) {
        self.replies.fetch_add(1, Ordering::Relaxed);
        self.reply_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The answer cannot be sent.
    pub(super) fn fail(&self, status: &Status) {
        let _ = self.failure.set(status.clone());
    }
}

impl Next {
    /// As [`run`](Self::run), and tells how the call ended: when its last message is on its way. It is told exactly once,
    /// also of calls that are cancelled.
    ///
    /// ```
    /// use seltzer::Status;
    /// use seltzer::server::{Next, ServerCall, ServerReply};
    ///
    /// async fn count(call: ServerCall, next: Next) -> Result<ServerReply, Status> {
    ///     next.run_watched(call, |end| println!("{:?} after {} messages", end.code(), end.replies())).await
    /// }
    /// # fn is_one(_: impl seltzer::server::ServerInterceptor) {}
    /// # is_one(count);
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_watched(
        self,
        call: ServerCall,
        on_end: impl FnOnce(&CallEnd) + Send + 'static,
    ) -> Result<ServerReply, Status> {
        let mut watch = Watch {
            on_end: Some(Box::new(on_end)),
            result: None,
            traffic: Arc::clone(&call.traffic),
            context: call.context.clone(),
            begin: Instant::now(),
        };
        let mut reply = match self.run(call).await {
            Ok(reply) => reply,
            Err(status) => {
                watch.end(Err(status.clone()));
                return Err(status);
            }
        };
        reply.messages = match reply.messages {
            Replies::One { message, trailers } => {
                watch.result = Some(Ok(trailers.clone()));
                reply.watches.push(watch);
                Replies::One { message, trailers }
            }
            Replies::Many(replies) => Replies::Many(Box::pin(Watched { replies, watch })),
        };
        Ok(reply)
    }
}

type OnEnd = Box<dyn FnOnce(&CallEnd) + Send>;

/// A call that is watched. Its end is told when this is dropped, if it was not before.
pub(super) struct Watch {
    on_end: Option<OnEnd>,
    /// How it ends, if it is sent.
    result: Option<Result<MetadataMap, Status>>,
    traffic: Arc<Traffic>,
    context: Context,
    begin: Instant,
}

impl Watch {
    fn end(&mut self, result: Result<MetadataMap, Status>) {
        let Some(on_end) = self.on_end.take() else { return };
        let (traffic, context) = (Arc::clone(&self.traffic), self.context.clone());
        on_end(&CallEnd { result, traffic, context, duration: self.begin.elapsed() });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let result = match (self.traffic.failure.get(), self.result.take()) {
            (Some(status), _) => Err(status.clone()),
            (None, Some(result)) => result,
            (None, None) => Err(match self.context.deadline() {
                Some(deadline) if deadline.has_passed() => Status::deadline_exceeded("the deadline passed"),
                _ => Status::cancelled("the caller went away"),
            }),
        };
        self.end(result);
    }
}

/// A stream that is watched.
struct Watched {
    replies: BoxReplies,
    watch: Watch,
}

impl PollReplies for Watched {
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<ReplyPart> {
        let part = ready!(self.replies.as_mut().poll_reply(cx));
        if let ReplyPart::End(end) = &part {
            self.watch.end(end.clone());
        }
        Poll::Ready(part)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("traffic", &self.traffic).finish_non_exhaustive()
    }
}
