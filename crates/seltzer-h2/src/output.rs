//! What waits to be written to the socket: small bytes in one buffer, large ones by reference.

use crate::frame::{self, END_STREAM, FRAME_BYTES_MIN, HEAD_BYTES, data};
use crate::limits::COPY_BYTES_MAX;
use crate::stream_id::StreamId;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Small DATA frames of one stream are merged up to this payload: receivers pay by the frame.
const MERGED_DATA_BYTES_MAX: usize = FRAME_BYTES_MIN as usize;
/// Written bytes that may stay in front of the buffer until it is moved.
const WRITTEN_BYTES_KEPT: usize = 64 * 1024;
/// Above this capacity an idle connection gives its buffer back.
const IDLE_CAPACITY_MAX: usize = 4 * 1024;

/// The output of a connection.
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: BytesMut,
    /// How much of the buffer is written already.
    written: usize,
    segments: VecDeque<Segment>,
    segment_bytes: usize,
    /// The frame at the end of the buffer, if it is DATA that may still grow.
    last_data: Option<OpenData>,
    control: ControlQueue,
}

/// Large bytes, to be written before the buffer's byte `at`.
#[derive(Debug)]
struct Segment {
    at: usize,
    bytes: Bytes,
}

#[derive(Debug, Clone, Copy)]
struct OpenData {
    stream: StreamId,
    head_at: usize,
}

/// How many frames that the peer caused are waiting. Counted in two generations, because nobody looks for them in
/// the bytes: the older ones are gone once everything before the mark is written.
#[derive(Debug, Default)]
struct ControlQueue {
    older: u32,
    newer: u32,
    /// Bytes to be written until the older ones are gone.
    mark: usize,
}

impl Output {
    /// Bytes that wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.written + self.segment_bytes
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.len() == self.written && self.segments.is_empty()
    }

    /// The buffer, to append whole frames.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        self.last_data = None;
        &mut self.buffer
    }

    /// Where the next byte of the buffer goes.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.buffer.len()
    }

    /// Counts a frame that the peer caused and that was just appended.
    #[inline]
    pub(crate) fn count_control(&mut self) {
        if self.control.older == 0 {
            self.control.older = 1;
            self.control.mark = self.len();
        } else {
            self.control.newer += 1;
        }
    }

    /// Frames that the peer caused and that wait.
    #[inline]
    pub(crate) fn control_frames(&self) -> u32 {
        self.control.older + self.control.newer
    }

    /// Begins a DATA frame of this stream, or continues one that has room for a small piece. Returns where its head
    /// is, and where the new payload begins.
    #[inline]
    pub(crate) fn begin_data(&mut self, stream: StreamId) -> (usize, usize) {
        if let Some(open) = self.last_data
            && open.stream == stream
            && open.head_at >= self.written
            && self.buffer.len() - open.head_at - HEAD_BYTES + COPY_BYTES_MAX <= MERGED_DATA_BYTES_MAX
        {
            return (open.head_at, self.buffer.len());
        }
        let head_at = self.buffer.len();
        frame::put_head(&mut self.buffer, 0, data::KIND, 0, stream);
        self.last_data = None;
        (head_at, self.buffer.len())
    }

    /// Ends what [`begin_data`](Self::begin_data) began, whose payload reaches to the buffer's end.
    #[inline]
    pub(crate) fn end_data(&mut self, stream: StreamId, head_at: usize, end_stream: bool) {
        let length = self.buffer.len().saturating_sub(head_at + HEAD_BYTES);
        frame::patch_length(&mut self.buffer, head_at, length);
        if end_stream && let Some(flags) = self.buffer.get_mut(head_at + 4) {
            *flags |= END_STREAM;
        }
        self.last_data = (!end_stream).then_some(OpenData { stream, head_at });
    }

    /// Undoes [`begin_data`](Self::begin_data) and all that was appended since, from this position on.
    pub(crate) fn undo_data(&mut self, stream: StreamId, head_at: usize, payload_at: usize) {
        if payload_at > head_at + HEAD_BYTES {
            self.truncate(payload_at);
            self.last_data = Some(OpenData { stream, head_at });
        } else {
            self.truncate(head_at);
        }
    }

    /// Takes back what was appended to the buffer from this position on.
    pub(crate) fn truncate(&mut self, position: usize) {
        self.last_data = None;
        self.buffer.truncate(position.max(self.written));
    }

    /// Takes the bytes from this position on out, without copying them.
    pub(crate) fn split_off(&mut self, position: usize) -> Bytes {
        self.last_data = None;
        if position >= self.buffer.len() {
            return Bytes::new();
        }
        self.buffer.split_off(position).freeze()
    }

    /// The buffer inside a DATA frame that is open, for whoever appends its payload.
    #[inline]
    pub(crate) fn open_buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Appends data of a stream, small pieces to a frame that is already there. Its length is at most the peer's
    /// frame size.
    pub(crate) fn put_data(&mut self, stream: StreamId, bytes: Bytes, end_stream: bool) {
        if bytes.len() > COPY_BYTES_MAX {
            let flags = if end_stream { END_STREAM } else { 0 };
            frame::put_head(&mut self.buffer, bytes.len(), data::KIND, flags, stream);
            self.last_data = None;
            self.segment_bytes += bytes.len();
            self.segments.push_back(Segment { at: self.buffer.len(), bytes });
            return;
        }
        let (head_at, _) = self.begin_data(stream);
        self.buffer.extend_from_slice(&bytes);
        self.end_data(stream, head_at, end_stream);
    }

    /// Fills slices with what waits, in order; returns how many.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        let mut at = self.written;
        let mut put = |bytes: &'a [u8]| match slices.get_mut(filled) {
            Some(slice) if !bytes.is_empty() => {
                *slice = IoSlice::new(bytes);
                filled += 1;
                true
            }
            Some(_) => true,
            None => false,
        };
        for segment in &self.segments {
            if !put(&self.buffer[at..segment.at]) || !put(&segment.bytes) {
                return filled;
            }
            at = segment.at;
        }
        put(&self.buffer[at..]);
        filled
    }

    /// So many bytes were written.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let waiting = self.len().saturating_sub(bytes);
        self.control.advance(bytes, waiting);
        let mut left = bytes;
        while left > 0 {
            let until = self.segments.front().map_or(self.buffer.len(), |segment| segment.at);
            let step = left.min(until - self.written);
            self.written += step;
            left -= step;
            let Some(segment) = self.segments.front_mut() else { break };
            if left == 0 && !segment.bytes.is_empty() {
                break;
            }
            let step = left.min(segment.bytes.len());
            segment.bytes.advance(step);
            self.segment_bytes -= step;
            left -= step;
            if segment.bytes.is_empty() {
                self.segments.pop_front();
            }
        }
        self.compact();
    }

    fn compact(&mut self) {
        if self.is_empty() {
            self.buffer.clear();
            self.written = 0;
            self.last_data = None;
        } else if self.written >= WRITTEN_BYTES_KEPT && self.written >= self.buffer.len() / 2 {
            self.buffer.advance(self.written);
            for segment in &mut self.segments {
                segment.at -= self.written;
            }
            self.last_data = None;
            self.written = 0;
        }
    }

    /// Exchanges the buffer with another, if nothing waits.
    pub(crate) fn swap_buffer(&mut self, buffer: &mut BytesMut) {
        if self.is_empty() {
            std::mem::swap(&mut self.buffer, buffer);
            self.buffer.clear();
            self.written = 0;
            self.last_data = None;
        }
    }

    /// Gives memory back, if nothing waits.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.segments = VecDeque::new();
            if self.buffer.capacity() > IDLE_CAPACITY_MAX {
                self.buffer = BytesMut::new();
            }
        }
    }
}

impl ControlQueue {
    #[inline]
    fn advance(&mut self, bytes: usize, waiting: usize) {
        if self.older == 0 {
            return;
        }
        self.mark = self.mark.saturating_sub(bytes);
        if waiting == 0 {
            *self = ControlQueue::default();
        } else if self.mark == 0 {
            *self = ControlQueue { older: self.newer, newer: 0, mark: waiting };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(id: u32) -> StreamId {
        StreamId::new(id)
    }

    #[test]
    fn a_frame_that_is_being_written_does_not_grow() {
        let mut output = Output::default();
        output.put_data(stream(1), Bytes::from_static(b"abc"), false);
        output.put_data(stream(1), Bytes::from_static(b"de"), false);
        assert_eq!(output.len(), HEAD_BYTES + 5, "merged");
        output.advance(1);
        output.put_data(stream(1), Bytes::from_static(b"f"), false);
        assert_eq!(output.len(), HEAD_BYTES + 5 - 1 + HEAD_BYTES + 1, "its length is out already");
        output.put_data(stream(1), Bytes::from_static(b"g"), true);
        assert_eq!(output.len(), HEAD_BYTES + 5 - 1 + HEAD_BYTES + 2);
        output.put_data(stream(1), Bytes::from_static(b"h"), true);
        assert_eq!(output.len(), HEAD_BYTES + 5 - 1 + 2 * HEAD_BYTES + 3, "nothing follows an end");
    }

    #[test]
    fn a_merged_frame_stays_within_the_smallest_limit() {
        let mut output = Output::default();
        for _ in 0..1000 {
            output.put_data(stream(1), Bytes::from(vec![0; COPY_BYTES_MAX]), false);
        }
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!(output.slices(&mut slices), 1);
        let mut bytes = &slices[0][..];
        while let Some(head) = bytes.first_chunk::<HEAD_BYTES>() {
            let head = frame::Head::parse(head);
            assert!(head.length <= FRAME_BYTES_MIN as usize, "{} bytes", head.length);
            bytes = &bytes[HEAD_BYTES + head.length..];
        }
    }

    #[test]
    fn the_buffer_does_not_grow_while_it_is_written() {
        let mut output = Output::default();
        for _ in 0..10_000 {
            output.put_data(stream(1), Bytes::from(vec![0; 1000]), false);
            output.put_data(stream(3), Bytes::from(vec![0; 5000]), false);
            // Never quite empty.
            output.advance(output.len() - 100);
        }
        assert!(output.buffer.capacity() < 1 << 20, "{} bytes", output.buffer.capacity());
        assert_eq!(output.len(), 100);
    }

    #[test]
    fn control_frames_are_forgotten_when_they_are_written() {
        let mut output = Output::default();
        let put = |output: &mut Output| {
            output.buffer().extend_from_slice(b"12345");
            output.count_control();
        };
        for _ in 0..4 {
            put(&mut output);
        }
        assert_eq!(output.control_frames(), 4);
        output.advance(5);
        assert_eq!(output.control_frames(), 3, "the first generation is one frame");
        output.advance(14);
        assert_eq!(output.control_frames(), 3);
        output.advance(1);
        assert_eq!(output.control_frames(), 0);
    }
}
