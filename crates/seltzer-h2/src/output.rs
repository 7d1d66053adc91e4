//! What waits to be written to the socket: small bytes in one buffer, large ones by reference.

use crate::frame::{self, END_STREAM, FRAME_BYTES_MIN, data};
use crate::limits::COPY_BYTES_MAX;
use crate::rope::{Mark, Rope};
use crate::stream_id::StreamId;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Small DATA frames of one stream are merged up to this payload: receivers pay by the frame.
pub(crate) const MERGED_DATA_BYTES_MAX: usize = FRAME_BYTES_MIN as usize;
/// Written bytes that may stay in front of the buffer until it is moved.
const WRITTEN_BYTES_KEPT: usize = 64 * 1024;
/// Above this capacity an idle connection gives its buffer back.
const IDLE_CAPACITY_MAX: usize = 4 * 1024;

/// The output of a connection.
#[derive(Debug, Default)]
pub(crate) struct Output {
    rope: Rope,
    /// How much of the rope's buffer is written already.
    written: usize,
    /// The frame at the end of the buffer, if it is DATA that may still grow.
    last_data: Option<OpenData>,
    control: ControlQueue,
}

/// A DATA frame: whose it is, where its head is, and how much of its payload is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenData {
    stream: StreamId,
    head_at: usize,
    length: usize,
}

/// Where the payload of a DATA frame begins or goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BegunData {
    frame: OpenData,
    pub(crate) mark: Mark,
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
        self.rope.len() - self.written
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rope.buffer.len() == self.written && self.rope.pieces.is_empty()
    }

    /// The buffer, to append whole frames.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        self.last_data = None;
        &mut self.rope.buffer
    }

    /// Where the next byte of the buffer goes.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.rope.buffer.len()
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

    /// Begins a DATA frame of this stream, or continues one that has room for so much more.
    #[inline]
    pub(crate) fn begin_data(&mut self, stream: StreamId, room: usize, frame_bytes_max: usize) -> BegunData {
        let frame = match self.last_data {
            Some(open)
                if open.stream == stream && open.head_at >= self.written && open.length + room <= frame_bytes_max =>
            {
                open
            }
            _ => {
                let head_at = self.rope.buffer.len();
                frame::put_head(&mut self.rope.buffer, 0, data::KIND, 0, stream);
                self.last_data = None;
                OpenData { stream, head_at, length: 0 }
            }
        };
        BegunData { frame, mark: self.rope.mark() }
    }

    /// How long the payload of the frame has become.
    #[inline]
    pub(crate) fn data_length(&self, begun: BegunData) -> usize {
        begun.frame.length + self.rope.since(begun.mark)
    }

    /// Ends what [`begin_data`](Self::begin_data) began: what was appended since is its payload.
    #[inline]
    pub(crate) fn end_data(&mut self, begun: BegunData, end_stream: bool) {
        let OpenData { stream, head_at, .. } = begun.frame;
        let length = self.data_length(begun);
        frame::patch_length(&mut self.rope.buffer, head_at, length);
        if end_stream && let Some(flags) = self.rope.buffer.get_mut(head_at + 4) {
            *flags |= END_STREAM;
        }
        self.last_data = (!end_stream).then_some(OpenData { stream, head_at, length });
    }

    /// Undoes [`begin_data`](Self::begin_data) and all that was appended since.
    pub(crate) fn undo_data(&mut self, begun: BegunData) {
        self.rope.truncate(begun.mark);
        if begun.frame.length > 0 {
            self.last_data = Some(begun.frame);
        } else {
            self.truncate(begun.frame.head_at);
        }
    }

    /// Takes the end of what was appended since out, if it is short and lies in the buffer: what does not fit a frame.
    pub(crate) fn split_off_short(&mut self, bytes: usize) -> Option<Bytes> {
        let at = self.rope.buffer.len().checked_sub(bytes)?;
        let is_written = self.rope.pieces.back().is_none_or(|piece| piece.at <= at);
        (is_written && bytes <= COPY_BYTES_MAX).then(|| {
            let end = Bytes::copy_from_slice(&self.rope.buffer[at..]);
            self.rope.buffer.truncate(at);
            end
        })
    }

    /// Takes back what was appended to the buffer from this position on; no large bytes have come since.
    pub(crate) fn truncate(&mut self, position: usize) {
        self.last_data = None;
        self.rope.buffer.truncate(position.max(self.written));
    }

    /// Takes the bytes of the buffer from this position on out, without copying them.
    pub(crate) fn split_off(&mut self, position: usize) -> Bytes {
        self.last_data = None;
        if position >= self.rope.buffer.len() {
            return Bytes::new();
        }
        self.rope.buffer.split_off(position).freeze()
    }

    /// The inside of a DATA frame that is begun, for whoever appends its payload.
    #[inline]
    pub(crate) fn open_rope(&mut self) -> &mut Rope {
        &mut self.rope
    }

    /// Appends data of a stream, to a frame that is already there if it has room. Its length is at most the peer's
    /// frame size.
    pub(crate) fn put_data(&mut self, stream: StreamId, bytes: Bytes, end_stream: bool, frame_bytes_max: usize) {
        if bytes.len() > COPY_BYTES_MAX {
            let begun = self.begin_data(stream, bytes.len(), frame_bytes_max);
            self.rope.take_over(bytes);
            self.end_data(begun, end_stream);
        } else {
            let begun = self.begin_data(stream, COPY_BYTES_MAX, MERGED_DATA_BYTES_MAX);
            self.rope.buffer.extend_from_slice(&bytes);
            self.end_data(begun, end_stream);
        }
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
        for piece in &self.rope.pieces {
            if !put(&self.rope.buffer[at..piece.at]) || !put(&piece.bytes) {
                return filled;
            }
            at = piece.at;
        }
        put(&self.rope.buffer[at..]);
        filled
    }

    /// So many bytes were written.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let waiting = self.len().saturating_sub(bytes);
        self.control.advance(bytes, waiting);
        let mut left = bytes;
        while left > 0 {
            let rope = &mut self.rope;
            let until = rope.pieces.front().map_or(rope.buffer.len(), |piece| piece.at);
            let step = left.min(until - self.written);
            self.written += step;
            left -= step;
            let Some(piece) = rope.pieces.front_mut() else { break };
            if left == 0 && !piece.bytes.is_empty() {
                break;
            }
            let step = left.min(piece.bytes.len());
            piece.bytes.advance(step);
            rope.piece_bytes -= step;
            left -= step;
            if piece.bytes.is_empty() {
                rope.pieces.pop_front();
            }
        }
        self.compact();
    }

    fn compact(&mut self) {
        if self.is_empty() {
            self.rope.buffer.clear();
            self.written = 0;
            self.last_data = None;
        } else if self.written >= WRITTEN_BYTES_KEPT && self.written >= self.rope.buffer.len() / 2 {
            self.rope.buffer.advance(self.written);
            for piece in &mut self.rope.pieces {
                piece.at -= self.written;
            }
            self.last_data = None;
            self.written = 0;
        }
    }

    /// Exchanges the buffer with another, if nothing waits.
    pub(crate) fn swap_buffer(&mut self, buffer: &mut BytesMut) {
        if self.is_empty() {
            std::mem::swap(&mut self.rope.buffer, buffer);
            self.rope.buffer.clear();
            self.written = 0;
            self.last_data = None;
        }
    }

    /// Gives memory back, if nothing waits.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.rope.pieces = VecDeque::new();
            if self.rope.buffer.capacity() > IDLE_CAPACITY_MAX {
                self.rope.buffer = BytesMut::new();
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
    use crate::frame::HEAD_BYTES;

    const FRAME: usize = FRAME_BYTES_MIN as usize;

    fn stream(id: u32) -> StreamId {
        StreamId::new(id)
    }

    #[test]
    fn a_frame_that_is_being_written_does_not_grow() {
        let mut output = Output::default();
        output.put_data(stream(1), Bytes::from_static(b"abc"), false, FRAME);
        output.put_data(stream(1), Bytes::from_static(b"de"), false, FRAME);
        assert_eq!(output.len(), HEAD_BYTES + 5, "merged");
        output.advance(1);
        output.put_data(stream(1), Bytes::from_static(b"f"), false, FRAME);
        assert_eq!(output.len(), HEAD_BYTES + 5 - 1 + HEAD_BYTES + 1, "its length is out already");
        output.put_data(stream(1), Bytes::from_static(b"g"), true, FRAME);
        assert_eq!(output.len(), HEAD_BYTES + 5 - 1 + HEAD_BYTES + 2);
        output.put_data(stream(1), Bytes::from_static(b"h"), true, FRAME);
        assert_eq!(output.len(), HEAD_BYTES + 5 - 1 + 2 * HEAD_BYTES + 3, "nothing follows an end");
    }

    #[test]
    fn a_merged_frame_stays_within_the_smallest_limit() {
        let mut output = Output::default();
        for _ in 0..1000 {
            output.put_data(stream(1), Bytes::from(vec![0; COPY_BYTES_MAX]), false, FRAME);
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
    fn a_large_piece_shares_its_frame_with_small_ones() {
        let mut output = Output::default();
        let large = COPY_BYTES_MAX + 1;
        for length in [5, large, 7, large, FRAME - large, FRAME - large + 1] {
            output.put_data(stream(1), Bytes::from(vec![1; length]), false, FRAME);
        }
        output.put_data(stream(1), Bytes::from(vec![1; large]), true, FRAME);
        let mut slices = [IoSlice::new(&[]); 20];
        let count = output.slices(&mut slices);
        let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
        assert_eq!(bytes.len(), output.len());
        let (mut frames, mut rest) = (Vec::new(), &bytes[..]);
        while let Some(head) = rest.first_chunk::<HEAD_BYTES>() {
            let head = frame::Head::parse(head);
            frames.push((head.length, head.flags & END_STREAM != 0));
            rest = &rest[HEAD_BYTES + head.length..];
        }
        assert!(rest.is_empty());
        assert_eq!(
            frames,
            [(12 + 2 * large, false), (FRAME - large, false), (FRAME - large + 1, false), (large, true)]
        );
    }

    #[test]
    fn the_buffer_does_not_grow_while_it_is_written() {
        let mut output = Output::default();
        for _ in 0..10_000 {
            output.put_data(stream(1), Bytes::from(vec![0; 1000]), false, FRAME);
            output.put_data(stream(3), Bytes::from(vec![0; 5000]), false, FRAME);
            // Never quite empty.
            output.advance(output.len() - 100);
        }
        assert!(output.rope.buffer.capacity() < 1 << 20, "{} bytes", output.rope.buffer.capacity());
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
