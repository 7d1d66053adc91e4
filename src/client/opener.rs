//! The task of a backend: connects it, keeps it connected, and waits after failures.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::Endpoint;
use crate::client::backend::{Backend, Wish};
use crate::client::backoff::Backoff;
use crate::client::connectivity::ConnectivityState;
use crate::client::connector::Connector;
use crate::client::health::HealthWatch;
use crate::client::race::{Addresses, connect_first};
use crate::client::resolve::ResolveRequests;
use crate::either::{Either, either};
use crate::task::task;
use crate::transport::address::Address;
use crate::transport::connection::Connection;
use crate::transport::error::Error;

/// How long an attempt at one address may take at least, TLS included: gRPC's minimum connect timeout.
const CONNECT_TIMEOUT_MIN: Duration = Duration::from_secs(20);

/// The connections of one backend.
pub(super) struct Opener {
    backend: Backend,
    connector: Arc<Connector>,
    endpoint: Arc<Endpoint>,
    requests: ResolveRequests,
    /// The service whose health decides whether the backend gets calls.
    watched: Option<String>,
    backoff: Backoff,
}

impl Opener {
    /// Starts the task.
    pub(super) fn start(
        backend: &Backend,
        connector: Arc<Connector>,
        endpoint: Arc<Endpoint>,
        requests: ResolveRequests,
        watched: Option<String>,
    ) {
        let backoff = Backoff::new(endpoint.backoff);
        let opener = Opener { backend: backend.clone(), connector, endpoint, requests, watched, backoff };
        backend.set_task(tokio::spawn(task(opener.run())).abort_handle());
    }

    async fn run(mut self) {
        loop {
            self.backend.find(|backend| backend.take_wish(Wish::Connect).then_some(())).await;
            self.backend.take_wish(Wish::Hurry);
            self.backend.set_state(ConnectivityState::Connecting, None);
            self.connect().await;
            self.serve().await;
            // A balancer that wants it back asks for it.
            self.backend.take_wish(Wish::Connect);
            self.backend.set_state(ConnectivityState::Idle, None);
            self.requests.request();
        }
    }

    /// Tries until it is connected.
    async fn connect(&mut self) {
        loop {
            let begin = Instant::now();
            let pause = self.backoff.next_pause();
            match self.attempt(pause).await {
                Ok((address, connection)) => {
                    // It may have vanished meanwhile.
                    if self.backend.current().contains(&address) {
                        return self.add(address, connection);
                    }
                }
                Err(error) => {
                    let error = error.or_target(self.endpoint.written());
                    self.backend.set_state(ConnectivityState::TransientFailure, Some(error.into()));
                    self.requests.request();
                    self.pause(begin + pause).await;
                }
            }
        }
    }

    /// Waits after a failure, unless there are addresses that were not tried.
    async fn pause(&mut self, until: Instant) {
        // Past or not, it lets others run.
        if let Either::First(()) = either(self.backend.changed(), tokio::time::sleep_until(until)).await {
            self.backoff.reset();
        }
    }

    /// Keeps it connected until all its connections are gone, and adds one where one is wanted.
    async fn serve(&mut self) {
        self.backend.take_wish(Wish::Grow);
        let max = self.endpoint.connections_permitted();
        let mut not_before = Instant::now();
        loop {
            let wants_more = self.backend.find(|backend| match backend.retain_open() {
                0 => Some(false),
                // A wish that is not to be fulfilled now is forgotten, or the next one would go unheard.
                left => (backend.take_wish(Wish::Grow) && left < max && backend.is_full()).then_some(true),
            });
            if !wants_more.await {
                return;
            }
            let pause = tokio::time::sleep_until(not_before);
            if Instant::now() < not_before
                && let Either::First(()) = either(self.all_lost(), pause).await
            {
                return;
            }
            // Meanwhile the others may be lost.
            match either(self.attempt(Duration::ZERO), self.all_lost()).await {
                Either::First(Ok((address, connection))) => self.add(address, connection),
                // No failure of the backend: there are others. Whoever waits for a place still does.
                Either::First(Err(_)) => {
                    not_before = Instant::now() + self.backoff.next_pause();
                    self.backend.wish(Wish::Grow);
                }
                Either::Second(()) => return,
            }
        }
    }

    async fn all_lost(&self) {
        self.backend.find(|backend| (backend.retain_open() == 0).then_some(())).await;
    }

    fn add(&mut self, address: Address, connection: Connection) {
        self.backoff.reset();
        let closing = self.backend.closing();
        let closed = connection.closed();
        tokio::spawn(task(async move {
            closed.await;
            closing.send_replace(());
        }));
        let Some(service) = self.watched.as_ref().filter(|_| !self.endpoint.is_http1()) else {
            self.backend.add_connection(address, connection, false);
            return;
        };
        let number = self.backend.add_connection(address, connection.clone(), true);
        let backend = self.backend.clone();
        let report = move |health| backend.set_health(number, health);
        let watch = HealthWatch::start(connection, Arc::clone(&self.endpoint), service.clone(), report);
        self.backend.attach(number, watch);
    }

    /// Tries all addresses. An attempt at one of them may last as long as the pause after it, if that is longer than
    /// the usual time.
    async fn attempt(&self, pause: Duration) -> Result<(Address, Connection), Error> {
        let timeout = self.endpoint.connect_timeout.unwrap_or(CONNECT_TIMEOUT_MIN.max(pause));
        connect_first(&self.backend, |address| {
            let connector = Arc::clone(&self.connector);
            async move { connector.open(&address, timeout).await }
        })
        .await
    }
}

impl Addresses for Backend {
    fn current(&self) -> Vec<Address> {
        self.endpoint().addresses
    }

    async fn changed(&self) {
        self.find(|backend| backend.take_wish(Wish::Hurry).then_some(())).await;
    }
}
