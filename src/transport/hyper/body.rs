//! Bodies as hyper receives them, with errors in gRPC's words.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::EXPECT;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use crate::status::Status;
use crate::transport::h2::ReadyQueue;
use crate::transport::hyper::kept::{KeptBody, SMALL_BODY_BYTES_MAX};
use crate::transport::hyper::watch::Heads;
use crate::transport::retained::{Retain, Retainer};

/// How much of a request is still taken that was answered before its end, and for how long. HTTP/1.1 has no other way
/// to get an answer across: closing a connection on which bytes are under way destroys what was sent on it.
const UNWANTED_BYTES_MAX: usize = 64 << 20;
const UNWANTED_TIME_MAX: Duration = Duration::from_secs(10);

/// A received body whose errors are statuses.
#[derive(Debug)]
pub(crate) struct ReceivedBody {
    /// `None`: what is left of it is somebody else's.
    body: Option<Incoming>,
    /// Whether what nobody reads of it has to be taken all the same.
    must_be_taken: bool,
    /// Whether an end without END_STREAM is an error: hyper takes a reset with NO_ERROR for an ordinary end, which
    /// would make half an upload look whole.
    must_end_properly: bool,
    /// What its readers keep of it, unless that is little anyway.
    kept: Option<Arc<KeptBody>>,
    /// The client waits for a word before it sends it.
    invitation: Option<Invitation>,
    /// Hears that it has ended.
    heads: Option<Arc<Heads>>,
}

/// Whether a client that said `expect: 100-continue` was invited to send its body: it is by the first look at it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invitation(Arc<AtomicBool>);

impl Invitation {
    fn of<B>(request: &http::Request<B>) -> Option<Self> {
        let expected = request.headers().get(EXPECT).filter(|_| request.version() == http::Version::HTTP_11)?;
        expected.as_bytes().eq_ignore_ascii_case(b"100-continue").then(Invitation::default)
    }

    /// Whether the body was let go before anybody looked: the client may never send it, and does not know whether it is
    /// still to do so, so that nothing more can be read of its connection.
    pub(crate) fn is_declined(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && !self.was_given()
    }

    fn give(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn was_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl ReceivedBody {
    /// The body of a request, counted with what else waits on its connection.
    pub(crate) fn of_request(
        mut request: http::Request<Incoming>,
        connection: &Arc<ReadyQueue>,
        heads: &Arc<Heads>,
    ) -> (http::Request<Self>, Option<Invitation>) {
        let is_http2 = request.version() == http::Version::HTTP_2;
        let is_small = request.body().size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BODY_BYTES_MAX);
        let kept = (!is_http2 && !is_small).then(|| KeptBody::new(Arc::clone(connection)));
        if let Some(kept) = &kept {
            request.extensions_mut().insert(Retainer::new(Arc::clone(kept) as Arc<dyn Retain>));
        }
        let has_body = !request.body().is_end_stream();
        let invitation = if has_body { Invitation::of(&request) } else { None };
        let theirs = invitation.clone();
        if !has_body && !is_http2 {
            heads.expect();
        }
        let heads = (has_body && !is_http2).then(|| Arc::clone(heads));
        let request = request.map(|body| ReceivedBody {
            body: Some(body),
            must_be_taken: !is_http2,
            must_end_properly: is_http2,
            kept,
            invitation: theirs,
            heads,
        });
        (request, invitation)
    }

    /// Responses end with trailers, whose absence is an error by itself.
    #[cfg(any(all(feature = "client", feature = "carrier-hyper"), feature = "http1-client"))]
    pub(crate) fn of_response(body: Incoming) -> Self {
        ReceivedBody {
            body: Some(body),
            must_be_taken: false,
            must_end_properly: false,
            kept: None,
            invitation: None,
            heads: None,
        }
    }
}

impl http_body::Body for ReceivedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(invitation) = &self.invitation {
            invitation.give();
        }
        if let Some(excess) = self.kept.as_ref().and_then(|kept| kept.excess(cx.waker())) {
            return Poll::Ready(Some(Err(excess)));
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        let is_proper = body.is_end_stream();
        if (is_proper || frame.is_none())
            && let Some(heads) = self.heads.take()
        {
            heads.expect();
        }
        if frame.is_none() && self.must_end_properly && !is_proper {
            self.must_end_properly = false;
            return Poll::Ready(Some(Err(Status::cancelled("the peer reset the stream before its end"))));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| status_of(&error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.as_ref().map(Incoming::size_hint).unwrap_or_default()
    }
}

impl Drop for ReceivedBody {
    fn drop(&mut self) {
        // Who waits to be invited sends nothing that would have to be taken.
        let comes = self.invitation.as_ref().is_none_or(Invitation::was_given);
        let unwanted = self.body.take().filter(|body| self.must_be_taken && comes && !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (unwanted, tokio::runtime::Handle::try_current()) {
            let heads = self.heads.take();
            runtime.spawn(tokio::time::timeout(UNWANTED_TIME_MAX, discard(body, heads)));
        }
    }
}

/// Takes what nobody wants.
async fn discard(mut body: Incoming, heads: Option<Arc<Heads>>) {
    let mut left = UNWANTED_BYTES_MAX;
    loop {
        match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let Some(rest) = left.checked_sub(bytes) else { return };
                left = rest;
            }
            Some(Err(_)) => return,
            None => break,
        }
    }
    if let Some(heads) = heads {
        heads.expect();
    }
}

/// What a broken stream or connection means for its call.
pub(crate) fn status_of(error: &hyper::Error) -> Status {
    #[cfg(feature = "carrier-hyper")]
    if let Some(reason) = reset_reason(error) {
        #[cfg(feature = "client")]
        let code = crate::status::code_for_reset(reason.into());
        #[cfg(not(feature = "client"))]
        let code = crate::status::Code::Cancelled;
        return Status::new(code, format!("the peer reset the stream: {}", reason.description()));
    }
    Status::unavailable(format!("the connection broke: {}", whole_story(error)))
}

/// Whether the peer says that it did nothing for a stream.
#[cfg(all(feature = "client", feature = "carrier-hyper"))]
pub(crate) fn is_refused(error: &hyper::Error) -> bool {
    reset_reason(error) == Some(h2::Reason::REFUSED_STREAM)
}

#[cfg(feature = "carrier-hyper")]
fn reset_reason(error: &hyper::Error) -> Option<h2::Reason> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return if error.is_reset() { error.reason() } else { None };
        }
        source = error.source();
    }
    None
}

/// The error and everything that caused it, without repeating what a cause says again.
pub(crate) fn whole_story(error: &(dyn std::error::Error + 'static)) -> String {
    let mut story = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let words = error.to_string();
        if !story.contains(&words) {
            story.push_str(": ");
            story.push_str(&words);
        }
        source = error.source();
    }
    story
}
