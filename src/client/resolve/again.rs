//! Resolving again and again.

use crate::client::backoff::{Backoff, BackoffBounds};
use crate::client::resolve::{AnyResolver, Resolution, ResolveError, ResolveRequests};

/// Asks a resolver for as long as anybody wants to know, and hands over whatever it says. After a failure, or when
/// there is no address, it asks again after a pause that grows.
pub(crate) async fn resolve_again(
    mut resolver: Box<dyn AnyResolver>,
    mut requests: ResolveRequests,
    bounds: BackoffBounds,
    found: impl FnMut(Result<Resolution, ResolveError>),
) {
    let mut report = Report(found);
    let mut backoff = Backoff::new(bounds);
    loop {
        let resolution = resolver.next(&mut requests).await;
        let is_good = resolution.as_ref().is_ok_and(|resolution| !resolution.endpoints.is_empty());
        (report.0)(resolution);
        if is_good {
            backoff.reset();
        } else {
            tokio::time::sleep(backoff.next_pause()).await;
            requests.request();
        }
    }
}

/// Where the resolver's words go. If it panics, that is the last of them: calls must not wait for it for ever.
struct Report<F: FnMut(Result<Resolution, ResolveError>)>(F);

impl<F: FnMut(Result<Resolution, ResolveError>)> Drop for Report<F> {
    fn drop(&mut self) {
        // Else nobody wants to know any more.
        if std::thread::panicking() {
            (self.0)(Err("the resolver panicked: the panic's message says where".into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;
    use crate::client::resolve::{ResolvedEndpoint, Resolver};

    /// Fails, then finds nothing, then something, and so on.
    struct Moody(usize);

    impl Resolver for Moody {
        async fn next(&mut self, requests: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
            if self.0 > 0 {
                requests.wait().await;
            }
            self.0 += 1;
            match self.0 % 3 {
                1 => Err("not today".into()),
                2 => Ok(Resolution::default()),
                _ => Ok(Resolution::new(vec![ResolvedEndpoint::new(std::net::SocketAddr::from(([1, 1, 1, 1], 1)))])),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_and_emptiness_are_followed_by_pauses_that_grow() {
        let begin = Instant::now();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let bounds = BackoffBounds { initial: Duration::from_secs(10), max: Duration::from_secs(100) };
        let requests = ResolveRequests::default();
        let task = tokio::spawn(resolve_again(Box::new(Moody(0)), requests.clone(), bounds, move |found| {
            let _ = sender.send((found.map_or(usize::MAX, |found| found.endpoints.len()), begin.elapsed().as_secs()));
        }));
        // Pauses are spread by a fifth either way: 10 s, then 16 s more.
        for (expected, range) in [(usize::MAX, 0..1), (0, 8..13), (1, 20..33)] {
            let (count, second) = receiver.recv().await.expect("it goes on");
            assert!(count == expected && range.contains(&second), "{count} after {second} s, not {range:?}");
        }
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert!(receiver.try_recv().is_err(), "what is known is asked for when somebody wants to know anew");
        requests.request();
        let (count, _) = receiver.recv().await.expect("it goes on");
        assert_eq!(count, usize::MAX);
        task.abort();
    }

    struct Panics;

    impl Resolver for Panics {
        async fn next(&mut self, _: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
            panic!("on purpose")
        }
    }

    #[tokio::test]
    async fn a_panic_is_the_last_that_is_heard_and_an_end_from_outside_is_not_told() {
        let bounds = BackoffBounds { initial: Duration::from_secs(10), max: Duration::from_secs(100) };
        let table: [(Box<dyn AnyResolver>, bool); 2] = [(Box::new(Panics), true), (Box::new(Moody(0)), false)];
        for (resolver, panics) in table {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            let task = tokio::spawn(resolve_again(resolver, ResolveRequests::default(), bounds, move |found| {
                let _ = sender.send(found.map_or_else(|error| error.to_string(), |_| String::new()));
            }));
            let said = receiver.recv().await.expect("each says something");
            assert_eq!(said.starts_with("the resolver panicked"), panics, "{said}");
            task.abort();
            assert_eq!(receiver.recv().await, None);
        }
    }
}
