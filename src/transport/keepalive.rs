//! How often the connections of a channel ping their servers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a server says to a client that pings too often (gRFC A8).
const TOO_MANY_PINGS: &[u8] = b"too_many_pings";

/// How much longer a channel waits between pings after a server complained.
const SLOWDOWN: u32 = 2;

/// The least interval between pings that a channel has learned from its servers. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeepalivePace(Arc<Mutex<Option<Duration>>>);

/// The pace as one connection uses it.
#[derive(Debug, Clone)]
pub(crate) struct KeepaliveUse {
    pub(crate) pace: KeepalivePace,
    /// The interval of this connection.
    pub(crate) interval: Option<Duration>,
}

impl KeepalivePace {
    /// The interval of a new connection, given the one that the user has set.
    pub(crate) fn interval(&self, set: Option<Duration>) -> Option<Duration> {
        set.map(|set| self.learned().map_or(set, |learned| learned.max(set)))
    }

    fn learned(&self) -> Option<Duration> {
        // A value is whole whenever the lock is free.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeepaliveUse {
    /// The server has ended the connection for an excess of something, and said what.
    pub(crate) fn take_complaint(&self, text: &[u8]) {
        let Some(interval) = self.interval.filter(|_| text == TOO_MANY_PINGS) else { return };
        let slower = interval.saturating_mul(SLOWDOWN);
        let mut learned = self.pace.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Several connections that used the same interval hear the same complaint; it counts once.
        *learned = Some(learned.map_or(slower, |learned| learned.max(slower)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_double_the_interval_once_for_all_connections_that_used_it() {
        let pace = KeepalivePace::default();
        let set = Some(Duration::from_secs(10));
        let connection = || KeepaliveUse { pace: pace.clone(), interval: pace.interval(set) };
        let (first, second) = (connection(), connection());
        first.take_complaint(b"something else");
        assert_eq!(pace.interval(set), set);
        first.take_complaint(TOO_MANY_PINGS);
        second.take_complaint(TOO_MANY_PINGS);
        assert_eq!(pace.interval(set), Some(Duration::from_secs(20)));
        connection().take_complaint(TOO_MANY_PINGS);
        assert_eq!(pace.interval(set), Some(Duration::from_secs(40)));
        assert_eq!(pace.interval(None), None, "no keepalive stays none");
        assert_eq!(KeepalivePace::default().interval(set), set, "other channels know nothing of it");
    }
}
