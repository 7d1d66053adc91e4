//! Sees a call to its end, whatever that is.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::interceptor::{ClientCall, ClientReply, Next};
use crate::metadata::MetadataMap;
use crate::service::{BoxReplies, PollReplies, Replies, ReplyPart};
use crate::status::{Code, Status};

/// How a call ended, seen from an interceptor.
#[derive(Debug)]
pub struct CallEnd {
    result: Result<MetadataMap, Status>,
    requests: u64,
    replies: u64,
    duration: Duration,
}

impl CallEnd {
    /// The call's code. CANCELLED, too, for a call that its caller dropped before its end.
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

    /// How many messages were sent.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// How many messages came.
    #[must_use]
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// From the beginning to the end, a stream's reading included.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

impl Next {
    /// As [`run`](Self::run), and tells how the call ended: of streams after their last message was read. It is told
    /// exactly once, also of calls that are dropped.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_watched(
        self,
        call: ClientCall,
        on_end: impl FnOnce(&CallEnd) + Send + 'static,
    ) -> Result<ClientReply, Status> {
        let mut watch =
            Watch { on_end: Some(Box::new(on_end)), requests: Arc::default(), replies: 0, begin: Instant::now() };
        let sent = Arc::clone(&watch.requests);
        let call = call.map_requests(move |message| {
            sent.fetch_add(1, Ordering::Relaxed);
            message
        });
        let mut reply = match self.run(call).await {
            Ok(reply) => reply,
            Err(status) => {
                watch.end(Err(status.clone()));
                return Err(status);
            }
        };
        reply.messages = match reply.messages {
            Replies::One { message, trailers } => {
                watch.replies = 1;
                watch.end(Ok(trailers.clone()));
                Replies::One { message, trailers }
            }
            Replies::Many(replies) => Replies::Many(Box::pin(Watched { replies, watch })),
        };
        Ok(reply)
    }
}

type OnEnd = Box<dyn FnOnce(&CallEnd) + Send>;

/// A call that is watched.
struct Watch {
    on_end: Option<OnEnd>,
    requests: Arc<AtomicU64>,
    replies: u64,
    begin: Instant,
}

impl Watch {
    fn end(&mut self, result: Result<MetadataMap, Status>) {
        if let Some(on_end) = self.on_end.take() {
            let (requests, duration) = (self.requests.load(Ordering::Relaxed), self.begin.elapsed());
            on_end(&CallEnd { result, requests, replies: self.replies, duration });
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end(Err(Status::cancelled("the caller dropped the call")));
    }
}

/// A stream that is watched.
struct Watched {
    replies: BoxReplies,
    watch: Watch,
}

impl PollReplies for Watched {
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReplyPart> {
        let part = ready!(self.replies.as_mut().poll_reply(cx));
        match &part {
            ReplyPart::Message(_) => self.watch.replies += 1,
            ReplyPart::End(end) => self.watch.end(end.clone()),
        }
        Poll::Ready(part)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("replies", &self.replies).finish_non_exhaustive()
    }
}
