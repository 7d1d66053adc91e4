//! DATA that comes, RFC 9113 sections 6.1, 5.2 and 8.1.1. It is handed over in the parts in which it is read.

use crate::connection::receive::Step;
use crate::connection::{Connection, Role};
use crate::error::{Error, Reason};
use crate::event::Event;
use crate::frame::{END_STREAM, HEAD_BYTES, Head, PADDED};
use crate::stream::{LENGTH_UNKNOWN, State};
use crate::stream_id::StreamId;
use std::time::Instant;

/// The DATA frame whose payload is coming.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataFrame {
    stream: StreamId,
    /// Payload to come.
    payload: usize,
    /// Padding to come after it.
    padding: usize,
    end_stream: bool,
    /// Nobody wants it: its stream is over or never was.
    is_unwanted: bool,
}

impl Connection {
    /// Checks a frame's head and hands over what is there of its payload.
    #[inline]
    pub(crate) fn begin_data_frame<'i>(&mut self, head: &Head, input: &mut &'i [u8]) -> Result<Step<'i>, Error> {
        let mut head_bytes = HEAD_BYTES;
        let mut padding = 0;
        if head.has(PADDED) {
            if head.length == 0 {
                return Err(Error::peer(
                    Reason::FrameSizeError,
                    "a padded DATA frame without the length of its padding",
                ));
            }
            let Some(&length) = input.get(HEAD_BYTES) else {
                return Ok(Step::Wait);
            };
            head_bytes += 1;
            padding = usize::from(length);
        }
        let length_bytes = head_bytes - HEAD_BYTES;
        let Some(payload) = head.length.checked_sub(length_bytes + padding) else {
            return Err(Error::peer(Reason::ProtocolError, "a DATA frame with more padding than payload"));
        };
        if !self.receive_window.receive(head.length) {
            return Err(Error::peer(Reason::FlowControlError, "more DATA than the connection's window allows"));
        }
        *input = &input[head_bytes..];
        let end_stream = head.has(END_STREAM);
        let refused = self.admit_data(head.stream, head.length, payload, end_stream)?;
        self.data =
            Some(DataFrame { stream: head.stream, payload, padding, end_stream, is_unwanted: refused.is_some() });
        self.credit_connection(length_bytes);
        if padding + length_bytes > 0 && refused.is_none() {
            self.release(head.stream, padding + length_bytes);
        }
        match refused {
            Some(Some(event)) => Ok(Step::Event(event)),
            _ => Ok(self.continue_data(input)),
        }
    }

    /// The usual frame, which is whole, without padding, and on a stream that waits for it: one look at the stream.
    /// `None`: it is not such a frame, and nothing was done.
    #[inline(always)]
    pub(crate) fn whole_data_frame<'i>(&mut self, head: &Head, input: &mut &'i [u8]) -> Option<Event<'i>> {
        if head.flags & PADDED != 0 || head.length == 0 {
            return None;
        }
        let bytes = input.get(HEAD_BYTES..HEAD_BYTES + head.length)?;
        let stream = self.streams.get_mut(head.stream)?;
        let is_usual = !stream.state.is_remote_ended()
            && stream.has_headers
            && !stream.is_finished
            && is_announced(stream.content_left, bytes.len(), head.has(END_STREAM));
        if !is_usual || !self.receive_window.can_receive(bytes.len()) || !stream.receive_window.receive(bytes.len()) {
            return None;
        }
        if stream.content_left != LENGTH_UNKNOWN {
            stream.content_left -= bytes.len() as u64;
        }
        let end_stream = head.has(END_STREAM);
        let mut is_over = false;
        if end_stream {
            stream.state.end_remote();
            is_over = stream.state == State::Closed && self.role == Role::Client;
        }
        self.receive_window.receive(bytes.len());
        *input = &input[HEAD_BYTES + head.length..];
        self.credit_connection(bytes.len());
        if is_over {
            self.remove(head.stream);
        }
        Some(Event::Data { stream: head.stream, bytes, end_stream })
    }

    /// Whether the stream takes a DATA frame. `Some`: it does not, and perhaps there is something to report.
    #[inline]
    fn admit_data(
        &mut self,
        id: StreamId,
        length: usize,
        payload: usize,
        end_stream: bool,
    ) -> Result<Option<Option<Event<'static>>>, Error> {
        let Some(stream) = self.streams.get_mut(id) else {
            return self.data_without_stream(id).map(Some);
        };
        let reason = if stream.state.is_remote_ended() {
            if stream.state == State::Closed {
                return self.data_without_stream(id).map(Some);
            }
            Reason::StreamClosed
        } else if !stream.has_headers {
            Reason::ProtocolError
        } else if !stream.receive_window.receive(length) {
            Reason::FlowControlError
        } else if !is_announced(stream.content_left, payload, end_stream) {
            Reason::ProtocolError
        } else {
            if stream.content_left != LENGTH_UNKNOWN {
                stream.content_left -= payload as u64;
            }
            if payload == 0 && !end_stream {
                let is_repeated = std::mem::replace(&mut stream.had_empty_data, true);
                if is_repeated {
                    self.idle_frame()?;
                }
            }
            return Ok(None);
        };
        self.stream_error(id, reason).map(Some)
    }

    /// DATA on a stream that has no record, or one that is closed and waits for its handler.
    #[cold]
    fn data_without_stream(&mut self, id: StreamId) -> Result<Option<Event<'static>>, Error> {
        self.frame_on_closed_stream(id, Reason::StreamClosed)?;
        Ok(None)
    }

    /// Hands over what came of the frame's payload, and swallows its padding.
    #[inline]
    pub(crate) fn continue_data<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        let Some(mut frame) = self.data else {
            return Step::Next;
        };
        let here = frame.payload.min(input.len());
        let bytes = &input[..here];
        frame.payload -= here;
        *input = &input[here..];
        let had_end = frame.end_stream;
        let ends = had_end && frame.payload == 0;
        if ends {
            frame.end_stream = false;
        }
        let mut credit = here;
        if frame.payload == 0 {
            let padding = frame.padding.min(input.len());
            *input = &input[padding..];
            frame.padding -= padding;
            credit += padding;
        }
        let is_over = frame.payload == 0 && frame.padding == 0;
        self.data = if is_over { None } else { Some(frame) };
        if credit > 0 {
            self.credit_connection(credit);
        }
        let wait = if is_over { Step::Next } else { Step::Wait };
        if frame.is_unwanted || (bytes.is_empty() && !ends) {
            return wait;
        }
        self.hand_over(frame.stream, bytes, ends).map_or(wait, Step::Event)
    }

    /// The event of some payload, unless the stream's reader is gone.
    #[inline]
    fn hand_over<'i>(&mut self, id: StreamId, bytes: &'i [u8], ends: bool) -> Option<Event<'i>> {
        let stream = self.streams.get_mut(id).filter(|stream| !stream.state.is_remote_ended())?;
        let is_finished = stream.is_finished;
        if ends {
            self.end_remote(id);
        }
        (!is_finished).then_some(Event::Data { stream: id, bytes, end_stream: ends })
    }

    /// Inside a DATA frame of a stream that is read: what is to come of its payload, so that it can be read straight
    /// into the message. Whoever does so says [`data_was_read`](Self::data_was_read).
    #[inline]
    #[must_use]
    pub fn data_in_progress(&self) -> Option<(StreamId, usize)> {
        let frame = self.data.as_ref().filter(|frame| !frame.is_unwanted && frame.payload > 0)?;
        let stream = self.streams.get(frame.stream)?;
        (!stream.state.is_remote_ended() && !stream.is_finished).then_some((frame.stream, frame.payload))
    }

    /// So many bytes of [`data_in_progress`](Self::data_in_progress) were read elsewhere. Returns a
    /// [`Event::Data`] without bytes if they end the stream.
    pub fn data_was_read(&mut self, bytes: usize, now: Instant) -> Option<Event<'static>> {
        self.now = self.now.max(now);
        self.timers.read(self.now);
        let frame = self.data.as_mut()?;
        let read = bytes.min(frame.payload);
        frame.payload -= read;
        let id = frame.stream;
        let ends = frame.end_stream && frame.payload == 0;
        if ends {
            frame.end_stream = false;
        }
        if frame.payload == 0 && frame.padding == 0 {
            self.data = None;
        }
        self.credit_connection(read);
        if !ends {
            return None;
        }
        self.hand_over(id, &[], true)
    }

    /// The application has taken so many bytes of a stream's DATA: the peer may send as many more. Without it the
    /// peer stops at the stream's window; other streams are not affected.
    #[inline]
    pub fn release(&mut self, stream: StreamId, bytes: usize) {
        let target = self.stream_window;
        let Some(record) = self.streams.get_mut(stream) else {
            return;
        };
        // Nothing follows: no credit is needed.
        if record.state.is_remote_ended() {
            return;
        }
        if let Some(increment) = record.receive_window.release(bytes, target) {
            self.send_window_update(stream, increment);
        }
    }
}

/// Whether a frame's payload is what the message's content-length still announces, section 8.1.1.
#[inline]
fn is_announced(content_left: u64, payload: usize, end_stream: bool) -> bool {
    content_left == LENGTH_UNKNOWN
        || if end_stream { payload as u64 == content_left } else { payload as u64 <= content_left }
}
