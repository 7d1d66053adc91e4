//! Atomics of loom, and what is built on them elsewhere: no more is promised here than by the originals.

pub use loom::sync::Arc;

pub mod atomic {
    pub use loom::sync::atomic::{AtomicBool, Ordering, fence};
}

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const EMPTY: usize = 0;
const BUSY: usize = 1;
const FULL: usize = 2;

/// As `std::sync::OnceLock`: what was put in is seen by whoever sees that it is there.
pub struct OnceLock<T> {
    state: AtomicUsize,
    /// Written once, by whoever made the state busy.
    value: std::sync::OnceLock<T>,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        OnceLock { state: AtomicUsize::new(EMPTY), value: std::sync::OnceLock::new() }
    }
}

impl<T> OnceLock<T> {
    pub fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) == FULL { self.value.get() } else { None }
    }

    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match self.state.compare_exchange(EMPTY, BUSY, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => {
                assert!(self.value.set(make()).is_ok(), "nobody else was busy");
                self.state.store(FULL, Ordering::Release);
            }
            Err(_) => {
                while self.state.load(Ordering::Acquire) != FULL {
                    loom::thread::yield_now();
                }
            }
        }
        self.value.get().expect("it is full")
    }
}

/// As far as anybody looks here, a flag.
#[derive(Clone)]
pub struct CancellationToken(Arc<AtomicBool>);

impl CancellationToken {
    pub fn new() -> Self {
        CancellationToken(Arc::new(AtomicBool::new(false)))
    }

    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}
