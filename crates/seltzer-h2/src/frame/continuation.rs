//! CONTINUATION, RFC 9113 section 6.10: more of a header block.

/// The frame's type.
pub(crate) const KIND: u8 = 0x9;
