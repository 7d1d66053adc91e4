//! The end of a connection, RFC 9113 sections 5.4.1 and 6.8.

use crate::connection::{Connection, Phase, Role};
use crate::error::{Error, Reason};
use crate::event::Event;
use crate::frame::{go_away, ping};
use crate::stream::Sent;
use crate::stream_id::StreamId;

/// How far the connection has come in closing.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    /// The last stream of the latest GOAWAY that was sent.
    pub(crate) sent: Option<StreamId>,
    /// What the GOAWAY frames said that came; few connections ever have any.
    pub(crate) received: Option<Box<Received>>,
    /// A PING follows the first GOAWAY; the second one waits for its answer.
    is_draining: bool,
    /// PING frames of the application that were not answered.
    pub(crate) pings_sent: u32,
}

/// What the peer's GOAWAY frames said.
#[derive(Debug)]
pub(crate) struct Received {
    /// The last stream of the latest.
    pub(crate) last_stream: StreamId,
    /// The text of the first that has any.
    pub(crate) text: Vec<u8>,
}

impl Closing {
    /// Whether a stream of the peer is above what a GOAWAY of this side allows.
    #[inline]
    pub(crate) fn refuses(&self, stream: StreamId) -> bool {
        self.sent.is_some_and(|last| stream > last)
    }

    #[inline]
    pub(crate) fn is_going_away(&self) -> bool {
        self.sent.is_some() || self.received.is_some()
    }
}

/// What the PING of a graceful shutdown carries.
pub(crate) const DRAIN_PING: [u8; ping::PAYLOAD_BYTES] = *b"drain\0\0\0";

impl Connection {
    /// Ends the connection for an error: GOAWAY goes out, every stream is reset, and then the error is reported.
    #[cold]
    pub(crate) fn fail(&mut self, error: Error) {
        if self.phase == Phase::Closed {
            return;
        }
        let debug = if error.reason() == Reason::NoError { "" } else { error.text() };
        go_away::put(self.output.buffer(), self.last_peer_stream, error.reason(), debug.as_bytes());
        self.closing.sent = Some(self.last_peer_stream);
        self.end_all(error);
    }

    fn end_all(&mut self, error: Error) {
        self.phase = Phase::Closed;
        let reason = error.reason();
        for (id, stream) in self.streams.drain() {
            let is_over = stream.state == crate::stream::State::Closed;
            if !is_over && !stream.is_finished {
                self.pending.push_back(Event::Reset { stream: id, reason, by_peer: true });
            }
        }
        self.data = None;
        self.block = None;
        self.skip = 0;
        self.queueing = 0;
        self.ready.clear();
        self.writable.clear();
        self.timers.stop();
        self.pending.push_back(Event::Closed(error));
    }

    /// Says at once that no more streams are accepted. Streams that are open go on.
    pub fn go_away(&mut self, reason: Reason, debug: &[u8]) {
        if self.phase == Phase::Closed {
            return;
        }
        let last = self.closing.sent.map_or(self.last_peer_stream, |sent| sent.min(self.last_peer_stream));
        go_away::put(self.output.buffer(), last, reason, debug);
        self.closing.sent = Some(last);
        self.closing.is_draining = false;
        self.timers.drain_ping_ended();
    }

    /// Closes gracefully: streams that are open, or on their way, are served, new ones are not. The connection
    /// [is done](Self::is_done) when all are over.
    ///
    /// A server first announces the end, and refuses streams only when the peer must have seen it, so that no
    /// request is lost on its way.
    pub fn shut_down(&mut self) {
        if self.phase == Phase::Closed || self.closing.sent.is_some() {
            return;
        }
        let is_silent = matches!(self.phase, Phase::Preface(_) | Phase::FirstSettings);
        if self.role == Role::Client || is_silent {
            self.go_away(Reason::NoError, b"");
            return;
        }
        go_away::put(self.output.buffer(), StreamId::MAX, Reason::NoError, b"");
        ping::put(self.output.buffer(), DRAIN_PING, false);
        self.closing.sent = Some(StreamId::MAX);
        self.closing.is_draining = true;
        self.timers.drain_ping_sent(self.now);
    }

    /// The peer knows that the connection ends: what it opened until now is the last.
    pub(crate) fn finish_draining(&mut self) {
        if self.closing.is_draining {
            self.go_away(Reason::NoError, b"");
        }
    }

    /// What the peer's GOAWAY says in words, cut after 256 bytes; empty if it says nothing.
    #[must_use]
    pub fn go_away_text(&self) -> &[u8] {
        self.closing.received.as_ref().map_or(&[], |received| &received.text)
    }

    /// Whether the connection is over, once the output is flushed: then close the socket.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        if self.phase == Phase::Closed {
            return true;
        }
        // A server may be asked for more by a client that says GOAWAY; a client is not.
        let is_going = match self.role {
            Role::Server => self.closing.sent.is_some(),
            Role::Client => self.closing.is_going_away(),
        };
        is_going && !self.closing.is_draining && self.streams.is_empty()
    }

    /// Sends a PING frame; its answer is [`Event::Pong`].
    pub fn ping(&mut self, payload: [u8; 8]) {
        if self.phase == Phase::Closed {
            return;
        }
        ping::put(self.output.buffer(), payload, false);
        self.closing.pings_sent = self.closing.pings_sent.saturating_add(1);
    }

    /// Ends a stream early with RST_STREAM. What it had queued is dropped. A server still calls
    /// [`finish`](Self::finish) when its handler is gone.
    pub fn reset(&mut self, stream: StreamId, reason: Reason) {
        let Some(record) = self.streams.get(stream) else {
            return;
        };
        if record.state == crate::stream::State::Closed {
            return;
        }
        if self.role == Role::Client && record.sent == Sent::Nothing {
            // The peer knows nothing of it: section 6.4 forbids to reset it.
            self.remove(stream);
            return;
        }
        self.send_reset(stream, reason);
        // The application knows: nothing is reported.
        let _ = self.end_early(stream, reason, false);
    }

    /// Server: the stream's handler is gone. Until then, and until both sides have ended, the stream counts against
    /// the limit of streams, so that a peer cannot start more handlers by resetting streams.
    #[inline]
    pub fn finish(&mut self, stream: StreamId) {
        let Some(record) = self.streams.get_mut(stream) else {
            return;
        };
        if self.role == Role::Client {
            return;
        }
        record.is_finished = true;
        if record.state == crate::stream::State::Closed {
            self.remove(stream);
        } else if record.sent != Sent::Everything {
            // Nobody is left who could end it.
            self.reset(stream, Reason::InternalError);
        } else if record.state.is_local_ended() {
            self.reset(stream, Reason::NoError);
        }
    }
}
