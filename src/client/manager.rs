//! The task of a channel: resolves its target, keeps its backends, and publishes where calls go.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::client::backend::{Backend, Wish};
use crate::client::backoff::Backoff;
use crate::client::balance::{Balancer, Pick, PickCall, Picker};
use crate::client::connectivity::ConnectivityState;
use crate::client::core::Core;
use crate::client::opener::Opener;
use crate::client::progress::Known;
use crate::client::resolve::{AnyResolver, Resolution, ResolveError, ResolveRequests};
use crate::either::{Either, either};
use crate::status::Status;
use crate::transport::error::{Error, Step};

/// Into how many parts the idle timeout falls, at whose ends the channel looks for calls.
const IDLE_CHECKS: u32 = 8;

/// Manages a channel until it is dropped.
pub(super) struct Manager {
    core: Arc<Core>,
}

/// A channel that is not idle.
struct Active<'a> {
    core: &'a Arc<Core>,
    balancer: Box<dyn Balancer>,
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
    pub(super) fn new(core: Arc<Core>) -> Self {
        Manager { core }
    }

    pub(super) async fn run(self) {
        let core = &self.core;
        // The channel belongs to this task, and would never be dropped if the task waited without an eye on that.
        let lives = async {
            loop {
                while !core.take_wanted() {
                    core.noticed.notified().await;
                }
                let resolver = core.endpoint.resolver();
                Active::begin(core, resolver).run().await;
            }
        };
        let _ = either(core.dropped.cancelled(), lives).await;
        core.publish(ConnectivityState::Shutdown, None, None);
    }
}

impl<'a> Active<'a> {
    fn begin(core: &'a Arc<Core>, resolver: Box<dyn AnyResolver>) -> Running<'a> {
        core.publish(ConnectivityState::Connecting, Some(Arc::new(Waits)), None);
        let requests = ResolveRequests::default();
        let resolved = Arc::<Resolved>::default();
        let task = resolve(resolver, requests.clone(), Arc::clone(&resolved), Arc::clone(&core.noticed), core);
        let active = Active {
            core,
            balancer: core.endpoint.balancer(),
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
            Some(Err(error)) => self.failure = Some(unresolved(self.core, error).into()),
        }
        self.publish();
    }

    fn apply(&mut self, resolution: Resolution) {
        (self.has_resolved, self.failure) = (true, None);
        if resolution.endpoints.is_empty() {
            let error = Error::new(Step::Resolve, "the name has no address").with_target(self.core.endpoint.written());
            self.failure = Some(error.into());
        }
        let endpoints = self.balancer.arrange(resolution.endpoints);
        let mut old = std::mem::take(&mut self.backends);
        if let ([one], [endpoint]) = (&*old, &*endpoints) {
            one.set_endpoint(endpoint.clone());
            one.wish(Wish::Hurry);
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
                    Opener::start(&backend, Arc::clone(connector), Arc::clone(endpoint), self.requests.clone());
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
                    [one] if state == ConnectivityState::Ready && self.core.endpoint.picks_first() => {
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
        let connections = || self.backends.iter().flat_map(Backend::connections);
        let begun = connections().map(|connection| connection.calls_begun()).sum();
        (begun, connections().any(|connection| connection.is_busy()) || self.core.has_waiting())
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
            let timer = async {
                match next_check {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            match either(self.active.core.noticed.notified(), timer).await {
                Either::First(()) => {
                    self.active.core.take_wanted();
                    self.active.look();
                }
                Either::Second(()) => {
                    let (begun, is_busy) = self.active.activity();
                    quiet = if is_busy || begun != seen { 0 } else { quiet + 1 };
                    seen = begun;
                    if quiet >= IDLE_CHECKS {
                        return self.idle();
                    }
                    next_check = step.map(|step| Instant::now() + step);
                }
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
    mut resolver: Box<dyn AnyResolver>,
    mut requests: ResolveRequests,
    resolved: Arc<Resolved>,
    noticed: Arc<Notify>,
    core: &Core,
) -> AbortHandle {
    let mut backoff = Backoff::new(core.endpoint.backoff);
    let task = async move {
        loop {
            let found = resolver.next(&mut requests).await;
            let pause = match &found {
                Ok(_) => {
                    backoff.reset();
                    Duration::ZERO
                }
                Err(_) => backoff.next_pause(),
            };
            resolved.put(found);
            noticed.notify_one();
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
                requests.request();
            }
        }
    };
    tokio::spawn(task).abort_handle()
}

fn unresolved(core: &Core, error: ResolveError) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => {
            Error::new(Step::Resolve, error.to_string()).with_target(core.endpoint.written()).with_source(error)
        }
    }
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
