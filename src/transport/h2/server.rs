//! The server's side of a connection under our own engine.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use seltzer_h2::{Config, Connection, Error, StreamId, StreamTable};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::deadline::Deadline;
use crate::status::Status;
use crate::transport::drain::{Drain, FAREWELL, FAREWELL_BEHIND_GRACE, GRACE_MAX, farewell};
use crate::transport::h2::Answer;
use crate::transport::h2::buffers::{give_output_buffer, take_output_buffer};
use crate::transport::h2::direct::Bulk;
use crate::transport::h2::exchange::Outbound;
use crate::transport::h2::heads::{Heads, Known};
use crate::transport::h2::read_buffer::{give_read_buffer, take_read_buffer};
use crate::transport::h2::ready::ReadyQueue;
use crate::transport::h2::receive::Call;
use crate::transport::io::Io;

/// Reading stops while this much waits to be written: a peer that sends requests without reading answers gets no
/// more of them.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// The beginning of a frame is put in front of what is read next, up to this size: less than what other frames than
/// DATA have unless larger ones were asked for.
const LEFTOVER_BYTES_COPIED: usize = 16 * 1024;

/// What is read at a time behind a larger one.
const LEFTOVER_READ_BYTES: usize = 64 * 1024;

/// How many slices one write takes.
const SLICES_MAX: usize = 64;

/// How often a connection goes round before the others on its thread have their turn.
const ROUNDS_MAX: usize = 16;

/// A connection at work: a future that ends when the peer has left or was told to leave, with what ended it early.
pub(crate) struct ServerConnection<A: Answer> {
    pub(super) io: Io,
    pub(super) engine: Connection,
    pub(super) answer: A,
    /// The beginning of a frame whose rest has not arrived.
    leftover: Vec<u8>,
    pub(super) calls: StreamTable<Call<A>>,
    /// What is known of the header blocks that the engine remembers.
    pub(super) heads: Heads<Known<A>>,
    /// Requests whose headers came in this batch, in their order; they begin when it is through.
    pub(super) begun: Vec<StreamId>,
    /// Unary calls with a deadline that came in this batch.
    pub(super) waiting: Vec<(Deadline, StreamId)>,
    /// When unary calls that still wait for their message must be over, and when running ones are cut off of which the
    /// peer takes nothing. Entries of calls that are not there any more mean nothing.
    pub(super) deadlines: BTreeSet<(Deadline, StreamId)>,
    /// When this batch was read.
    pub(super) now: Instant,
    pub(super) ready: Arc<ReadyQueue>,
    /// The empty vector that is swapped with the queue's.
    pub(super) announced: Vec<StreamId>,
    /// The empty queue of pieces that calls fill which are polled at once.
    pub(super) pieces: VecDeque<Outbound>,
    /// Answers that write into the output and have more to write.
    pub(super) writers: VecDeque<StreamId>,
    pub(super) bulk: Bulk,
    pub(super) ended: Option<Result<(), Error>>,
    /// Where calls go that have to wait; the current runtime where there is none.
    pub(super) pool: Option<Handle>,
    /// What was written may still lie in a buffer below, such as that of TLS.
    must_flush: bool,
    /// Since when nothing has left that buffer, and how much had by then.
    unflushed: Option<(Instant, u64)>,
    /// How many bytes of incomplete frames were moved about.
    #[cfg(test)]
    pub(super) copied_bytes: usize,
    timer: Option<Pin<Box<Sleep>>>,
    input: Input,
    stop: Stop,
}

/// What is known of the peer's side.
#[derive(Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// The peer sends no more.
    Ended,
}

/// How far stopping has come.
enum Stop {
    Waiting { begin: Pin<Box<WaitForCancellationFutureOwned>>, grace: Duration },
    Draining { deadline: Instant, look: Instant, moved_then: u64, moved: u64 },
}

impl<A: Answer> ServerConnection<A> {
    /// A connection whose first bytes have been read already. What its calls share with it is `ready`, new.
    pub(crate) fn new(
        io: Io,
        head: Vec<u8>,
        config: &Config,
        answer: A,
        drain: Drain,
        pool: Option<Handle>,
        ready: Arc<ReadyQueue>,
    ) -> Self {
        ServerConnection {
            io,
            engine: Connection::server(config, Instant::now().into_std()),
            answer,
            leftover: head,
            calls: StreamTable::new(),
            heads: Heads::new(),
            begun: Vec::new(),
            waiting: Vec::new(),
            must_flush: false,
            unflushed: None,
            #[cfg(test)]
            copied_bytes: 0,
            deadlines: BTreeSet::new(),
            now: Instant::now(),
            ready,
            announced: Vec::new(),
            pieces: VecDeque::new(),
            writers: VecDeque::new(),
            bulk: Bulk::default(),
            ended: None,
            pool,
            timer: None,
            input: Input::Open,
            stop: Stop::Waiting { begin: Box::pin(drain.begin.cancelled_owned()), grace: drain.grace },
        }
    }

    /// Takes the socket, to say goodbye properly once all is served. Nothing else is needed for that.
    pub(crate) fn farewell(&mut self) -> impl Future<Output = io::Result<()>> + Send + use<A> {
        let latest = Instant::now() + FAREWELL;
        let until = match &self.stop {
            Stop::Waiting { .. } => latest,
            Stop::Draining { deadline, .. } => latest.min(*deadline + FAREWELL_BEHIND_GRACE),
        };
        farewell(std::mem::replace(&mut self.io, Io::new(tokio::io::empty())), until)
    }

    /// Goes round until there is nothing to do. Ready when the connection is over.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS_MAX {
            self.poll_stop(cx);
            self.keep_within_memory();
            self.send_ready();
            let has_read = self.poll_read(cx)?;
            self.write_turns();
            let has_written = self.poll_write(cx)?;
            if self.is_over() {
                return Poll::Ready(Ok(()));
            }
            if has_read && self.bulk.lets_others() {
                break;
            }
            if !has_read && !has_written && !self.can_write_messages() && self.ready.is_empty_or_wake(cx.waker()) {
                return match self.poll_timer(cx) {
                    Poll::Ready(()) => continue_later(cx),
                    Poll::Pending => Poll::Pending,
                };
            }
        }
        // However busy it is: what is due is due.
        if self.next_deadline().is_some_and(|next| next <= Instant::now()) {
            self.on_deadline();
        }
        continue_later(cx)
    }

    fn is_over(&self) -> bool {
        let is_done = self.ended.is_some() || self.engine.is_done();
        (is_done && !self.engine.has_output() && !self.must_flush)
            || (self.input == Input::Ended && self.calls.is_empty())
    }

    /// One read, and everything that it brought.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.input == Input::Ended
            || self.ended.is_some()
            || !self.engine.reading_allowed()
            || self.engine.output_bytes() > OUTPUT_BYTES_MAX
        {
            return Ok(false);
        }
        if let Some(read) = self.poll_read_directly(cx).or_else(|| self.poll_read_scattered(cx)) {
            return read;
        }
        let kept = self.leftover.len();
        if kept > LEFTOVER_BYTES_COPIED {
            return self.poll_read_more(cx);
        }
        let mut buffer = take_read_buffer();
        buffer[..kept].copy_from_slice(&self.leftover);
        let end = kept + self.bulk.read_bytes(buffer.len() - kept);
        let mut read = ReadBuf::new(&mut buffer[..end]);
        read.set_filled(kept);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut read);
        let filled = read.filled().len();
        let has_read = match polled {
            Poll::Ready(Ok(())) if filled == kept => {
                self.peer_has_ended();
                false
            }
            Poll::Ready(Ok(())) => {
                #[cfg(test)]
                self.note_copied(kept);
                let rest = self.receive(&buffer[..filled]);
                self.keep(&buffer[filled - rest..filled]);
                true
            }
            Poll::Ready(Err(error)) => {
                give_read_buffer(buffer);
                return Err(error);
            }
            Poll::Pending => false,
        };
        give_read_buffer(buffer);
        Ok(has_read)
    }

    /// Reads on behind a beginning that is large: where it lies, so that nothing is moved however small the reads are.
    fn poll_read_more(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let kept = self.leftover.len();
        let mut buffer = std::mem::take(&mut self.leftover);
        buffer.resize(kept + LEFTOVER_READ_BYTES, 0);
        let mut read = ReadBuf::new(&mut buffer);
        read.set_filled(kept);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut read);
        let filled = read.filled().len();
        buffer.truncate(filled);
        match polled {
            Poll::Ready(Ok(())) if filled == kept => self.peer_has_ended(),
            Poll::Ready(Ok(())) => {
                let rest = self.receive(&buffer);
                if rest == filled {
                    self.leftover = buffer;
                } else {
                    self.keep(&buffer[filled - rest..]);
                }
                return Ok(true);
            }
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => self.leftover = buffer,
        }
        Ok(false)
    }

    /// Keeps the beginning of a frame until the rest comes.
    fn keep(&mut self, bytes: &[u8]) {
        #[cfg(test)]
        self.note_copied(bytes.len());
        if bytes.is_empty() || self.leftover.capacity() > LEFTOVER_BYTES_COPIED {
            self.leftover = Vec::new();
        }
        self.leftover.clear();
        self.leftover.extend_from_slice(bytes);
    }

    #[cfg(test)]
    fn note_copied(&mut self, bytes: usize) {
        self.copied_bytes += bytes;
    }

    /// Takes all of it apart. Returns how many bytes at its end are the beginning of a frame.
    fn receive(&mut self, bytes: &[u8]) -> usize {
        self.now = Instant::now();
        let mut input = bytes;
        while let Some(event) = self.engine.next_event(&mut input, self.now.into_std()) {
            self.take_event(event);
        }
        self.begin_calls();
        self.keep_deadlines();
        self.note_movement(bytes.len());
        if self.ended.is_some() { 0 } else { input.len() }
    }

    /// The same of bytes that were read elsewhere.
    pub(super) fn receive_piece(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let rest = self.receive(bytes);
            self.keep(&bytes[bytes.len() - rest..]);
        }
    }

    /// Whether the beginning of a frame waits for its rest.
    pub(super) fn has_leftover(&self) -> bool {
        !self.leftover.is_empty()
    }

    pub(super) fn peer_has_ended(&mut self) {
        self.input = Input::Ended;
        self.lose_calls(&Status::cancelled("the peer closed the connection before the end of the request"));
    }

    /// One write of everything that waits.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut has_written = false;
        while self.engine.has_output() {
            let written = {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let count = self.engine.output(&mut slices);
                match Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count]) {
                    Poll::Ready(written) => written?,
                    Poll::Pending => break,
                }
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            has_written = true;
            self.engine.advance_output(written, self.now.into_std());
            self.note_movement(written);
            self.send_more();
        }
        self.must_flush |= has_written;
        if self.must_flush {
            self.poll_flush(cx)?;
        }
        Ok(has_written)
    }

    /// Has what lies in a buffer below written. The engine knows nothing of that buffer, so it is here that a peer is
    /// given up that takes nothing of it.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(cx) {
            flushed?;
            self.must_flush = false;
            self.unflushed = None;
            return Ok(());
        }
        let (now, written) = (Instant::now(), self.io.written_below());
        let (since, written_then) = *self.unflushed.get_or_insert((now, written));
        if written != written_then {
            self.unflushed = Some((now, written));
        } else if now.saturating_duration_since(since) >= self.engine.limits().stall_timeout {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the peer does not read: the socket takes no byte of what is encrypted for it",
            ));
        }
        Ok(())
    }

    /// Sets the one timer to when something is due. Ready when it was.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = self.next_deadline() else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
        // A timer that fires early looks again; moving it for every frame would cost more.
        if timer.deadline() > next || timer.is_elapsed() {
            timer.as_mut().reset(next);
        }
        ready!(timer.as_mut().poll(cx));
        self.on_deadline();
        Poll::Ready(())
    }

    /// When something is due: for the engine, for calls, for the drain, or for a flush.
    fn next_deadline(&self) -> Option<Instant> {
        let drain = match &self.stop {
            Stop::Draining { look, .. } => Some(*look),
            Stop::Waiting { .. } => None,
        };
        let call = self.deadlines.first().map(|(deadline, _)| deadline.tokio_instant());
        let engine = self.engine.next_deadline().map(Instant::from_std);
        let flush = self.unflushed.and_then(|(since, _)| since.checked_add(self.engine.limits().stall_timeout));
        [engine, drain, call, flush].into_iter().flatten().min()
    }

    /// Does what is due.
    fn on_deadline(&mut self) {
        let now = Instant::now();
        self.now = now;
        if let Some(event) = self.engine.on_deadline(now.into_std()) {
            self.take_event(event);
            while let Some(event) = self.engine.next_event(&mut &[][..], now.into_std()) {
                self.take_event(event);
            }
        }
        self.expire(now);
        self.look_at_drain(now);
    }

    fn poll_stop(&mut self, cx: &mut Context<'_>) {
        if let Stop::Waiting { begin, grace } = &mut self.stop
            && begin.as_mut().poll(cx).is_ready()
        {
            let now = Instant::now();
            let deadline = now + (*grace).min(GRACE_MAX);
            self.stop = Stop::Draining { deadline, look: deadline.min(now + FAREWELL), moved_then: u64::MAX, moved: 0 };
            self.engine.shut_down();
        }
    }

    /// A draining connection ends when its grace is over, or when it has no calls and nothing moves any more: a
    /// silent peer never holds a server up.
    fn look_at_drain(&mut self, now: Instant) {
        if let Stop::Draining { deadline, look, moved_then, moved } = &mut self.stop
            && now >= *look
        {
            let is_quiet = self.calls.is_empty() && moved == moved_then;
            if now >= *deadline || is_quiet {
                self.ended.get_or_insert(Ok(()));
            }
            *moved_then = *moved;
            *look = (*deadline).min(now + FAREWELL);
        }
    }

    pub(super) fn note_movement(&mut self, bytes: usize) {
        if let Stop::Draining { moved, .. } = &mut self.stop {
            *moved += u64::try_from(bytes).unwrap_or(u64::MAX);
        }
    }

    /// Whether a drain has run out of time: what still waits is not written any more.
    fn is_cut(&self) -> bool {
        matches!(&self.stop, Stop::Draining { .. }) && matches!(self.ended, Some(Ok(())))
    }
}

fn continue_later<T>(cx: &Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

impl<A: Answer> Future for ServerConnection<A> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // What handlers spawn belongs to the pool, not to the thread that moves bytes.
        let pool = this.pool.clone();
        let _entered = pool.as_ref().map(Handle::enter);
        if !this.engine.has_output() {
            this.engine.swap_output_buffer(&mut take_output_buffer());
        }
        let mut turned = this.turn(cx);
        if this.is_cut() {
            turned = Poll::Ready(Ok(()));
        }
        // Where output waits the buffer stays with it; otherwise the connection keeps none.
        let mut buffer = BytesMut::new();
        this.engine.swap_output_buffer(&mut buffer);
        give_output_buffer(buffer);
        turned
    }
}

impl<A: Answer> Drop for ServerConnection<A> {
    fn drop(&mut self) {
        self.lose_calls(&Status::cancelled("the connection is gone"));
    }
}

#[cfg(test)]
mod tests;
