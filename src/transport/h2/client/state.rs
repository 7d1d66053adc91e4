//! What is known of a connection: everything behind its lock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::BytesMut;

use seltzer_h2::{OpenError, Prepared, Reason, StreamId, StreamTable};
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::status::{Code, Status, code_for_reset};
use crate::transport::error::Error;
use crate::transport::h2::client::blocks::Blocks;
use crate::transport::h2::client::call::{Block, Call, End, General, Lost, Trailers, UnaryEnd, register};
use crate::transport::h2::client::connection::Phase;
use crate::transport::h2::client::places::{Places, Ticket};
use crate::transport::h2::heads::Heads;
use crate::transport::keepalive::KeepaliveUse;
use crate::transport::progress::Progress;
use crate::transport::remote::Remote;

/// A connection and its calls.
pub(super) struct State {
    pub(super) engine: seltzer_h2::Connection,
    pub(super) calls: StreamTable<Call>,
    /// When unary calls must be over.
    deadlines: BTreeSet<(Deadline, StreamId)>,
    /// A block without fields, before which whatever a request says is new.
    pub(super) nothing: Prepared,
    /// Header blocks of requests that come again.
    pub(super) blocks: Blocks,
    /// Header blocks that came before, in the words of the `http` crate.
    pub(super) heads: Heads<Block>,
    /// Where small answers lie until their callers take them: one piece of memory for many.
    pub(super) arena: BytesMut,
    places: Places,
    remote: Remote,
    pub(super) keepalive: KeepaliveUse,
    pub(super) header_list_bytes_max: u32,
    /// Whether any request was ever answered.
    pub(super) has_answered: bool,
    /// When bytes came last.
    pub(super) read_at: Instant,
    /// Whether the server has said its settings.
    pub(super) has_said_settings: bool,
    /// What those who wait for the connection were told last.
    pub(super) phase_said: Phase,
    pub(super) calls_begun: u64,
    pub(super) closing: Closing,
    /// Streams that ended early in this batch: whether their connection did shows at its end.
    pub(super) resets: Vec<(StreamId, Reason, bool)>,
    /// How many bytes the socket took in all.
    pub(super) written: u64,

    /// Who is woken once the lock is free.
    pub(super) woken: Vec<Waker>,
    /// The connection's task, while it sleeps.
    driver: Option<Waker>,
    /// There is something new for the task to wait for.
    must_look: bool,
    /// The task waits for the socket, and there is no use in waking it for more to write.
    pub(super) is_stuck: bool,
    /// All users of the connection are gone.
    is_abandoned: bool,
}

/// How far the connection's end has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// Calls can begin.
    Open,
    /// Calls that run go on, others go elsewhere; the peer may have said why.
    GoingAway(Option<Reason>),
    /// It is over, for this reason.
    Broken(String),
}

impl State {
    pub(super) fn new(
        engine: seltzer_h2::Connection,
        remote: Remote,
        header_list_bytes_max: u32,
        keepalive: KeepaliveUse,
    ) -> Self {
        State {
            engine,
            calls: StreamTable::new(),
            deadlines: BTreeSet::new(),
            nothing: Prepared::new([]),
            blocks: Blocks::default(),
            heads: Heads::new(),
            arena: BytesMut::new(),
            places: Places::default(),
            remote,
            keepalive,
            header_list_bytes_max,
            has_answered: false,
            read_at: Instant::now(),
            has_said_settings: false,
            phase_said: Phase::Opening,
            calls_begun: 0,
            closing: Closing::Open,
            resets: Vec::new(),
            written: 0,
            woken: Vec::new(),
            driver: None,
            must_look: false,
            is_stuck: false,
            is_abandoned: false,
        }
    }

    /// Whether no further call can begin.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.closing != Closing::Open
    }

    #[inline]
    pub(super) fn has_settings(&self) -> bool {
        self.has_said_settings
    }

    /// Waits for a place among the peer's streams. `Err`: the connection takes no more calls.
    pub(super) fn poll_place(&mut self, ticket: &mut Ticket, waker: &Waker) -> Poll<Result<(), Status>> {
        if self.is_closed() {
            self.places.leave(ticket);
            return Poll::Ready(Err(self.closed_status()));
        }
        if self.places.ask(ticket, self.engine.open_streams_allowed(), waker) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    /// Gives a place back.
    pub(super) fn leave_place(&mut self, ticket: &mut Ticket) {
        self.places.leave(ticket);
    }

    /// Gives the places that have become free to those who wait.
    #[inline]
    pub(super) fn give_places(&mut self) {
        if self.places.nobody_waits() {
            return;
        }
        // Those who wait for a closed connection learn that it is.
        let allowed = if self.is_closed() { usize::MAX } else { self.engine.open_streams_allowed() };
        self.places.give(allowed, &mut self.woken);
    }

    /// Opens the stream of a call that has a place.
    pub(super) fn open(&mut self, ticket: &mut Ticket) -> Result<StreamId, Status> {
        self.places.leave(ticket);
        if self.is_closed() {
            return Err(self.closed_status());
        }
        let opened = self.engine.open_stream();
        match opened {
            Ok(stream) if stream < StreamId::MAX => self.calls_begun += 1,
            Err(OpenError::TooMany) => {}
            // The last number is taken, or the connection is about to end.
            _ => self.closing = Closing::GoingAway(None),
        }
        opened.map_err(|error| Status::unavailable(error.to_string()))
    }

    /// Where in all that is written the next byte will be.
    pub(super) fn position(&self) -> u64 {
        self.written + u64::try_from(self.engine.output_bytes()).unwrap_or(u64::MAX)
    }

    /// Whether a call may open its stream at once, ahead of nobody.
    #[inline]
    pub(super) fn has_free_place(&self) -> bool {
        self.places.is_free(self.engine.open_streams_allowed())
    }

    /// A call that goes the general way.
    pub(super) fn general(&mut self, stream: StreamId) -> Option<&mut General> {
        match self.calls.get_mut(stream) {
            Some(Call::General(call)) => Some(call),
            _ => None,
        }
    }

    /// The caller of a call is gone: nobody waits for what is still to come.
    pub(super) fn abandon_call(&mut self, stream: StreamId) -> Option<Call> {
        let mut call = self.calls.remove(stream)?;
        match &mut call {
            Call::General(call) => self.woken.extend(call.upload.take()),
            Call::Unary(call) => self.forget_deadline(stream, call.deadline),
        }
        self.engine.reset(stream, Reason::Cancel);
        Some(call)
    }

    /// A call is over; its caller hears of it when it has read what came before.
    pub(super) fn end_call(&mut self, stream: StreamId, end: End) {
        // Of a call that is over nobody reads the rest of the request.
        self.engine.reset(stream, Reason::Cancel);
        match self.calls.get_mut(stream) {
            Some(Call::General(call)) => {
                call.end.get_or_insert(end);
                self.woken.extend(call.reader.take());
                self.woken.extend(call.upload.take());
            }
            Some(Call::Unary(_)) => self.end_unary(
                stream,
                match end {
                    End::Complete(None) => UnaryEnd::Complete(Trailers::None),
                    End::Complete(Some(trailers)) => {
                        UnaryEnd::Complete(Trailers::Full(Box::new(Arc::unwrap_or_clone(trailers).headers)))
                    }
                    End::Lost(lost) => UnaryEnd::Lost(Box::new(lost)),
                },
            ),
            None => {}
        }
    }

    /// The same for a unary call.
    pub(super) fn end_unary(&mut self, stream: StreamId, end: UnaryEnd) {
        self.engine.reset(stream, Reason::Cancel);
        if let Some(Call::Unary(call)) = self.calls.get_mut(stream) {
            call.end.get_or_insert(end);
            self.woken.extend(call.caller.take());
            let deadline = call.deadline.take();
            self.forget_deadline(stream, deadline);
        }
    }

    /// Remembers when a unary call must be over.
    pub(super) fn keep_deadline(&mut self, stream: StreamId, deadline: Deadline) {
        self.deadlines.insert((deadline, stream));
        self.must_look |= self.next_deadline() == Some(deadline);
    }

    fn forget_deadline(&mut self, stream: StreamId, deadline: Option<Deadline>) {
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, stream));
        }
    }

    /// When the next unary call must be over.
    pub(super) fn next_deadline(&self) -> Option<Deadline> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Ends the unary calls whose time is up.
    pub(super) fn expire(&mut self) {
        while let Some((deadline, stream)) = self.deadlines.first().copied()
            && deadline.has_passed()
        {
            self.deadlines.pop_first();
            let status = deadline_status(ANSWER);
            self.end_call(stream, End::Lost(Lost { status, progress: Progress::Final }));
        }
    }

    /// Wakes those whose queues have become short.
    pub(super) fn wake_uploads(&mut self) {
        while let Some(stream) = self.engine.take_writable() {
            let upload = self.general(stream).and_then(|call| call.upload.take());
            self.woken.extend(upload);
        }
    }

    /// The connection is over; so are all its calls.
    pub(super) fn break_up(&mut self, why: &str) {
        if !matches!(self.closing, Closing::Broken(_)) {
            let why = match self.closing {
                Closing::GoingAway(Some(reason)) if reason != Reason::NoError => {
                    let text = self.engine.go_away_text();
                    let colon = if text.is_empty() { "" } else { ": " };
                    format!("{why} after GOAWAY with {reason}{colon}{}", text.escape_ascii())
                }
                _ => why.to_owned(),
            };
            self.closing = Closing::Broken(why);
        }
        let status = self.closed_status();
        for stream in self.calls.ids() {
            if let Some(call) = self.calls.get(stream) {
                // What never was in the socket never left.
                let has_left = call.has_head() || call.begins_at() < self.written;
                let progress = if has_left { Progress::Sent } else { Progress::Unsent };
                self.end_call(stream, End::Lost(Lost { status: status.clone(), progress }));
            }
        }
    }

    /// What the end of the connection means for a call.
    fn closed_status(&self) -> Status {
        self.closed_error().into()
    }

    /// Why the connection ended.
    pub(super) fn closed_error(&self) -> Error {
        let why = match &self.closing {
            Closing::Broken(why) => why.as_str(),
            _ => "the server takes no more calls on it",
        };
        self.remote.broken(why, self.has_answered)
    }

    /// All users of the connection are gone.
    pub(super) fn abandon(&mut self) {
        self.is_abandoned = true;
    }

    /// Whether nobody needs the connection any more.
    pub(super) fn is_unneeded(&self) -> bool {
        self.is_abandoned && self.engine.active_streams() == 0 && self.places.nobody_waits()
    }

    /// The connection's task, if it sleeps and there is something for it to do.
    #[inline]
    pub(super) fn take_driver(&mut self) -> Option<Waker> {
        let has_work = (self.engine.has_output() && !self.is_stuck) || self.must_look || self.is_unneeded();
        if has_work { self.driver.take() } else { None }
    }

    /// Whether a caller has woken the connection's task, and others may be about to call, too.
    #[inline]
    pub(super) fn is_called_by_one_of_many(&self) -> bool {
        self.driver.is_none() && self.calls.len() > 1
    }

    /// The connection's task goes to sleep. `false`: there is something to write.
    pub(super) fn sleep(&mut self, waker: &Waker) -> bool {
        if self.engine.has_output() && !self.is_stuck {
            return false;
        }
        self.must_look = false;
        register(&mut self.driver, waker);
        true
    }
}

/// What a call waits for once it has begun.
pub(crate) const ANSWER: &str = "the server's answer";

/// What a call ends with whose time is up, given what it waited for.
pub(crate) fn deadline_status(what: &str) -> Status {
    Status::deadline_exceeded(format!("the deadline passed while the call waited for {what}"))
}

/// What the end of a stream means that was not the end of its answer.
pub(super) fn reset_status(reason: Reason, by_peer: bool) -> Status {
    if by_peer {
        Status::new(code_for_reset(reason.code()), format!("the peer reset the stream: {reason}"))
    } else {
        Status::new(Code::Internal, format!("the peer broke the protocol: {reason}"))
    }
}
