//! The task of a channel: resolves its target, keeps its backends, and publishes where calls go.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::client::backend::Backend;
use crate::client::balance::{Balancer, Pick, PickCall, Picker};
use crate::client::connectivity::ConnectivityState;
use crate::client::core::Core;
use crate::client::opener::Opener;
use crate::client::resolve::again::resolve_again;
use crate::client::resolve::{AnyResolver, Resolution, ResolveError, ResolveRequests};
use crate::client::service_config::{ServiceConfig, ServiceConfigError};
use crate::client::stage::Known;
use crate::either::{Either, either};
use crate::status::Status;
use crate::task::task;
use crate::transport::error::{Error, Step};

/// Into how many parts the idle timeout falls, at whose ends the channel looks for calls.
const IDLE_CHECKS: u32 = 8;

/// Manages a channel until it is dropped, or its runtime ends: then the next call has another one begin.
pub(super) struct Manager {
    core: Arc<Core>,
    /// As long as it is there, so is the manager.
    alive: Option<watch::Sender<()>>,
}

/// A channel that is not idle.
struct Active<'a> {
    core: &'a Arc<Core>,
    balancer: Box<dyn Balancer>,
    /// Whether somebody counts the calls, which therefore ask the picker.
    is_counted: bool,
    /// Whether it sends all calls to one connection.
    picks_first: bool,
    /// What it was chosen by.
    config: ServiceConfig,
    /// The service whose health decides which backends get calls.
    watched: Option<String>,
    backends: Vec<Backend>,
    requests: ResolveRequests,
    resolved: Arc<Resolved>,
    /// Whether anything was ever resolved.
    has_resolved: bool,
    /// Why the target cannot be resolved, while nothing is known of it.
    failure: Option<Status>,
}

/// What the resolver found last.
#[derive(Default)]
struct Resolved(Mutex<Option<Result<Resolution, ResolveError>>>);

impl Manager {
    pub(super) fn new(core: Arc<Core>, alive: watch::Sender<()>) -> Self {
        Manager { core, alive: Some(alive) }
    }

    pub(super) async fn run(self) {
        let core = &self.core;
        // The channel belongs to this task, and would never be dropped if the task waited without an eye on that.
        let lives = async {
            loop {
                while !core.take_wanted() {
                    core.noticed.notified().await;
                }
                let resolver = core.endpoint.make_resolver();
                Active::begin(core, resolver).run().await;
            }
        };
        let _ = either(core.dropped.cancelled(), lives).await;
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // Whoever hears that the channel is idle must see that nobody manages it.
        drop(self.alive.take());
        let is_dropped = self.core.dropped.is_cancelled();
        let state = if is_dropped { ConnectivityState::Shutdown } else { ConnectivityState::Idle };
        self.core.publish(state, None, None);
    }
}

impl<'a> Active<'a> {
    fn begin(core: &'a Arc<Core>, resolver: Box<dyn AnyResolver>) -> Running<'a> {
        core.publish(ConnectivityState::Connecting, Some(Arc::new(Waits)), None);
        let requests = ResolveRequests::default();
        let resolved = Arc::<Resolved>::default();
        let task = resolve(resolver, requests.clone(), Arc::clone(&resolved), Arc::clone(&core.noticed), core);
        let balancer = core.endpoint.balance.build_with(core.endpoint.outlier_detection.as_ref());
        let (balancer, is_counted) = core.around(balancer);
        let active = Active {
            core,
            balancer,
            is_counted,
            picks_first: core.endpoint.balance.picks_first(),
            config: ServiceConfig::default(),
            watched: None,
            backends: Vec::new(),
            requests,
            resolved,
            has_resolved: false,
            failure: None,
        };
        Running { active, resolver: task }
    }

    /// Takes what was resolved, and looks at the backends.
    fn look(&mut self) {
        match self.resolved.take() {
            None => {}
            Some(Ok(resolution)) => self.apply(resolution),
            Some(Err(_)) if self.has_resolved => {}
            Some(Err(error)) => {
                if !self.core.configured.is_known() {
                    self.configure(None);
                }
                self.failure = Some(unresolved(self.core, error).into());
            }
        }
        self.publish();
    }

    /// Puts the service config in force that holds from now on.
    fn configure(&mut self, found: Option<Result<ServiceConfig, ServiceConfigError>>) {
        let Core { configured, endpoint, .. } = &**self.core;
        let own = || endpoint.retries.service_config.clone();
        let config = match found {
            None => own(),
            Some(Ok(config)) => Some(config),
            Some(Err(error)) => {
                tracing::warn!(target = endpoint.written(), %error, "the resolver found a service config that is wrong");
                configured.config().or_else(own)
            }
        };
        let effective = config.clone().unwrap_or_default();
        if !effective.balances_like(&self.config) {
            let balance = effective.chosen_balance().unwrap_or(&endpoint.balance);
            let detection = effective.chosen_outlier_detection().or(endpoint.outlier_detection.as_ref());
            let (balancer, _) = self.core.around(balance.build_with(detection));
            (self.balancer, self.picks_first) = (balancer, balance.picks_first());
        }
        let watched = effective.health_check_service().or(endpoint.health_check.as_deref());
        let watched = watched.filter(|_| !self.picks_first).map(str::to_owned);
        if std::mem::replace(&mut self.watched, watched) != self.watched {
            // Those that there are watch another one, or none.
            std::mem::take(&mut self.backends).iter().for_each(Backend::shut_down);
        }
        self.config = effective;
        configured.set(config);
    }

    fn apply(&mut self, resolution: Resolution) {
        (self.has_resolved, self.failure) = (true, None);
        self.configure(resolution.service_config);
        if resolution.endpoints.is_empty() {
            let error = Error::new(Step::Resolve, "the name has no address").with_target(self.core.endpoint.written());
            self.failure = Some(error.into());
        }
        let endpoints = self.balancer.arrange(resolution.endpoints);
        let mut old = std::mem::take(&mut self.backends);
        if let ([one], [endpoint]) = (&*old, &*endpoints) {
            one.set_endpoint(endpoint.clone());
            self.backends = old;
            return;
        }
        for endpoint in endpoints {
            let known = old.iter().position(|backend| backend.endpoint().addresses == endpoint.addresses);
            let backend = match known {
                Some(index) => {
                    let backend = old.swap_remove(index);
                    backend.set_endpoint(endpoint);
                    backend
                }
                None => {
                    let backend = Backend::new(endpoint, Arc::clone(&self.core.noticed));
                    let Core { connector, endpoint, .. } = &**self.core;
                    let (requests, watched) = (self.requests.clone(), self.watched.clone());
                    Opener::start(&backend, Arc::clone(connector), Arc::clone(endpoint), requests, watched);
                    backend
                }
            };
            self.backends.push(backend);
        }
        old.iter().for_each(Backend::shut_down);
    }

    fn publish(&mut self) {
        self.core.know(Known { backends: self.backends.clone(), failure: self.failure.clone() });
        let (state, picker, only): (_, Arc<dyn Picker>, _) = match &self.failure {
            Some(failure) if self.backends.is_empty() => {
                (ConnectivityState::TransientFailure, Arc::new(Fails(failure.clone())), None)
            }
            _ if self.backends.is_empty() => (ConnectivityState::Connecting, Arc::new(Waits), None),
            _ => {
                let picker = self.balancer.update(&self.backends);
                let state = self.balancer.state(&self.backends);
                let only = match &*self.backends {
                    [one] if state == ConnectivityState::Ready && self.picks_first && !self.is_counted => {
                        one.first_connection()
                    }
                    _ => None,
                };
                (state, picker, only)
            }
        };
        self.core.publish(state, Some(picker), only);
    }

    /// How many calls began on the connections so far, and whether any runs.
    fn activity(&self) -> (u64, bool) {
        let all = self.backends.iter().map(Backend::activity);
        let (begun, is_busy) = all.fold((0, false), |(begun, busy), (more, other)| (begun + more, busy || other));
        (begun, is_busy || self.core.has_waiting())
    }
}

/// An active channel, and the task that resolves its target.
struct Running<'a> {
    active: Active<'a>,
    resolver: AbortHandle,
}

impl Running<'_> {
    /// Until nobody has called for a while.
    async fn run(mut self) {
        let step = self.active.core.endpoint.idle_timeout.map(|timeout| timeout / IDLE_CHECKS);
        let mut next_check = step.map(|step| Instant::now() + step);
        let (mut seen, mut quiet) = (0, 0);
        loop {
            let next_update = self.active.balancer.update_after().map(|after| Instant::now() + after);
            let timer = async {
                match [next_check, next_update].into_iter().flatten().min() {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let timer = either(self.active.core.noticed.notified(), timer).await;
            let is_past = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
            if let Either::First(()) = timer {
                self.active.core.take_wanted();
                self.active.look();
            } else if is_past(next_check) {
                let (begun, is_busy) = self.active.activity();
                quiet = if is_busy || begun != seen { 0 } else { quiet + 1 };
                seen = begun;
                if quiet >= IDLE_CHECKS {
                    return self.idle();
                }
                next_check = step.map(|step| Instant::now() + step);
            } else {
                self.active.look();
            }
        }
    }

    fn idle(self) {
        self.active.core.publish(ConnectivityState::Idle, None, None);
        // A call may have come in the very moment.
        if self.active.core.has_waiting() {
            self.active.core.wake();
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.resolver.abort();
        self.active.backends.iter().for_each(Backend::shut_down);
    }
}

impl Resolved {
    fn put(&self, found: Result<Resolution, ResolveError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    fn take(&self) -> Option<Result<Resolution, ResolveError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Resolves a target again and again, on a task of its own.
fn resolve(
    resolver: Box<dyn AnyResolver>,
    requests: ResolveRequests,
    resolved: Arc<Resolved>,
    noticed: Arc<Notify>,
    core: &Core,
) -> AbortHandle {
    let resolving = resolve_again(resolver, requests, core.endpoint.backoff, move |found| {
        resolved.put(found);
        noticed.notify_one();
    });
    tokio::spawn(task(resolving)).abort_handle()
}

fn unresolved(core: &Core, error: ResolveError) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => Error::new(Step::Resolve, error.to_string()).with_source(error),
    };
    error.or_target(core.endpoint.written())
}

/// Lets all calls wait: nothing is known yet.
struct Waits;

impl Picker for Waits {
    fn pick(&self, _: &PickCall<'_>) -> Pick {
        Pick::Queue
    }
}

/// Fails all calls.
struct Fails(Status);

impl Picker for Fails {
    fn pick(&self, _: &PickCall<'_>) -> Pick {
        Pick::Fail(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::balance::Balance;
    use crate::client::connector::Connector;
    use crate::client::resolve::Resolver;
    use crate::client::{Endpoint, MethodConfig};

    struct Never;

    impl Resolver for Never {
        async fn next(&mut self, _: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
            std::future::pending().await
        }
    }

    fn core(endpoint: Endpoint) -> Arc<Core> {
        let endpoint = Arc::new(endpoint);
        Arc::new(Core::new(Arc::clone(&endpoint), Arc::new(Connector::new(endpoint, None))))
    }

    fn timeout(secs: u64) -> Result<ServiceConfig, ServiceConfigError> {
        ServiceConfig::new().method("", MethodConfig::new().timeout(Duration::from_secs(secs)))
    }

    fn wrong() -> Result<ServiceConfig, ServiceConfigError> {
        ServiceConfig::new().retry_throttling(0, 1.0)
    }

    #[tokio::test]
    async fn what_the_resolver_says_goes_before_what_the_channel_was_told() {
        let endpoint = Endpoint::from_static("http://127.0.0.1:1");
        let with_own = endpoint.clone().service_config(timeout(1).expect("it is right")).expect("so it stays");
        for (endpoint, own) in [(endpoint, None), (with_own, Some(1))] {
            let core = core(endpoint);
            let mut running = Active::begin(&core, Box::new(Never));
            assert!(!core.configured.is_plain(), "nothing is known yet");
            let table = [
                (None, own),
                (Some(wrong()), own),
                (Some(timeout(2)), Some(2)),
                (Some(wrong()), Some(2)),
                (Some(Ok(ServiceConfig::new())), None),
                (Some(wrong()), None),
                (None, own),
            ];
            for (found, expected) in table {
                running.active.configure(found);
                let config = core.configured.config();
                let method = config.as_ref().and_then(|config| config.of_method("/a/b"));
                let timeout = method.and_then(|method| method.timeout).map(|timeout| timeout.as_secs());
                assert_eq!(timeout, expected);
                assert_eq!(core.configured.is_plain(), config.is_none());
            }
        }
    }

    #[tokio::test]
    async fn the_channels_own_config_holds_while_the_target_cannot_be_resolved() {
        let endpoint = Endpoint::from_static("http://127.0.0.1:1");
        let with_own = endpoint.clone().service_config(timeout(1).expect("it is right")).expect("so it stays");
        for (endpoint, own) in [(endpoint, None), (with_own, Some(1))] {
            let core = core(endpoint);
            let mut running = Active::begin(&core, Box::new(Never));
            let mut say = |said, expected: Option<u64>| {
                running.active.resolved.put(said);
                running.active.look();
                assert!(core.configured.is_known());
                let method = core.configured.config().and_then(|config| config.of_method("/a/b").cloned());
                assert_eq!(method.and_then(|method| method.timeout).map(|timeout| timeout.as_secs()), expected);
            };
            say(Err("no such name".into()), own);
            let found = Resolution::default().service_config(timeout(2));
            say(Ok(found), Some(2));
            say(Err("no such name".into()), Some(2));
        }
    }

    #[tokio::test]
    async fn a_config_chooses_the_balancer_as_long_as_it_is_in_force() {
        let endpoint = Endpoint::from_static("http://127.0.0.1:1").balance(Balance::RoundRobin);
        let core = core(endpoint);
        let mut running = Active::begin(&core, Box::new(Never));
        let chosen = |balance| ServiceConfig::new().balance(balance);
        for (found, picks_first) in [
            (None, false),
            (Some(chosen(Balance::default())), true),
            (Some(chosen(Balance::RoundRobin)), false),
            (Some(chosen(Balance::default())), true),
            (Some(ServiceConfig::new()), false),
        ] {
            running.active.configure(found.clone().map(Ok));
            assert_eq!(running.active.picks_first, picks_first, "{found:?}");
        }
    }
}
