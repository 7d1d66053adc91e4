//! The number of a stream.

use std::fmt;

/// The number of a stream, RFC 9113 section 5.1.1: odd from the client, even from the server, zero the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u32);

impl StreamId {
    /// The connection itself.
    pub const ZERO: StreamId = StreamId(0);
    /// The largest number: 31 bits.
    pub const MAX: StreamId = StreamId(0x7fff_ffff);

    /// The stream of this number; the highest bit is reserved and dropped.
    #[inline]
    #[must_use]
    pub const fn new(id: u32) -> Self {
        StreamId(id & 0x7fff_ffff)
    }

    /// The number.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether clients open streams of such a number.
    #[inline]
    #[must_use]
    pub const fn is_client_initiated(self) -> bool {
        self.0 & 1 == 1
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
