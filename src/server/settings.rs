//! What a server is told that concerns connections rather than calls.

use std::sync::Arc;
use std::time::Duration;

use seltzer_h2::Limits;

use crate::transport::carrier::Carrier;
use crate::transport::h2::{Budget, Memory, ReadyQueue, connection_bytes_max};
use crate::transport::handshakes::HandshakeLimits;
use crate::transport::tcp::TcpSettings;

/// How long calls may go on after the server was told to stop.
const DRAIN_GRACE_DEFAULT: Duration = Duration::from_secs(30);

/// The settings of a server's connections.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) tcp: TcpSettings,
    pub(crate) drain_grace: Duration,
    pub(crate) carrier: Carrier,
    pub(crate) workers: Option<usize>,
    pub(crate) tcp_congestion: Option<String>,
    /// What may wait on a connection, and on all of them; see `transport::h2`.
    pub(crate) connection_memory_bytes: Option<usize>,
    pub(crate) memory_bytes: Option<usize>,
    #[cfg_attr(not(feature = "_tls"), allow(dead_code, reason = "there are no handshakes"))]
    pub(crate) handshakes: HandshakeLimits,
}

impl Settings {
    /// What all connections may use together.
    pub(crate) fn budget(&self) -> Option<Arc<Budget>> {
        self.memory_bytes.map(Budget::new)
    }

    /// What the calls of a new connection share.
    pub(crate) fn shared_by_calls(&self, budget: Option<&Arc<Budget>>) -> Arc<ReadyQueue> {
        let bytes_max = self.connection_memory_bytes.unwrap_or_else(|| connection_bytes_max(&self.limits));
        match budget {
            Some(budget) => budget.connection(bytes_max),
            None => ReadyQueue::with_memory(Memory::new(bytes_max)),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            limits: Limits::server(),
            tcp: TcpSettings { nodelay: true, keepalive: None, user_timeout: None },
            drain_grace: DRAIN_GRACE_DEFAULT,
            carrier: Carrier::default(),
            workers: None,
            tcp_congestion: None,
            connection_memory_bytes: None,
            memory_bytes: None,
            handshakes: HandshakeLimits::default(),
        }
    }
}
