//! Threads of a server's own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::transport::error::{Error, Step};

/// Threads that move the bytes of connections, each with its own share of them, and a pool of as many threads for
/// handlers that have to wait or take long.
pub(crate) struct Workers {
    threads: Vec<Thread>,
    pool: Option<Runtime>,
    stop: CancellationToken,
}

struct Thread {
    handle: Handle,
    connections: Arc<AtomicUsize>,
}

impl Workers {
    pub(crate) fn start(count: usize) -> Result<Self, Error> {
        let failed = |error: std::io::Error| {
            Error::new(Step::Serve, format!("the server's threads cannot be started: {error}")).with_source(error)
        };
        let pool = Builder::new_multi_thread()
            .worker_threads(count)
            .thread_name("seltzer-handlers")
            .enable_all()
            .build()
            .map_err(failed)?;
        let mut workers = Workers { threads: Vec::new(), pool: Some(pool), stop: CancellationToken::new() };
        for index in 0..count {
            let handle = start_thread(index, workers.stop.clone()).map_err(failed)?;
            workers.threads.push(Thread { handle, connections: Arc::default() });
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
        connections.spawn_on(Counted::begin(connection, &thread.connections), &thread.handle);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(pool) = self.pool.take() {
            // Waiting for handlers that do not end is not for a drop.
            pool.shutdown_background();
        }
    }
}

/// Starts a thread with a runtime of its own, which is made and dropped there: nobody may do that within another one.
fn start_thread(index: usize, stop: CancellationToken) -> std::io::Result<Handle> {
    let (started, handle) = std::sync::mpsc::channel();
    std::thread::Builder::new().name(format!("seltzer-io-{index}")).spawn(move || {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(Ok(runtime.handle().clone()));
        runtime.block_on(stop.cancelled());
    })?;
    handle.recv().unwrap_or_else(|_gone| Err(std::io::Error::other("the thread ended at once")))
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
