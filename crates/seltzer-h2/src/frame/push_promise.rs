//! PUSH_PROMISE, RFC 9113 section 6.6. Push is off (SETTINGS_ENABLE_PUSH = 0), so that any such frame is an error.

/// The frame's type.
pub(crate) const KIND: u8 = 0x5;
