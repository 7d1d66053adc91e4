//! Two futures, of which the first to be ready is taken.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// What one of two futures came to.
#[derive(Debug)]
pub(crate) enum Either<A, B> {
    First(A),
    Second(B),
}

/// Runs two futures until one is ready, and drops the other. The first goes first whenever both are ready.
pub(crate) async fn either<A: Future, B: Future>(first: A, second: B) -> Either<A::Output, B::Output> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| {
        if let Poll::Ready(output) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        second.as_mut().poll(cx).map(Either::Second)
    })
    .await
}
