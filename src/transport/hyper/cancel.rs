//! A call that is dropped resets its stream at once, even while its request stream is still open.
//!
//! hyper resets an HTTP/2 stream only when both of its halves are gone. The request's half ends here as soon as the
//! caller lets go of the response's.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::body::Body;

use crate::status::{Status, drop_garbled_details};

/// A request whose body ends with CANCEL when the guard is dropped.
pub(crate) fn cancellable(request: http::Request<Body>) -> (http::Request<Body>, DropGuard) {
    let token = CancellationToken::new();
    let cancelled = Box::pin(token.clone().cancelled_owned());
    let request = request.map(|body| Body::new(RequestBody { body, cancelled, is_over: false }));
    (request, token.drop_guard())
}

/// A response whose body keeps the guard.
pub(crate) fn guarded(response: http::Response<Body>, guard: DropGuard) -> http::Response<Body> {
    response.map(|body| Body::new(ResponseBody { body, _guard: guard }))
}

struct RequestBody {
    body: Body,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    is_over: bool,
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        // First of all, because a stream of requests may always have one more ready.
        if self.cancelled.as_mut().poll(cx).is_ready() {
            self.is_over = true;
            // The caller's own stream goes with the call.
            self.body = Body::empty();
            let status = Status::cancelled("the caller dropped the call");
            return Poll::Ready(Some(Err(resets_with_cancel(status))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.is_over = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame.map(|frame| frame.map_err(resets_with_cancel)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// hyper resets the stream with the HTTP/2 code that it finds among the error's causes.
fn resets_with_cancel(mut status: Status) -> Status {
    status.set_source(Arc::new(h2::Error::from(h2::Reason::CANCEL)));
    status
}

struct ResponseBody {
    body: Body,
    _guard: DropGuard,
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            drop_garbled_details(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
