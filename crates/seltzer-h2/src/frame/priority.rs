//! PRIORITY, RFC 9113 section 6.3: checked, then ignored, as its section 5.3.2 says.

use crate::stream_id::StreamId;

/// The frame's type.
pub(crate) const KIND: u8 = 0x2;

/// A dependency and a weight.
pub(crate) const PAYLOAD_BYTES: usize = 5;

/// The stream that this one depends on.
#[inline]
pub(crate) fn depends_on(payload: &[u8; PAYLOAD_BYTES]) -> StreamId {
    let [s0, s1, s2, s3, _weight] = *payload;
    StreamId::new(u32::from_be_bytes([s0, s1, s2, s3]))
}
