//! How long the polls of a method's handlers take.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A poll that takes longer than this holds up everything else on its connection for too long.
const LONG_POLL: Duration = Duration::from_micros(50);

/// The first calls of a method are all measured, later ones now and then: looking at the clock twice costs as much
/// as a short handler.
const MEASURED_AT_FIRST: u32 = 16;
const MEASURED_EVERY: u32 = 64;

/// After this many calls a method that was long is tried again.
const TRIED_AGAIN_AFTER: u32 = 4096;

/// Set in [`Pace::state`] while a method counts as long; the rest counts calls.
const LONG: u32 = 1 << 31;

/// Learns whether a method's handlers are short enough to be polled where their connection is served.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    state: AtomicU32,
}

impl Pace {
    /// Whether the next handler belongs on a task of its own.
    pub(crate) fn is_long(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        if state & LONG == 0 {
            return false;
        }
        // Lost updates between threads only shift when it is tried again.
        let next = if (state & !LONG) + 1 >= TRIED_AGAIN_AFTER { 0 } else { state + 1 };
        self.state.store(next, Ordering::Relaxed);
        next != 0
    }

    /// Polls a handler, and looks at the clock if it is time to.
    pub(crate) fn measure<T>(&self, poll: impl FnOnce() -> T) -> T {
        let count = self.state.load(Ordering::Relaxed);
        self.state.store((count + 1) & !LONG, Ordering::Relaxed);
        if count >= MEASURED_AT_FIRST && !count.is_multiple_of(MEASURED_EVERY) {
            return poll();
        }
        let begin = Instant::now();
        let polled = poll();
        if begin.elapsed() > LONG_POLL {
            self.state.store(LONG, Ordering::Relaxed);
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_proves_long_moves_out_and_is_tried_again() {
        let pace = Pace::default();
        assert!(!pace.is_long());
        pace.measure(|| std::thread::sleep(LONG_POLL * 4));
        assert!(pace.is_long());
        let again = (0..=TRIED_AGAIN_AFTER).find(|_| !pace.is_long());
        assert_eq!(again, Some(TRIED_AGAIN_AFTER - 2));
        assert!(!pace.is_long(), "until it is measured");
    }
}
