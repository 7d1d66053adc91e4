//! HEADERS, RFC 9113 section 6.2.

use crate::error::{Error, Reason};
use crate::frame::{Head, PRIORITY, priority, without_padding};

/// The frame's type.
pub(crate) const KIND: u8 = 0x1;

/// What may come with the fragment: the length of the padding, the padding, a priority.
pub(crate) const BESIDE_FRAGMENT_BYTES_MAX: usize = 1 + 255 + priority::PAYLOAD_BYTES;

/// What a HEADERS frame carries besides its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload<'p> {
    /// The header block, or its first part.
    pub(crate) fragment: &'p [u8],
    /// Whether the stream claims to depend on itself (RFC 7540 section 5.3.1).
    pub(crate) depends_on_itself: bool,
}

/// Reads a payload.
#[inline]
pub(crate) fn parse<'p>(head: &Head, payload: &'p [u8]) -> Result<Payload<'p>, Error> {
    let payload = without_padding(head, payload)?;
    if !head.has(PRIORITY) {
        return Ok(Payload { fragment: payload, depends_on_itself: false });
    }
    let Some((first, fragment)) = payload.split_first_chunk::<{ priority::PAYLOAD_BYTES }>() else {
        return Err(Error::peer(Reason::FrameSizeError, "a HEADERS frame too short for its priority"));
    };
    Ok(Payload { fragment, depends_on_itself: priority::depends_on(first) == head.stream })
}
