//! Bodies as hyper receives them, with errors in gRPC's words.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use crate::status::Status;

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
}

impl ReceivedBody {
    pub(crate) fn of_request(request: http::Request<Incoming>) -> http::Request<Self> {
        let must_end_properly = request.version() == http::Version::HTTP_2;
        let must_be_taken = !must_end_properly;
        request.map(|body| ReceivedBody { body: Some(body), must_be_taken, must_end_properly })
    }

    /// Responses end with trailers, whose absence is an error by itself.
    #[cfg(all(feature = "client", feature = "carrier-hyper"))]
    pub(crate) fn of_response(body: Incoming) -> Self {
        ReceivedBody { body: Some(body), must_be_taken: false, must_end_properly: false }
    }
}

impl http_body::Body for ReceivedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        let is_proper = body.is_end_stream();
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
        let unwanted = self.body.take().filter(|body| self.must_be_taken && !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (unwanted, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(UNWANTED_TIME_MAX, discard(body)));
        }
    }
}

/// Takes what nobody wants.
async fn discard(mut body: Incoming) {
    let mut left = UNWANTED_BYTES_MAX;
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(bytes) else { return };
        left = rest;
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
