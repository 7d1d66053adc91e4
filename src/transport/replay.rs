//! Bodies of requests that can be sent more than once: what comes out of one is kept until its call is settled.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use tonic::body::Body;

use crate::status::Status;

/// How many bytes of requests a channel keeps, to send them again.
#[derive(Debug)]
pub(crate) struct ReplayMemory {
    call_bytes_max: usize,
    bytes_max: usize,
    used: AtomicUsize,
}

impl ReplayMemory {
    /// So much for one call, and so much for all of them.
    pub(crate) fn new(call_bytes_max: usize, bytes_max: usize) -> Self {
        ReplayMemory { call_bytes_max, bytes_max, used: AtomicUsize::new(0) }
    }

    /// Whether a call may keep so many bytes, apart from all others.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        bytes <= self.call_bytes_max && bytes <= self.bytes_max
    }

    /// Takes so many bytes more for a call that keeps some already. `false`: that would be too many.
    fn take(&self, kept: usize, bytes: usize) -> bool {
        if kept + bytes > self.call_bytes_max {
            return false;
        }
        let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.bytes_max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// A body that several attempts of a call read, at the same time or one after the other.
#[derive(Clone)]
pub(crate) struct Replay(Arc<Shared>);

struct Shared {
    memory: Arc<ReplayMemory>,
    state: Mutex<State>,
}

struct State {
    /// `None`: it has ended.
    source: Option<Body>,
    /// What came out of it and may still be read, from number `first` on.
    pieces: VecDeque<Bytes>,
    first: usize,
    /// How many bytes of memory are taken.
    bytes: usize,
    /// How the source ended.
    end: Option<Result<(), Status>>,
    /// The one reader that goes on, once nothing is sent again.
    chosen: Option<u64>,
    readers_made: u64,
    /// Readers that wait, for the source or for good.
    waiting: Vec<(u64, Waker)>,
    /// Who waits for the choice.
    watcher: Option<Waker>,
}

/// One reader of a [`Replay`], from its beginning: a body itself.
pub(crate) struct ReplayReader {
    replay: Replay,
    number: u64,
    /// The number of the next piece.
    next: usize,
}

impl Replay {
    pub(crate) fn new(source: Body, memory: &Arc<ReplayMemory>) -> Self {
        let state = State {
            source: Some(source),
            pieces: VecDeque::new(),
            first: 0,
            bytes: 0,
            end: None,
            chosen: None,
            readers_made: 0,
            waiting: Vec::new(),
            watcher: None,
        };
        Replay(Arc::new(Shared { memory: Arc::clone(memory), state: Mutex::new(state) }))
    }

    /// One more reader, from the beginning. `None`: the beginning is gone.
    pub(crate) fn reader(&self) -> Option<ReplayReader> {
        let mut state = self.state();
        if state.chosen.is_some() {
            return None;
        }
        let number = state.readers_made;
        state.readers_made += 1;
        drop(state);
        Some(ReplayReader { replay: self.clone(), number, next: 0 })
    }

    /// Settles the call: only this reader goes on, and nothing is kept beyond what it has not read.
    pub(crate) fn choose(&self, number: u64) {
        self.state().choose(number, &self.0.memory);
    }

    /// The reader that goes on alone, if that is settled: by [`choose`](Self::choose), or because more came than may
    /// be kept.
    pub(crate) fn chosen(&self) -> Option<u64> {
        self.state().chosen
    }

    /// Waits until that is settled.
    pub(crate) fn poll_chosen(&self, cx: &Context<'_>) -> Poll<u64> {
        let mut state = self.state();
        match state.chosen {
            Some(number) => Poll::Ready(number),
            None => {
                state.watcher = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Why the source broke off, if it did.
    pub(crate) fn failure(&self) -> Option<Status> {
        match &self.state().end {
            Some(Err(status)) => Some(status.clone()),
            _ => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A source that panicked is asked no more: its reader's task is gone, and so is its call.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn choose(&mut self, number: u64, memory: &ReplayMemory) {
        if self.chosen.is_none() {
            self.chosen = Some(number);
            memory.give_back(std::mem::take(&mut self.bytes));
            if let Some(watcher) = self.watcher.take() {
                watcher.wake();
            }
        }
    }

    /// The next piece for a reader.
    fn poll(&mut self, reader: u64, next: &mut usize, memory: &ReplayMemory, cx: &mut Context<'_>) -> Poll<Piece> {
        if self.chosen.is_some_and(|chosen| chosen != reader) {
            // It is about to be dropped.
            return Poll::Pending;
        }
        if self.chosen.is_some() {
            while self.first < *next && self.pieces.pop_front().is_some() {
                self.first += 1;
            }
        }
        if let Some(piece) = self.pieces.get(*next - self.first) {
            *next += 1;
            return Poll::Ready(Some(Ok(piece.clone())));
        }
        if let Some(end) = &self.end {
            return Poll::Ready(end.clone().err().map(Err));
        }
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let frame = match Pin::new(source).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                // The source wakes this reader alone, which then wakes the others.
                self.waiting.retain(|(waiting, _)| *waiting != reader);
                self.waiting.push((reader, cx.waker().clone()));
                return Poll::Pending;
            }
        };
        self.wake_others(reader);
        let piece = match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(piece))) => piece,
            // Trailers of requests mean nothing in gRPC, but they end the request.
            None | Some(Ok(Err(_))) => return self.end(Ok(())),
            Some(Err(status)) => return self.end(Err(status)),
        };
        *next += 1;
        if self.chosen.is_none() && !memory.take(self.bytes, piece.len()) {
            self.choose(reader, memory);
        }
        match self.chosen {
            // Nobody reads it again.
            Some(_) => {
                self.pieces.clear();
                self.first = *next;
            }
            None => {
                self.bytes += piece.len();
                self.pieces.push_back(piece.clone());
            }
        }
        Poll::Ready(Some(Ok(piece)))
    }

    fn end(&mut self, end: Result<(), Status>) -> Poll<Piece> {
        self.source = None;
        Poll::Ready(self.end.insert(end).clone().err().map(Err))
    }

    fn wake_others(&mut self, reader: u64) {
        for (other, waker) in self.waiting.drain(..) {
            if other != reader {
                waker.wake();
            }
        }
    }
}

type Piece = Option<Result<Bytes, Status>>;

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.memory.give_back(state.bytes);
    }
}

impl ReplayReader {
    /// Its name among the readers.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The source itself, where this reader alone goes on and has read everything that was kept.
    pub(crate) fn take_source(&mut self) -> Option<Body> {
        let mut state = self.replay.state();
        let has_read_all = self.next >= state.first + state.pieces.len();
        if state.chosen == Some(self.number) && has_read_all { state.source.take() } else { None }
    }
}

impl http_body::Body for ReplayReader {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Shared { memory, .. } = &*this.replay.0;
        let piece = ready!(this.replay.state().poll(this.number, &mut this.next, memory, cx));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}

impl Drop for ReplayReader {
    fn drop(&mut self) {
        // It may have been the one whom the source would have woken.
        self.replay.state().wake_others(self.number);
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}
