//! Threads of a server's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::pace;
use crate::transport::error::{Error, Step};

/// A thread that moves bytes sleeps so often without a short call in between before it lets handlers go first: some
/// tens of milliseconds, if there is much to do.
const SLEEPS_BEFORE_COURTESY: u32 = 256;

/// Threads that move the bytes of connections, each with its own share of them, and a pool of as many threads for
/// handlers that have to wait or take long.
pub(crate) struct Workers {
    threads: Vec<Thread>,
    pool: Option<Runtime>,
}

struct Thread {
    runtime: Option<Runtime>,
    connections: Arc<AtomicUsize>,
}

impl Workers {
    pub(crate) fn start(count: usize) -> Result<Self, Error> {
        let failed = |error: std::io::Error| {
            Error::new(Step::Serve, format!("the server's threads cannot be started: {error}")).with_source(error)
        };
        let idle = Arc::<AtomicUsize>::default();
        let pool = pool(count, &idle).map_err(failed)?;
        let mut workers = Workers { threads: Vec::new(), pool: Some(pool) };
        for index in 0..count {
            // A scheduler of tokio's that has several threads, with one: handlers may call `block_in_place` there.
            let mut builder = builder(1, format!("seltzer-io-{index}"));
            let courtesy = Courtesy::new(&idle);
            let runtime = builder.on_thread_park(move || courtesy.before_sleep()).build().map_err(failed)?;
            workers.threads.push(Thread { runtime: Some(runtime), connections: Arc::default() });
        }
        Ok(workers)
    }

    /// Where handlers go that have to wait or take long.
    pub(crate) fn pool(&self) -> Option<&Handle> {
        self.pool.as_ref().map(Runtime::handle)
    }

    /// A place on the thread with the fewest connections.
    pub(crate) fn place(&self) -> Option<(&Handle, Place)> {
        let by_load = |thread: &&Thread| thread.connections.load(Ordering::Relaxed);
        let thread = self.threads.iter().min_by_key(by_load)?;
        Some((thread.runtime.as_ref()?.handle(), Place::taken(&thread.connections)))
    }
}

fn builder(threads: usize, name: String) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).thread_name(name).enable_all();
    builder
}

/// Threads for handlers; how many of them have nothing to do is counted.
fn pool(threads: usize, idle: &Arc<AtomicUsize>) -> std::io::Result<Runtime> {
    let (parked, unparked) = (Arc::clone(idle), Arc::clone(idle));
    builder(threads, "seltzer-handlers".to_owned())
        .on_thread_park(move || {
            parked.fetch_add(1, Ordering::Relaxed);
        })
        .on_thread_unpark(move || {
            unparked.fetch_sub(1, Ordering::Relaxed);
        })
        .build()
}

/// How a thread that moves bytes gets out of the way of handlers.
///
/// While all threads of the pool compute, waking this one for each of their answers, and for each request, would
/// interrupt one of them each time. So before it sleeps it lets others have the processor, and finds several things to
/// do when it is its turn again, some milliseconds later. Where a processor is free that changes nothing. Short calls
/// are not made to wait like that: a thread that has answered some of late does not do it.
struct Courtesy {
    /// How many threads of the pool have nothing to do.
    idle: Arc<AtomicUsize>,
    /// How many handlers had been polled on this thread when it slept last.
    polled: AtomicU32,
    /// How often it has slept since one was.
    sleeps: AtomicU32,
}

impl Courtesy {
    fn new(idle: &Arc<AtomicUsize>) -> Self {
        Courtesy { idle: Arc::clone(idle), polled: AtomicU32::new(0), sleeps: AtomicU32::new(0) }
    }

    fn before_sleep(&self) {
        if self.is_due(pace::polled_here()) {
            std::thread::yield_now();
        }
    }

    /// Whether to let others go first, after so many handlers were polled here.
    fn is_due(&self, polled: u32) -> bool {
        if self.polled.swap(polled, Ordering::Relaxed) != polled {
            self.sleeps.store(0, Ordering::Relaxed);
        }
        let sleeps = self.sleeps.load(Ordering::Relaxed);
        if sleeps < SLEEPS_BEFORE_COURTESY {
            self.sleeps.store(sleeps + 1, Ordering::Relaxed);
            return false;
        }
        self.idle.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let threads = self.threads.iter_mut().filter_map(|thread| thread.runtime.take());
        for runtime in threads.chain(self.pool.take()) {
            // Waiting for handlers that do not end is not for a drop.
            runtime.shutdown_background();
        }
    }
}

/// What a connection holds while its thread counts it.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    fn taken(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(connections))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_go_first_only_while_all_compute_and_no_short_call_comes() {
        let idle = Arc::<AtomicUsize>::default();
        let courtesy = Courtesy::new(&idle);
        let due_after = |polled| (0..).take(10_000).find(|_| courtesy.is_due(polled));
        assert_eq!(due_after(0), Some(SLEEPS_BEFORE_COURTESY));
        assert!(courtesy.is_due(0), "it stays so");
        assert_eq!(due_after(1), Some(SLEEPS_BEFORE_COURTESY), "a short call came");
        idle.store(1, Ordering::Relaxed);
        assert_eq!(due_after(1), None, "a thread of the pool is free");
        idle.store(0, Ordering::Relaxed);
        assert!(courtesy.is_due(1), "none is");
    }
}
