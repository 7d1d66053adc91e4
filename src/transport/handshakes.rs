//! What TLS handshakes of a server may take.

use std::time::Duration;

/// How long a handshake may take: a client that began one and does not go on holds memory.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many handshakes run at a time.
///
/// One holds about 40 KiB while it lasts and takes a millisecond of a processor, so that a thousand clients that come
/// at once, after an outage perhaps, cost 40 MiB and wait a second at most. Fewer would be too few for clients far
/// away: at 200 ms for a round trip these are still 5,000 handshakes a second.
pub const TLS_HANDSHAKES_MAX: usize = 1024;

/// What holds where the TLS settings themselves say nothing, reloaded ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HandshakeLimits {
    pub(crate) timeout: Duration,
    pub(crate) concurrent_max: usize,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        HandshakeLimits { timeout: TLS_HANDSHAKE_TIMEOUT, concurrent_max: TLS_HANDSHAKES_MAX }
    }
}
