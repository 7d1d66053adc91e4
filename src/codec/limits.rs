//! How large a message may be.

/// The largest message that is received unless set otherwise: 4 MiB, as every gRPC implementation has it.
pub const DECODING_BYTES_MAX_DEFAULT: usize = 4 * 1024 * 1024;

/// The largest messages of a service or a client, in bytes: both as they travel and when decompressed.
///
/// A message over a limit ends its call as RESOURCE_EXHAUSTED; the connection lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageLimits {
    /// The largest message that is received. [`DECODING_BYTES_MAX_DEFAULT`] unless set.
    pub decoding_bytes_max: usize,
    /// The largest message that is sent. Unlimited unless set.
    pub encoding_bytes_max: usize,
}

impl Default for MessageLimits {
    fn default() -> Self {
        MessageLimits { decoding_bytes_max: DECODING_BYTES_MAX_DEFAULT, encoding_bytes_max: usize::MAX }
    }
}
