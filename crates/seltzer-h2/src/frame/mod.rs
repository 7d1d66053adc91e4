//! Frames, RFC 9113 sections 4.1 and 6. One file a type; each knows how its payload is read and written.

pub(crate) mod continuation;
pub(crate) mod data;
pub(crate) mod go_away;
pub(crate) mod headers;
pub(crate) mod ping;
pub(crate) mod priority;
pub(crate) mod push_promise;
pub(crate) mod rst_stream;
pub(crate) mod settings;
pub(crate) mod window_update;

use crate::error::{Error, Reason};
use crate::stream_id::StreamId;
use bytes::BytesMut;

/// What a client sends before its first frame, section 3.4.
pub(crate) const CLIENT_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame's head, section 4.1.
pub(crate) const HEAD_BYTES: usize = 9;

/// The smallest SETTINGS_MAX_FRAME_SIZE and its default, section 4.2.
pub(crate) const FRAME_BYTES_MIN: u32 = 16_384;
/// The largest SETTINGS_MAX_FRAME_SIZE: lengths have 24 bits, section 4.2.
pub(crate) const FRAME_BYTES_LIMIT: u32 = 16_777_215;

/// The stream, or the message's sender, ends here: DATA and HEADERS, sections 6.1 and 6.2.
pub(crate) const END_STREAM: u8 = 0x1;
/// The frame answers another: SETTINGS and PING, sections 6.5 and 6.7.
pub(crate) const ACK: u8 = 0x1;
/// The header block is complete, section 6.2.
pub(crate) const END_HEADERS: u8 = 0x4;
/// Padding follows the payload, section 6.1.
pub(crate) const PADDED: u8 = 0x8;
/// Five bytes of priority come first, section 6.2.
pub(crate) const PRIORITY: u8 = 0x20;

/// The head of a frame, section 4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: StreamId,
}

impl Head {
    /// Reads a head.
    #[inline]
    pub(crate) fn parse(bytes: &[u8; HEAD_BYTES]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *bytes;
        Head {
            length: u32::from_be_bytes([0, l0, l1, l2]) as usize,
            kind,
            flags,
            stream: StreamId::new(u32::from_be_bytes([s0, s1, s2, s3])),
        }
    }

    #[inline]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The bytes of a frame's head. Lengths come from our own limits, which 24 bits hold.
#[inline]
pub(crate) fn head_bytes(length: usize, kind: u8, flags: u8, stream: StreamId) -> [u8; HEAD_BYTES] {
    let [_, l0, l1, l2] = (length as u32).to_be_bytes();
    let [s0, s1, s2, s3] = stream.get().to_be_bytes();
    [l0, l1, l2, kind, flags, s0, s1, s2, s3]
}

/// Appends a frame's head.
#[inline]
pub(crate) fn put_head(output: &mut BytesMut, length: usize, kind: u8, flags: u8, stream: StreamId) {
    output.extend_from_slice(&head_bytes(length, kind, flags, stream));
}

/// Corrects the length in a head that was written before its payload was known.
#[inline]
pub(crate) fn patch_length(output: &mut BytesMut, head_at: usize, length: usize) {
    let [_, l0, l1, l2] = (length as u32).to_be_bytes();
    if let Some(place) = output.get_mut(head_at..head_at + 3) {
        place.copy_from_slice(&[l0, l1, l2]);
    }
}

/// Removes padding, section 6.1: a length byte in front, so many bytes at the end.
#[inline]
pub(crate) fn without_padding<'p>(head: &Head, payload: &'p [u8]) -> Result<&'p [u8], Error> {
    if !head.has(PADDED) {
        return Ok(payload);
    }
    let Some((&padding, rest)) = payload.split_first() else {
        return Err(Error::peer(Reason::FrameSizeError, "a padded frame without the length of its padding"));
    };
    let Some(length) = rest.len().checked_sub(usize::from(padding)) else {
        return Err(Error::peer(Reason::ProtocolError, "a frame with more padding than payload"));
    };
    Ok(&rest[..length])
}

/// The first four bytes of a payload as a number.
#[inline]
pub(crate) fn number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_goes_both_ways() {
        let bytes = head_bytes(0x01_02_03, 9, 0x25, StreamId::new(0x7fff_fffe));
        let head = Head::parse(&bytes);
        assert_eq!(head, Head { length: 0x01_02_03, kind: 9, flags: 0x25, stream: StreamId::new(0x7fff_fffe) });
        let reserved = Head::parse(&[0, 0, 0, 0, 0, 0x80, 0, 0, 1]);
        assert_eq!(reserved.stream.get(), 1, "the reserved bit is ignored");
    }

    #[test]
    fn padding() {
        let head = |flags| Head { length: 0, kind: 0, flags, stream: StreamId::new(1) };
        assert_eq!(without_padding(&head(0), b"\x02abcd").expect("no padding"), b"\x02abcd");
        assert_eq!(without_padding(&head(PADDED), b"\x02abcd").expect("two bytes"), b"ab");
        assert_eq!(without_padding(&head(PADDED), b"\x04abcd").expect("all padding"), b"");
        assert_eq!(without_padding(&head(PADDED), b"\x05abcd").map_err(|e| e.reason()), Err(Reason::ProtocolError));
        assert_eq!(without_padding(&head(PADDED), b"").map_err(|e| e.reason()), Err(Reason::FrameSizeError));
    }
}
