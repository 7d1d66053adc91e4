//! What telemetry counts of calls without the feature `telemetry`: nothing.

#![allow(dead_code, reason = "less is needed with fewer features")]

use std::time::Duration;

use crate::status::Code;

/// See `server.rs`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ServerMeter {}

/// See `server.rs`. There is none.
#[derive(Debug)]
pub(crate) struct CallCount {
    pub(crate) method: String,
    pub(crate) started: u64,
    pub(crate) failed: u64,
}

/// See `server.rs`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MethodMeter {}

/// See `histogram.rs`.
pub(crate) struct Took {}

impl Took {
    pub(crate) fn of(_: Duration) -> Self {
        Took {}
    }
}

/// See `cells.rs`.
#[allow(dead_code, reason = "nobody looks at it")]
pub(crate) struct Outcome {
    pub(crate) code: Code,
    pub(crate) took: Took,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

#[allow(clippy::unused_self, reason = "with the feature there is something to do")]
impl ServerMeter {
    pub(crate) fn registered(self, _: &str) -> MethodMeter {
        MethodMeter {}
    }

    pub(crate) fn unknown(self, _: &str) -> MethodMeter {
        MethodMeter {}
    }

    pub(crate) fn other(self) -> MethodMeter {
        MethodMeter {}
    }

    pub(crate) fn counts(self) -> Option<Vec<CallCount>> {
        None
    }
}

#[allow(clippy::unused_self, reason = "with the feature there is something to do")]
impl MethodMeter {
    #[inline]
    pub(crate) fn happened(self, _: impl FnOnce() -> Outcome) {}
}

/// See `sizes.rs`.
#[derive(Debug, Default)]
pub(crate) struct MessageSizes {}

impl MessageSizes {
    pub(crate) fn take(&mut self, _: &[u8]) -> usize {
        0
    }
}

/// See `client.rs`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClientMeter {}

/// See `client.rs`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ChannelMeter {}

/// See `client.rs`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClientMethodMeter {}

/// See `client.rs`.
#[derive(Debug, Default)]
pub(crate) struct ClientCall {}

/// See `client.rs`.
#[derive(Debug, Default)]
pub(crate) struct ClientAttempt {}

/// See `client.rs`. There is none.
#[derive(Debug)]
pub(crate) enum UnaryAttempt {}

#[cfg(feature = "client")]
#[allow(clippy::unused_self, reason = "with the feature there is something to do")]
mod client {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use tokio::time::Instant;

    use crate::meter::{ChannelMeter, ClientAttempt, ClientCall, ClientMeter, ClientMethodMeter, UnaryAttempt};
    use crate::status::Code;

    impl ClientMeter {
        pub(crate) fn is_on(self) -> bool {
            false
        }

        pub(crate) fn of_target(self, _: &str) -> ChannelMeter {
            ChannelMeter {}
        }
    }

    impl ChannelMeter {
        pub(crate) fn is_on(self) -> bool {
            false
        }

        pub(crate) fn method(self, _: &str) -> ClientMethodMeter {
            ClientMethodMeter {}
        }

        pub(crate) fn other(self) -> ClientMethodMeter {
            ClientMethodMeter {}
        }
    }

    impl ClientMethodMeter {
        pub(crate) fn is_on(self) -> bool {
            false
        }

        pub(crate) fn begin(self, _: Option<Instant>) -> ClientCall {
            ClientCall {}
        }
    }

    impl ClientCall {
        pub(crate) fn unary_attempt(&self, _: bool) -> Option<UnaryAttempt> {
            None
        }

        pub(crate) fn end_attempt(&self, _: &UnaryAttempt, _: Code) {}

        pub(crate) fn end_unary(self, _: Option<UnaryAttempt>, _: Code, _: Option<Instant>) {}

        pub(crate) fn attempt(&self) -> ClientAttempt {
            ClientAttempt {}
        }

        pub(crate) fn retries_after(&self, _: Duration) {}

        pub(crate) fn retries_transparently(&self) {}

        pub(crate) fn hedges(&self) {}

        pub(crate) fn end(self, _: Code) {}

        pub(crate) fn end_with(self, _: ClientAttempt, _: Code) {}

        pub(crate) fn forget(self) {}
    }

    impl UnaryAttempt {
        pub(crate) fn sent(&mut self, _: u64) {}

        pub(crate) fn received(&mut self, _: u64) {}
    }

    impl ClientAttempt {
        pub(crate) fn is_on(&self) -> bool {
            false
        }

        pub(crate) fn sent_by(&mut self, _: Arc<AtomicU64>) {}

        pub(crate) fn sent(&mut self, _: u64) {}

        pub(crate) fn received(&mut self, _: u64) {}

        pub(crate) fn end(self, _: Code) {}
    }
}
