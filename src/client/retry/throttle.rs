//! No more retries while most calls fail.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::client::service_config::Throttling;

/// A channel's tokens: failures take them, successes give some back, and nothing is made again while half of them or
/// more are gone.
#[derive(Debug)]
pub(in crate::client) struct RetryThrottle {
    config: Throttling,
    millitokens: AtomicU32,
}

/// What a failure takes.
const FAILURE_MILLITOKENS: u32 = 1000;

impl RetryThrottle {
    /// A full one; or, where there was one before, one that is as full as that.
    pub(in crate::client) fn new(config: Throttling, before: Option<&RetryThrottle>) -> Self {
        let full = u64::from(config.millitokens_max);
        let millitokens = before.map_or(full, |before| {
            let left = u64::from(before.millitokens.load(Ordering::Relaxed));
            full * left / u64::from(before.config.millitokens_max)
        });
        RetryThrottle { config, millitokens: AtomicU32::new(u32::try_from(millitokens).unwrap_or(u32::MAX)) }
    }

    pub(in crate::client) fn config(&self) -> Throttling {
        self.config
    }

    /// A call has succeeded.
    pub(in crate::client) fn succeeded(&self) {
        let Throttling { millitokens_max, millitokens_per_success } = self.config;
        // A full one, the usual one, is left alone: nobody's cache has to hear of it.
        let _ = self.millitokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
            (tokens < millitokens_max).then(|| tokens.saturating_add(millitokens_per_success).min(millitokens_max))
        });
    }

    /// An attempt has failed in a way that counts. Tells whether another is permitted.
    pub(super) fn failed(&self) -> bool {
        let take = |tokens: u32| Some(tokens.saturating_sub(FAILURE_MILLITOKENS));
        let _ = self.millitokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        self.permits()
    }

    /// Whether another attempt is permitted.
    pub(super) fn permits(&self) -> bool {
        self.millitokens.load(Ordering::Relaxed) > self.config.millitokens_max / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_tokens_are_for_failures() {
        let config = Throttling { millitokens_max: 4_000, millitokens_per_success: 500 };
        let throttle = RetryThrottle::new(config, None);
        throttle.succeeded();
        assert!(throttle.failed(), "3 are left");
        assert!(!throttle.failed(), "2 are left: that is half");
        throttle.succeeded();
        assert!(throttle.permits(), "2.5 are left");
        for _ in 0..10 {
            throttle.failed();
        }
        assert_eq!(throttle.millitokens.load(Ordering::Relaxed), 0);
        for left in [500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 4_000] {
            throttle.succeeded();
            assert_eq!(throttle.millitokens.load(Ordering::Relaxed), left);
            assert_eq!(throttle.permits(), left > 2_000, "{left}");
        }
    }

    #[test]
    fn another_config_finds_it_as_full_as_it_was() {
        let throttle = RetryThrottle::new(Throttling { millitokens_max: 4_000, millitokens_per_success: 1 }, None);
        throttle.failed();
        let wider = Throttling { millitokens_max: 100_000, millitokens_per_success: 1 };
        assert_eq!(RetryThrottle::new(wider, Some(&throttle)).millitokens.load(Ordering::Relaxed), 75_000);
    }
}
