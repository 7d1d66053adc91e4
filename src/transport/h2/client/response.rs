//! The body of a response as its caller reads it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use seltzer_h2::StreamId;

use crate::status::Status;
use crate::transport::h2::client::call::{Call, End, General, register};
use crate::transport::h2::client::connection::Shared;
use crate::transport::h2::client::state::State;

/// A call that somebody waits for: dropped before its end, it is cancelled at once.
pub(crate) struct Ongoing {
    pub(super) shared: Arc<Shared>,
    pub(super) stream: StreamId,
    is_over: bool,
}

impl Ongoing {
    pub(super) fn new(shared: Arc<Shared>, stream: StreamId) -> Self {
        Ongoing { shared, stream, is_over: false }
    }

    /// The connection does not know of it any more.
    pub(super) fn forget(mut self) {
        self.is_over = true;
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if !self.is_over {
            // What is left of it is dropped when the lock is free.
            drop(self.shared.with(|state| state.abandon_call(self.stream)));
        }
    }
}

/// What arrives on one stream, trailers included.
pub(crate) enum ResponseBody {
    Ongoing(Ongoing),
    /// All of it is here: its connection is asked no more.
    Whole(Box<General>),
    Over,
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = match &mut *self {
            ResponseBody::Ongoing(call) => call.shared.with(|state| poll_frame(state, call.stream, cx)),
            ResponseBody::Whole(call) => Poll::Ready(next_frame(call)),
            ResponseBody::Over => Poll::Ready(None),
        };
        let is_over = match &polled {
            Poll::Ready(None | Some(Err(_))) => true,
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers(),
            Poll::Pending => false,
        };
        if is_over {
            *self = ResponseBody::Over;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Ongoing(call) => {
                call.shared.lock().general(call.stream).is_some_and(|call| has_no_frames(call))
            }
            ResponseBody::Whole(call) => has_no_frames(call),
            ResponseBody::Over => true,
        }
    }
}

fn has_no_frames(call: &General) -> bool {
    call.inbound.is_empty() && matches!(call.end, Some(End::Complete(None)))
}

fn poll_frame(state: &mut State, stream: StreamId, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
    let Some(Call::General(call)) = state.calls.get_mut(stream) else { return Poll::Ready(None) };
    if call.inbound.is_empty() && call.end.is_none() {
        register(&mut call.reader, cx.waker());
        return Poll::Pending;
    }
    let frame = next_frame(call);
    if let Some(Ok(frame)) = &frame
        && let Some(bytes) = frame.data_ref()
    {
        state.engine.release(stream, bytes.len());
    }
    Poll::Ready(frame)
}

/// The next of what is here.
fn next_frame(call: &mut General) -> Option<Result<Frame<Bytes>, Status>> {
    if let Some(bytes) = call.inbound.pop() {
        return Some(Ok(Frame::data(bytes.freeze())));
    }
    match call.end.take()? {
        End::Complete(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
        End::Lost(lost) => Some(Err(lost.status)),
    }
}
