//! WINDOW_UPDATE, RFC 9113 section 6.9.

use crate::frame::{number, put_head};
use crate::stream_id::StreamId;
use bytes::BytesMut;

/// The frame's type.
pub(crate) const KIND: u8 = 0x8;

/// An increment of 31 bits.
pub(crate) const PAYLOAD_BYTES: usize = 4;

/// Reads the increment; the reserved bit is ignored.
#[inline]
pub(crate) fn parse(payload: &[u8]) -> u32 {
    number(payload).unwrap_or(0) & 0x7fff_ffff
}

/// Appends the frame.
#[inline]
pub(crate) fn put(output: &mut BytesMut, stream: StreamId, increment: u32) {
    put_head(output, PAYLOAD_BYTES, KIND, 0, stream);
    output.extend_from_slice(&increment.to_be_bytes());
}
