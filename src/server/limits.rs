//! All limits of a server in one value.

use std::time::Duration;

use seltzer_h2::Limits as Http2Limits;

use crate::codec::MessageLimits;
use crate::server::Server;
use crate::transport::handshakes::HandshakeLimits;

/// Everything that a server's peers are held to, in one value: to keep it in a program's own settings, or to share it
/// among servers.
///
/// All fields start from the defaults, which ordinary clients never notice; [`Server`] has a method for most of them as
/// well. How many calls run at once is said by [`ConcurrencyLimit`](crate::server::ConcurrencyLimit), how many begin by
/// [`RateLimit`](crate::server::RateLimit).
///
/// ```
/// use std::time::Duration;
/// use seltzer::Server;
/// use seltzer::server::Limits;
///
/// let mut limits = Limits::new();
/// limits.http2.concurrent_streams_max = 100;
/// limits.http2.idle_timeout = Some(Duration::from_secs(300));
/// limits.memory_bytes = Some(1 << 30);
/// limits.tls_handshake_timeout = Duration::from_secs(3);
/// let (public, internal) = (Server::builder().limits(limits), Server::builder().limits(limits));
/// # drop((public, internal));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// What a connection may do, and how long it may take: see its own fields.
    pub http2: Http2Limits,
    /// The largest messages, in bytes. See [`Server::max_decoding_message_size`] and
    /// [`Server::max_encoding_message_size`]; services may have their own.
    pub messages: MessageLimits,
    /// See [`Server::connection_memory_budget`].
    pub connection_memory_bytes: Option<usize>,
    /// See [`Server::memory_budget`].
    pub memory_bytes: Option<usize>,
    /// How long a TLS handshake may take, unless the TLS settings say otherwise. See
    /// [`TLS_HANDSHAKE_TIMEOUT`](crate::transport::TLS_HANDSHAKE_TIMEOUT).
    pub tls_handshake_timeout: Duration,
    /// How many TLS handshakes run at a time, at least 1, unless the TLS settings say otherwise. See
    /// [`TLS_HANDSHAKES_MAX`](crate::transport::TLS_HANDSHAKES_MAX).
    pub tls_handshakes_max: usize,
}

impl Limits {
    /// What a server has unless told otherwise.
    #[must_use]
    pub fn new() -> Self {
        let handshakes = HandshakeLimits::default();
        Limits {
            http2: Http2Limits::server(),
            messages: MessageLimits::default(),
            connection_memory_bytes: None,
            memory_bytes: None,
            tls_handshake_timeout: handshakes.timeout,
            tls_handshakes_max: handshakes.concurrent_max,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::new()
    }
}

impl Server {
    /// Takes all limits at once. It replaces those that were set before; those that are set after it change them again.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.calls.limits = limits.messages;
        self.settings.limits = limits.http2;
        self.settings.connection_memory_bytes = limits.connection_memory_bytes;
        self.settings.memory_bytes = limits.memory_bytes;
        self.settings.handshakes =
            HandshakeLimits { timeout: limits.tls_handshake_timeout, concurrent_max: limits.tls_handshakes_max };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_starts_with_the_same() {
        let (told, untold) = (Server::builder().limits(Limits::new()), Server::builder());
        assert_eq!(format!("{:?}", told.settings), format!("{:?}", untold.settings));
        assert_eq!(told.calls.limits, untold.calls.limits);
    }

    #[test]
    fn each_limit_arrives() {
        let mut limits = Limits::new();
        limits.http2.header_fields_max = 1;
        limits.messages.decoding_bytes_max = 2;
        limits.messages.encoding_bytes_max = 3;
        limits.connection_memory_bytes = Some(4);
        limits.memory_bytes = Some(5);
        limits.tls_handshake_timeout = Duration::from_secs(6);
        limits.tls_handshakes_max = 7;
        let server = Server::builder().limits(limits);
        assert_eq!(server.settings.limits, limits.http2);
        assert_eq!(server.calls.limits, limits.messages);
        let settings = &server.settings;
        assert_eq!((settings.connection_memory_bytes, settings.memory_bytes), (Some(4), Some(5)));
        assert_eq!(settings.handshakes, HandshakeLimits { timeout: Duration::from_secs(6), concurrent_max: 7 });
        assert_eq!(server.memory_budget(8).settings.memory_bytes, Some(8), "what comes later holds");
    }
}
