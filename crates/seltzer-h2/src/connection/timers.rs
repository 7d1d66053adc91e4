//! Everything that takes too long. Each has an instant at which it does; one timer of the caller serves all.

use crate::connection::close::DRAIN_PING;
use crate::connection::{Connection, Phase};
use crate::error::{Error, Guilty, Reason};
use crate::event::Event;
use crate::frame::ping;
use crate::limits::{DRAIN_PING_TIMEOUT, Limits};
use crate::output::Output;
use crate::stream::End;
use std::time::{Duration, Instant};

/// What a PING of the keepalive carries.
const KEEPALIVE_PING: [u8; ping::PAYLOAD_BYTES] = *b"alive\0\0\0";
/// How often queues are looked at, as a part of the time they may wait.
const SWEEPS_PER_STALL: u32 = 16;

/// The instants of a connection.
#[derive(Debug)]
pub(crate) struct Timers {
    /// Preface and first SETTINGS must be here.
    preface: Option<Instant>,
    /// The header block, or the frame other than DATA, that began must be complete.
    block: Option<Instant>,
    block_timeout: Duration,
    /// Our SETTINGS must be acknowledged.
    settings_ack: Option<Instant>,
    /// The answer to the keepalive's PING must be here.
    keepalive_answer: Option<Instant>,
    /// The answer to the PING of a graceful shutdown must be here.
    drain_ping: Option<Instant>,
    /// The connection is too old.
    age: Option<Instant>,
    /// The streams of one that is too old must be over.
    age_end: Option<Instant>,
    has_peer_settings: bool,
    last_read: Instant,
    /// Since when the socket has taken nothing, as far as it was looked at.
    still_since: Option<Instant>,
    /// When queues are looked at again.
    sweep: Instant,
    /// Since when no stream is open.
    idle_since: Option<Instant>,
    last_ping: Option<Instant>,
    ping_strikes: u32,
}

impl Timers {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Timers {
            preface: now.checked_add(limits.preface_timeout),
            block: None,
            block_timeout: limits.header_block_timeout,
            settings_ack: now.checked_add(limits.settings_ack_timeout),
            keepalive_answer: None,
            drain_ping: None,
            age: limits.age_max.and_then(|age| now.checked_add(age)),
            age_end: None,
            has_peer_settings: false,
            last_read: now,
            still_since: None,
            sweep: now,
            idle_since: Some(now),
            last_ping: None,
            ping_strikes: 0,
        }
    }

    pub(crate) fn stop(&mut self) {
        self.preface = None;
        self.block = None;
        self.settings_ack = None;
        self.keepalive_answer = None;
        self.drain_ping = None;
        self.age = None;
        self.age_end = None;
        self.idle_since = None;
    }

    #[inline]
    pub(crate) fn read(&mut self, now: Instant) {
        self.last_read = now;
        self.keepalive_answer = None;
    }

    /// Whoever sends tells no time: what began since the last look begins now.
    #[inline]
    pub(crate) fn look(&mut self, has_output: bool, is_idle: bool, now: Instant) {
        if has_output && self.still_since.is_none() {
            self.still_since = Some(now);
        }
        if is_idle && self.idle_since.is_none() {
            self.idle_since = Some(now);
        }
    }

    /// The socket took something.
    #[inline]
    pub(crate) fn wrote(&mut self, bytes: usize, is_empty: bool, now: Instant) {
        if is_empty {
            self.still_since = None;
        } else if bytes > 0 {
            self.still_since = Some(now);
        }
    }

    pub(crate) fn has_peer_settings(&self) -> bool {
        self.has_peer_settings
    }

    pub(crate) fn peer_settings_came(&mut self) {
        self.preface = None;
        self.has_peer_settings = true;
    }

    pub(crate) fn settings_acknowledged(&mut self) {
        self.settings_ack = None;
    }

    /// Something began that must be completed: only its first part counts.
    pub(crate) fn block_began(&mut self, now: Instant) {
        if self.block.is_none() {
            self.block = now.checked_add(self.block_timeout);
        }
    }

    #[inline]
    pub(crate) fn block_ended(&mut self) {
        self.block = None;
    }

    #[inline]
    pub(crate) fn stream_opened(&mut self) {
        self.idle_since = None;
    }

    /// Headers or data were sent: the peer may well ask how the connection does.
    #[inline]
    pub(crate) fn message_sent(&mut self) {
        self.ping_strikes = 0;
        self.last_ping = None;
    }

    pub(crate) fn ping_is_too_early(&mut self, interval: Duration, now: Instant) -> bool {
        let last = self.last_ping.replace(now);
        last.is_some_and(|last| now.saturating_duration_since(last) < interval)
    }

    pub(crate) fn ping_strike(&mut self) -> u32 {
        self.ping_strikes += 1;
        self.ping_strikes
    }

    /// Any byte answers the keepalive; its own answer is not reported.
    pub(crate) fn keepalive_answered(&mut self, payload: [u8; ping::PAYLOAD_BYTES]) -> bool {
        payload == KEEPALIVE_PING
    }

    pub(crate) fn drain_ping_sent(&mut self, now: Instant) {
        self.drain_ping = now.checked_add(DRAIN_PING_TIMEOUT);
    }

    pub(crate) fn drain_ping_ended(&mut self) {
        self.drain_ping = None;
    }

    pub(crate) fn drain_ping_answered(&mut self, payload: [u8; ping::PAYLOAD_BYTES]) -> bool {
        self.drain_ping.is_some() && payload == DRAIN_PING
    }
}

impl Connection {
    /// When [`on_deadline`](Self::on_deadline) must be called, if nothing happens before. Ask again after each call.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.phase == Phase::Closed {
            return self.stall_deadline();
        }
        let timers = &self.timers;
        let mut next = earlier(timers.preface, timers.block);
        next = earlier(next, timers.settings_ack);
        next = earlier(next, timers.drain_ping);
        next = earlier(next, timers.age);
        next = earlier(next, timers.age_end);
        next = earlier(next, self.keepalive_deadline());
        next = earlier(next, self.stall_deadline());
        next = earlier(next, self.sweep_deadline());
        earlier(next, self.idle_deadline())
    }

    #[inline]
    fn keepalive_deadline(&self) -> Option<Instant> {
        if let Some(answer) = self.timers.keepalive_answer {
            return Some(answer);
        }
        let interval = self.limits.keepalive_interval?;
        if self.streams.is_empty() && !self.limits.keepalive_while_idle {
            return None;
        }
        self.timers.last_read.checked_add(interval)
    }

    /// Notes since when there is output, and since when there is no stream.
    #[inline]
    pub(crate) fn look_at_clock(&mut self) {
        self.timers.look(!self.output.is_empty(), self.streams.is_empty(), self.now);
    }

    /// Output that nobody has looked at yet is looked at soon, and then has its whole time.
    #[inline]
    fn stall_deadline(&self) -> Option<Instant> {
        if self.output.is_empty() {
            return None;
        }
        self.timers.still_since.unwrap_or(self.now).checked_add(self.limits.stall_timeout)
    }

    #[inline]
    fn sweep_deadline(&self) -> Option<Instant> {
        (self.queueing > 0).then(|| self.timers.sweep + self.sweep_interval())
    }

    fn sweep_interval(&self) -> Duration {
        let Limits { stall_timeout, stream_stall_timeout, .. } = self.limits;
        stream_stall_timeout.map_or(stall_timeout, |open| open.min(stall_timeout)) / SWEEPS_PER_STALL
    }

    #[inline]
    fn idle_deadline(&self) -> Option<Instant> {
        if self.closing.sent.is_some() {
            return None;
        }
        if !self.streams.is_empty() {
            return None;
        }
        self.timers.idle_since.unwrap_or(self.now).checked_add(self.limits.idle_timeout?)
    }

    /// Does what is due. Further events, if any, come from [`next_event`](Self::next_event), with empty input too.
    pub fn on_deadline(&mut self, now: Instant) -> Option<Event<'static>> {
        self.now = self.now.max(now);
        self.look_at_clock();
        if let Err(error) = self.check_timeouts() {
            self.fail(error);
            return self.pending.pop_front();
        }
        if self.phase == Phase::Closed {
            self.drop_stalled_output();
        } else {
            self.keep_alive();
            self.close_old();
            self.sweep_queues();
        }
        self.pending.pop_front()
    }

    /// The last words of a connection have their time too.
    fn drop_stalled_output(&mut self) {
        if self.stall_deadline().is_some_and(|at| at <= self.now) && self.timers.still_since.replace(self.now).is_some()
        {
            self.output = Output::default();
        }
    }

    fn check_timeouts(&mut self) -> Result<(), Error> {
        if self.phase == Phase::Closed {
            return Ok(());
        }
        let now = self.now;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.stall_deadline()) {
            // From here on the last words have their time.
            self.timers.still_since = Some(now);
            return Err(Error::peer(Reason::EnhanceYourCalm, "the peer does not read: the socket takes no byte"));
        }
        let timers = &self.timers;
        if is_due(timers.preface) {
            return Err(Error::peer(Reason::SettingsTimeout, "no HTTP/2 preface and SETTINGS in time"));
        }
        if is_due(timers.block) {
            return Err(Error::peer(Reason::EnhanceYourCalm, "a frame or header block that is not completed in time"));
        }
        if is_due(timers.settings_ack) {
            return Err(Error::peer(Reason::SettingsTimeout, "SETTINGS are not acknowledged in time"));
        }
        if is_due(timers.keepalive_answer) {
            return Err(Error::new(Reason::NoError, Guilty::Peer, "keepalive: no answer to a PING in time"));
        }
        if is_due(timers.age_end) {
            return Err(Error::new(Reason::NoError, Guilty::User, "the connection is too old, and its grace is over"));
        }
        Ok(())
    }

    fn keep_alive(&mut self) {
        let is_due = self.keepalive_deadline().is_some_and(|at| at <= self.now);
        if is_due && self.timers.keepalive_answer.is_none() {
            ping::put(self.output.buffer(), KEEPALIVE_PING, false);
            self.timers.keepalive_answer = self.now.checked_add(self.limits.keepalive_timeout);
        }
    }

    /// Age and idleness end a connection gracefully.
    fn close_old(&mut self) {
        let now = self.now;
        if self.timers.drain_ping.is_some_and(|at| at <= now) {
            self.finish_draining();
        }
        let is_old = self.timers.age.is_some_and(|at| at <= now);
        if is_old {
            self.timers.age = None;
            self.timers.age_end = self.limits.age_grace.and_then(|grace| now.checked_add(grace));
        }
        if is_old || self.idle_deadline().is_some_and(|at| at <= now) {
            self.shut_down();
        }
    }

    /// Finished messages that wait for a window pin memory: they end when nothing of them was taken for too long. So do
    /// those that are not finished, if there is a limit for them.
    fn sweep_queues(&mut self) {
        if self.sweep_deadline().is_none_or(|at| at > self.now) {
            return;
        }
        self.timers.sweep = self.now;
        // A queue stands still from some time between two sweeps on, and its end comes at one.
        let unseen = self.sweep_interval() * 2;
        let Limits { stall_timeout, stream_stall_timeout, .. } = self.limits;
        let mut stalled = Vec::new();
        for (id, stream) in self.streams.iter_mut() {
            let Some(queue) = stream.queue.as_mut() else { continue };
            let timeout = if matches!(queue.end, End::Open) { stream_stall_timeout } else { Some(stall_timeout) };
            let Some(timeout) = timeout else { continue };
            match queue.still_since {
                None => queue.still_since = Some(self.now),
                Some(since) if self.now.saturating_duration_since(since) + unseen >= timeout => stalled.push(id),
                Some(_) => {}
            }
        }
        for id in stalled {
            self.send_reset(id, Reason::Cancel);
            if let Some(event) = self.end_early(id, Reason::Cancel, false) {
                self.pending.push_back(event);
            }
        }
    }
}

/// The earlier of two times, where there are any. By itself, so that whoever has many of them to compare is short: a
/// connection that sleeps between calls finds its code gone from the processor's cache each time.
#[inline(never)]
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, None) => one,
        (None, other) => other,
    }
}
