//! How services are doing, and who says so.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;

use crate::health::handler::HealthHandler;
use crate::health::pb;
use crate::health::pb::health_server::HealthServer;

/// What a service can do for callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServingStatus {
    /// Nobody can say.
    Unknown,
    /// It answers calls.
    Serving,
    /// It does not answer calls now.
    NotServing,
}

impl ServingStatus {
    /// As gRPC's schema calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            ServingStatus::Unknown => "UNKNOWN",
            ServingStatus::Serving => "SERVING",
            ServingStatus::NotServing => "NOT_SERVING",
        }
    }
}

/// Says how services are doing. Clones speak for the same services.
///
/// The server as a whole has the empty name, and serves from the beginning.
///
/// ```
/// use seltzer::health::{HealthReporter, ServingStatus};
///
/// let health = HealthReporter::new();
/// health.set_status("shop.v1.Orders", ServingStatus::Serving);
/// assert_eq!(health.status("shop.v1.Orders"), Some(ServingStatus::Serving));
/// health.shutdown();
/// assert_eq!(health.status("shop.v1.Orders"), Some(ServingStatus::NotServing));
/// health.resume();
/// assert_eq!(health.status("shop.v1.Orders"), Some(ServingStatus::Serving));
/// assert_eq!(health.status("shop.v1.Payments"), None);
/// ```
#[derive(Clone)]
pub struct HealthReporter {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Sent whenever something has changed.
    news: watch::Sender<()>,
    /// Woken when a watcher has heard of the end, or is gone.
    heard: Notify,
}

struct State {
    statuses: BTreeMap<String, ServingStatus>,
    /// Nothing serves, whatever `statuses` says.
    is_shut: bool,
    /// Cancelled when watchers are to go; `None` while no server drains.
    ending: Option<CancellationToken>,
    /// How often a server has begun to drain.
    endings: u64,
    watchers: usize,
    /// How many of them have heard of the last ending.
    watchers_told: usize,
}

/// What a watcher sees.
pub(super) struct Seen {
    /// `None`: the service is not known.
    pub(super) status: Option<ServingStatus>,
    pub(super) ending: Option<CancellationToken>,
}

/// That somebody watches.
pub(super) struct Watcher {
    reporter: HealthReporter,
    /// The ending that it has looked at.
    seen: Option<u64>,
    /// The ending that it has told of.
    told: Option<u64>,
}

impl HealthReporter {
    /// Speaks for the server as a whole, which serves, and for no service yet.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            statuses: BTreeMap::from([(String::new(), ServingStatus::Serving)]),
            is_shut: false,
            ending: None,
            endings: 0,
            watchers: 0,
            watchers_told: 0,
        };
        let shared = Shared { state: Mutex::new(state), news: watch::Sender::new(()), heard: Notify::new() };
        HealthReporter { shared: Arc::new(shared) }
    }

    /// The service that tells callers; [`Server::health`](crate::Server::health) adds it and ties it to the server.
    #[must_use]
    pub fn service(&self) -> HealthServer<HealthHandler> {
        HealthServer::new(HealthHandler::new(self.clone()))
    }

    /// How a service is doing, as callers are told. `None`: nobody has said.
    #[must_use]
    pub fn status(&self, service: &str) -> Option<ServingStatus> {
        self.state().shown(service)
    }

    /// Says how a service is doing, by its full name. The empty name is the server as a whole.
    ///
    /// After [`shutdown`](Self::shutdown) it is remembered, and shown after [`resume`](Self::resume).
    pub fn set_status(&self, service: impl Into<String>, status: ServingStatus) {
        self.change(|state| state.statuses.insert(service.into(), status));
    }

    /// A generated service serves: `set_serving::<GreeterServer<MyGreeter>>()`.
    pub fn set_serving<S: NamedService>(&self) {
        self.set_status(S::NAME, ServingStatus::Serving);
    }

    /// A generated service does not serve now.
    pub fn set_not_serving<S: NamedService>(&self) {
        self.set_status(S::NAME, ServingStatus::NotServing);
    }

    /// Forgets a service: to `Check` it is NOT_FOUND, to watchers SERVICE_UNKNOWN.
    pub fn clear(&self, service: &str) {
        self.change(|state| state.statuses.remove(service));
    }

    /// Nothing serves from now on, whatever is said of single services.
    pub fn shutdown(&self) {
        self.change(|state| state.is_shut = true);
    }

    /// Takes back [`shutdown`](Self::shutdown) and the end of a server: each service is as it was last said to be.
    pub fn resume(&self) {
        self.change(|state| {
            state.is_shut = false;
            state.ending = None;
        });
    }

    /// Services that are served; what was said of them before holds.
    pub(super) fn know(&self, services: &[&str]) {
        self.change(|state| {
            for service in services {
                state.statuses.entry((*service).to_owned()).or_insert(ServingStatus::Serving);
            }
        });
    }

    /// The server ends: nothing serves any more. Ready when all watchers have heard that; they go when `ended` is
    /// cancelled.
    pub(super) fn drain(&self, ended: CancellationToken) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.change(|state| {
            state.is_shut = true;
            state.ending = Some(ended);
            state.endings += 1;
            state.watchers_told = 0;
        });
        let reporter = self.clone();
        async move {
            loop {
                let heard = reporter.shared.heard.notified();
                if reporter.state().all_are_told() {
                    return;
                }
                heard.await;
            }
        }
    }

    /// All services and how they are doing, as callers are told.
    ///
    /// # Errors
    /// Their number, where it is more than `limit`.
    pub(super) fn list(&self, limit: usize) -> Result<Vec<(String, ServingStatus)>, usize> {
        let state = self.state();
        if state.statuses.len() > limit {
            return Err(state.statuses.len());
        }
        Ok(state.statuses.iter().map(|(service, status)| (service.clone(), state.show(*status))).collect())
    }

    /// Begins to watch.
    pub(super) fn watcher(&self) -> Watcher {
        self.state().watchers += 1;
        Watcher { reporter: self.clone(), seen: None, told: None }
    }

    /// Told whenever something changes.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.shared.news.subscribe()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) {
        change(&mut self.state());
        self.shared.news.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Only plain changes happen under this lock, so a poisoned one still holds sound data.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn shown(&self, service: &str) -> Option<ServingStatus> {
        self.statuses.get(service).map(|status| self.show(*status))
    }

    fn show(&self, status: ServingStatus) -> ServingStatus {
        if self.is_shut { ServingStatus::NotServing } else { status }
    }

    /// Holds as well when the end was taken back: nobody needs to hear of it then.
    fn all_are_told(&self) -> bool {
        self.ending.is_none() || self.watchers_told >= self.watchers
    }
}

impl Watcher {
    /// How a service is doing.
    pub(super) fn look(&mut self, service: &str) -> Seen {
        let state = self.reporter.state();
        self.seen = state.ending.is_some().then_some(state.endings);
        Seen { status: state.shown(service), ending: state.ending.clone() }
    }

    /// What it saw when it looked is on its way to its caller.
    pub(super) fn has_told(&mut self) {
        if self.seen.is_none() || self.told == self.seen {
            return;
        }
        let mut state = self.reporter.state();
        if self.seen == Some(state.endings) {
            self.told = self.seen;
            state.watchers_told += 1;
            self.reporter.shared.heard.notify_waiters();
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut state = self.reporter.state();
        state.watchers -= 1;
        if self.told == Some(state.endings) {
            state.watchers_told -= 1;
        }
        self.reporter.shared.heard.notify_waiters();
    }
}

impl Default for HealthReporter {
    fn default() -> Self {
        HealthReporter::new()
    }
}

impl fmt::Debug for HealthReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("HealthReporter")
            .field("statuses", &state.statuses)
            .field("is_shut", &state.is_shut)
            .field("watchers", &state.watchers)
            .finish_non_exhaustive()
    }
}

impl From<ServingStatus> for pb::health_check_response::ServingStatus {
    fn from(status: ServingStatus) -> Self {
        match status {
            ServingStatus::Unknown => Self::Unknown,
            ServingStatus::Serving => Self::Serving,
            ServingStatus::NotServing => Self::NotServing,
        }
    }
}
