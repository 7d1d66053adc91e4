//! What a channel's calls and the task that manages it share.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::client::Endpoint;
use crate::client::backend::{Backend, Wish};
use crate::client::balance::{CallObserver, CallOutcome, Pick, PickCall, Picker};
use crate::client::connectivity::ConnectivityState;
use crate::client::connector::Connector;
use crate::client::manager::Manager;
use crate::client::progress::{Known, Stage};
use crate::context::Context;
use crate::either::either;
use crate::status::{Code, Status};
use crate::transport::connection::Connection;

/// A channel's settings and how it stands.
pub(super) struct Core {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) connector: Arc<Connector>,
    published: Mutex<Published>,
    /// For calls that wait: there is another picker.
    published_anew: Notify,
    state: watch::Sender<ConnectivityState>,
    /// For the managing task: a backend has changed, or a call wants to leave.
    pub(super) noticed: Arc<Notify>,
    /// A call has found the channel idle.
    is_wanted: AtomicBool,
    /// Calls that wait for a connection.
    waiting: AtomicUsize,
    /// The channel is gone.
    pub(super) dropped: CancellationToken,
}

/// Where calls go.
#[derive(Default)]
struct Published {
    /// The connection of all calls, where there is but one and nobody watches what becomes of them.
    only: Option<Connection>,
    /// `None`: the channel is idle.
    picker: Option<Arc<dyn Picker>>,
    /// For calls that must say what they waited for.
    known: Known,
    /// Whether the managing task runs; it may have ended with its runtime.
    manager: Option<watch::Receiver<()>>,
}

impl Core {
    pub(super) fn new(endpoint: Arc<Endpoint>, connector: Arc<Connector>) -> Self {
        Core {
            endpoint,
            connector,
            published: Mutex::default(),
            published_anew: Notify::new(),
            state: watch::Sender::new(ConnectivityState::Idle),
            noticed: Arc::default(),
            is_wanted: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            dropped: CancellationToken::new(),
        }
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        // Only whole values are put in under this lock.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection of all calls, if it is open and there is no question about it.
    #[inline]
    pub(super) fn only_connection(&self) -> Option<Connection> {
        match &self.published().only {
            Some(open) if !open.is_closed() => Some(open.clone()),
            _ => None,
        }
    }

    /// Publishes where calls go from now on.
    pub(super) fn publish(&self, state: ConnectivityState, picker: Option<Arc<dyn Picker>>, only: Option<Connection>) {
        let old = {
            let mut published = self.published();
            let known = if picker.is_none() { std::mem::take(&mut published.known) } else { Known::default() };
            (std::mem::replace(&mut published.only, only), std::mem::replace(&mut published.picker, picker), known)
        };
        // Dropping a connection may take other locks.
        drop(old);
        self.state.send_if_modified(|current| std::mem::replace(current, state) != state);
        self.published_anew.notify_waiters();
    }

    /// Keeps what is known of the target.
    pub(super) fn know(&self, known: Known) {
        let old = std::mem::replace(&mut self.published().known, known);
        drop(old);
    }

    /// What a call ends with whose time was up at this stage.
    pub(super) fn late(&self, stage: Stage) -> Status {
        self.published().known.late(stage, self.endpoint.written())
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<ConnectivityState> {
        self.state.subscribe()
    }

    /// Whether any call waits for a connection.
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether a call has found the channel idle since the last time.
    pub(super) fn take_wanted(&self) -> bool {
        self.is_wanted.swap(false, Ordering::AcqRel)
    }

    /// Sees to it that somebody manages the channel, and that it does not stay idle.
    pub(super) fn wake(self: &Arc<Self>) {
        self.start();
        self.is_wanted.store(true, Ordering::Release);
        self.noticed.notify_one();
    }

    fn start(self: &Arc<Self>) {
        let alive = {
            let mut published = self.published();
            let runs = published.manager.as_ref().is_some_and(|manager| manager.has_changed().is_ok());
            if runs || self.dropped.is_cancelled() {
                return;
            }
            let (alive, watched) = watch::channel(());
            published.manager = Some(watched);
            alive
        };
        let manager = Manager::new(Arc::clone(self));
        // Whoever asked first must not lend its call to everybody's connection.
        tokio::spawn(Context::default().scope(async move {
            manager.run().await;
            drop(alive);
        }));
    }

    /// A connection for one attempt of a call: one with a place for it where there is any, else the one where it waits
    /// for its turn.
    ///
    /// # Errors
    /// No backend can take the call, and it does not wait for one.
    pub(super) async fn connection(
        self: &Arc<Self>,
        call: PickCall<'_>,
        wait_for_ready: bool,
    ) -> Result<Placed, Status> {
        let _waiting = Waiting::begin(self);
        loop {
            let mut anew = pin!(self.published_anew.notified());
            anew.as_mut().enable();
            let (backend, observer) = match self.pick(&call) {
                Pick::To(backend) => (backend, None),
                Pick::Observed(backend, observer) => (backend, Some(observer)),
                Pick::Drop(status) => return Err(status),
                Pick::Fail(status) if !wait_for_ready => return Err(status),
                Pick::Fail(_) | Pick::Queue => {
                    self.start();
                    anew.await;
                    continue;
                }
            };
            let connections = backend.connections();
            let free = connections.iter().position(Connection::has_place);
            let may_grow = connections.len() < self.endpoint.connections_max;
            let Some(connection) = connections.into_iter().nth(free.unwrap_or(0)) else {
                // It was lost a moment ago, and there will be another picker.
                self.start();
                anew.await;
                continue;
            };
            if free.is_none() && may_grow {
                backend.wish(Wish::Grow);
                let _ = either(connection.place(), anew).await;
                continue;
            }
            return Ok(Placed {
                connection,
                observation: observer.map(|observer| Observation::begin(backend, observer)),
            });
        }
    }

    fn pick(self: &Arc<Self>, call: &PickCall<'_>) -> Pick {
        let picker = self.published().picker.clone();
        match picker {
            Some(picker) => picker.pick(call),
            None => {
                self.wake();
                Pick::Queue
            }
        }
    }
}

/// Counts a call among those that wait.
struct Waiting<'a>(&'a Core);

impl<'a> Waiting<'a> {
    fn begin(core: &'a Core) -> Self {
        core.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(core)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where an attempt of a call goes.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) connection: Connection,
    /// For the balancer, if it wants to know what becomes of the call.
    pub(super) observation: Option<Observation>,
}

/// An attempt that a balancer watches. Dropped without an end, it was given up.
#[derive(Debug)]
pub(super) struct Observation {
    backend: Backend,
    observer: Arc<dyn CallObserver>,
    begin: Instant,
    is_over: bool,
}

impl Observation {
    fn begin(backend: Backend, observer: Arc<dyn CallObserver>) -> Self {
        observer.begin(&backend);
        Observation { backend, observer, begin: Instant::now(), is_over: false }
    }

    /// The attempt has ended with this status and these trailers.
    pub(super) fn end(mut self, code: Code, trailers: Option<&HeaderMap>) {
        self.report(Some(code), trailers);
    }

    fn report(&mut self, code: Option<Code>, trailers: Option<&HeaderMap>) {
        if !std::mem::replace(&mut self.is_over, true) {
            let duration = self.begin.elapsed();
            self.observer.end(&self.backend, &CallOutcome { code, trailers, duration });
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.report(None, None);
    }
}
