//! Frames that carry no message: WINDOW_UPDATE, RST_STREAM, PING, GOAWAY, PRIORITY. RFC 9113 section 6.

use crate::connection::close::Received;
use crate::connection::{Connection, Role};
use crate::error::{Error, Reason};
use crate::event::Event;
use crate::frame::{ACK, Head, go_away, number, ping, priority, window_update};
use crate::stream::{Sent, State};
use crate::stream_id::StreamId;

impl Connection {
    /// Section 6.9.
    pub(crate) fn receive_window_update(
        &mut self,
        head: &Head,
        payload: &[u8],
    ) -> Result<Option<Event<'static>>, Error> {
        let increment = window_update::parse(payload);
        if !self.updates.spend() {
            self.idle_frame()?;
        }
        if head.stream == StreamId::ZERO {
            if increment == 0 {
                return Err(Error::peer(Reason::ProtocolError, "a WINDOW_UPDATE of nothing for the connection"));
            }
            if self.send_window.change(i64::from(increment)).is_err() {
                return Err(Error::peer(Reason::FlowControlError, "a connection window above 2,147,483,647"));
            }
            self.send_ready();
            return Ok(None);
        }
        let id = head.stream;
        let Some(stream) = self.streams.get_mut(id).filter(|stream| stream.state != State::Closed) else {
            // It may have been on its way when the stream ended; one that is broken is an error all the same.
            self.check_not_idle(id)?;
            if increment == 0 {
                self.glitch()?;
            }
            return Ok(None);
        };
        if increment == 0 {
            return self.stream_error(id, Reason::ProtocolError);
        }
        if stream.send_window.change(i64::from(increment)).is_err() {
            return self.stream_error(id, Reason::FlowControlError);
        }
        if stream.is_queueing() && !stream.is_listed {
            stream.is_listed = true;
            self.ready.push_back(id);
            self.send_ready();
        }
        Ok(None)
    }

    /// Section 6.4.
    pub(crate) fn receive_rst_stream(&mut self, head: &Head, payload: &[u8]) -> Result<Option<Event<'static>>, Error> {
        let id = head.stream;
        if id == StreamId::ZERO {
            return Err(Error::peer(Reason::ProtocolError, "RST_STREAM for the connection"));
        }
        let Some(stream) = self.streams.get(id).filter(|stream| stream.state != State::Closed) else {
            self.check_not_idle(id)?;
            return Ok(None);
        };
        let reason = Reason::from_code(number(payload).unwrap_or(Reason::ProtocolError.code()));
        let is_early = stream.sent == Sent::Nothing;
        // Only a server does work for streams that are taken back; a reset after the headers is an ordinary cancel.
        if self.role == Role::Server && is_early && !self.early_resets.take(self.now) {
            return Err(Error::peer(Reason::EnhanceYourCalm, "too_many_resets"));
        }
        self.resets.remember(id, true);
        Ok(self.end_early(id, reason, true))
    }

    /// Frames that may come late, but not before the stream's HEADERS.
    fn check_not_idle(&self, id: StreamId) -> Result<(), Error> {
        let is_refused = self.role == Role::Server && id.is_client_initiated() && self.closing.refuses(id);
        if self.is_idle(id) && !is_refused {
            return Err(Error::peer(Reason::ProtocolError, "a frame on a stream that nobody opened"));
        }
        Ok(())
    }

    /// Section 6.7.
    pub(crate) fn receive_ping(&mut self, head: &Head, payload: &[u8]) -> Result<Option<Event<'static>>, Error> {
        if head.stream != StreamId::ZERO {
            return Err(Error::peer(Reason::ProtocolError, "a PING frame on a stream"));
        }
        let Some(payload) = payload.first_chunk::<{ ping::PAYLOAD_BYTES }>() else {
            return Err(Error::peer(Reason::FrameSizeError, "a PING frame that is not 8 bytes long"));
        };
        if head.has(ACK) {
            return self.receive_pong(*payload);
        }
        self.check_ping()?;
        ping::put(self.output.buffer(), *payload, true);
        self.output.count_control();
        Ok(None)
    }

    /// A client's PING frames keep a server busy: few are enough unless data flows.
    fn check_ping(&mut self) -> Result<(), Error> {
        let limits = &self.limits;
        if self.role == Role::Server
            && self.timers.ping_is_too_early(limits.client_ping_interval_min, self.now)
            && self.timers.ping_strike() > limits.ping_strikes_max
        {
            return Err(Error::peer(Reason::EnhanceYourCalm, "too_many_pings"));
        }
        // Even where data flows an estimate of the bandwidth needs few.
        self.idle_frame()
    }

    fn receive_pong(&mut self, payload: [u8; ping::PAYLOAD_BYTES]) -> Result<Option<Event<'static>>, Error> {
        if self.timers.keepalive_answered(payload) {
            return Ok(None);
        }
        if self.timers.drain_ping_answered(payload) {
            self.finish_draining();
            return Ok(None);
        }
        if self.closing.pings_sent == 0 {
            self.idle_frame()?;
            return Ok(None);
        }
        self.closing.pings_sent -= 1;
        Ok(Some(Event::Pong { payload }))
    }

    /// Section 6.8.
    pub(crate) fn receive_go_away(&mut self, head: &Head, payload: &[u8]) -> Result<Option<Event<'static>>, Error> {
        if head.stream != StreamId::ZERO {
            return Err(Error::peer(Reason::ProtocolError, "GOAWAY on a stream"));
        }
        let Some((last_stream, reason, text)) = go_away::parse(payload) else {
            return Err(Error::peer(Reason::FrameSizeError, "a GOAWAY frame shorter than 8 bytes"));
        };
        if self.closing.received.as_ref().is_some_and(|earlier| last_stream > earlier.last_stream) {
            return Err(Error::peer(Reason::ProtocolError, "a second GOAWAY that takes the first one back"));
        }
        if self.closing.received.is_some() {
            self.idle_frame()?;
        }
        let received =
            self.closing.received.get_or_insert_with(|| Box::new(Received { last_stream, text: Vec::new() }));
        received.last_stream = last_stream;
        if received.text.is_empty() {
            received.text = text.to_vec();
        }
        // Only streams of this side: the peer speaks of what it accepts, not of what it opens.
        if self.role == Role::Client {
            for id in self.streams.ids() {
                if id > last_stream
                    && let Some(event) = self.end_early(id, Reason::RefusedStream, true)
                {
                    self.pending.push_back(event);
                }
            }
        }
        let event = Event::GoAway { last_stream, reason };
        if self.pending.is_empty() {
            return Ok(Some(event));
        }
        self.pending.push_back(event);
        Ok(None)
    }

    /// Section 6.3: checked and ignored.
    pub(crate) fn receive_priority(&mut self, head: &Head, payload: &[u8]) -> Result<Option<Event<'static>>, Error> {
        let id = head.stream;
        if id == StreamId::ZERO {
            return Err(Error::peer(Reason::ProtocolError, "PRIORITY for the connection"));
        }
        let reason = match <&[u8; priority::PAYLOAD_BYTES]>::try_from(payload) {
            Err(_) => Reason::FrameSizeError,
            Ok(payload) if priority::depends_on(payload) == id => Reason::ProtocolError,
            Ok(_) => {
                self.idle_frame()?;
                return Ok(None);
            }
        };
        if self.is_idle(id) {
            return Err(Error::peer(reason, "a PRIORITY frame that is broken, on a stream that nobody opened"));
        }
        self.stream_error(id, reason)
    }
}
