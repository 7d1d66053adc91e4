//! Bodies as hyper receives them, with errors in gRPC's words.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use hyper::body::Incoming;

use crate::status::Status;

/// A received body whose errors are statuses.
#[derive(Debug)]
pub(crate) struct ReceivedBody(pub(crate) Incoming);

impl http_body::Body for ReceivedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(|error| status_of(&error))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}

/// What a broken stream or connection means for its call.
pub(crate) fn status_of(error: &hyper::Error) -> Status {
    if let Some(reason) = reset_reason(error) {
        #[cfg(feature = "client")]
        let code = crate::status::code_for_reset(reason.into());
        #[cfg(not(feature = "client"))]
        let code = crate::status::Code::Cancelled;
        return Status::new(code, format!("the peer reset the stream: {}", reason.description()));
    }
    Status::unavailable(format!("the connection broke: {}", whole_story(error)))
}

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
