//! The task of a backend: connects it, keeps it connected, and waits after failures.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::Endpoint;
use crate::client::backend::{Backend, Wish};
use crate::client::backoff::Backoff;
use crate::client::connectivity::ConnectivityState;
use crate::client::connector::Connector;
use crate::client::health::HealthWatch;
use crate::client::resolve::ResolveRequests;
use crate::either::{Either, either};
use crate::transport::address::Address;
use crate::transport::connection::Connection;
use crate::transport::error::{Error, Step};

/// How long an attempt has to itself before the next address is tried beside it (RFC 8305, gRFC A61).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The connections of one backend.
pub(super) struct Opener {
    backend: Backend,
    connector: Arc<Connector>,
    endpoint: Arc<Endpoint>,
    requests: ResolveRequests,
    backoff: Backoff,
    wanted: Arc<Notify>,
}

impl Opener {
    /// Starts the task.
    pub(super) fn start(
        backend: &Backend,
        connector: Arc<Connector>,
        endpoint: Arc<Endpoint>,
        requests: ResolveRequests,
    ) {
        let backoff = Backoff::new(endpoint.backoff);
        let wanted = backend.wanted();
        let opener = Opener { backend: backend.clone(), connector, endpoint, requests, backoff, wanted };
        backend.set_task(tokio::spawn(opener.run()).abort_handle());
    }

    async fn run(mut self) {
        loop {
            while !self.backend.take_wish(Wish::Connect) {
                self.wanted.notified().await;
            }
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
            match self.attempt().await {
                Ok((address, connection)) => {
                    self.backoff.reset();
                    return self.add(address, connection);
                }
                Err(error) => {
                    self.backend.set_state(ConnectivityState::TransientFailure, Some(error.into()));
                    self.requests.request();
                    let until = begin + self.backoff.next_pause();
                    self.pause(until).await;
                }
            }
        }
    }

    /// Waits after a failure, unless somebody is in a hurry.
    async fn pause(&self, until: Instant) {
        let hurry = async {
            while !self.backend.take_wish(Wish::Hurry) {
                self.wanted.notified().await;
            }
        };
        // Past or not, it lets others run.
        let _ = either(hurry, tokio::time::sleep_until(until)).await;
    }

    /// Keeps it connected until all its connections are gone, and adds one where one is wanted.
    async fn serve(&self) {
        loop {
            self.wanted.notified().await;
            let left = self.backend.retain_open();
            if left == 0 {
                return;
            }
            if self.backend.take_wish(Wish::Grow)
                && left < self.endpoint.connections_max
                // One that cannot be added is no failure: there are others.
                && let Ok((address, connection)) = self.attempt().await
            {
                self.add(address, connection);
            }
        }
    }

    fn add(&self, address: Address, connection: Connection) {
        let wanted = Arc::clone(&self.wanted);
        let closed = connection.closed();
        tokio::spawn(async move {
            closed.await;
            wanted.notify_one();
        });
        let Some(service) = self.endpoint.watched_service() else {
            self.backend.add_connection(address, connection, false);
            return;
        };
        let number = self.backend.add_connection(address, connection.clone(), true);
        let backend = self.backend.clone();
        let report = move |health| backend.set_health(number, health);
        let watch = HealthWatch::start(connection, Arc::clone(&self.endpoint), service.to_owned(), report);
        self.backend.attach(number, watch);
    }

    /// Tries all addresses, each a while after the one before or as soon as that failed; the first that connects wins.
    async fn attempt(&self) -> Result<(Address, Connection), Error> {
        let until = Instant::now() + self.endpoint.connect_timeout;
        let mut waiting: VecDeque<Address> = interleaved(self.backend.endpoint().addresses).into();
        let mut attempts = JoinSet::new();
        let mut failed = None;
        loop {
            if let Some(address) = waiting.pop_front() {
                let connector = Arc::clone(&self.connector);
                attempts.spawn(
                    async move { connector.open(&address, until).await.map(|connection| (address, connection)) },
                );
            }
            let delay = async {
                if waiting.is_empty() {
                    pending::<()>().await;
                }
                tokio::time::sleep(ATTEMPT_DELAY).await;
            };
            match either(attempts.join_next(), delay).await {
                Either::First(Some(Ok(Ok(connected)))) => return Ok(connected),
                Either::First(Some(Ok(Err(error)))) => failed = Some(error),
                // It panicked, or its runtime ends.
                Either::First(Some(Err(ended))) => {
                    failed = Some(Error::new(Step::Connect, ended.to_string()).with_target(self.endpoint.written()));
                }
                Either::First(None) if waiting.is_empty() => {
                    return Err(failed.unwrap_or_else(|| {
                        Error::new(Step::Resolve, "the name has no address").with_target(self.endpoint.written())
                    }));
                }
                Either::First(None) | Either::Second(()) => {}
            }
        }
    }
}

/// The addresses of both families by turns, beginning with the family of the first, in their order otherwise.
fn interleaved(addresses: Vec<Address>) -> Vec<Address> {
    let family = |address: &Address| matches!(address, Address::Tcp(address) if address.is_ipv6());
    let Some(first) = addresses.first().map(family) else { return addresses };
    let (mut same, mut other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| family(address) == first);
    let mut mixed = Vec::with_capacity(same.len() + other.len());
    while !same.is_empty() || !other.is_empty() {
        mixed.extend(same.pop_front());
        mixed.extend(other.pop_front());
    }
    mixed
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn families_take_turns() {
        let address = |text: &str| Address::Tcp(text.parse::<SocketAddr>().expect("it is an address"));
        let table = [
            (vec![], vec![]),
            (vec!["[::1]:1", "[::2]:1", "1.1.1.1:1"], vec!["[::1]:1", "1.1.1.1:1", "[::2]:1"]),
            (
                vec!["1.1.1.1:1", "2.2.2.2:1", "[::1]:1", "[::2]:1"],
                vec!["1.1.1.1:1", "[::1]:1", "2.2.2.2:1", "[::2]:1"],
            ),
            (vec!["1.1.1.1:1", "2.2.2.2:1"], vec!["1.1.1.1:1", "2.2.2.2:1"]),
        ];
        for (given, expected) in table {
            let mixed = interleaved(given.iter().map(|text| address(text)).collect());
            assert_eq!(mixed, expected.iter().map(|text| address(text)).collect::<Vec<_>>(), "{given:?}");
        }
    }
}
