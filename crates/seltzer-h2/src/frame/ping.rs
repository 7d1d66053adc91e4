//! PING, RFC 9113 section 6.7.

use crate::frame::{ACK, put_head};
use crate::stream_id::StreamId;
use bytes::BytesMut;

/// The frame's type.
pub(crate) const KIND: u8 = 0x6;

/// Opaque bytes.
pub(crate) const PAYLOAD_BYTES: usize = 8;

/// Appends the frame.
pub(crate) fn put(output: &mut BytesMut, payload: [u8; PAYLOAD_BYTES], is_ack: bool) {
    put_head(output, PAYLOAD_BYTES, KIND, if is_ack { ACK } else { 0 }, StreamId::ZERO);
    output.extend_from_slice(&payload);
}
