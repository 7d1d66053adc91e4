//! The body of a response as its caller reads it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use seltzer_h2::StreamId;

use crate::status::Status;
use crate::transport::h2::client::call::{Call, End, register};
use crate::transport::h2::client::connection::Shared;
use crate::transport::h2::client::state::State;

/// A call that somebody waits for: dropped before its end, it is cancelled at once.
pub(super) struct Ongoing {
    pub(super) shared: Arc<Shared>,
    pub(super) stream: StreamId,
}

impl Ongoing {
    pub(super) fn new(shared: Arc<Shared>, stream: StreamId) -> Self {
        Ongoing { shared, stream }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        // What is left of it is dropped when the lock is free.
        drop(self.shared.with(|state| state.abandon_call(self.stream)));
    }
}

/// What arrives on one stream, trailers included.
pub(super) struct ResponseBody {
    call: Ongoing,
    is_over: bool,
}

impl ResponseBody {
    pub(super) fn new(call: Ongoing) -> Self {
        ResponseBody { call, is_over: false }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let polled = self.call.shared.with(|state| poll_frame(state, self.call.stream, cx));
        self.is_over = matches!(&polled, Poll::Ready(None | Some(Err(_))))
            || matches!(&polled, Poll::Ready(Some(Ok(frame))) if frame.is_trailers());
        polled
    }

    fn is_end_stream(&self) -> bool {
        let is_complete = |state: &mut State| {
            let call = state.general(self.call.stream);
            call.is_some_and(|call| call.inbound.is_empty() && matches!(call.end, Some(End::Complete(None))))
        };
        self.is_over || is_complete(&mut self.call.shared.lock())
    }
}

fn poll_frame(state: &mut State, stream: StreamId, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
    let Some(Call::General(call)) = state.calls.get_mut(stream) else { return Poll::Ready(None) };
    if let Some(bytes) = call.inbound.pop_front() {
        state.engine.release(stream, bytes.len());
        return Poll::Ready(Some(Ok(Frame::data(bytes.freeze()))));
    }
    match call.end.take() {
        Some(End::Complete(trailers)) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
        Some(End::Lost(lost)) => Poll::Ready(Some(Err(lost.status))),
        None => {
            register(&mut call.reader, cx.waker());
            Poll::Pending
        }
    }
}
