//! One server behind a channel, and the connections to it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use crate::client::connectivity::ConnectivityState;
use crate::client::health::{Health, HealthWatch};
use crate::client::resolve::ResolvedEndpoint;
use crate::status::Status;
use crate::transport::address::Address;
use crate::transport::connection::Connection;

/// One server of a channel: its addresses, and the connections to it. Clones are handles to the same one.
///
/// A [`Balancer`](crate::client::balance::Balancer) sees how each stands and says when it is to connect.
#[derive(Clone)]
pub struct Backend(Arc<Inner>);

struct Inner {
    id: u64,
    standing: Mutex<Standing>,
    /// Kept away from calls for a while, because too many of them failed there.
    is_ejected: AtomicBool,
    /// For its task: there is something to do.
    wanted: watch::Sender<()>,
    /// For the channel's task: its standing has changed.
    changed: Arc<Notify>,
}

/// How a backend stands.
struct Standing {
    endpoint: ResolvedEndpoint,
    state: ConnectivityState,
    /// Why the last attempt to connect failed.
    failure: Option<Status>,
    connections: Vec<Held>,
    /// It was asked to connect.
    must_connect: bool,
    /// All its connections are full, and one more is wanted.
    must_grow: bool,
    /// There are addresses that it did not have before.
    must_hurry: bool,
    task: Option<AbortHandle>,
}

/// A connection of a backend.
struct Held {
    /// What distinguishes it from others.
    number: u64,
    address: Address,
    connection: Connection,
    health: Health,
    watch: Option<HealthWatch>,
}

impl Held {
    /// Whether a call may begin on it.
    fn takes_calls(&self) -> bool {
        matches!(self.health, Health::Serving) && !self.connection.is_closed()
    }
}

impl Standing {
    /// How it stands, its servers' own opinion included.
    fn state(&self) -> ConnectivityState {
        use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
        let any = |is_it: fn(&Health) -> bool| self.connections.iter().any(|held| is_it(&held.health));
        match self.state {
            Ready if self.connections.is_empty() || any(|health| matches!(health, Health::Serving)) => Ready,
            Ready if any(|health| matches!(health, Health::Unknown)) => Connecting,
            Ready => TransientFailure,
            // About to: its task has yet to hear of it.
            Idle if self.must_connect => Connecting,
            other => other,
        }
    }

    fn failure(&self) -> Option<Status> {
        let unwell = self.connections.iter().find_map(|held| match &held.health {
            Health::NotServing(status) => Some(status.clone()),
            _ => None,
        });
        self.failure.clone().or(unwell)
    }
}

/// What its task is asked to do.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Wish {
    Connect,
    Grow,
    Hurry,
}

/// What a backend has for one more call.
#[derive(Debug)]
pub(super) enum Offer {
    /// A connection on which it can begin at once.
    Free(Connection),
    /// These connections, which are full.
    Full(Vec<Connection>),
    /// No connection: it was lost a moment ago.
    Nothing,
}

/// Gives each backend a number of its own.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl Backend {
    pub(super) fn new(endpoint: ResolvedEndpoint, changed: Arc<Notify>) -> Self {
        Backend(Arc::new(Inner {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            standing: Mutex::new(Standing {
                endpoint,
                state: ConnectivityState::Idle,
                failure: None,
                connections: Vec::new(),
                must_connect: false,
                must_grow: false,
                must_hurry: false,
                task: None,
            }),
            is_ejected: AtomicBool::new(false),
            wanted: watch::Sender::new(()),
            changed,
        }))
    }

    /// A number that no other backend of this process has: what a balancer keeps of it is found by this.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The endpoint as its resolver found it.
    #[must_use]
    pub fn endpoint(&self) -> ResolvedEndpoint {
        self.standing().endpoint.clone()
    }

    /// How it stands. One that fails says so until it is connected again, though it tries meanwhile; one that is
    /// kept away from calls for failing too many of them counts as failing.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        if self.0.is_ejected.load(Ordering::Relaxed) {
            return ConnectivityState::TransientFailure;
        }
        self.standing().state()
    }

    /// Why it fails: why the last attempt to connect did, that its server says it does not serve, or that it is kept
    /// away from calls.
    #[must_use]
    pub fn last_failure(&self) -> Option<Status> {
        if self.0.is_ejected.load(Ordering::Relaxed) {
            return Some(Status::unavailable("the server failed too many calls, and gets none for a while"));
        }
        self.standing().failure()
    }

    /// Asks it to connect, if it is idle.
    pub fn connect(&self) {
        self.wish(Wish::Connect);
    }

    /// Whether two handles lead to the same backend.
    #[must_use]
    pub fn is_same(&self, other: &Backend) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn wish(&self, wish: Wish) {
        let mut standing = self.standing();
        let flag = match wish {
            Wish::Connect => &mut standing.must_connect,
            Wish::Grow => &mut standing.must_grow,
            Wish::Hurry => &mut standing.must_hurry,
        };
        if !std::mem::replace(flag, true) {
            drop(standing);
            self.look_again();
        }
    }

    /// Takes a wish back, fulfilled or not; tells whether there was one.
    pub(super) fn take_wish(&self, wish: Wish) -> bool {
        let mut standing = self.standing();
        std::mem::take(match wish {
            Wish::Connect => &mut standing.must_connect,
            Wish::Grow => &mut standing.must_grow,
            Wish::Hurry => &mut standing.must_hurry,
        })
    }

    /// Waits until there is something to find, looking again whenever a wish, an address or the end of a connection has
    /// come. Any number may wait at once.
    pub(super) async fn find<T>(&self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let mut wanted = self.0.wanted.subscribe();
        loop {
            wanted.borrow_and_update();
            if let Some(found) = look(self) {
                return found;
            }
            // Who sends lives as long as the backend.
            let _ = wanted.changed().await;
        }
    }

    /// Tells whoever waits for something to look again.
    pub(super) fn look_again(&self) {
        self.0.wanted.send_replace(());
    }

    /// What does the same, without keeping the backend.
    pub(super) fn closing(&self) -> watch::Sender<()> {
        self.0.wanted.clone()
    }

    /// Whether it has connections, none of which has a place. Nobody waits for one else.
    pub(super) fn is_full(&self) -> bool {
        matches!(self.offer(), Offer::Full(_))
    }

    pub(super) fn set_task(&self, task: AbortHandle) {
        self.standing().task = Some(task);
    }

    /// Replaces its addresses. Connections to those that are still among them stay, the others finish their calls.
    pub(super) fn set_endpoint(&self, endpoint: ResolvedEndpoint) {
        let mut standing = self.standing();
        let lost: Vec<_> =
            standing.connections.extract_if(.., |held| !endpoint.addresses.contains(&held.address)).collect();
        let old = std::mem::replace(&mut standing.endpoint, endpoint);
        let has_changed = standing.endpoint.addresses != old.addresses;
        // Whoever waits after a failure does not try the same addresses again any sooner.
        standing.must_hurry |= standing.endpoint.addresses.iter().any(|address| !old.addresses.contains(address));
        drop(standing);
        drop(lost);
        if has_changed {
            self.look_again();
        }
    }

    /// Keeps calls away from it, or lets them come again.
    pub(super) fn set_ejected(&self, is_ejected: bool) {
        if self.0.is_ejected.swap(is_ejected, Ordering::Relaxed) != is_ejected {
            self.0.changed.notify_one();
        }
    }

    pub(super) fn set_state(&self, state: ConnectivityState, failure: Option<Status>) {
        let mut standing = self.standing();
        standing.state = state;
        if failure.is_some() || state == ConnectivityState::Ready {
            standing.failure = failure;
        }
        drop(standing);
        self.0.changed.notify_one();
    }

    /// Adds a connection, which waits for its server to say that it serves, if it is to be asked. Tells its number.
    pub(super) fn add_connection(&self, address: Address, connection: Connection, is_asked: bool) -> u64 {
        let health = if is_asked { Health::Unknown } else { Health::Serving };
        let number = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let mut standing = self.standing();
        // It was shut down while this one was on its way.
        if standing.state == ConnectivityState::Shutdown {
            return number;
        }
        standing.connections.push(Held { number, address, connection, health, watch: None });
        standing.state = ConnectivityState::Ready;
        standing.failure = None;
        drop(standing);
        self.0.changed.notify_one();
        number
    }

    /// Says what the server of a connection says of itself.
    pub(super) fn set_health(&self, number: u64, health: Health) {
        if let Some(held) = self.standing().connections.iter_mut().find(|held| held.number == number) {
            held.health = health;
            self.0.changed.notify_one();
        }
    }

    /// Has a connection's server listened to as long as the connection is there.
    pub(super) fn attach(&self, number: u64, watch: HealthWatch) {
        if let Some(held) = self.standing().connections.iter_mut().find(|held| held.number == number) {
            held.watch = Some(watch);
        }
    }

    /// Forgets connections that take no more calls; tells how many are left.
    pub(super) fn retain_open(&self) -> usize {
        let mut standing = self.standing();
        let before = standing.connections.len();
        // Dropping one may run what ends it, which takes another lock.
        let closed: Vec<_> = standing.connections.extract_if(.., |held| held.connection.is_closed()).collect();
        let left = standing.connections.len();
        drop(standing);
        drop(closed);
        if left != before {
            self.0.changed.notify_one();
        }
        left
    }

    /// A connection for one more call.
    pub(super) fn offer(&self) -> Offer {
        let standing = self.standing();
        let open = || standing.connections.iter().filter(|held| held.takes_calls()).map(|held| &held.connection);
        match (open().find(|connection| connection.has_place()), open().next()) {
            (Some(free), _) => Offer::Free(free.clone()),
            (None, Some(_)) => Offer::Full(open().cloned().collect()),
            (None, None) => Offer::Nothing,
        }
    }

    /// The first connection that takes calls.
    pub(super) fn first_connection(&self) -> Option<Connection> {
        let standing = self.standing();
        standing.connections.iter().find(|held| held.takes_calls()).map(|held| held.connection.clone())
    }

    /// How many calls of users have begun on its connections, and whether any runs.
    pub(super) fn activity(&self) -> (u64, bool) {
        let standing = self.standing();
        standing.connections.iter().filter(|held| !held.connection.is_closed()).fold(
            (0, false),
            |(begun, busy), held| {
                let (own, running) = held.watch.as_ref().map_or((0, 0), HealthWatch::calls);
                let calls = held.connection.calls_begun().saturating_sub(own);
                (begun + calls, busy || held.connection.is_busy_beside(running))
            },
        )
    }

    /// Ends it: no more attempts. Calls that run go on.
    pub(super) fn shut_down(&self) {
        let mut standing = self.standing();
        standing.state = ConnectivityState::Shutdown;
        let (task, connections) = (standing.task.take(), std::mem::take(&mut standing.connections));
        drop(standing);
        drop(connections);
        if let Some(task) = task {
            task.abort();
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        // Only whole values are put in under this lock.
        self.0.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that stands like this, for tests of balancers.
    #[cfg(test)]
    pub(super) fn standing_like(endpoint: ResolvedEndpoint, state: ConnectivityState) -> Self {
        let backend = Backend::new(endpoint, Arc::default());
        backend.standing().state = state;
        backend
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = self.standing();
        f.debug_struct("Backend")
            .field("addresses", &standing.endpoint.addresses)
            .field("state", &standing.state)
            .finish_non_exhaustive()
    }
}
