//! The body of a request on its way out.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use seltzer_h2::limits::SEND_HIGH_WATER;
use seltzer_h2::{Reason, StreamId};
use tonic::body::Body;

use crate::status::Status;
use crate::transport::h2::client::call::{End, Lost, register};
use crate::transport::h2::client::connection::Shared;
use crate::transport::h2::client::send::unsendable;
use crate::transport::h2::client::state::State;
use crate::transport::h2::fields::fields_of;
use crate::transport::progress::Progress;
use crate::transport::replay::{Replay, ReplayMemory, ReplayReader};

/// How many pieces a body may give before others have their turn: one that is always ready must not hold them up.
const PIECES_MAX: usize = 32;

/// How much a body may give before its request is sent, so that a small one goes out in one go. One piece may be
/// larger: it is known to be the only one when the body is asked once more.
const OPENING_BYTES_MAX: usize = 32 * 1024;

/// The beginning of a body: what there was without waiting.
pub(crate) struct Opening {
    /// The first piece apart: mostly it is the only one.
    first: Option<Bytes>,
    more: Vec<Bytes>,
    pub(super) rest: Rest,
}

/// What follows the beginning.
pub(super) enum Rest {
    /// Nothing: the body is whole.
    Ended,
    /// More, at some time.
    More(Body),
    /// The task that sends it has it.
    Handed,
    /// It broke before anything was sent.
    Broken(Status),
}

impl Opening {
    /// Takes out of a body what there is.
    pub(crate) fn take_from(mut body: Body) -> Self {
        let (mut first, mut more) = (None, Vec::new());
        let (mut count, mut bytes) = (0, 0);
        // Whoever goes on with the body asks again, with a waker of its own.
        let mut cx = Context::from_waker(Waker::noop());
        while count < 2 || (bytes < OPENING_BYTES_MAX && count < PIECES_MAX) {
            let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(&mut cx) else { break };
            match frame.map(|frame| frame.map(Frame::into_data)) {
                None => return Opening { first, more, rest: Rest::Ended },
                Some(Ok(Ok(data))) if data.is_empty() => {}
                Some(Ok(Ok(data))) => {
                    count += 1;
                    bytes += data.len();
                    match first {
                        None => first = Some(data),
                        Some(_) => more.push(data),
                    }
                }
                // Trailers of requests mean nothing in gRPC, but they end the request.
                Some(Ok(Err(_trailers))) => return Opening { first, more, rest: Rest::Ended },
                Some(Err(status)) => return Opening { first, more, rest: Rest::Broken(status) },
            }
        }
        Opening { first, more, rest: Rest::More(body) }
    }

    /// Whether nothing follows.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.rest, Rest::Ended)
    }

    /// Puts something around what follows.
    pub(crate) fn map_rest(&mut self, around: impl FnOnce(Body) -> Body) {
        self.rest = match std::mem::replace(&mut self.rest, Rest::Ended) {
            Rest::More(body) => Rest::More(around(body)),
            other => other,
        };
    }

    /// What there is of it, in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.first.iter().chain(&self.more)
    }

    /// The body that it was, of which nothing was sent.
    pub(super) fn into_body(self) -> Body {
        let rest = match self.rest {
            Rest::More(body) => Some(body),
            Rest::Ended | Rest::Handed | Rest::Broken(_) => None,
        };
        let mut pieces = VecDeque::from(self.more);
        if let Some(first) = self.first {
            pieces.push_front(first);
        }
        Body::new(Again { pieces, rest })
    }

    /// The body that was to be sent, unless some of it is gone by now.
    pub(super) fn reclaim(mut self, uploaded: Option<&Uploaded>) -> Option<Body> {
        if let Rest::Handed = self.rest {
            self.rest = Rest::More(Body::new(uploaded?.replay.reader()?));
        }
        Some(self.into_body())
    }
}

/// A body that is sent once more.
struct Again {
    pieces: VecDeque<Bytes>,
    rest: Option<Body>,
}

impl http_body::Body for Again {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }
}

/// The rest of a body that is sent by a task of its own, and kept meanwhile.
pub(super) struct Uploaded {
    replay: Replay,
    /// The task's own reader.
    reader: u64,
}

impl Uploaded {
    /// The request is not made again: nothing more is kept of it.
    pub(super) fn settle(&self) {
        self.replay.choose(self.reader);
    }
}

/// Where the rest of a body comes from.
enum Source {
    /// What is kept to be sent again.
    Kept(ReplayReader),
    Body(Body),
}

/// The task that sends the rest of a body.
pub(super) struct Upload {
    shared: Arc<Shared>,
    stream: StreamId,
    source: Source,
    /// The request is complete, or nobody needs it any more.
    is_over: bool,
}

impl Upload {
    /// Goes on with a body by itself, if there is more of it, and keeps it if there is memory for that.
    pub(super) fn spawn(
        shared: &Arc<Shared>,
        stream: StreamId,
        opening: &mut Opening,
        memory: Option<&Arc<ReplayMemory>>,
    ) -> Option<Uploaded> {
        let Rest::More(body) = std::mem::replace(&mut opening.rest, Rest::Handed) else {
            opening.rest = Rest::Ended;
            return None;
        };
        let (source, uploaded) = match memory {
            None => (Source::Body(body), None),
            Some(memory) => {
                let replay = Replay::new(body, memory);
                let reader = replay.reader()?;
                let number = reader.number();
                (Source::Kept(reader), Some(Uploaded { replay, reader: number }))
            }
        };
        let mut upload = Upload { shared: Arc::clone(shared), stream, source, is_over: false };
        shared.spawn(async move { poll_fn(|cx| upload.poll(cx)).await });
        uploaded
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..PIECES_MAX {
            if ready!(self.shared.with(|state| poll_room(state, self.stream, cx))).is_err() {
                self.is_over = true;
                return Poll::Ready(());
            }
            let frame = ready!(self.poll_body(cx));
            self.is_over = self.shared.with(|state| send_frame(state, self.stream, frame));
            if self.is_over {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Source::Kept(reader) = &mut self.source
            && let Some(body) = reader.take_source()
        {
            self.source = Source::Body(body);
        }
        match &mut self.source {
            Source::Kept(reader) => Pin::new(reader).poll_frame(cx),
            Source::Body(body) => Pin::new(body).poll_frame(cx),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // The body panicked, or the runtime ends.
        if !self.is_over {
            let status = Status::cancelled("the stream of requests broke off");
            self.shared.with(|state| state.end_call(self.stream, lost(status)));
        }
    }
}

/// The stream takes no more.
struct Gone;

/// Waits until there is room for more of the request.
fn poll_room(state: &mut State, stream: StreamId, cx: &Context<'_>) -> Poll<Result<(), Gone>> {
    let Some(call) = state.general(stream).filter(|call| call.end.is_none()) else {
        return Poll::Ready(Err(Gone));
    };
    register(&mut call.upload, cx.waker());
    if state.engine.queued_bytes(stream) > SEND_HIGH_WATER { Poll::Pending } else { Poll::Ready(Ok(())) }
}

/// Sends what a body gave. `true`: that was the end.
fn send_frame(state: &mut State, stream: StreamId, frame: Option<Result<Frame<Bytes>, Status>>) -> bool {
    let (sent, is_end) = match frame {
        None => (state.engine.send_data(stream, Bytes::new(), true), true),
        Some(Ok(frame)) => match frame.into_data() {
            Ok(data) => (state.engine.send_data(stream, data, false), false),
            Err(frame) => {
                let trailers: HeaderMap = frame.into_trailers().unwrap_or_default();
                (state.engine.send_headers(stream, fields_of(&trailers), true), true)
            }
        },
        Some(Err(status)) => {
            state.engine.reset(stream, Reason::Cancel);
            state.end_call(stream, lost(status));
            return true;
        }
    };
    match sent {
        Ok(()) => is_end,
        Err(seltzer_h2::SendError::Gone) => true,
        Err(error) => {
            state.end_call(stream, lost(unsendable(error)));
            true
        }
    }
}

fn lost(status: Status) -> End {
    End::Lost(Lost { status, progress: Progress::Final })
}
