//! The body of a request as its handler reads it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

use crate::status::Status;
use crate::transport::h2::exchange::Exchange;

/// What arrives on one stream. Trailers of requests mean nothing in gRPC and are left out.
#[derive(Debug)]
pub(crate) struct RequestBody(pub(crate) Arc<Exchange>);

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.poll_inbound(cx).map(|bytes| bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.inbound_is_over()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.0.abandon_inbound();
    }
}
