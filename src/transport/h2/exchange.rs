//! One call as its connection and its handler share it: a queue of bytes each way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, BufMut, Bytes, BytesMut};
use http::HeaderMap;
use seltzer_h2::StreamId;

use crate::codec::{GROWTH, spare};
use crate::status::Status;
use crate::transport::h2::memory::Framing;
use crate::transport::h2::ready::ReadyQueue;

/// What a handler may have made ahead of the connection before it has to wait: as much again as waits there for the
/// peer, so that both can work at the same time.
const OUTBOUND_BYTES_MAX: usize = 32 * 1024;

/// Pieces of a request are put together up to this size.
const PIECE_BYTES: usize = 16 * 1024;

/// How much a handler takes out before the peer is told that it may send more of the stream.
const CREDIT_BYTES: usize = 16 * 1024;

/// Both directions of one call.
#[derive(Debug)]
pub(crate) struct Exchange {
    stream: StreamId,
    ready: Arc<ReadyQueue>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Small pieces are put together, so that they cost no more than their bytes.
    inbound: VecDeque<BytesMut>,
    inbound_end: Option<Result<(), Status>>,
    /// A large message that the handler waits for as a whole.
    collecting: Option<Collecting>,
    /// The connection has that message's buffer for a moment, and reads into it.
    is_filling: bool,
    /// The handler has waited for a large message before.
    has_collected: bool,
    /// The messages that the handler puts together.
    framing: Option<Framing>,
    /// What is counted in the connection's memory: what is queued, and what the handler took of a message that is not
    /// complete.
    held: usize,
    /// The same of what somebody else than gRPC's own reader keeps of a message that is not complete.
    retained: usize,
    /// Bytes that the handler took, or will never take, and the peer was not told of yet.
    credit: usize,
    reader: Option<Waker>,
    /// Nobody reads any more.
    is_abandoned: bool,

    outbound: VecDeque<Outbound>,
    outbound_bytes: usize,
    writer: Option<Waker>,
    /// The task of the handler, which must hear of the end of the stream whatever it waits for.
    task: Option<Waker>,
    /// The stream is gone: nothing can be sent any more.
    is_closed: bool,

    is_announced: bool,
}

/// A buffer that is filled as bytes arrive, and how many it must have.
#[derive(Debug)]
pub(crate) struct Collecting {
    /// Behind what has arrived there may be bytes that mean nothing.
    buffer: BytesMut,
    filled: usize,
    length: usize,
    /// What is counted of it in the connection's memory: what has arrived, or all of it if its memory was there.
    held: usize,
}

/// A piece of an answer.
#[derive(Debug)]
pub(crate) enum Outbound {
    Head {
        head: Box<http::response::Parts>,
        is_end: bool,
    },
    Data(Bytes),
    Trailers(HeaderMap),
    /// The end of a body without trailers.
    End,
    /// The body broke off.
    Broken,
    /// The handler is gone.
    Finished,
    /// The handler was dropped amid its work: the runtime that it ran on stops.
    Stopped,
}

impl Outbound {
    /// Whether nothing comes behind it, of which the connection hears whatever has become of the stream.
    fn is_last(&self) -> bool {
        matches!(self, Outbound::Finished | Outbound::Stopped)
    }

    fn bytes(&self) -> usize {
        match self {
            Outbound::Data(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

impl Collecting {
    /// Goes on with what there is of a message, in `spare` memory if there is such.
    fn begin(begun: BytesMut, length: usize, spare: Option<BytesMut>) -> Self {
        let filled = begun.len();
        match spare {
            Some(mut buffer) if buffer.len() >= filled => {
                buffer[..filled].copy_from_slice(&begun);
                Collecting { buffer, filled, length, held: length }
            }
            _ => Collecting { buffer: begun, filled, length, held: filled },
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.filled >= self.length
    }

    fn missing(&self) -> usize {
        self.length.saturating_sub(self.filled)
    }

    /// Counts what has arrived; returns how much of that was not counted yet.
    fn hold(&mut self) -> usize {
        let uncounted = self.filled.saturating_sub(self.held);
        self.held += uncounted;
        uncounted
    }

    /// What has arrived.
    fn into_buffer(mut self) -> BytesMut {
        self.buffer.truncate(self.filled);
        self.buffer
    }

    /// Takes what belongs to the message, and tells how much that was. The buffer grows with what has arrived.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = self.missing().min(bytes.len());
        self.grow(taken);
        let (over, behind) = bytes[..taken].split_at(taken.min(self.buffer.len() - self.filled));
        self.buffer[self.filled..self.filled + over.len()].copy_from_slice(over);
        self.buffer.extend_from_slice(behind);
        self.filled += taken;
        taken
    }

    /// Makes room for so many bytes more, and for as many as what has arrived vouches for.
    fn grow(&mut self, bytes: usize) {
        let needed = self.filled + bytes;
        if self.buffer.capacity() < needed {
            self.buffer.truncate(self.filled);
            self.buffer.reserve(self.length.min(needed * GROWTH) - self.filled);
        }
    }

    /// Room for up to so many bytes of the message, which has something in it; [`fill`](Self::fill) says how many of
    /// them came.
    pub(crate) fn open(&mut self, bytes_max: usize) -> &mut [u8] {
        let wanted = self.missing().min(bytes_max);
        self.grow(wanted.min(self.filled.max(PIECE_BYTES)));
        let end = self.filled + wanted.min(self.buffer.capacity() - self.filled);
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.filled..end]
    }

    /// So many bytes of the room that was opened came.
    pub(crate) fn fill(&mut self, bytes: usize) {
        self.filled = (self.filled + bytes).min(self.buffer.len());
    }

    /// Room for up to so many bytes of the message, at the end of what there is. [`settle`](Self::settle) sees how
    /// many came.
    pub(crate) fn room(&mut self, bytes_max: usize) -> impl BufMut + '_ {
        self.buffer.truncate(self.filled);
        let wanted = self.missing().min(bytes_max);
        // Not for all of it: what has arrived vouches for a multiple of itself, and no more.
        self.grow(wanted.min(self.filled.max(PIECE_BYTES)));
        let room = wanted.min(self.buffer.capacity() - self.filled);
        (&mut self.buffer).limit(room)
    }

    /// What was put into the [`room`](Self::room) belongs to the message.
    pub(crate) fn settle(&mut self) {
        self.filled = self.buffer.len();
    }
}

impl Exchange {
    pub(crate) fn new(stream: StreamId, ready: Arc<ReadyQueue>) -> Arc<Self> {
        Arc::new(Exchange { stream, ready, state: Mutex::default() })
    }

    /// The same for a body of prefixed messages whose reader puts them together by itself.
    pub(crate) fn of_messages(stream: StreamId, ready: Arc<ReadyQueue>) -> Arc<Self> {
        let state = State { framing: Some(Framing::default()), ..State::default() };
        Arc::new(Exchange { stream, ready, state: Mutex::new(state) })
    }

    /// Hands bytes to the handler. Returns how many of them the peer may send again at once: those that nobody will
    /// read, and those of a message for which the handler waits already.
    pub(crate) fn receive(&self, bytes: &[u8]) -> usize {
        if bytes.is_empty() {
            return 0;
        }
        let (waker, collected) = {
            let mut state = self.state();
            if state.is_abandoned {
                return bytes.len();
            }
            let (collected, uncounted) = state.collecting.as_mut().map_or((0, 0), |collecting| {
                let taken = collecting.take(bytes);
                (taken, collecting.hold())
            });
            let rest = &bytes[collected..];
            match state.inbound.back_mut() {
                _ if rest.is_empty() => {}
                Some(last) if last.len() + rest.len() <= PIECE_BYTES => last.extend_from_slice(rest),
                _ => state.inbound.push_back(BytesMut::from(rest)),
            }
            self.hold(&mut state, uncounted + rest.len());
            let waits_on = state.collecting.as_ref().is_some_and(|collecting| !collecting.is_whole());
            (if waits_on { None } else { state.reader.take() }, collected)
        };
        wake(waker);
        collected
    }

    /// Fills a buffer up to `length` bytes with what waits, and then as it arrives. `false`: so little is missing that
    /// pieces do as well, or nothing comes any more.
    ///
    /// Until it is ready the buffer's contents are here, and the handler reads nothing else.
    pub(crate) fn poll_collect(&self, cx: &mut Context<'_>, buffer: &mut BytesMut, length: usize) -> Poll<bool> {
        let mut state = self.state();
        if state.is_filling {
            register(&mut state.reader, cx.waker());
            return Poll::Pending;
        }
        if state.collecting.is_none() {
            if length.saturating_sub(buffer.len()) <= PIECE_BYTES {
                return Poll::Ready(false);
            }
            let collecting = self.begin_collecting(&mut state, std::mem::take(buffer), length);
            state.collecting = Some(collecting);
        }
        let is_over = state.inbound_end.is_some();
        let whole = state.collecting.take_if(|collecting| is_over || collecting.is_whole());
        let polled = if let Some(collecting) = whole {
            self.release(&mut state, collecting.held);
            *buffer = collecting.into_buffer();
            Poll::Ready(buffer.len() >= length)
        } else {
            register(&mut state.reader, cx.waker());
            Poll::Pending
        };
        self.announce_credit(state);
        polled
    }

    /// Begins to collect a message with what was taken of it before and what waits.
    fn begin_collecting(&self, state: &mut State, begun: BytesMut, length: usize) -> Collecting {
        state.has_collected = true;
        // What was used before is there in full, so it counts in full, and only where that does no harm.
        let spare = if self.ready.memory().is_tight() { None } else { spare::take(length) };
        let mut collecting = Collecting::begin(begun, length, spare);
        self.hold(state, collecting.held);
        while !collecting.is_whole()
            && let Some(mut piece) = state.inbound.pop_front()
        {
            let taken = collecting.take(&piece);
            state.credit += taken;
            // It was counted while it waited.
            self.release(state, taken);
            self.hold(state, collecting.hold());
            if taken < piece.len() {
                piece.advance(taken);
                state.inbound.push_front(piece);
            }
        }
        collecting
    }

    /// Whether the handler waits for large messages as a whole.
    pub(crate) fn collects(&self) -> bool {
        self.state().has_collected
    }

    /// Gives the buffer of the message out that the handler waits for, if at least so many bytes of it are missing, to
    /// be filled by the connection, which gives it back at once.
    pub(crate) fn begin_filling(&self, missing_min: usize) -> Option<Collecting> {
        let mut state = self.state();
        let collecting = state.collecting.take_if(|collecting| collecting.missing() >= missing_min)?;
        state.is_filling = true;
        Some(collecting)
    }

    /// Takes the buffer back, with so many bytes more. Returns how many of them the peer may send again at once.
    pub(crate) fn end_filling(&self, mut collecting: Collecting, bytes: usize) -> usize {
        let waker = {
            let mut state = self.state();
            state.is_filling = false;
            if state.is_abandoned {
                return bytes;
            }
            self.hold(&mut state, collecting.hold());
            let is_due = collecting.is_whole() || state.inbound_end.is_some();
            state.collecting = Some(collecting);
            if is_due { state.reader.take() } else { None }
        };
        wake(waker);
        bytes
    }

    /// Tells the handler that the request is complete, or why it never will be.
    pub(crate) fn end_inbound(&self, end: Result<(), Status>) {
        let waker = {
            let mut state = self.state();
            if state.inbound_end.is_none() || end.is_err() {
                state.inbound_end = Some(end);
            }
            state.reader.take()
        };
        wake(waker);
    }

    /// The next bytes of the request.
    pub(crate) fn poll_inbound(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let mut state = self.state();
        if let Some(bytes) = state.inbound.pop_front() {
            state.credit += bytes.len();
            self.let_go(&mut state, &bytes);
            let is_due = state.credit >= CREDIT_BYTES || state.inbound.is_empty();
            if is_due && state.inbound_end.is_none() {
                self.announce(state);
            }
            return Poll::Ready(Some(Ok(bytes.freeze())));
        }
        match &mut state.inbound_end {
            Some(Ok(())) => Poll::Ready(None),
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
            None => {
                register(&mut state.reader, cx.waker());
                self.announce_credit(state);
                Poll::Pending
            }
        }
    }

    /// Whether the request has been read to its end.
    pub(crate) fn inbound_is_over(&self) -> bool {
        let state = self.state();
        state.inbound.is_empty() && matches!(state.inbound_end, Some(Ok(())))
    }

    /// The handler will not read any more.
    pub(crate) fn abandon_inbound(&self) {
        let mut state = self.state();
        state.is_abandoned = true;
        state.collecting = None;
        let rest: usize = state.inbound.drain(..).map(|bytes| bytes.len()).sum();
        state.credit += rest;
        self.give_all(&mut state);
        if rest > 0 && state.inbound_end.is_none() {
            self.announce(state);
        }
    }

    /// Ends the request for its handler, and keeps nothing more of it. Returns how much of it was not taken.
    pub(crate) fn break_off(&self, status: Status) -> usize {
        let (rest, waker) = {
            let mut state = self.state();
            state.is_abandoned = true;
            state.inbound_end = Some(Err(status));
            state.collecting = None;
            let rest = state.inbound.drain(..).map(|bytes| bytes.len()).sum();
            self.give_all(&mut state);
            (rest, state.reader.take())
        };
        wake(waker);
        rest
    }

    /// What is kept of the request, here and with its handler.
    pub(crate) fn held_bytes(&self) -> usize {
        let state = self.state();
        state.held + state.retained
    }

    /// Nothing is kept any more.
    fn give_all(&self, state: &mut State) {
        self.ready.memory().give(std::mem::take(&mut state.held) + std::mem::take(&mut state.retained));
    }

    /// These bytes are the handler's now; what is a part of a message that is not complete still counts.
    fn let_go(&self, state: &mut State, bytes: &[u8]) {
        let released = state.framing.as_mut().map_or(bytes.len(), |framing| {
            let before = framing.incomplete();
            bytes.len() + before - framing.follow(bytes)
        });
        self.release(state, released);
    }

    /// So many bytes more wait here.
    fn hold(&self, state: &mut State, bytes: usize) {
        state.held += bytes;
        self.ready.memory().take(bytes);
    }

    /// So many bytes do not wait here any more.
    fn release(&self, state: &mut State, bytes: usize) {
        state.held -= bytes;
        self.ready.memory().give(bytes);
    }

    /// Waits until there is room for more of the answer. `Err`: the stream is gone.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), StreamGone>> {
        let mut state = self.state();
        if state.is_closed {
            return Poll::Ready(Err(StreamGone));
        }
        register(&mut state.task, cx.waker());
        if state.outbound_bytes < OUTBOUND_BYTES_MAX {
            return Poll::Ready(Ok(()));
        }
        register(&mut state.writer, cx.waker());
        Poll::Pending
    }

    /// Sends pieces of the answer.
    pub(crate) fn send(&self, pieces: &mut VecDeque<Outbound>) {
        let mut state = self.state();
        if state.is_closed {
            pieces.retain(Outbound::is_last);
        }
        state.outbound_bytes += pieces.iter().map(Outbound::bytes).sum::<usize>();
        state.outbound.append(pieces);
        self.announce(state);
    }

    /// The connection takes the next piece of the answer.
    pub(crate) fn take_outbound(&self) -> Option<Outbound> {
        let mut state = self.state();
        let piece = state.outbound.pop_front()?;
        state.outbound_bytes -= piece.bytes();
        if state.writer.is_some() && state.outbound_bytes < OUTBOUND_BYTES_MAX {
            let waker = state.writer.take();
            drop(state);
            wake(waker);
        }
        Some(piece)
    }

    /// What the peer can be told now, after an announcement: bytes that were taken.
    pub(crate) fn take_credit(&self) -> usize {
        let mut state = self.state();
        state.is_announced = false;
        std::mem::take(&mut state.credit)
    }

    /// The stream is gone; both sides of the handler are told.
    pub(crate) fn close(&self, status: Status) {
        let (reader, writer, task) = {
            let mut state = self.state();
            state.is_closed = true;
            state.outbound.retain(Outbound::is_last);
            state.outbound_bytes = 0;
            if !matches!(state.inbound_end, Some(Ok(()))) {
                state.inbound_end = Some(Err(status));
            }
            (state.reader.take(), state.writer.take(), state.task.take())
        };
        wake(reader);
        wake(writer);
        wake(task);
    }

    /// Has the peer told of what was taken, if it has more to send.
    fn announce_credit(&self, state: MutexGuard<'_, State>) {
        if state.credit > 0 && state.inbound_end.is_none() {
            self.announce(state);
        }
    }

    fn announce(&self, mut state: MutexGuard<'_, State>) {
        if !state.is_announced {
            state.is_announced = true;
            drop(state);
            self.ready.push(self.stream);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Only plain moves happen under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.ready.memory().give(state.held + state.retained);
    }
}

#[cfg(feature = "http1")]
impl crate::transport::retained::Retain for Exchange {
    fn retain(&self, bytes: usize) {
        let mut state = self.state();
        if state.is_abandoned {
            return;
        }
        let before = std::mem::replace(&mut state.retained, bytes);
        // What is more now was counted until it was taken; if it is too much, the next bytes show it.
        self.ready.memory().take(bytes.saturating_sub(before));
        self.ready.memory().give(before.saturating_sub(bytes));
    }
}

/// The stream was reset, or its connection is gone.
#[derive(Debug)]
pub(crate) struct StreamGone;

fn register(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(registered) => registered.clone_from(waker),
        empty => *empty = Some(waker.clone()),
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange() -> Arc<Exchange> {
        Exchange::new(StreamId::new(1), Arc::default())
    }

    /// What the handler can read now.
    fn read(exchange: &Exchange) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        while let Poll::Ready(Some(piece)) = exchange.poll_inbound(&mut Context::from_waker(Waker::noop())) {
            pieces.push(piece.expect("the request did not break"));
        }
        pieces
    }

    #[test]
    fn small_pieces_are_put_together() {
        let bytes: Vec<u8> = (0..PIECE_BYTES * 3 + 10).map(|n| (n % 251) as u8).collect();
        for length in [1, 2, 7, 100, 1000] {
            let exchange = exchange();
            for piece in bytes.chunks(length) {
                assert_eq!(exchange.receive(piece), 0);
            }
            let pieces = read(&exchange);
            assert!(pieces.len() <= 4, "{} pieces of {length}", pieces.len());
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES), "pieces of {length}");
            assert_eq!(pieces.concat(), bytes, "pieces of {length}");
            assert_eq!(exchange.take_credit(), bytes.len(), "pieces of {length}");
        }
    }

    #[test]
    fn a_large_piece_stays_as_it_came() {
        let exchange = exchange();
        let lengths = [PIECE_BYTES, 1, PIECE_BYTES * 4, 3];
        for length in lengths {
            exchange.receive(&vec![0; length]);
        }
        assert_eq!(read(&exchange).iter().map(Bytes::len).collect::<Vec<_>>(), lengths);
    }

    #[test]
    fn a_large_message_is_collected_where_it_is_wanted() {
        const LENGTH: usize = PIECE_BYTES * 4;
        let exchange = exchange();
        let mut cx = Context::from_waker(Waker::noop());
        let mut buffer = BytesMut::from(&b"head"[..]);
        let mut little = BytesMut::from(&[0; LENGTH - PIECE_BYTES][..]);
        assert_eq!(exchange.poll_collect(&mut cx, &mut little, LENGTH), Poll::Ready(false), "a piece is missing");
        assert_eq!(exchange.poll_collect(&mut cx, &mut buffer, LENGTH), Poll::Pending);
        assert!(buffer.is_empty(), "it is lent");
        let mut missing = LENGTH - 4;
        while missing > 0 {
            let arrived = missing.min(10_000);
            assert_eq!(exchange.receive(&vec![7; arrived]), arrived, "the peer may go on");
            missing -= arrived;
        }
        assert_eq!(exchange.receive(b"next"), 0);
        assert_eq!(exchange.poll_collect(&mut cx, &mut buffer, LENGTH), Poll::Ready(true));
        assert_eq!((buffer.len(), &buffer[..5]), (LENGTH, &b"head\x07"[..]));
        assert_eq!(read(&exchange).concat(), b"next");
        assert_eq!(exchange.take_credit(), 4, "the message's own was given back");
    }

    #[test]
    fn a_message_that_waits_already_gives_its_credit_back() {
        const LENGTH: usize = 1 << 20;
        let ready: Arc<ReadyQueue> = Arc::default();
        let exchange = Exchange::new(StreamId::new(1), Arc::clone(&ready));
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..LENGTH / PIECE_BYTES {
            assert_eq!(exchange.receive(&[0; PIECE_BYTES]), 0);
        }
        let Poll::Ready(Some(Ok(first))) = exchange.poll_inbound(&mut cx) else { panic!("it is there") };
        let mut buffer = BytesMut::from(&first[..]);
        assert_eq!(exchange.poll_collect(&mut cx, &mut buffer, LENGTH), Poll::Ready(true));
        let mut announced = Vec::new();
        ready.take(&mut announced);
        assert_eq!((announced.len(), exchange.take_credit()), (1, LENGTH));
        assert!(exchange.poll_inbound(&mut cx).is_pending());
        assert!(ready.is_empty_or_wake(Waker::noop()), "there is nothing more to tell");
    }

    #[test]
    fn memory_of_a_message_that_was_read_serves_the_next() {
        const LENGTH: usize = 1 << 18;
        let exchange = exchange();
        let memory = exchange.ready.memory();
        let mut cx = Context::from_waker(Waker::noop());
        let mut places = Vec::new();
        for (round, counted) in [(1, 4), (2, LENGTH), (3, LENGTH)] {
            let mut buffer = BytesMut::from(&b"head"[..]);
            assert_eq!(exchange.poll_collect(&mut cx, &mut buffer, LENGTH), Poll::Pending, "message {round}");
            assert_eq!(memory.bytes(), counted, "message {round}");
            exchange.receive(&[round; LENGTH / 2]);
            while let Some(mut collecting) = exchange.begin_filling(1) {
                let room = collecting.open(10_000);
                room.fill(round);
                let count = room.len() / 2 + 1;
                collecting.fill(count);
                exchange.end_filling(collecting, count);
            }
            assert_eq!(memory.bytes(), LENGTH, "message {round}");
            assert_eq!(exchange.poll_collect(&mut cx, &mut buffer, LENGTH), Poll::Ready(true), "message {round}");
            assert_eq!(memory.bytes(), 0, "message {round}");
            assert_eq!(&buffer[..], [&b"head"[..], &[round; LENGTH - 4]].concat(), "message {round}");
            let message = buffer.freeze();
            places.push(message.as_ptr());
            spare::keep(&message);
        }
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
    }

    #[test]
    fn a_message_that_breaks_off_is_given_back() {
        let exchange = exchange();
        let mut cx = Context::from_waker(Waker::noop());
        let mut buffer = BytesMut::from(&b"head"[..]);
        assert_eq!(exchange.poll_collect(&mut cx, &mut buffer, 1 << 20), Poll::Pending);
        exchange.receive(b"half");
        exchange.end_inbound(Ok(()));
        assert_eq!(exchange.poll_collect(&mut cx, &mut buffer, 1 << 20), Poll::Ready(false));
        assert_eq!(&buffer[..], b"headhalf");
        assert_eq!(exchange.poll_collect(&mut cx, &mut buffer, 1 << 20), Poll::Ready(false), "not again");
    }

    #[cfg(feature = "http1")]
    #[test]
    fn what_others_keep_counts_until_they_let_go_of_the_body() {
        use crate::transport::retained::Retain as _;
        let exchange = exchange();
        let memory = exchange.ready.memory();
        exchange.receive(&[0; 100]);
        assert_eq!(read(&exchange).concat().len(), 100);
        assert_eq!(memory.bytes(), 0, "it was taken");
        for (kept, more, counted) in [(100, 0, 100), (40, 7, 47), (200, 0, 207)] {
            exchange.retain(kept);
            exchange.receive(&vec![0; more]);
            assert_eq!((memory.bytes(), exchange.held_bytes()), (counted, counted), "{kept} and {more}");
        }
        exchange.abandon_inbound();
        exchange.retain(50);
        assert_eq!((memory.bytes(), exchange.held_bytes()), (0, 0));
    }

    #[test]
    fn an_empty_piece_is_none() {
        let exchange = exchange();
        assert_eq!(exchange.receive(b""), 0);
        assert!(read(&exchange).is_empty());
        exchange.abandon_inbound();
        assert_eq!(exchange.receive(b"unread"), 6);
    }
}
