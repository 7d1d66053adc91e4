//! What a channel's calls and the task that manages it share.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use http::HeaderMap;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::client::Endpoint;
use crate::client::backend::{Backend, Offer, Wish};
use crate::client::balance::{Balancer, CallObserver, CallOutcome, Pick, PickCall, Picker};
use crate::client::connectivity::ConnectivityState;
use crate::client::connector::Connector;
use crate::client::manager::Manager;
use crate::client::plan::Configured;
use crate::client::stage::{Known, Stage};
use crate::context::Context;
use crate::either::{Either, either};
use crate::status::{Code, Status};
use crate::task::task;
use crate::transport::connection::{Connection, Reserved};
use crate::transport::progress::{Progress, Unanswered};

/// How often a call asks its picker again at once when the backend that it got has just lost its connection: any other
/// may be ready. After that it waits for the next picker, which is on its way.
const PICKS_MAX: usize = 8;

/// A channel's settings and how it stands.
pub(super) struct Core {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) connector: Arc<Connector>,
    published: Mutex<Published>,
    /// For calls that wait: there is another picker.
    pub(super) published_anew: Notify,
    /// What stands around its balancers.
    #[cfg(feature = "channelz")]
    around: Option<crate::client::balance::Around>,
    /// The service config in force.
    pub(super) configured: Configured,
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
            #[cfg(feature = "channelz")]
            around: endpoint.surround.as_ref().map(|surround| surround(endpoint.written())),
            endpoint,
            connector,
            published: Mutex::default(),
            published_anew: Notify::new(),
            configured: Configured::default(),
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

    /// A balancer with what stands around it, and whether that wants to see the calls.
    pub(super) fn around(&self, balancer: Box<dyn Balancer>) -> (Box<dyn Balancer>, bool) {
        #[cfg(feature = "channelz")]
        if let Some(around) = &self.around {
            return (around(balancer), true);
        }
        (balancer, false)
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
        self.is_wanted.store(true, Ordering::Release);
        self.noticed.notify_one();
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
        let manager = Manager::new(Arc::clone(self), alive);
        // Whoever asked first must not lend its call to everybody's connection.
        tokio::spawn(task(Context::default().scope(manager.run())));
    }

    /// A turn on a connection for one attempt of a call, when it comes.
    ///
    /// # Errors
    /// No backend can take the call, and it does not wait for one.
    pub(super) async fn connection(
        self: &Arc<Self>,
        call: PickCall<'_>,
        wait_for_ready: bool,
    ) -> Result<Placed, Unplaced> {
        let _waiting = Waiting::begin(self);
        let (mut lost, mut was_delayed) = (0, false);
        loop {
            let mut anew = pin!(self.published_anew.notified());
            anew.as_mut().enable();
            let (backend, observer) = match self.pick(&call) {
                Pick::To(backend) => (backend, None),
                Pick::Observed(backend, observer) => (backend, Some(observer)),
                Pick::Drop(status) => return Err(Unplaced { status, is_dropped: true }),
                Pick::Fail(status) if !wait_for_ready => return Err(Unplaced { status, is_dropped: false }),
                Pick::Fail(_) | Pick::Queue => {
                    was_delayed = true;
                    anew.await;
                    continue;
                }
            };
            let turn = match backend.offer() {
                // Others may be quicker; then there may be a place elsewhere.
                Offer::Free(connection) => at_once(connection.reserve()).await,
                Offer::Full(connections) => {
                    let may_grow = connections.len() < self.endpoint.connections_permitted();
                    if may_grow {
                        backend.wish(Wish::Grow);
                    }
                    match &*connections {
                        // In the order in which they came, where there is but one and will be no other.
                        [one] if !may_grow => Some(one.reserve().await),
                        _ => first_turn(&connections, anew).await,
                    }
                }
                Offer::Nothing => {
                    lost += 1;
                    if lost % PICKS_MAX == 0 {
                        anew.await;
                    }
                    None
                }
            };
            if let Some(Ok(reserved)) = turn {
                let observation = observer.map(|observer| Observation::begin(backend, observer));
                return Ok(Placed { reserved, observation, was_delayed });
            }
        }
    }

    pub(super) fn pick(self: &Arc<Self>, call: &PickCall<'_>) -> Pick {
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

/// What is ready without waiting.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// The first turn on any of some connections; `None` if there is another picker before.
async fn first_turn(connections: &[Connection], anew: impl Future<Output = ()>) -> Option<Result<Reserved, Status>> {
    let mut turns: Vec<_> = connections.iter().map(|connection| Box::pin(connection.reserve())).collect();
    let turn = poll_fn(|cx| {
        let ready = turns.iter_mut().find_map(|turn| match turn.as_mut().poll(cx) {
            Poll::Ready(reserved) => Some(reserved),
            Poll::Pending => None,
        });
        ready.map_or(Poll::Pending, Poll::Ready)
    });
    match either(turn, anew).await {
        Either::First(reserved) => Some(reserved),
        Either::Second(()) => None,
    }
}

/// Counts a call among those that wait.
pub(super) struct Waiting<'a>(&'a Core);

impl<'a> Waiting<'a> {
    pub(super) fn begin(core: &'a Core) -> Self {
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
    pub(super) reserved: Reserved,
    /// For the balancer, if it wants to know what becomes of the call.
    pub(super) observation: Option<Observation>,
    /// Whether it had to wait for a picker that knew where.
    #[cfg_attr(not(feature = "telemetry"), allow(dead_code, reason = "only traces show it"))]
    pub(super) was_delayed: bool,
}

/// Why an attempt of a call goes nowhere.
#[derive(Debug)]
pub(super) struct Unplaced {
    pub(super) status: Status,
    /// The balancer does not want it, now or later.
    is_dropped: bool,
}

impl Unplaced {
    /// Whether another attempt may find a place is for a policy to say.
    pub(super) fn progress(&self) -> Progress {
        if self.is_dropped { Progress::Final } else { Progress::Sent }
    }

    pub(super) fn unanswered(self) -> Unanswered {
        Unanswered { progress: self.progress(), status: self.status, request: None }
    }
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
