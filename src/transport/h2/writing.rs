//! Answers whose messages are written straight into the connection's output, by the connection's own task.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use http::HeaderMap;
use seltzer_h2::limits::SEND_HIGH_WATER;
use seltzer_h2::{Reason, StreamId};

use crate::deadline::Deadline;
use crate::transport::h2::Answer;
use crate::transport::h2::exchange::{Exchange, Outbound};
use crate::transport::h2::receive::Call;
use crate::transport::h2::server::ServerConnection;
use crate::transport::h2::task::{Unwritten, Work};

/// What is written before the socket gets its turn: one large write is cheaper than several.
const OUTPUT_BYTES_TARGET: usize = 256 * 1024;

/// What one answer writes before the others of its connection have their turn.
const TURN_BYTES: usize = 64 * 1024;

/// What is asked of an answer at once: a frame, with room for the message that goes beyond.
const FILL_BYTES: usize = 15 * 1024;

/// An answer that computes longer than this for a frame goes to a task of its own, where it holds up nobody.
const LONG_FILL: Duration = Duration::from_micros(200);

/// An answer that writes into the connection's output.
pub(super) struct Writing {
    pub(super) exchange: Arc<Exchange>,
    pub(super) work: Work,
    pub(super) deadline: Option<Deadline>,
    /// It waits for its turn.
    is_listed: bool,
}

/// What came of one turn.
enum Turn {
    /// The peer or the socket must take something first.
    Full,
    /// There is more, but others have their turn.
    More,
    /// There is no message yet, or making them takes long.
    Slow,
    /// That was all.
    Ended(HeaderMap),
    /// The stream is gone, or the answer broke.
    Lost,
}

impl Writing {
    pub(super) fn new(exchange: Arc<Exchange>, work: Work, deadline: Option<Deadline>) -> Box<Self> {
        Box::new(Writing { exchange, work, deadline, is_listed: false })
    }
}

impl<A: Answer> ServerConnection<A> {
    /// Whether answers could write on.
    pub(super) fn can_write_messages(&self) -> bool {
        !self.writers.is_empty() && self.engine.output_bytes() < OUTPUT_BYTES_TARGET
    }

    /// Lets the answers that have more to say write in turn.
    pub(super) fn write_turns(&mut self) {
        while self.can_write_messages() {
            let Some(stream) = self.writers.pop_front() else { return };
            if let Some(Call::Writing(writing)) = self.calls.get_mut(stream) {
                writing.is_listed = false;
                self.go_on_writing(stream);
            }
        }
    }

    /// Lets one answer write on that had to wait.
    pub(super) fn go_on_writing(&mut self, stream: StreamId) {
        if matches!(self.calls.get(stream), Some(Call::Writing(_)))
            && let Some(Call::Writing(writing)) = self.calls.remove(stream)
        {
            self.write_messages(stream, writing);
        }
    }

    /// Gives an answer its turn, and puts it where it belongs then.
    pub(super) fn write_messages(&mut self, stream: StreamId, mut writing: Box<Writing>) {
        match self.turn_of(stream, &mut writing.work) {
            Turn::Full => self.keep_writing(stream, writing),
            Turn::More => {
                if !writing.is_listed {
                    writing.is_listed = true;
                    self.writers.push_back(stream);
                }
                self.keep_writing(stream, writing);
            }
            Turn::Slow => self.detach(stream, writing.exchange, writing.work, writing.deadline),
            Turn::Ended(trailers) => {
                self.forget_writing(stream, &writing);
                drop(writing);
                self.send_piece(stream, Outbound::Trailers(trailers));
                self.engine.finish(stream);
            }
            Turn::Lost => {
                self.forget_writing(stream, &writing);
                drop(writing);
                self.engine.reset(stream, Reason::InternalError);
                self.engine.finish(stream);
            }
        }
    }

    fn turn_of(&mut self, stream: StreamId, work: &mut Work) -> Turn {
        let mut cx = Context::from_waker(Waker::noop());
        let before = self.engine.output_bytes() + self.engine.queued_bytes(stream);
        loop {
            let (output, queued) = (self.engine.output_bytes(), self.engine.queued_bytes(stream));
            if queued > SEND_HIGH_WATER {
                // The engine says when there is room again.
                return Turn::Full;
            }
            if output >= OUTPUT_BYTES_TARGET || (output + queued).saturating_sub(before) >= TURN_BYTES {
                return Turn::More;
            }
            let begin = Instant::now();
            let write = |output: &mut seltzer_h2::Rope| work.write_messages(&mut cx, output, FILL_BYTES);
            match self.engine.send_data_with(stream, write, false) {
                Ok(Ok(Some(trailers))) => return Turn::Ended(trailers),
                Ok(Ok(None)) if begin.elapsed() > LONG_FILL => return Turn::Slow,
                Ok(Ok(None)) => {}
                Ok(Err(Unwritten::Waiting)) => return Turn::Slow,
                Ok(Err(Unwritten::Broken)) | Err(_) => return Turn::Lost,
            }
        }
    }

    fn keep_writing(&mut self, stream: StreamId, writing: Box<Writing>) {
        self.calls.insert(stream, Call::Writing(writing));
    }

    /// Forgets the deadline of an answer that is over.
    pub(super) fn forget_writing(&mut self, stream: StreamId, writing: &Writing) {
        if let Some(deadline) = writing.deadline {
            self.deadlines.remove(&(deadline, stream));
        }
    }
}
