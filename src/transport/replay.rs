//! Bodies of requests that can be sent more than once: what comes out of one is kept until its call is settled.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

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
    waiting: Arc<Waiting>,
    state: Mutex<State>,
}

/// Readers that wait for the source. It wakes all of them: the one that asked it may have something else to wait for.
#[derive(Default)]
struct Waiting(Mutex<Vec<(u64, Waker)>>);

impl Waiting {
    fn add(&self, reader: u64, waker: &Waker) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.iter_mut().find(|(known, _)| *known == reader) {
            Some((_, known)) => known.clone_from(waker),
            None => waiting.push((reader, waker.clone())),
        }
    }

    /// A reader got something itself, and the others can have it, too.
    fn wake_others(&self, reader: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(waiting, _)| *waiting != reader);
        self.wake_all();
    }

    fn wake_all(&self) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (_, waker) in waiting {
            waker.wake();
        }
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
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
            watcher: None,
        };
        Replay(Arc::new(Shared { memory: Arc::clone(memory), waiting: Arc::default(), state: Mutex::new(state) }))
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
    fn poll(&mut self, reader: u64, next: &mut usize, shared: &Shared, cx: &Context<'_>) -> Poll<Piece> {
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
        shared.waiting.add(reader, cx.waker());
        let waker = Waker::from(Arc::clone(&shared.waiting));
        let frame = ready!(Pin::new(source).poll_frame(&mut Context::from_waker(&waker)));
        shared.waiting.wake_others(reader);
        let memory = &shared.memory;
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
        let piece = ready!(this.replay.state().poll(this.number, &mut this.next, &this.replay.0, cx));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// A body that gives what it is told to, and waits else.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Telling>>);

    #[derive(Default)]
    struct Telling {
        pieces: VecDeque<Option<Result<Bytes, Status>>>,
        waker: Option<Waker>,
    }

    impl Told {
        fn tell(&self, piece: Option<Result<&'static str, Status>>) {
            let mut telling = self.0.lock().expect("nothing panics under it");
            telling.pieces.push_back(piece.map(|piece| piece.map(|text| Bytes::from_static(text.as_bytes()))));
            if let Some(waker) = telling.waker.take() {
                waker.wake();
            }
        }
    }

    impl http_body::Body for Told {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            let mut telling = self.0.lock().expect("nothing panics under it");
            match telling.pieces.pop_front() {
                Some(piece) => Poll::Ready(piece.map(|piece| piece.map(Frame::data))),
                None => {
                    telling.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        }
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    impl Woken {
        fn take(&self) -> bool {
            self.0.swap(false, Ordering::Relaxed)
        }
    }

    /// What a reader gets: some text, "end", "failed" or "pending".
    fn read(reader: &mut ReplayReader, woken: &Arc<Woken>) -> String {
        let waker = Waker::from(Arc::clone(woken));
        match Pin::new(reader).poll_frame(&mut Context::from_waker(&waker)) {
            Poll::Pending => "pending".to_owned(),
            Poll::Ready(None) => "end".to_owned(),
            Poll::Ready(Some(Err(_))) => "failed".to_owned(),
            Poll::Ready(Some(Ok(frame))) => {
                String::from_utf8_lossy(&frame.into_data().expect("it is data")).into_owned()
            }
        }
    }

    fn read_all(reader: &mut ReplayReader) -> Vec<String> {
        let mut all = Vec::new();
        while !matches!(all.last().map(String::as_str), Some("end" | "failed" | "pending")) {
            all.push(read(reader, &Arc::default()));
        }
        all
    }

    fn replay(call_bytes_max: usize, bytes_max: usize) -> (Replay, Told, Arc<ReplayMemory>) {
        let (told, memory) = (Told::default(), Arc::new(ReplayMemory::new(call_bytes_max, bytes_max)));
        (Replay::new(Body::new(told.clone()), &memory), told, memory)
    }

    fn reader(replay: &Replay) -> ReplayReader {
        replay.reader().expect("the beginning is there")
    }

    #[test]
    fn every_reader_gets_everything() {
        let (replay, told, memory) = replay(100, 100);
        let mut first = reader(&replay);
        told.tell(Some(Ok("one")));
        told.tell(Some(Ok("two")));
        assert_eq!(read_all(&mut first), ["one", "two", "pending"]);
        assert_eq!(memory.used(), 6);
        let mut second = reader(&replay);
        told.tell(Some(Ok("three")));
        told.tell(None);
        assert_eq!(read_all(&mut second), ["one", "two", "three", "end"]);
        assert_eq!(read_all(&mut first), ["three", "end"]);
        assert_eq!(read_all(&mut reader(&replay)), ["one", "two", "three", "end"]);
        drop((first, second, replay));
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn the_source_wakes_all_who_wait() {
        let (replay, told, _) = replay(100, 100);
        let (mut first, mut second) = (reader(&replay), reader(&replay));
        let woken: [Arc<Woken>; 2] = Default::default();
        assert_eq!(read(&mut first, &woken[0]), "pending");
        assert_eq!(read(&mut second, &woken[1]), "pending");
        told.tell(Some(Ok("one")));
        // The source knows of the one that asked last; that one may have no room for what comes.
        assert_eq!(woken.each_ref().map(|woken| woken.take()), [true, true]);
        assert_eq!(read(&mut first, &woken[0]), "one");
        assert_eq!(read(&mut first, &woken[0]), "pending");
        // Or it may be gone.
        assert_eq!(read(&mut second, &woken[1]), "one");
        assert_eq!(read(&mut second, &woken[1]), "pending");
        drop(second);
        told.tell(None);
        assert!(woken[0].take());
        assert_eq!(read(&mut first, &woken[0]), "end");
    }

    #[test]
    fn once_one_is_chosen_nothing_is_kept() {
        let (replay, told, memory) = replay(100, 100);
        let (mut first, mut second) = (reader(&replay), reader(&replay));
        told.tell(Some(Ok("one")));
        told.tell(Some(Ok("two")));
        assert_eq!(read_all(&mut second), ["one", "two", "pending"]);
        assert_eq!(read(&mut first, &Arc::default()), "one");
        replay.choose(first.number());
        assert_eq!(memory.used(), 0);
        assert!(replay.reader().is_none());
        assert!(first.take_source().is_none(), "it has not read everything");
        told.tell(Some(Ok("three")));
        assert_eq!(read(&mut second, &Arc::default()), "pending", "it gets no more");
        assert_eq!(read(&mut first, &Arc::default()), "two");
        assert_eq!(read(&mut first, &Arc::default()), "three");
        assert!(first.take_source().is_some(), "it need not ask here any more");
        assert!(replay.state().pieces.is_empty());
    }

    #[test]
    fn what_outgrows_its_limits_goes_on_with_the_one_ahead() {
        for (call_bytes_max, bytes_max, others) in [(5, 100, 0), (100, 105, 100), (100, 5, 0), (0, 0, 0)] {
            let (replay, told, memory) = replay(call_bytes_max, bytes_max);
            assert!(others == 0 || memory.take(0, others));
            let (mut slow, mut quick) = (reader(&replay), reader(&replay));
            told.tell(Some(Ok("one")));
            assert_eq!(read(&mut quick, &Arc::default()), "one");
            told.tell(Some(Ok("two")));
            assert_eq!(read(&mut quick, &Arc::default()), "two");
            assert_eq!(replay.chosen(), Some(1), "{call_bytes_max} {bytes_max}");
            assert_eq!(memory.used(), others);
            assert_eq!(read(&mut slow, &Arc::default()), "pending");
            told.tell(None);
            assert_eq!(read_all(&mut quick), ["end"]);
        }
    }

    #[test]
    fn a_source_that_breaks_off_breaks_off_for_all() {
        let (replay, told, _) = replay(100, 100);
        told.tell(Some(Ok("one")));
        told.tell(Some(Err(Status::aborted("no"))));
        assert!(replay.failure().is_none());
        for _ in 0..2 {
            assert_eq!(read_all(&mut reader(&replay)), ["one", "failed"]);
        }
        assert!(replay.failure().is_some());
    }
}
