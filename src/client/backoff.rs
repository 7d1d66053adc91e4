//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// What gRPC's connection backoff asks for: the first pause, its growth, its bound, and how far it is spread.
pub(super) const INITIAL_DEFAULT: Duration = Duration::from_secs(1);
pub(super) const MAX_DEFAULT: Duration = Duration::from_secs(120);
const MULTIPLIER: f64 = 1.6;
const JITTER: f64 = 0.2;

/// The bounds of the pauses between failed attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BackoffBounds {
    pub(super) initial: Duration,
    pub(super) max: Duration,
}

impl Default for BackoffBounds {
    fn default() -> Self {
        BackoffBounds { initial: INITIAL_DEFAULT, max: MAX_DEFAULT }
    }
}

/// The pauses after failures in a row: each longer than the one before, spread so that clients do not come back in
/// step.
#[derive(Debug)]
pub(super) struct Backoff {
    bounds: BackoffBounds,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(bounds: BackoffBounds) -> Self {
        Backoff { bounds, next: bounds.initial.min(bounds.max) }
    }

    /// The pause after one more failure, counted from the beginning of the attempt that failed.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.mul_f64(MULTIPLIER).min(self.bounds.max);
        pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * fastrand::f64())
    }

    /// It worked: the next failure is a first one again.
    pub(super) fn reset(&mut self) {
        *self = Backoff::new(self.bounds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_are_spread() {
        let bounds = BackoffBounds { initial: Duration::from_secs(1), max: Duration::from_secs(4) };
        let mut backoff = Backoff::new(bounds);
        for middle in [1.0, 1.6, 2.56, 4.0, 4.0] {
            let pause = backoff.next_pause().as_secs_f64();
            assert!((middle * 0.799..middle * 1.201).contains(&pause), "{pause} around {middle}");
        }
        backoff.reset();
        assert!(backoff.next_pause().as_secs_f64() < 1.201);
        let short = BackoffBounds { initial: Duration::from_secs(9), max: Duration::from_millis(10) };
        assert!(Backoff::new(short).next_pause() < Duration::from_millis(13), "the bound holds for the first, too");
    }
}
