//! What telemetry wants to know of a call, without the feature `telemetry`: nothing.

use std::time::Duration;

use crate::context::Context;
use crate::status::Code;

/// See `counting.rs`.
#[derive(Debug, Default)]
pub(super) struct Counts {}

#[allow(clippy::unused_self, reason = "with the feature there is something to do")]
impl Counts {
    #[cfg(feature = "server")]
    pub(super) fn renew(&mut self) {}
}

#[allow(clippy::unused_self, reason = "with the feature there is something to do")]
impl Context {
    pub(crate) fn is_counted(&self) -> bool {
        false
    }

    pub(crate) fn count_start(&self) {}

    pub(crate) fn count_answer(&self, _: Option<Code>) {}

    pub(crate) fn count_end(&self, _: Code, _: Duration) {}

    #[cfg(feature = "server")]
    #[inline]
    pub(crate) fn count_answered(&self, _: impl FnOnce() -> (Duration, usize)) {}

    pub(crate) fn counter(&self) -> Counter {
        Counter {}
    }

    pub(crate) fn count_received(&self, _: usize) {}
}

/// See `counting.rs`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counter {}

#[allow(clippy::unused_self, reason = "with the feature there is something to do")]
impl Counter {
    pub(crate) fn is_on(self) -> bool {
        false
    }

    pub(crate) fn received(self, _: usize) {}

    pub(crate) fn sent(self, _: usize) {}
}
