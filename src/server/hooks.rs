//! What happens besides at certain moments of a server's life: how plug-ins learn what is served, and that it ends.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::service::Router;

/// How long the end of a server waits for those who are told of it: enough for what is on its way to a peer that
/// reads, and little against the grace of calls.
const TOLD_WITHIN: Duration = Duration::from_millis(100);

type WhenBound = Box<dyn FnOnce(&Router) + Send>;
type WhenDraining = Box<dyn FnOnce(CancellationToken) -> Told + Send>;
type Told = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Counts what a new connection will carry.
#[cfg(feature = "channelz")]
pub(crate) type Connected =
    std::sync::Arc<dyn Fn(&crate::context::Peer) -> std::sync::Arc<crate::tally::Tallied> + Send + Sync>;
#[cfg(feature = "channelz")]
type WhenListening = Box<dyn FnOnce(&[String]) -> Connected + Send>;

/// What plug-ins asked to be told.
#[derive(Default)]
pub(crate) struct Hooks {
    bound: Vec<WhenBound>,
    draining: Vec<WhenDraining>,
    #[cfg(feature = "channelz")]
    listening: Option<WhenListening>,
}

impl Hooks {
    /// Runs when all services are there.
    #[cfg_attr(not(any(feature = "health", feature = "reflection")), allow(dead_code, reason = "plug-ins ask"))]
    pub(crate) fn when_bound(&mut self, run: impl FnOnce(&Router) + Send + 'static) {
        self.bound.push(Box::new(run));
    }

    /// Runs when the server was told to stop, before any connection is told. What it returns is waited for, though not
    /// long. The token is cancelled when connections begin to drain.
    #[cfg_attr(not(any(feature = "health", feature = "orca")), allow(dead_code, reason = "plug-ins ask"))]
    pub(crate) fn when_draining<F, Fut>(&mut self, run: F)
    where
        F: FnOnce(CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.draining.push(Box::new(move |stop| Box::pin(run(stop))));
    }

    /// Runs when the server begins to serve, with its addresses. What it returns is asked about each connection, and
    /// dropped when the server has ended. The last to ask is told.
    #[cfg(feature = "channelz")]
    pub(crate) fn when_listening<F, C>(&mut self, run: F)
    where
        F: FnOnce(&[String]) -> C + Send + 'static,
        C: Fn(&crate::context::Peer) -> std::sync::Arc<crate::tally::Tallied> + Send + Sync + 'static,
    {
        self.listening = Some(Box::new(move |addresses| std::sync::Arc::new(run(addresses))));
    }

    /// The server begins to serve.
    #[cfg(feature = "channelz")]
    pub(crate) fn listening(&mut self, addresses: &[String]) -> Option<Connected> {
        self.listening.take().map(|run| run(addresses))
    }

    /// All services are there.
    pub(crate) fn bound(&mut self, router: &Router) {
        self.bound.drain(..).for_each(|run| run(router));
    }

    /// The server was told to stop.
    pub(crate) async fn draining(self, stop: &CancellationToken) {
        let told: Vec<_> = self.draining.into_iter().map(|run| run(stop.clone())).collect();
        let all = async {
            for told in told {
                told.await;
            }
        };
        // Whoever is slower than that learns it from the connection.
        let _ = tokio::time::timeout(TOLD_WITHIN, all).await;
    }
}
