//! The task of a connection: it reads once, hands over what came, and writes once.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::transport::h2::client::blocks::Blocks;
use crate::transport::h2::client::connection::Shared;
use crate::transport::h2::read_buffer::{give_read_buffer, take_read_buffer};
use crate::transport::io::Io;

/// How many slices one write takes.
const SLICES_MAX: usize = 64;

/// How often a connection goes round before the other tasks of its thread have their turn.
const ROUNDS_MAX: usize = 16;

/// How long the last words of a connection may take: a peer that does not read is not waited for.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection without calls gives its memory back after this time: between bursts of calls it is needed again.
const IDLE_MEMORY_TIME: Duration = Duration::from_secs(10);

/// Moves the bytes of a connection.
pub(super) struct Driver {
    io: Io,
    shared: Arc<Shared>,
    /// The beginning of a frame whose rest has not arrived.
    leftover: Vec<u8>,
    /// Whether the peer may be read: not while it takes no answers to its own frames.
    may_read: bool,
    /// What was written may still lie in a buffer below, such as that of TLS.
    must_flush: bool,
    /// The connection is over but for what is still to be written, until then.
    farewell: Option<Instant>,
    /// When memory is given back.
    shrink: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// The task was woken by a caller, and has let the others that are ready come first.
    has_let_pass: bool,
    /// Callers to wake; empty but for its memory between rounds.
    woken: Vec<Waker>,
}

/// What became of a round of writing.
enum Written {
    /// All of it, and the task may sleep until then.
    Asleep(Option<Instant>),
    /// There may be more to do.
    Again,
    /// The connection is over.
    Over,
}

impl Driver {
    pub(super) fn new(io: Io, shared: Arc<Shared>) -> Self {
        Driver {
            io,
            shared,
            leftover: Vec::new(),
            may_read: true,
            must_flush: false,
            farewell: None,
            shrink: None,
            timer: None,
            has_let_pass: false,
            woken: Vec::new(),
        }
    }

    /// Drives the connection until it is over, and closes it.
    pub(super) async fn run(mut self) {
        let ended = poll_fn(|cx| self.turn(cx)).await;
        let why = ended.map_or_else(|error| error.to_string(), |()| "it was closed".to_owned());
        self.shared.with(|state| state.break_up(&why));
        // Nobody waits for this: whether the peer hears of the end or not is the same to us.
        let closing = poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx));
        let _ = tokio::time::timeout(FAREWELL, closing).await;
    }

    /// Goes round until there is nothing to do. Ready when the connection is over.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.has_let_pass && self.shared.lock().is_called_by_one_of_many() {
            // Where a task that is woken runs before all others, every call would be a write of its own.
            self.has_let_pass = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_let_pass = false;
        for _ in 0..ROUNDS_MAX {
            let now = Instant::now();
            let has_read = self.poll_read(cx, now)?;
            match self.poll_write(cx, now, has_read)? {
                Written::Over => return Poll::Ready(Ok(())),
                Written::Again => {}
                Written::Asleep(next) => match self.poll_timer(cx, next) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => {}
                },
            }
        }
        // However much arrives: what is due is due.
        self.do_what_is_due(Instant::now());
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One read, and everything that it brought. `true`: there may be more.
    fn poll_read(&mut self, cx: &mut Context<'_>, now: Instant) -> io::Result<bool> {
        if self.farewell.is_some() || !self.may_read {
            return Ok(false);
        }
        let mut buffer = take_read_buffer();
        let kept = self.leftover.len();
        if buffer.len() < kept * 2 {
            buffer.resize(kept * 2, 0);
        }
        buffer[..kept].copy_from_slice(&self.leftover);
        let mut read = ReadBuf::new(&mut buffer);
        read.set_filled(kept);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut read);
        let filled = read.filled().len();
        let result = match polled {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) if filled == kept => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed it"))
            }
            Poll::Ready(Ok(())) => {
                self.receive(&buffer[..filled], now);
                Ok(true)
            }
        };
        give_read_buffer(buffer);
        result
    }

    fn receive(&mut self, bytes: &[u8], now: Instant) {
        let mut input = bytes;
        let mut state = self.shared.lock();
        state.receive(&mut input, now);
        self.shared.settle(&mut state);
        std::mem::swap(&mut state.woken, &mut self.woken);
        drop(state);
        self.leftover.clear();
        if !input.is_empty() {
            self.leftover.extend_from_slice(input);
        } else if self.leftover.capacity() > 0 {
            self.leftover = Vec::new();
        }
        self.wake();
    }

    /// Writes everything that waits, and goes to sleep if nothing is left to do.
    fn poll_write(&mut self, cx: &mut Context<'_>, now: Instant, has_read: bool) -> io::Result<Written> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if state.is_unneeded() {
            state.engine.shut_down();
        }
        state.is_stuck = false;
        while state.engine.has_output() {
            let written = {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let count = state.engine.output(&mut slices);
                match Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count]) {
                    Poll::Ready(written) => written?,
                    Poll::Pending => break,
                }
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.must_flush = true;
            state.written += u64::try_from(written).unwrap_or(u64::MAX);
            state.engine.advance_output(written, now.into_std());
            state.wake_uploads();
        }
        state.is_stuck = state.engine.has_output();
        if self.must_flush
            && let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(cx)
        {
            flushed?;
            self.must_flush = false;
        }
        self.may_read = state.engine.reading_allowed();
        let is_flushed = !state.is_stuck && !self.must_flush;
        if state.engine.is_done() {
            let until = *self.farewell.get_or_insert(now + FAREWELL);
            if is_flushed || now >= until {
                return Ok(Written::Over);
            }
        }
        std::mem::swap(&mut state.woken, &mut self.woken);
        let result = if !has_read && state.sleep(cx.waker()) {
            let is_idle = state.calls.is_empty();
            let engine = state.engine.next_deadline().map(Instant::from_std);
            let call = state.next_deadline().map(|deadline| deadline.tokio_instant());
            Written::Asleep([engine, call, self.farewell, self.shrink_at(is_idle, now)].into_iter().flatten().min())
        } else {
            Written::Again
        };
        drop(state);
        self.wake();
        Ok(result)
    }

    /// When memory must be given back, as long as the connection has no calls.
    fn shrink_at(&mut self, is_idle: bool, now: Instant) -> Option<Instant> {
        if !is_idle {
            self.shrink = Some(now + IDLE_MEMORY_TIME);
            return None;
        }
        self.shrink
    }

    fn wake(&mut self) {
        for waker in self.woken.drain(..) {
            waker.wake();
        }
    }

    /// Waits for the next deadline. Ready when one has come and what is due was done.
    fn poll_timer(&mut self, cx: &mut Context<'_>, next: Option<Instant>) -> Poll<()> {
        // A timer that nobody needs any more is kept: it fires at most once, and calls come in bursts.
        let Some(next) = next else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
        // One that fires early looks again; moving it for every call would cost more.
        if timer.deadline() > next || timer.is_elapsed() {
            timer.as_mut().reset(next);
        }
        ready!(timer.as_mut().poll(cx));
        self.do_what_is_due(Instant::now());
        Poll::Ready(())
    }

    fn do_what_is_due(&mut self, now: Instant) {
        let mut state = self.shared.lock();
        state.on_deadline(now);
        if self.shrink.is_some_and(|at| at <= now) && state.calls.is_empty() {
            self.shrink = None;
            state.engine.shrink();
            state.arena = BytesMut::new();
            state.blocks = Blocks::default();
        }
        self.shared.settle(&mut state);
        std::mem::swap(&mut state.woken, &mut self.woken);
        drop(state);
        self.wake();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.with(|state| state.break_up("its runtime has ended"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::Future as _;
    use std::task::Waker;

    use http::HeaderMap;
    use seltzer_h2::Prepared;
    use tokio::io::{AsyncRead, AsyncWrite};
    use tonic::body::Body;

    use super::*;
    use crate::codec::Rope;
    use crate::deadline::Deadline;
    use crate::status::Code;
    use crate::transport::address::Address;
    use crate::transport::carrier::Carrier;
    use crate::transport::connection::{ConnectionSettings, Origin};
    use crate::transport::h2::client::connection::Connection;
    use crate::transport::h2::client::{Failed, Sent, UnaryRequest};
    use crate::transport::keepalive::KeepalivePace;
    use crate::transport::remote::Remote;
    use crate::transport::target::Target;

    /// A server that takes everything, and always has one byte more.
    struct Dribbling(VecDeque<u8>);

    impl AsyncRead for Dribbling {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            buffer.put_slice(&[self.0.pop_front().unwrap_or(7)]);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Dribbling {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_kept_however_much_arrives() {
        // SETTINGS, the head of an answer on stream 1, and the beginning of a long DATA frame.
        let frames: [&[u8]; 3] =
            [b"\0\0\0\x04\0\0\0\0\0", b"\0\0\x01\x01\x04\0\0\0\x01\x88", b"\0\x40\0\0\0\0\0\0\x01"];
        let settings = ConnectionSettings {
            carrier: Carrier::Engine,
            stream_window_bytes: 1 << 20,
            connection_window_bytes: 1 << 20,
            header_list_bytes_max: 1 << 14,
            keepalive_interval: None,
            keepalive_timeout: FAREWELL,
            keepalive_while_idle: false,
            keepalive_pace: KeepalivePace::default(),
            #[cfg(feature = "http1-client")]
            http1_only: false,
        };
        let remote = Remote::new(&Target::in_process(), &Address::InProcess);
        let connection = Connection::begin(Io::new(Dribbling(frames.concat().into())), &settings, remote);
        let user_agent = http::HeaderValue::from_static("test");
        let origin = Origin { scheme: "http", authority: "test", user_agent: &user_agent, replay: None };
        let mut download = Sent::unsent(http::Request::new(Body::empty()));
        let sent = download.send_at_once(&connection, origin);
        let request = UnaryRequest {
            block: &Prepared::new([]),
            metadata: &HeaderMap::new(),
            deadline: Some(Deadline::after(FAREWELL)),
            answer_bytes_max: 0,
        };
        let begun = connection.begin_unary(&request, &mut Rope::default(), Waker::noop());
        let Ok(mut call) = begun else { panic!("the connection is open") };
        tokio::time::advance(FAREWELL * 2).await;
        let mut polled = Poll::Pending;
        for _ in 0..100 {
            tokio::task::yield_now().await;
            polled = Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop()));
            if polled.is_ready() {
                break;
            }
        }
        match polled {
            Poll::Ready(Err(Failed::Lost { status, .. })) => assert_eq!(status.code(), Code::DeadlineExceeded),
            other => panic!("{other:?}"),
        }
        assert!(sent.is_ok(), "it went on meanwhile");
        drop(download);
    }
}
