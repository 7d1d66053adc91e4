//! Tasks of one type.

use std::future::Future;
use std::pin::Pin;

/// A future whose type says nothing of what it does.
///
/// For everything that is spawned once a connection or less often. tokio's part of a task is compiled for every type
/// of future and for each of its two schedulers; with one type a twelfth less code is generated for the library.
pub(crate) type Task<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Hides what a future is.
pub(crate) fn task<T>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    Box::pin(future)
}
