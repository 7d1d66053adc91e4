//! Two futures, of which the first to be ready is taken.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What one of two futures came to.
#[derive(Debug)]
pub(crate) enum Either<A, B> {
    First(A),
    Second(B),
}

pin_project_lite::pin_project! {
    /// See [`either`].
    #[must_use = "futures do nothing unless awaited"]
    pub(crate) struct Both<A, B> {
        #[pin]
        first: A,
        #[pin]
        second: B,
    }
}

/// Runs two futures until one is ready, and drops the other. The first goes first whenever both are ready.
pub(crate) fn either<A: Future, B: Future>(first: A, second: B) -> Both<A, B> {
    Both { first, second }
}

impl<A: Future, B: Future> Future for Both<A, B> {
    type Output = Either<A::Output, B::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.first.poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        this.second.poll(cx).map(Either::Second)
    }
}
