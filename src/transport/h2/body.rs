//! The body of a request as its handler reads it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::Frame;

use crate::status::Status;
use crate::transport::h2::exchange::Exchange;

/// What arrives on one stream. Trailers of requests mean nothing in gRPC and are left out.
#[derive(Debug)]
pub(crate) struct StreamBody(pub(crate) Arc<Exchange>);

impl StreamBody {
    /// Appends what arrives to `buffer` until that has `length` bytes. `false`: ask for frames.
    pub(crate) fn poll_collect(&self, cx: &mut Context<'_>, buffer: &mut BytesMut, length: usize) -> Poll<bool> {
        self.0.poll_collect(cx, buffer, length)
    }
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.poll_inbound(cx).map(|bytes| bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.inbound_is_over()
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.0.abandon_inbound();
    }
}
