//! How long the polls of a method's handlers take.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A poll that takes longer than this holds up everything else on its connection for too long. Code that is not
/// optimised takes many times as long for the same work.
const LONG_POLL: Duration = Duration::from_micros(if cfg!(debug_assertions) { 1_000 } else { 50 });

/// The first calls of a method are all measured, later ones now and then: looking at the clock twice costs as much
/// as a short handler.
const MEASURED_AT_FIRST: u32 = 16;
const MEASURED_EVERY: u32 = 64;

/// After this many calls a method that was long is tried again; each time it is long once more, after twice as many.
/// A thread that lost its processor at the wrong moment makes a short method look long.
const TRIED_AGAIN_AFTER: u32 = 64;
const STRIKES_MAX: u32 = 7;

/// The state in one word: whether the method counts as long, how often in a row it has proved so, and how many calls
/// there were since.
const LONG: u32 = 1 << 31;
const STRIKES_SHIFT: u32 = 28;
const COUNT: u32 = (1 << STRIKES_SHIFT) - 1;

thread_local! {
    static POLLED: Cell<u32> = const { Cell::new(0) };
}

/// How many handlers have been polled on this thread, beside the connections that it serves.
#[cfg(feature = "server")]
pub(crate) fn polled_here() -> u32 {
    POLLED.get()
}

/// Learns whether a method's handlers are short enough to be polled where their connection is served.
///
/// Threads may overtake each other here; a lost update only shifts when something is measured.
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
        let is_long = (state & COUNT) < TRIED_AGAIN_AFTER << (strikes(state) - 1);
        // One that is tried again is measured: its count is among the first.
        self.state.store(if is_long { state + 1 } else { state & !LONG & !COUNT }, Ordering::Relaxed);
        is_long
    }

    /// Polls a handler, and looks at the clock if it is time to.
    pub(crate) fn measure<T>(&self, poll: impl FnOnce() -> T) -> T {
        POLLED.set(POLLED.get().wrapping_add(1));
        if !self.is_measured() {
            return poll();
        }
        let begin = Instant::now();
        let polled = poll();
        self.record(begin.elapsed());
        polled
    }

    /// Counts a call; tells whether it is one of those that are measured.
    fn is_measured(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        let count = state & COUNT;
        let next = if count == COUNT { state - COUNT + MEASURED_AT_FIRST } else { state + 1 };
        self.state.store(next, Ordering::Relaxed);
        count < MEASURED_AT_FIRST || count.is_multiple_of(MEASURED_EVERY)
    }

    /// Learns how long one poll took.
    pub(crate) fn record(&self, took: Duration) {
        let state = self.state.load(Ordering::Relaxed);
        if took > LONG_POLL {
            let strikes = (strikes(state) + 1).min(STRIKES_MAX);
            self.state.store(LONG | (strikes << STRIKES_SHIFT), Ordering::Relaxed);
        } else if state & COUNT >= MEASURED_AT_FIRST {
            // It has been short for a while: forgiven.
            self.state.store(state & COUNT, Ordering::Relaxed);
        }
    }
}

fn strikes(state: u32) -> u32 {
    (state & !LONG) >> STRIKES_SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One call as it would be treated: `None`, it goes to a task of its own.
    fn call(pace: &Pace, took: Duration) -> Option<bool> {
        if pace.is_long() {
            return None;
        }
        let is_measured = pace.is_measured();
        if is_measured {
            pace.record(took);
        }
        Some(is_measured)
    }

    /// How many calls go to tasks of their own before one is tried again, and is long.
    fn moved(pace: &Pace) -> usize {
        (0..).find(|_| call(pace, LONG_POLL * 2).is_some()).expect("it is tried again")
    }

    #[test]
    fn a_method_that_stays_long_is_tried_less_and_less_often() {
        let pace = Pace::default();
        let moved: Vec<_> = (0..9).map(|_| moved(&pace)).collect();
        assert_eq!(moved, [0, 64, 128, 256, 512, 1024, 2048, 4096, 4096]);
    }

    #[test]
    fn a_method_that_looked_long_once_is_forgiven() {
        let pace = Pace::default();
        for _ in 0..4 {
            moved(&pace);
        }
        let calls = 10_000;
        let short = (0..calls).filter_map(|_| call(&pace, LONG_POLL / 2)).count();
        assert_eq!(short, calls - 512);
        // Unmeasured calls pass; then the next measured one counts as the first.
        while !pace.is_long() {
            call(&pace, LONG_POLL * 2);
        }
        let again = (0..).find(|_| call(&pace, LONG_POLL / 2).is_some()).expect("it is tried again");
        assert!(again <= 64, "{again}");
    }

    #[test]
    fn few_calls_are_measured() {
        let pace = Pace::default();
        let measured = (0..6400).filter(|_| call(&pace, Duration::ZERO) == Some(true)).count();
        assert_eq!(measured, 16 + 99);
    }
}
