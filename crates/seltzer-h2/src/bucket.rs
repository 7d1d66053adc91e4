//! A token bucket: floods are judged by rate, never by lifetime counts.

use std::time::Instant;

/// How often something may happen: so many at once, and so many a second in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many may come at once.
    pub burst: u32,
    /// How many come back each second.
    pub per_second: u32,
}

impl Rate {
    /// A rate of so many at once and so many a second.
    #[must_use]
    pub const fn new(burst: u32, per_second: u32) -> Self {
        Rate { burst, per_second }
    }
}

/// What is left of a [`Rate`].
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    tokens: u32,
    /// Up to when tokens came back.
    refilled: Instant,
}

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Bucket { rate, tokens: rate.burst, refilled: now }
    }

    /// Takes a token; `false`: there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let Some(left) = self.tokens.checked_sub(1) else {
            return false;
        };
        self.tokens = left;
        true
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.refilled);
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let per_second = u64::from(self.rate.per_second);
        let come_back = nanoseconds.saturating_mul(per_second) / NANOSECONDS_PER_SECOND;
        if come_back == 0 {
            return;
        }
        let tokens = u64::from(self.tokens).saturating_add(come_back);
        if tokens >= u64::from(self.rate.burst) {
            self.tokens = self.rate.burst;
            self.refilled = now;
            return;
        }
        self.tokens = u32::try_from(tokens).unwrap_or(self.rate.burst);
        // Only the time that made whole tokens is spent, so that asking often loses nothing.
        let spent = come_back.saturating_mul(NANOSECONDS_PER_SECOND) / per_second.max(1);
        self.refilled += std::time::Duration::from_nanos(spent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::new(3, 10), start);
        let taken: Vec<bool> = (0..4).map(|_| bucket.take(start)).collect();
        assert_eq!(taken, [true, true, true, false]);
        assert!(!bucket.take(start + Duration::from_millis(99)));
        assert!(bucket.take(start + Duration::from_millis(100)));
        assert!(!bucket.take(start + Duration::from_millis(100)));
    }

    #[test]
    fn asking_often_loses_nothing() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::new(1, 10), start);
        assert!(bucket.take(start));
        let taken = (1..=1000).filter(|ms| bucket.take(start + Duration::from_millis(*ms))).count();
        assert_eq!(taken, 10);
    }

    #[test]
    fn a_long_pause_fills_it_to_the_burst_only() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::new(2, 1000), start);
        let later = start + Duration::from_secs(1_000_000_000);
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 2);
    }

    #[test]
    fn an_instant_of_the_past_changes_nothing() {
        let start = Instant::now() + Duration::from_secs(5);
        let mut bucket = Bucket::new(Rate::new(1, 1), start);
        assert!(bucket.take(start - Duration::from_secs(3)));
        assert!(!bucket.take(start - Duration::from_secs(1)));
    }
}
