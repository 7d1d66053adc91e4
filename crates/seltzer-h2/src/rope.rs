//! Bytes on their way out: small ones are written, large ones taken over as they are.
//!
//! The one place with `unsafe` in it: `BufMut` is an unsafe trait, and only a `BufMut` of our own sees a message's
//! `Bytes` before they are copied. Copying them costs more than all the rest of sending a large message.

use crate::limits::COPY_BYTES_MAX;
use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::VecDeque;

/// Bytes on their way out: a buffer for what is written, with large pieces between that are only referred to.
///
/// As a [`BufMut`] it takes over what is put in as `Bytes` of more than [`COPY_BYTES_MAX`], and copies anything else.
///
/// ```
/// use bytes::{BufMut, Bytes};
///
/// let large = Bytes::from(vec![7; 10_000]);
/// let mut rope = seltzer_h2::Rope::default();
/// rope.put_slice(b"head");
/// rope.put(large.clone());
/// rope.put_slice(b"tail");
/// assert_eq!(rope.len(), 10_008);
/// assert_eq!(rope.pop_front().unwrap(), "head");
/// assert_eq!(rope.pop_front().unwrap().as_ptr(), large.as_ptr());
/// assert_eq!(rope.pop_front().unwrap(), "tail");
/// assert!(rope.pop_front().is_none());
/// ```
#[derive(Debug, Default)]
pub struct Rope {
    pub(crate) buffer: BytesMut,
    pub(crate) pieces: VecDeque<Piece>,
    pub(crate) piece_bytes: usize,
    /// How much of the buffer was taken out at the front while pieces were left, whose places still count it.
    taken: usize,
}

/// Bytes that were taken over, and that belong before the buffer's byte `at`, counted from where the buffer began.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) at: usize,
    pub(crate) bytes: Bytes,
}

/// A place in a [`Rope`], to come back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub(crate) at: usize,
    pub(crate) pieces: usize,
    length: usize,
}

impl Mark {
    /// Where it lies in what [`Rope::written`] gives.
    #[inline]
    #[must_use]
    pub fn at(self) -> usize {
        self.at
    }
}

impl Rope {
    /// All bytes, written and taken over.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len() + self.piece_bytes
    }

    /// Whether there is no byte.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.pieces.is_empty()
    }

    /// The buffer of what is written, to append to it. Whoever shortens it takes away what others have written.
    #[inline]
    pub fn written(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Appends bytes without copying them, however few they are.
    #[inline]
    pub fn take_over(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.piece_bytes += bytes.len();
            self.pieces.push_back(Piece { at: self.taken + self.buffer.len(), bytes });
        }
    }

    /// Moves all bytes of another rope to the end of this one; what is written and short is copied.
    pub fn append(&mut self, other: &mut Rope) {
        if other.pieces.is_empty() && other.buffer.len() <= COPY_BYTES_MAX {
            self.buffer.extend_from_slice(&other.buffer);
            other.buffer.clear();
        }
        while let Some(bytes) = other.pop_front() {
            self.put(bytes);
        }
    }

    /// Takes all bytes away, and keeps the buffer.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.pieces.clear();
        self.piece_bytes = 0;
        self.taken = 0;
    }

    /// The end as it is now.
    #[inline]
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { at: self.buffer.len(), pieces: self.pieces.len(), length: self.len() }
    }

    /// How many bytes have come since.
    #[inline]
    #[must_use]
    pub fn since(&self, mark: Mark) -> usize {
        self.len().saturating_sub(mark.length)
    }

    /// Takes away what has come since.
    pub fn truncate(&mut self, mark: Mark) {
        self.buffer.truncate(mark.at);
        while self.pieces.len() > mark.pieces {
            self.piece_bytes -= self.pieces.pop_back().map_or(0, |piece| piece.bytes.len());
        }
    }

    /// Takes out what has come since. What is written and short is copied, so that it does not hold the buffer.
    pub(crate) fn split_off(&mut self, mark: Mark) -> VecDeque<Bytes> {
        let mut parts = VecDeque::new();
        let mut written = if self.buffer.len().saturating_sub(mark.at) <= COPY_BYTES_MAX {
            let copy = BytesMut::from(self.buffer.get(mark.at..).unwrap_or_default());
            self.buffer.truncate(mark.at);
            copy
        } else {
            self.buffer.split_off(mark.at)
        };
        let mut from = self.taken + mark.at;
        for piece in self.pieces.drain(mark.pieces.min(self.pieces.len())..) {
            self.piece_bytes -= piece.bytes.len();
            let before = written.split_to(piece.at.saturating_sub(from).min(written.len()));
            from = piece.at;
            parts.extend([before.freeze(), piece.bytes].into_iter().filter(|part| !part.is_empty()));
        }
        if !written.is_empty() {
            parts.push_back(written.freeze());
        }
        parts
    }

    /// Takes the first bytes out: all up to the first piece that was taken over, or that piece.
    pub fn pop_front(&mut self) -> Option<Bytes> {
        match self.pieces.front() {
            None => {
                self.taken = 0;
                (!self.buffer.is_empty()).then(|| self.buffer.split().freeze())
            }
            Some(piece) if piece.at == self.taken => {
                let piece = self.pieces.pop_front()?;
                self.piece_bytes -= piece.bytes.len();
                Some(piece.bytes)
            }
            Some(piece) => {
                let written = self.buffer.split_to(piece.at - self.taken).freeze();
                self.taken = piece.at;
                Some(written)
            }
        }
    }
}

// SAFETY: `chunk_mut` and `advance_mut` are those of the `BytesMut` inside, called on the same buffer and in the same
// order as they are called here. The other methods only append through safe ones of it.
#[allow(unsafe_code, reason = "the one place; see the top of the file")]
unsafe impl BufMut for Rope {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.buffer.remaining_mut()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, count: usize) {
        // SAFETY: the caller has initialised `count` bytes of the chunk that the buffer gave out.
        unsafe { self.buffer.advance_mut(count) }
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        self.buffer.chunk_mut()
    }

    #[inline]
    fn put<T: Buf>(&mut self, mut source: T) {
        while source.has_remaining() {
            let length = source.chunk().len();
            if length > COPY_BYTES_MAX {
                // `Bytes` hand themselves over here; any other source is copied, as it would be anyway.
                self.take_over(source.copy_to_bytes(length));
            } else {
                self.buffer.extend_from_slice(source.chunk());
                source.advance(length);
            }
        }
    }

    #[inline]
    fn put_slice(&mut self, source: &[u8]) {
        self.buffer.extend_from_slice(source);
    }

    #[inline]
    fn put_bytes(&mut self, value: u8, count: usize) {
        self.buffer.put_bytes(value, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = COPY_BYTES_MAX + 1;

    fn parts(rope: &mut Rope) -> Vec<Bytes> {
        std::iter::from_fn(|| rope.pop_front()).collect()
    }

    fn lengths(parts: impl IntoIterator<Item = Bytes>) -> Vec<usize> {
        parts.into_iter().map(|part| part.len()).collect()
    }

    #[test]
    fn large_bytes_are_taken_over_and_anything_else_is_copied() {
        let large = Bytes::from(vec![1; LARGE]);
        let mut rope = Rope::default();
        rope.put(large.clone());
        rope.put(Bytes::from(vec![2; COPY_BYTES_MAX]));
        rope.put_u8(3);
        rope.put(&vec![4; LARGE][..]);
        rope.put(large.clone().chain(large.clone()));
        rope.put_bytes(5, LARGE);
        rope.put_slice(&[6; LARGE]);
        assert_eq!(rope.len(), 6 * LARGE + COPY_BYTES_MAX + 1);
        let parts = parts(&mut rope);
        assert_eq!((rope.is_empty(), rope.len()), (true, 0));
        assert!([0, 3, 4].iter().all(|&index| parts[index].as_ptr() == large.as_ptr()), "not taken over");
        assert_eq!(lengths(parts), [LARGE, COPY_BYTES_MAX + 1, LARGE, LARGE, LARGE, 2 * LARGE]);
    }

    #[test]
    fn what_is_written_through_chunks_is_there() {
        let mut rope = Rope::default();
        for count in 0..100_u8 {
            rope.put_u64(u64::from(count));
            rope.put_f32_le(f32::from(count));
        }
        let bytes = rope.pop_front().expect("1,200 bytes");
        assert_eq!(bytes.len(), 1200);
        assert_eq!(&bytes[12..24], [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x80, 0x3f]);
    }

    #[test]
    fn a_rope_is_appended_to_another() {
        let large = Bytes::from(vec![1; LARGE]);
        let mut short = Rope::default();
        short.put_slice(b"short");
        let mut long = Rope::default();
        long.put_slice(b"long");
        long.put(large.clone());
        let mut rope = Rope::default();
        for part in [&mut short, &mut long] {
            rope.append(part);
            assert!(part.is_empty());
        }
        let parts = parts(&mut rope);
        assert_eq!((&parts[0][..], parts[1].as_ptr(), parts.len()), (&b"shortlong"[..], large.as_ptr(), 2));
    }

    #[test]
    fn bytes_are_appended_while_others_are_taken_out() {
        let (mut rope, mut expected, mut got) = (Rope::default(), Vec::new(), Vec::new());
        for round in 0..100_u8 {
            for length in [1, LARGE, 3] {
                let bytes = vec![round; length];
                expected.extend_from_slice(&bytes);
                rope.put(Bytes::from(bytes));
            }
            for _ in 0..usize::from(round % 4) {
                got.extend_from_slice(&rope.pop_front().unwrap_or_default());
            }
            let mark = rope.mark();
            rope.put_slice(b"not to stay");
            rope.put(Bytes::from(vec![0; LARGE]));
            if round % 2 == 0 {
                rope.truncate(mark);
            } else {
                drop(rope.split_off(mark));
            }
            assert_eq!(rope.len(), expected.len() - got.len(), "round {round}");
        }
        got.extend(parts(&mut rope).concat());
        assert!(got == expected);
    }

    #[test]
    fn a_mark_is_a_way_back() {
        let large = Bytes::from(vec![1; LARGE]);
        let build = || {
            let mut rope = Rope::default();
            rope.put_slice(b"head");
            rope.put(large.clone());
            rope.put_slice(b"middle");
            let mark = rope.mark();
            rope.put(large.clone());
            rope.put_slice(b"more");
            rope.put(large.clone());
            assert_eq!(rope.since(mark), 2 * LARGE + 4);
            (rope, mark)
        };
        let (mut rope, mark) = build();
        rope.truncate(mark);
        assert_eq!((rope.since(mark), rope.len()), (0, LARGE + 10));
        assert_eq!(lengths(parts(&mut rope)), [4, LARGE, 6]);

        let (mut rope, mark) = build();
        assert_eq!(lengths(rope.split_off(mark)), [LARGE, 4, LARGE]);
        assert_eq!(rope.len(), LARGE + 10);
        assert_eq!(lengths(parts(&mut rope)), [4, LARGE, 6]);
    }

    #[test]
    fn a_long_written_end_is_split_off_without_a_copy() {
        let mut rope = Rope::default();
        rope.put_slice(b"head");
        let mark = rope.mark();
        rope.put_slice(&[7; LARGE]);
        let address = rope.buffer[4..].as_ptr();
        let parts = rope.split_off(mark);
        assert_eq!(parts[0].as_ptr(), address);
        assert_eq!(lengths(parts), [LARGE]);
        assert_eq!(rope.len(), 4);
    }
}
