//! Threads of a server's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::transport::error::{Error, Step};

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
        let pool = runtime(count, "seltzer-handlers".to_owned()).map_err(failed)?;
        let mut workers = Workers { threads: Vec::new(), pool: Some(pool) };
        for index in 0..count {
            // A scheduler of tokio's that has several threads, with one: handlers may call `block_in_place` there.
            let runtime = runtime(1, format!("seltzer-io-{index}")).map_err(failed)?;
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

fn runtime(threads: usize, name: String) -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(threads).thread_name(name).enable_all().build()
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
