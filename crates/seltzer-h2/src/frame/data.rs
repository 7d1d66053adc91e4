//! DATA, RFC 9113 section 6.1. Its payload is handed over in parts and never parsed as a whole.

/// The frame's type.
pub(crate) const KIND: u8 = 0x0;
