//! The body of a response as its caller reads it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use seltzer_h2::StreamId;
use tokio::time::Instant;
use tonic::body::Body;

use crate::status::Status;
use crate::transport::h2::client::call::{Block, Call, End, General, register};
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
    /// All of it is here, since then: its connection is asked no more.
    Whole(Box<General>, Instant),
    Over,
}

/// An answer all of which is here.
pub(crate) struct Whole<'a, P> {
    pub(crate) pieces: P,
    pub(crate) trailers: Option<&'a HeaderMap>,
    /// When it had come, as far as the connection knows without another look at the clock.
    pub(crate) read_at: Instant,
}

impl ResponseBody {
    /// What there is, if that is all, and nothing of it was taken.
    pub(crate) fn whole(&self) -> Option<Whole<'_, impl Iterator<Item = &[u8]>>> {
        match self {
            ResponseBody::Whole(call, read_at) => {
                let trailers = match &call.end {
                    Some(End::Complete(trailers)) => trailers.as_ref().map(|trailers| &trailers.headers),
                    _ => None,
                };
                Some(Whole { pieces: call.inbound.iter(), trailers, read_at: *read_at })
            }
            ResponseBody::Ongoing(_) | ResponseBody::Over => None,
        }
    }

    /// The same as tonic says it, with nothing in between: its errors are what they have to be already.
    pub(crate) fn boxed(self) -> Body {
        Body::new(UnsyncBoxBody::new(self))
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = match &mut *self {
            ResponseBody::Ongoing(call) => call.shared.with(|state| poll_frame(state, call.stream, cx)),
            ResponseBody::Whole(call, _) => Poll::Ready(next_frame(call)),
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
            ResponseBody::Whole(call, _) => has_no_frames(call),
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
        End::Complete(trailers) => {
            let own =
                |trailers: Block| Arc::try_unwrap(trailers).map_or_else(|kept| kept.headers.clone(), |own| own.headers);
            trailers.map(|trailers| Ok(Frame::trailers(own(trailers))))
        }
        End::Lost(lost) => Some(Err(lost.status)),
    }
}
