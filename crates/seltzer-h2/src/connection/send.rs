//! Messages that go out: new streams, data, and whole answers. RFC 9113 section 8.1.

use crate::connection::{Connection, Phase, Role};
use crate::error::{OpenError, SendError};
use crate::flow::SendWindow;
use crate::frame::{END_HEADERS, END_STREAM, patch_length};
use crate::limits::{COPY_BYTES_MAX, OUTPUT_BYTES_TARGET};
use crate::output::{BegunData, MERGED_DATA_BYTES_MAX};
use crate::prepared::Prepared;
use crate::rope::Rope;
use crate::stream::{End, Sent, State, Stream};
use crate::stream_id::StreamId;
use bytes::Bytes;

impl Connection {
    /// Client: opens a stream. Its headers must be sent before those of any stream that is opened later.
    ///
    /// # Errors
    /// The peer permits no more streams now, or the connection is being closed or used up.
    pub fn open_stream(&mut self) -> Result<StreamId, OpenError> {
        if self.phase == Phase::Closed || self.closing.is_going_away() {
            return Err(OpenError::GoingAway);
        }
        if self.role == Role::Server || self.next_stream > StreamId::MAX.get() {
            return Err(OpenError::Exhausted);
        }
        if self.streams.len() >= self.peer.concurrent_streams_max as usize {
            return Err(OpenError::TooMany);
        }
        let id = StreamId::new(self.next_stream);
        self.next_stream += 2;
        self.streams.insert(id, Stream::new(self.stream_window, self.new_send_window()));
        self.updates.earn(0);
        self.timers.stream_opened();
        Ok(id)
    }

    /// Client: how many more streams the peer permits now.
    #[inline]
    #[must_use]
    pub fn open_streams_allowed(&self) -> usize {
        let is_closed = self.phase == Phase::Closed || self.closing.is_going_away() || self.role == Role::Server;
        if is_closed || self.next_stream > StreamId::MAX.get() {
            return 0;
        }
        (self.peer.concurrent_streams_max as usize).saturating_sub(self.streams.len())
    }

    #[inline]
    pub(crate) fn new_send_window(&self) -> SendWindow {
        SendWindow::new(self.peer.initial_window)
    }

    /// Sends data. What the windows do not allow yet waits in the stream's queue and holds up no other stream.
    ///
    /// # Errors
    /// The stream is over, or its headers were not sent.
    pub fn send_data(&mut self, stream: StreamId, data: Bytes, end_stream: bool) -> Result<(), SendError> {
        let record = self.sendable(stream)?;
        if record.sent == Sent::Nothing {
            return Err(SendError::OutOfOrder);
        }
        self.send_parts(stream, [data], if end_stream { End::Data } else { End::Open });
        Ok(())
    }

    /// Sends data that a closure appends straight to the output. It must only append. What the windows do not allow
    /// is split off and queued. If it fails, nothing is sent.
    ///
    /// # Errors
    /// The stream is over, or its headers were not sent. The inner error is the closure's.
    pub fn send_data_with<T, E>(
        &mut self,
        stream: StreamId,
        write: impl FnOnce(&mut Rope) -> Result<T, E>,
        end_stream: bool,
    ) -> Result<Result<T, E>, SendError> {
        let record = self.sendable(stream)?;
        if record.sent == Sent::Nothing {
            return Err(SendError::OutOfOrder);
        }
        let (allowed, is_queueing) = (record.send_window.available(), record.is_queueing());
        let allowed = allowed.min(self.send_window.available());
        let end = if end_stream { End::Data } else { End::Open };
        if is_queueing || self.output.len() >= OUTPUT_BYTES_TARGET {
            let mut own = Rope::default();
            let written = write(&mut own);
            if written.is_ok() {
                self.send_rope(stream, own, end);
            }
            return Ok(written);
        }
        let frame_bytes_max = self.peer.frame_bytes_max;
        let begun = self.output.begin_data(stream, COPY_BYTES_MAX, frame_bytes_max.min(MERGED_DATA_BYTES_MAX));
        let written = write(self.output.open_rope());
        if written.is_err() {
            self.output.undo_data(begun);
            return Ok(written);
        }
        let length = self.output.open_rope().since(begun.mark);
        let excess = self.output.data_length(begun).saturating_sub(frame_bytes_max);
        if length > allowed || (length == 0 && !end_stream) {
            self.queue_written(stream, begun, end);
        } else if excess == 0 {
            self.output.end_data(begun, end_stream);
            self.sent_data(stream, length, end_stream);
        } else if let Some(rest) = self.output.split_off_short(excess) {
            self.output.end_data(begun, false);
            self.output.put_data(stream, rest, end_stream, frame_bytes_max);
            self.sent_data(stream, length, end_stream);
        } else {
            self.queue_written(stream, begun, end);
        }
        Ok(written)
    }

    /// Takes the payload of a frame that was begun out of the output, and sends it as the windows and frames allow.
    fn queue_written(&mut self, stream: StreamId, begun: BegunData, end: End) {
        let parts = self.output.open_rope().split_off(begun.mark);
        self.output.undo_data(begun);
        self.send_parts(stream, parts, end);
    }

    /// Sends a whole unary answer: headers, one message that a closure appends straight to the output, trailers. The
    /// closure must only append. If it fails, nothing is sent.
    ///
    /// # Errors
    /// The stream is over, or something was sent on it. The inner error is the closure's.
    #[inline]
    pub fn send_response<E>(
        &mut self,
        stream: StreamId,
        head: &Prepared,
        write: impl FnOnce(&mut Rope) -> Result<(), E>,
        trailers: &Prepared,
    ) -> Result<Result<(), E>, SendError> {
        let record = self.sendable(stream)?;
        if record.sent != Sent::Nothing {
            return Err(SendError::OutOfOrder);
        }
        let allowed = record.send_window.available();
        let allowed = allowed.min(self.send_window.available()).min(self.peer.frame_bytes_max);
        if !self.encoder.is_settled(head) || self.output.len() >= OUTPUT_BYTES_TARGET {
            return self.send_response_in_parts(stream, head, write, trailers);
        }
        let start = self.output.open_rope().mark();
        let data_at = self.begin_response(stream, head);
        let rope = self.output.open_rope();
        let payload = rope.mark();
        if let Err(error) = write(rope) {
            rope.truncate(start);
            return Ok(Err(error));
        }
        let length = rope.since(payload);
        if length > allowed || length == 0 {
            let parts = rope.split_off(payload);
            self.output.truncate(data_at);
            self.headers_sent(stream);
            self.send_parts(stream, parts, End::Trailers(trailers.clone()));
            return Ok(Ok(()));
        }
        patch_length(rope.written(), data_at, length);
        self.write_prepared_frame(stream, trailers, END_HEADERS | END_STREAM);
        self.sent_data(stream, length, true);
        Ok(Ok(()))
    }

    /// The first answer of a connection, or one that must wait: the message is written aside, because headers that
    /// have entered the encoder's table cannot be taken back.
    #[cold]
    fn send_response_in_parts<E>(
        &mut self,
        stream: StreamId,
        head: &Prepared,
        write: impl FnOnce(&mut Rope) -> Result<(), E>,
        trailers: &Prepared,
    ) -> Result<Result<(), E>, SendError> {
        let mut own = Rope::default();
        if let Err(error) = write(&mut own) {
            return Ok(Err(error));
        }
        self.headers_sent(stream);
        self.write_prepared(stream, head, false);
        self.send_rope(stream, own, End::Trailers(trailers.clone()));
        Ok(Ok(()))
    }

    fn headers_sent(&mut self, stream: StreamId) {
        if let Some(record) = self.streams.get_mut(stream) {
            record.sent = Sent::Headers;
        }
    }

    /// A stream on which something may be sent.
    #[inline]
    pub(crate) fn sendable(&mut self, stream: StreamId) -> Result<&mut Stream, SendError> {
        let Some(record) = self.streams.get_mut(stream) else {
            return Err(SendError::Gone);
        };
        if record.state == State::Closed {
            return Err(SendError::Gone);
        }
        if record.sent == Sent::Everything {
            return Err(SendError::Ended);
        }
        Ok(record)
    }
}
