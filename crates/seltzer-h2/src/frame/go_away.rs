//! GOAWAY, RFC 9113 section 6.8.

use crate::error::Reason;
use crate::frame::{number, put_head};
use crate::stream_id::StreamId;
use bytes::BytesMut;

/// The frame's type.
pub(crate) const KIND: u8 = 0x7;

/// The last stream and an error code; text for people may follow.
pub(crate) const PAYLOAD_BYTES_MIN: usize = 8;

/// Text of our own is cut there.
const DEBUG_BYTES_MAX: usize = 1024;

/// Text of the peer is cut there: it is kept for messages.
const PEER_DEBUG_BYTES_MAX: usize = 256;

/// Reads a payload; `None`: too short.
pub(crate) fn parse(payload: &[u8]) -> Option<(StreamId, Reason, &[u8])> {
    let last = number(payload)?;
    let code = number(payload.get(4..)?)?;
    let debug = &payload[PAYLOAD_BYTES_MIN..];
    Some((StreamId::new(last), Reason::from_code(code), &debug[..debug.len().min(PEER_DEBUG_BYTES_MAX)]))
}

/// Appends the frame.
pub(crate) fn put(output: &mut BytesMut, last: StreamId, reason: Reason, debug: &[u8]) {
    let debug = &debug[..debug.len().min(DEBUG_BYTES_MAX)];
    put_head(output, PAYLOAD_BYTES_MIN + debug.len(), KIND, 0, StreamId::ZERO);
    output.extend_from_slice(&last.get().to_be_bytes());
    output.extend_from_slice(&reason.code().to_be_bytes());
    output.extend_from_slice(debug);
}
