//! From bytes to frames, RFC 9113 sections 3.4, 4.1 and 4.2.

use crate::connection::{Connection, Phase, Role};
use crate::error::{Error, Reason};
use crate::event::Event;
use crate::frame::{
    CLIENT_PREFACE, FRAME_BYTES_MIN, HEAD_BYTES, Head, continuation, data, go_away, headers, ping, priority,
    push_promise, rst_stream, settings, window_update,
};
use std::time::Instant;

/// What became of the front of the input.
pub(crate) enum Step<'i> {
    /// Something to report.
    Event(Event<'i>),
    /// Consumed; there may be more.
    Next,
    /// More bytes are needed.
    Wait,
}

impl Connection {
    /// Consumes bytes from the front of `input` until there is something to report.
    ///
    /// `None`: nothing more can be consumed. What is left, an incomplete frame, must be handed in again in front of
    /// more bytes; DATA is reported as far as it came, so that the rest stays small. After [`Event::Closed`] all
    /// input is swallowed.
    pub fn next_event<'i>(&mut self, input: &mut &'i [u8], now: Instant) -> Option<Event<'i>> {
        self.now = self.now.max(now);
        if !self.pending.is_empty() {
            return self.pending.pop_front();
        }
        if !input.is_empty() {
            self.timers.read(self.now);
            self.look_at_clock();
        }
        loop {
            // The usual frame by the shortest way.
            if let Some(event) = self.usual_data(input) {
                return Some(event);
            }
            match self.step(input) {
                Ok(Step::Event(event)) => return Some(event),
                Ok(Step::Next) => {
                    // A frame may have ended several streams.
                    if !self.pending.is_empty() {
                        return self.pending.pop_front();
                    }
                }
                Ok(Step::Wait) => return None,
                Err(error) => {
                    self.fail(error);
                    *input = &[];
                    return self.pending.pop_front();
                }
            }
        }
    }

    /// A whole DATA frame on a stream that waits for it, if that is what comes next.
    #[inline(always)]
    fn usual_data<'i>(&mut self, input: &mut &'i [u8]) -> Option<Event<'i>> {
        let head = Head::parse(input.first_chunk::<HEAD_BYTES>()?);
        let is_between_frames =
            self.phase == Phase::Frames && self.data.is_none() && self.skip == 0 && self.block.is_none();
        if head.kind != data::KIND || !is_between_frames || head.length > self.limits.frame_bytes_max as usize {
            return None;
        }
        self.whole_data_frame(&head, input)
    }

    #[inline]
    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Result<Step<'i>, Error> {
        if self.data.is_some() {
            return Ok(self.continue_data(input));
        }
        if self.skip > 0 {
            return Ok(self.skip_payload(input));
        }
        if self.phase != Phase::Frames {
            match self.phase {
                Phase::Preface(matched) => return self.match_preface(input, matched),
                Phase::FirstSettings | Phase::Frames => {}
                Phase::Closed => {
                    *input = &[];
                    return Ok(Step::Wait);
                }
            }
        }
        let Some(head) = input.first_chunk::<HEAD_BYTES>() else {
            return Ok(Step::Wait);
        };
        let head = Head::parse(head);
        self.check_frame(&head)?;
        if head.kind == data::KIND {
            return self.begin_data_frame(&head, input);
        }
        self.whole_frame(&head, input)
    }

    /// What holds for a frame of any type.
    #[inline]
    fn check_frame(&mut self, head: &Head) -> Result<(), Error> {
        if head.length > self.limits.frame_bytes_max as usize {
            return Err(Error::peer(Reason::FrameSizeError, "a frame larger than SETTINGS_MAX_FRAME_SIZE"));
        }
        if let Some(block) = &self.block {
            // Section 6.10: nothing may come between.
            if head.kind != continuation::KIND || head.stream != block.stream {
                return Err(Error::peer(Reason::ProtocolError, "a frame inside a header block"));
            }
        } else if head.kind == continuation::KIND {
            return Err(Error::peer(Reason::ProtocolError, "a CONTINUATION frame without a header block"));
        }
        if self.phase == Phase::FirstSettings {
            if head.kind != settings::KIND || head.flags & crate::frame::ACK != 0 {
                return Err(Error::peer(Reason::ProtocolError, "the first frame is not SETTINGS"));
            }
            self.phase = Phase::Frames;
        }
        Ok(())
    }

    /// All types but DATA are handled once they are complete.
    fn whole_frame<'i>(&mut self, head: &Head, input: &mut &'i [u8]) -> Result<Step<'i>, Error> {
        if !is_known(head.kind) {
            // Section 4.1: ignored, and not kept either.
            self.idle_frame()?;
            *input = &input[HEAD_BYTES..];
            self.skip = head.length;
            return Ok(self.skip_payload(input));
        }
        check_length(head)?;
        if head.length > FRAME_BYTES_MIN as usize {
            self.check_collected(head)?;
        }
        let Some(payload) = input.get(HEAD_BYTES..HEAD_BYTES + head.length) else {
            self.timers.block_began(self.now);
            return Ok(Step::Wait);
        };
        *input = &input[HEAD_BYTES + head.length..];
        let event = match head.kind {
            headers::KIND => self.receive_headers(head, payload)?,
            continuation::KIND => self.receive_continuation(head, payload)?,
            window_update::KIND => self.receive_window_update(head, payload)?,
            rst_stream::KIND => self.receive_rst_stream(head, payload)?,
            settings::KIND => self.receive_settings(head, payload)?,
            ping::KIND => self.receive_ping(head, payload)?,
            go_away::KIND => self.receive_go_away(head, payload)?,
            priority::KIND => self.receive_priority(head, payload)?,
            _ => return Err(Error::peer(Reason::ProtocolError, "PUSH_PROMISE, though push is off")),
        };
        if self.block.is_none() {
            self.timers.block_ended();
        }
        Ok(event.map_or(Step::Next, Step::Event))
    }

    /// Larger frames than the smallest limit are for DATA, which is handed over as it comes; any other has to be
    /// collected first. What cannot be right is refused when it is announced, not when it is there.
    #[cold]
    fn check_collected(&self, head: &Head) -> Result<(), Error> {
        match head.kind {
            headers::KIND => self.check_block_size(head.length.saturating_sub(headers::BESIDE_FRAGMENT_BYTES_MAX)),
            continuation::KIND => self.check_block_size(head.length),
            _ => Err(Error::peer(Reason::FrameSizeError, "a frame other than DATA and HEADERS above 16,384 bytes")),
        }
    }

    fn skip_payload<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        let skipped = self.skip.min(input.len());
        *input = &input[skipped..];
        self.skip -= skipped;
        if self.skip > 0 { Step::Wait } else { Step::Next }
    }

    fn match_preface<'i>(&mut self, input: &mut &'i [u8], matched: usize) -> Result<Step<'i>, Error> {
        debug_assert!(self.role == Role::Server, "only a client sends a preface");
        let expected = &CLIENT_PREFACE[matched..];
        let length = expected.len().min(input.len());
        if input[..length] != expected[..length] {
            return Err(Error::peer(Reason::ProtocolError, "not the preface of an HTTP/2 client"));
        }
        *input = &input[length..];
        if length < expected.len() {
            self.phase = Phase::Preface(matched + length);
            return Ok(Step::Wait);
        }
        self.phase = Phase::FirstSettings;
        Ok(Step::Next)
    }

    /// Something came that is allowed and achieves nothing: too much of it is a flood.
    pub(crate) fn idle_frame(&mut self) -> Result<(), Error> {
        if self.idle_frames.take(self.now) {
            return Ok(());
        }
        Err(Error::peer(Reason::EnhanceYourCalm, "too_many_idle_frames"))
    }

    /// The peer did something wrong that the connection survives: too much of it is an attack.
    pub(crate) fn glitch(&mut self) -> Result<(), Error> {
        if self.glitches.take(self.now) {
            return Ok(());
        }
        Err(Error::peer(Reason::EnhanceYourCalm, "too_many_glitches"))
    }
}

#[inline]
fn is_known(kind: u8) -> bool {
    kind <= continuation::KIND
}

/// Types whose payload has one length only.
#[inline]
fn check_length(head: &Head) -> Result<(), Error> {
    let is_right = match head.kind {
        rst_stream::KIND => head.length == rst_stream::PAYLOAD_BYTES,
        window_update::KIND => head.length == window_update::PAYLOAD_BYTES,
        ping::KIND => head.length == ping::PAYLOAD_BYTES,
        go_away::KIND => head.length >= go_away::PAYLOAD_BYTES_MIN,
        push_promise::KIND => return Err(Error::peer(Reason::ProtocolError, "PUSH_PROMISE, though push is off")),
        _ => true,
    };
    if is_right {
        Ok(())
    } else {
        Err(Error::peer(Reason::FrameSizeError, "a frame of a length that its type does not have"))
    }
}
