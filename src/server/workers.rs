//! Threads of a server's own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

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

    /// Lets the thread with the fewest connections run one more.
    pub(crate) fn spawn<C>(&self, connections: &mut JoinSet<()>, connection: C)
    where
        C: Future<Output = ()> + Send + Unpin + 'static,
    {
        let by_load = |thread: &&Thread| thread.connections.load(Ordering::Relaxed);
        let Some(thread) = self.threads.iter().min_by_key(by_load) else { return };
        let Some(runtime) = &thread.runtime else { return };
        connections.spawn_on(Counted::begin(connection, &thread.connections), runtime.handle());
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

/// A connection that counts while it exists.
struct Counted<C> {
    connection: C,
    connections: Arc<AtomicUsize>,
}

impl<C> Counted<C> {
    fn begin(connection: C, connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Counted { connection, connections: Arc::clone(connections) }
    }
}

impl<C: Future<Output = ()> + Unpin> Future for Counted<C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.connection).poll(cx)
    }
}

impl<C> Drop for Counted<C> {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
