//! The general way of a call: an answer's future and then its body, piece by piece.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use http_body::{Body as _, Frame};
use tonic::body::Body;

use crate::codec::{Quota, Rope};
use crate::status::Status;
use crate::transport::h2::AnswerFuture;
use crate::transport::h2::exchange::{Exchange, Outbound};
use crate::transport::response_body::{MessageSource, Messages, ResponseBody};

/// How many pieces a body may give in one poll: one that is always ready must let others have their turn.
const PIECES_MAX: usize = 32;

/// How much a body may give at once before anybody has looked.
const PIECES_BYTES_MAX: usize = 32 * 1024;

/// A call's handler at work, and then the body of its answer.
pub(crate) struct Work {
    state: State,
    /// A HEAD request: its answer has no body.
    is_head_only: bool,
}

enum State {
    Answering(AnswerFuture),
    Sending(Body),
    Writing(Messages),
    Over,
}

/// Why work cannot write messages now.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// There are none yet.
    Waiting,
    /// It panicked.
    Broken,
}

impl Work {
    pub(crate) fn new(answer: AnswerFuture, is_head_only: bool) -> Self {
        Work { state: State::Answering(answer), is_head_only }
    }

    /// What is left of an answer whose head is there.
    pub(crate) fn sending(body: Body) -> Self {
        Work { state: State::Sending(body), is_head_only: false }
    }

    /// The same as [`poll_pieces`](Self::poll_pieces), but what panics ends this answer alone.
    pub(crate) fn poll_guarded(&mut self, cx: &mut Context<'_>, pieces: &mut VecDeque<Outbound>) -> Poll<()> {
        catch_unwind(AssertUnwindSafe(|| self.poll_pieces(cx, pieces))).unwrap_or_else(|_panic| {
            self.give_up();
            pieces.push_back(Outbound::Broken);
            Poll::Ready(())
        })
    }

    /// Whether all that is left are messages, which need not go through pieces.
    pub(crate) fn has_messages(&self) -> bool {
        matches!(self.state, State::Writing(_))
    }

    /// Writes messages that are there at once, up to the quota. `Some`: the trailers that end the answer.
    pub(crate) fn write_messages(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut Rope,
        quota: Quota,
    ) -> Result<Option<HeaderMap>, Unwritten> {
        let State::Writing(messages) = &mut self.state else { return Err(Unwritten::Waiting) };
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(messages).poll_write(cx, output, quota)));
        match polled {
            Ok(Poll::Ready(trailers)) => {
                if trailers.is_some() {
                    self.give_up();
                }
                Ok(trailers)
            }
            Ok(Poll::Pending) => Err(Unwritten::Waiting),
            Err(_panic) => {
                self.give_up();
                Err(Unwritten::Broken)
            }
        }
    }

    /// Drops the handler or the body; a panic in there is its own affair.
    fn give_up(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Over);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(state)));
    }

    /// Polls the handler until the head of its answer is there, and its body if that is not one of messages.
    pub(crate) fn poll_inline(&mut self, pieces: &mut VecDeque<Outbound>) -> Poll<()> {
        let mut cx = Context::from_waker(Waker::noop());
        if matches!(self.state, State::Answering(_)) {
            let polled = catch_unwind(AssertUnwindSafe(|| self.poll_head(&mut cx, pieces)));
            match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(())) if self.has_messages() => return Poll::Pending,
                Ok(Poll::Ready(())) => {}
                Err(_panic) => {
                    self.give_up();
                    pieces.push_back(Outbound::Broken);
                }
            }
        }
        self.poll_guarded(&mut cx, pieces)
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, pieces: &mut VecDeque<Outbound>) -> Poll<()> {
        let State::Answering(answer) = &mut self.state else { return Poll::Ready(()) };
        let (mut head, body) = ready!(answer.as_mut().poll(cx)).into_parts();
        if let ResponseBody::Http(body) = &body {
            announce_length(&mut head.headers, body);
        }
        let is_end = self.is_head_only || body.is_end_stream();
        self.state = match body {
            _ if is_end => State::Over,
            ResponseBody::Http(body) => State::Sending(body),
            ResponseBody::Messages(messages) => State::Writing(messages),
        };
        pieces.push_back(Outbound::Head { head: Box::new(head), is_end });
        Poll::Ready(())
    }

    /// Goes on until the answer is complete, or has to wait, or has made enough for once. Adds what it made to
    /// `pieces`. Ready when it is complete.
    fn poll_pieces(&mut self, cx: &mut Context<'_>, pieces: &mut VecDeque<Outbound>) -> Poll<()> {
        let mut bytes_made = 0;
        for _ in 0..PIECES_MAX {
            match &mut self.state {
                State::Over => return Poll::Ready(()),
                State::Answering(_) => ready!(self.poll_head(cx, pieces)),
                State::Sending(_) | State::Writing(_) if bytes_made >= PIECES_BYTES_MAX => break,
                State::Sending(body) => {
                    let frame = ready!(Pin::new(body).poll_frame(cx));
                    bytes_made += self.take_frame(frame, pieces);
                }
                State::Writing(messages) => {
                    let frame = ready!(messages.poll_piece(cx)).map(Ok);
                    bytes_made += self.take_frame(frame, pieces);
                }
            }
        }
        if matches!(self.state, State::Over) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Adds a frame of the body to the pieces, unless it says nothing. Returns how much data it has.
    fn take_frame(&mut self, frame: Option<Result<Frame<Bytes>, Status>>, pieces: &mut VecDeque<Outbound>) -> usize {
        let end = match frame {
            None => Outbound::End,
            Some(Err(_)) => Outbound::Broken,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) if bytes.is_empty() => return 0,
                Ok(bytes) => {
                    let length = bytes.len();
                    pieces.push_back(Outbound::Data(bytes));
                    return length;
                }
                Err(frame) => match frame.into_trailers() {
                    Ok(trailers) => Outbound::Trailers(trailers),
                    Err(_unknown) => return 0,
                },
            },
        };
        self.state = State::Over;
        pieces.push_back(end);
        0
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Work that goes on in a task of its own. The connection can take it away at any time.
pub(crate) struct Detached {
    work: Mutex<Option<Work>>,
    is_cancelled: AtomicBool,
    exchange: Arc<Exchange>,
}

impl Detached {
    pub(crate) fn new(work: Work, exchange: Arc<Exchange>) -> Arc<Self> {
        Arc::new(Detached { work: Mutex::new(Some(work)), is_cancelled: AtomicBool::new(false), exchange })
    }

    /// Drops the handler now, or as soon as the poll that it is in returns. Tells whether it is gone.
    pub(crate) fn cancel(&self) -> bool {
        self.is_cancelled.store(true, Ordering::SeqCst);
        match self.work.try_lock() {
            Ok(mut work) => *work = None,
            Err(TryLockError::Poisoned(work)) => *work.into_inner() = None,
            Err(TryLockError::WouldBlock) => return false,
        }
        true
    }

    /// Runs until the answer is complete or nobody wants it any more.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut finish = Finish { detached: Arc::clone(&self), is_known: false };
        let mut pieces = VecDeque::new();
        finish.is_known = std::future::poll_fn(|cx| self.poll(cx, &mut pieces)).await;
    }

    /// Ready when the handler is over: whether the connection has been told that it is gone.
    fn poll(&self, cx: &mut Context<'_>, pieces: &mut VecDeque<Outbound>) -> Poll<bool> {
        if ready!(self.exchange.poll_room(cx)).is_err() {
            return Poll::Ready(false);
        }
        let mut slot = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = slot.as_mut() else { return Poll::Ready(false) };
        let polled = work.poll_guarded(cx, pieces);
        if self.is_cancelled.load(Ordering::SeqCst) {
            *slot = None;
            return Poll::Ready(false);
        }
        if polled.is_ready() {
            // One message with the last of the answer, so that the connection is woken once.
            *slot = None;
            pieces.push_back(Outbound::Finished);
        }
        drop(slot);
        if !pieces.is_empty() {
            self.exchange.send(pieces);
        }
        polled.map(|()| true)
    }
}

/// Tells the connection that the handler is gone, however its task ends.
struct Finish {
    detached: Arc<Detached>,
    is_known: bool,
}

impl Drop for Finish {
    fn drop(&mut self) {
        if self.is_known {
            return;
        }
        // What the handler holds goes first: the stream counts until it is gone.
        let work = self.detached.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_wanted = work.is_some() && !self.detached.is_cancelled.load(Ordering::SeqCst);
        drop(work);
        let last = if is_wanted { Outbound::Stopped } else { Outbound::Finished };
        self.detached.exchange.send(&mut VecDeque::from([last]));
    }
}

/// Says how long a body is that knows it, as HTTP servers do.
fn announce_length(headers: &mut HeaderMap, body: &Body) {
    if let Some(length) = body.size_hint().exact()
        && length > 0
        && !headers.contains_key(CONTENT_LENGTH)
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}
