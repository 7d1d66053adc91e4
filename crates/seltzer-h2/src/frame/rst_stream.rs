//! RST_STREAM, RFC 9113 section 6.4.

use crate::error::Reason;
use crate::frame::put_head;
use crate::stream_id::StreamId;
use bytes::BytesMut;

/// The frame's type.
pub(crate) const KIND: u8 = 0x3;

/// An error code.
pub(crate) const PAYLOAD_BYTES: usize = 4;

/// Appends the frame.
pub(crate) fn put(output: &mut BytesMut, stream: StreamId, reason: Reason) {
    put_head(output, PAYLOAD_BYTES, KIND, 0, stream);
    output.extend_from_slice(&reason.code().to_be_bytes());
}
