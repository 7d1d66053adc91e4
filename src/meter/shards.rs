//! Cells that many threads write without getting into each other's way.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, OnceLock, PoisonError};

/// So many threads have cells of their own, more than processors serve calls as a rule; all others share theirs, which
/// costs more and counts the same.
const OWN: usize = 32;

/// The numbers of threads that have ended, to be used again, and the next one.
static NUMBERS: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

thread_local! {
    static NUMBER: Number = Number::take();
}

/// Which cells a thread writes. No two threads have the same number at a time, but for [`OWN`], which all others have.
struct Number(usize);

impl Number {
    fn take() -> Self {
        let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.0.pop() {
            return Number(number);
        }
        let number = numbers.1;
        if number < OWN {
            numbers.1 += 1;
        }
        Number(number)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        if self.0 < OWN {
            // Whoever takes it next has seen all that was written under it.
            NUMBERS.lock().unwrap_or_else(PoisonError::into_inner).0.push(self.0);
        }
    }
}

/// Cells for each thread that has anything to count.
#[derive(Debug)]
pub(super) struct Sharded<T> {
    shards: [OnceLock<Box<T>>; OWN + 1],
}

impl<T> Default for Sharded<T> {
    fn default() -> Self {
        Sharded { shards: [const { OnceLock::new() }; OWN + 1] }
    }
}

impl<T: Default> Sharded<T> {
    /// The cells that this thread writes, and how.
    #[inline]
    pub(super) fn here(&self) -> (&T, Writer) {
        // A thread that is about to end has no number any more.
        let number = NUMBER.try_with(|number| number.0).unwrap_or(OWN);
        (self.shards[number].get_or_init(Box::default), Writer { is_alone: number < OWN })
    }

    /// Reads the cells of all threads.
    pub(super) fn each(&self, read: impl FnMut(&T)) {
        self.shards.iter().filter_map(|shard| shard.get()).map(|shard| &**shard).for_each(read);
    }
}

/// How a thread writes its cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer {
    /// Nobody else does: it need not lock the bus.
    is_alone: bool,
}

impl Writer {
    #[inline]
    pub(super) fn add(self, cell: &AtomicU64, number: u64) {
        if self.is_alone {
            cell.store(cell.load(Relaxed).wrapping_add(number), Relaxed);
        } else {
            cell.fetch_add(number, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    /// More threads than have cells of their own, twice one after the other: nothing is lost.
    #[test]
    fn all_threads_are_counted() {
        const THREADS: usize = OWN + 8;
        const TIMES: u64 = 1_000;
        let cells = Arc::new(Sharded::<[AtomicU64; 2]>::default());
        for _ in 0..2 {
            let all_run = Arc::new(Barrier::new(THREADS));
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let (cells, all_run) = (Arc::clone(&cells), Arc::clone(&all_run));
                    std::thread::spawn(move || {
                        for turn in 0..TIMES {
                            let ([count, sum], writer) = cells.here();
                            writer.add(count, 1);
                            writer.add(sum, 3);
                            if turn == 0 {
                                all_run.wait();
                            }
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().expect("it counts"));
        }
        let (mut count, mut sum) = (0, 0);
        cells.each(|[counted, summed]| {
            count += counted.load(Relaxed);
            sum += summed.load(Relaxed);
        });
        let expected = 2 * TIMES * THREADS as u64;
        assert_eq!((count, sum), (expected, expected * 3));
    }
}
