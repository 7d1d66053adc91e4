//! What is kept of a request's body over HTTP/1.1, and when that is too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use crate::status::Status;
use crate::transport::h2::ReadyQueue;
use crate::transport::retained::Retain;

/// Smaller bodies are not counted: they take less than what their calls take anyway.
pub(crate) const SMALL_BODY_BYTES_MAX: u64 = 4 * 1024;

/// Counts what is kept of one body. A connection has one at a time, so that the largest call of a connection is that.
#[derive(Debug)]
pub(crate) struct KeptBody {
    /// What counts for the connection, and for all of the server's.
    connection: Arc<ReadyQueue>,
    bytes: AtomicUsize,
}

impl KeptBody {
    pub(crate) fn new(connection: Arc<ReadyQueue>) -> Arc<Self> {
        Arc::new(KeptBody { connection, bytes: AtomicUsize::new(0) })
    }

    /// What the call ends with that keeps too much. Until then the waker hears of it if others need the memory.
    pub(crate) fn excess(&self, waker: &Waker) -> Option<Status> {
        // Registered first: who is told after that is woken.
        self.connection.is_empty_or_wake(waker);
        let bytes = self.bytes.load(Ordering::Relaxed);
        (bytes > 0 && self.connection.memory().must_shrink()).then(|| {
            self.retain(0);
            Status::resource_exhausted(format!(
                "too much waits on this connection or on this server, and of this request most, {bytes} bytes: send fewer large \
                 messages at a time"
            ))
        })
    }
}

impl Retain for KeptBody {
    fn retain(&self, bytes: usize) {
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        self.connection.memory().take(bytes.saturating_sub(before));
        self.connection.memory().give(before.saturating_sub(bytes));
    }
}

impl Drop for KeptBody {
    fn drop(&mut self) {
        self.retain(0);
    }
}
