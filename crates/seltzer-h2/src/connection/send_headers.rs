//! Header blocks that go out: requests, responses, trailers. RFC 9113 sections 4.3 and 8.1.

use crate::connection::Connection;
use crate::error::SendError;
use crate::fields::HeaderField;
use crate::frame::{
    END_HEADERS, END_STREAM, HEAD_BYTES, continuation, data, head_bytes, headers, patch_length, put_head,
};
use crate::hpack::SETTLED_BYTES_MAX;
use crate::prepared::Prepared;
use crate::stream::Sent;
use crate::stream_id::StreamId;
use bytes::BytesMut;

impl Connection {
    /// Sends a block of headers: a request's, an interim or final response's, or trailers, which wait for data that
    /// is queued. Names must be in lower case; pseudo-fields come first.
    ///
    /// # Errors
    /// The stream is over, or it has come too far for headers, or the peer does not accept as many.
    pub fn send_headers<'a>(
        &mut self,
        stream: StreamId,
        fields: impl IntoIterator<Item = HeaderField<'a>>,
        end_stream: bool,
    ) -> Result<(), SendError> {
        let record = self.sendable(stream)?;
        let sent = record.sent;
        if sent == Sent::Headers && !end_stream {
            return Err(SendError::OutOfOrder);
        }
        let is_queueing = record.is_queueing();
        let list_bytes_max = self.peer.header_list_bytes_max;
        if list_bytes_max != u32::MAX || is_queueing {
            // The encoder cannot take back what it has put in its table: ask first.
            let fields: Vec<HeaderField<'a>> = fields.into_iter().collect();
            if fields.iter().map(HeaderField::list_bytes).sum::<usize>() > list_bytes_max as usize {
                return Err(SendError::HeadersTooLarge);
            }
            if is_queueing {
                self.queue_trailers(stream, Prepared::new(fields));
            } else {
                self.write_headers(stream, fields, end_stream);
            }
            return Ok(());
        }
        self.write_headers(stream, fields, end_stream);
        Ok(())
    }

    /// The same with a block that was made before and is encoded once a connection.
    ///
    /// # Errors
    /// The stream is over, or it has come too far for headers.
    pub fn send_prepared(&mut self, stream: StreamId, block: &Prepared, end_stream: bool) -> Result<(), SendError> {
        let record = self.sendable(stream)?;
        if record.sent == Sent::Headers && !end_stream {
            return Err(SendError::OutOfOrder);
        }
        if record.is_queueing() {
            self.queue_trailers(stream, block.clone());
            return Ok(());
        }
        record.sent = if end_stream { Sent::Everything } else { Sent::Headers };
        self.write_prepared(stream, block, end_stream);
        Ok(())
    }

    /// The same with a few fields behind the block that are new each time, such as a deadline.
    ///
    /// # Errors
    /// The stream is over, or it has come too far for headers, or the peer does not accept as many.
    pub fn send_prepared_with<'a, I>(
        &mut self,
        stream: StreamId,
        block: &Prepared,
        more: I,
        end_stream: bool,
    ) -> Result<(), SendError>
    where
        I: IntoIterator<Item = HeaderField<'a>> + Clone,
    {
        let list_bytes_max = self.peer.header_list_bytes_max;
        let record = self.sendable(stream)?;
        if record.sent == Sent::Headers && !end_stream {
            return Err(SendError::OutOfOrder);
        }
        let is_queueing = record.is_queueing();
        if list_bytes_max != u32::MAX {
            // The encoder cannot take back what it has put in its table: ask first.
            let bytes: usize =
                block.list_bytes() + more.clone().into_iter().map(|field| field.list_bytes()).sum::<usize>();
            if bytes > list_bytes_max as usize {
                return Err(SendError::HeadersTooLarge);
            }
        }
        if is_queueing {
            let mut all: Vec<HeaderField<'_>> = block.fields().collect();
            all.extend(more.into_iter().map(|field| HeaderField { ..field }));
            self.queue_trailers(stream, Prepared::new(all));
            return Ok(());
        }
        if let Some(record) = self.streams.get_mut(stream) {
            record.sent = if end_stream { Sent::Everything } else { Sent::Headers };
        }
        let flags = END_HEADERS | if end_stream { END_STREAM } else { 0 };
        let mut more = more.into_iter().peekable();
        if more.peek().is_none() {
            self.write_prepared_frame(stream, block, flags);
        } else {
            let head_at = self.output.position();
            let buffer = self.output.buffer();
            put_head(buffer, 0, headers::KIND, flags, stream);
            self.encoder.encode_prepared(block, buffer);
            for field in more {
                self.encoder.encode_field(&field, buffer);
            }
            self.end_headers(stream, head_at);
        }
        self.timers.message_sent();
        if end_stream {
            self.end_local(stream);
        }
        Ok(())
    }

    /// Writes a block of headers; the stream has nothing queued.
    fn write_headers<'a>(&mut self, id: StreamId, fields: impl IntoIterator<Item = HeaderField<'a>>, end_stream: bool) {
        let flags = END_HEADERS | if end_stream { END_STREAM } else { 0 };
        let head_at = self.output.position();
        let buffer = self.output.buffer();
        put_head(buffer, 0, headers::KIND, flags, id);
        let (mut is_interim, mut is_head) = (false, false);
        for field in fields {
            is_interim |= field.name == b":status" && field.value.first() == Some(&b'1');
            is_head |= field.name == b":method" && field.value == b"HEAD";
            self.encoder.encode_field(&field, buffer);
        }
        self.end_headers(id, head_at);
        self.timers.message_sent();
        if let Some(stream) = self.streams.get_mut(id) {
            stream.is_head |= is_head;
            if !is_interim || end_stream {
                stream.sent = if end_stream { Sent::Everything } else { Sent::Headers };
            }
        }
        if end_stream {
            self.end_local(id);
        }
    }

    /// Writes a prepared block; the stream has nothing queued.
    pub(crate) fn write_prepared(&mut self, id: StreamId, block: &Prepared, end_stream: bool) {
        let flags = END_HEADERS | if end_stream { END_STREAM } else { 0 };
        self.write_prepared_frame(id, block, flags);
        self.timers.message_sent();
        if end_stream {
            self.end_local(id);
        }
    }

    #[inline]
    pub(crate) fn write_prepared_frame(&mut self, id: StreamId, block: &Prepared, flags: u8) {
        if let Some((bytes, length)) = self.encoder.settled(block) {
            let mut frame = [0; HEAD_BYTES + SETTLED_BYTES_MAX];
            frame[..HEAD_BYTES].copy_from_slice(&head_bytes(length, headers::KIND, flags, id));
            frame[HEAD_BYTES..].copy_from_slice(bytes);
            put_front(self.output.buffer(), &frame, HEAD_BYTES + length);
            return;
        }
        let head_at = self.output.position();
        let buffer = self.output.buffer();
        put_head(buffer, 0, headers::KIND, flags, id);
        self.encoder.encode_prepared(block, buffer);
        self.end_headers(id, head_at);
    }

    /// The headers of an answer, and the head of the DATA behind them. Returns where that is.
    #[inline]
    pub(crate) fn begin_response(&mut self, id: StreamId, block: &Prepared) -> usize {
        const DATA_AT: usize = HEAD_BYTES + SETTLED_BYTES_MAX;
        if let Some((bytes, length)) = self.encoder.settled(block) {
            let mut frames = [0; DATA_AT + HEAD_BYTES];
            frames[..HEAD_BYTES].copy_from_slice(&head_bytes(length, headers::KIND, END_HEADERS, id));
            frames[HEAD_BYTES..DATA_AT].copy_from_slice(bytes);
            let end = HEAD_BYTES + length.min(SETTLED_BYTES_MAX);
            frames[end..end + HEAD_BYTES].copy_from_slice(&head_bytes(0, data::KIND, 0, id));
            let buffer = self.output.buffer();
            let data_at = buffer.len() + end;
            put_front(buffer, &frames, end + HEAD_BYTES);
            return data_at;
        }
        self.write_prepared_frame(id, block, END_HEADERS);
        let data_at = self.output.position();
        put_head(self.output.buffer(), 0, data::KIND, 0, id);
        data_at
    }

    /// Ends a HEADERS frame. Of a block that is larger than the peer's frames the rest goes into CONTINUATION.
    #[inline]
    fn end_headers(&mut self, id: StreamId, head_at: usize) {
        let length = self.output.position().saturating_sub(head_at + HEAD_BYTES);
        if length > self.peer.frame_bytes_max {
            self.split_headers(id, head_at);
        } else {
            patch_length(self.output.buffer(), head_at, length);
        }
    }

    #[cold]
    fn split_headers(&mut self, id: StreamId, head_at: usize) {
        let first_end = head_at + HEAD_BYTES + self.peer.frame_bytes_max;
        let frame_bytes_max = self.peer.frame_bytes_max;
        let rest = self.output.split_off(first_end);
        let buffer = self.output.buffer();
        patch_length(buffer, head_at, frame_bytes_max);
        if let Some(flags) = buffer.get_mut(head_at + 4) {
            *flags &= !END_HEADERS;
        }
        let mut chunks = rest.chunks(frame_bytes_max).peekable();
        while let Some(chunk) = chunks.next() {
            let flags = if chunks.peek().is_none() { END_HEADERS } else { 0 };
            put_head(buffer, chunk.len(), continuation::KIND, flags, id);
            buffer.extend_from_slice(chunk);
        }
    }
}

/// Appends the first so many of some bytes. All are copied, because a fixed number of them is copied faster, and what is
/// too much is cut off.
#[inline]
fn put_front<const BYTES: usize>(output: &mut BytesMut, bytes: &[u8; BYTES], length: usize) {
    let end = output.len() + length;
    output.extend_from_slice(bytes);
    output.truncate(end);
}
