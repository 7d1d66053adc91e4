//! Answers whose messages are written straight into the connection's output, by the connection's own task.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use http::HeaderMap;
use seltzer_h2::limits::SEND_HIGH_WATER;
use seltzer_h2::{Reason, StreamId};

use crate::codec::{PACKED_MESSAGES_MAX, Quota, Rope};
use crate::deadline::Deadline;
use crate::transport::h2::Answer;
use crate::transport::h2::exchange::{Exchange, Outbound};
use crate::transport::h2::heads::GeneralHead;
use crate::transport::h2::receive::Call;
use crate::transport::h2::server::ServerConnection;
use crate::transport::h2::task::{Unwritten, Work};

/// What is written before the socket gets its turn: one large write is cheaper than several.
const OUTPUT_BYTES_TARGET: usize = 256 * 1024;

/// What one answer writes before the others of its connection have their turn.
const TURN_BYTES: usize = 64 * 1024;

/// What is asked of an answer at once: a frame, with room for the message that goes beyond.
const FILL_BYTES: usize = 15 * 1024;

/// An answer that computes longer than this before it has made what it was asked for goes to a task of its own.
const LONG_FILL: Duration = Duration::from_micros(200);

/// An answer whose messages have come faster than this is asked for more of them at once: one at first.
const SHORT_FILL: Duration = Duration::from_micros(50);
const MORE_AT_ONCE: usize = 4;

/// An answer that writes into the connection's output.
pub(super) struct Writing<A: Answer> {
    pub(super) exchange: Arc<Exchange>,
    pub(super) work: Work,
    pub(super) deadline: Option<Deadline>,
    /// The request's head, for what the first message teaches about others like it.
    head: Option<Arc<GeneralHead<A>>>,
    /// How many messages are asked for at once.
    messages_max: usize,
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

impl<A: Answer> Writing<A> {
    pub(super) fn new(
        exchange: Arc<Exchange>,
        work: Work,
        deadline: Option<Deadline>,
        head: Option<Arc<GeneralHead<A>>>,
    ) -> Box<Self> {
        Box::new(Writing { exchange, work, deadline, head, messages_max: 1, is_listed: false })
    }

    /// Learns from how long it took to make what was asked for. Tells whether that was too long for here.
    fn is_slow(&mut self, took: Duration) -> bool {
        if took < SHORT_FILL {
            self.messages_max = (self.messages_max * MORE_AT_ONCE).min(PACKED_MESSAGES_MAX);
        } else if took > LONG_FILL
            && let Some(head) = &self.head
        {
            head.pace.record(took);
        }
        took > LONG_FILL
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
    pub(super) fn write_messages(&mut self, stream: StreamId, mut writing: Box<Writing<A>>) {
        // It is put back where there is more to come.
        self.calls.remove(stream);
        match self.turn_of(stream, &mut writing) {
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

    fn turn_of(&mut self, stream: StreamId, writing: &mut Writing<A>) -> Turn {
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
            let quota = Quota { bytes: FILL_BYTES, messages: writing.messages_max };
            let write = |output: &mut Rope| writing.work.write_messages(&mut cx, output, quota);
            let sent = self.engine.send_data_with(stream, write, false);
            let is_slow = writing.is_slow(begin.elapsed());
            match sent {
                Ok(Ok(Some(trailers))) => return Turn::Ended(trailers),
                Ok(Ok(None)) if is_slow => return Turn::Slow,
                Ok(Ok(None)) => {}
                Ok(Err(Unwritten::Waiting)) => return Turn::Slow,
                Ok(Err(Unwritten::Broken)) | Err(_) => return Turn::Lost,
            }
        }
    }

    fn keep_writing(&mut self, stream: StreamId, writing: Box<Writing<A>>) {
        self.calls.insert(stream, Call::Writing(writing));
    }

    /// Forgets the deadline of an answer that is over.
    pub(super) fn forget_writing(&mut self, stream: StreamId, writing: &Writing<A>) {
        if let Some(deadline) = writing.deadline {
            self.deadlines.remove(&(deadline, stream));
        }
    }
}
