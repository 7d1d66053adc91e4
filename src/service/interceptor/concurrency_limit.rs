//! No more calls at once than a server can do well.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::service::interceptor::shedding::Shedding;
use crate::service::interceptor::{CallHead, Next, ServerCall, ServerInterceptor, ServerReply};
use crate::status::{Code, Status};

/// Lets so many calls run at once, and so many more wait for their turn; others are turned away before their messages
/// are read.
///
/// A call counts until its answer is complete, or until it is dropped. Waiting calls go in order; one that is cancelled,
/// or whose deadline passes, leaves the queue. Several limits may stand around each other.
///
/// ```
/// # #[cfg(feature = "server")]
/// # fn main() {
/// use std::time::Duration;
/// use seltzer::server::{ConcurrencyLimit, Interceptors};
///
/// // A thousand in all, ten of each connection; a hundred may wait, none longer than a second.
/// let limits = Interceptors::new()
///     .with(ConcurrencyLimit::new(1000).queue(100).queue_timeout(Duration::from_secs(1)))
///     .with(ConcurrencyLimit::new(10).per_connection());
/// let server = seltzer::Server::builder().intercept(limits);
/// # drop(server);
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct ConcurrencyLimit {
    calls_max: usize,
    waiting_max: usize,
    queue_timeout: Option<Duration>,
    per: Per,
    concerns: Option<Arc<Concerns>>,
    shedding: Shedding,
    gates: Arc<Gates>,
}

/// Whether a limit concerns a call.
type Concerns = dyn Fn(CallHead<'_>) -> bool + Send + Sync;

/// Which calls share a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    Server,
    Connection,
    Method,
}

/// The same, for one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Server,
    /// The place in memory of what is known of its peer: nobody else's while a call holds it.
    Connection(usize),
    Method(String),
}

impl ConcurrencyLimit {
    /// So many calls at once, at least one, and none waiting.
    #[must_use]
    pub fn new(calls_max: usize) -> Self {
        ConcurrencyLimit {
            calls_max: calls_max.max(1),
            waiting_max: 0,
            queue_timeout: None,
            per: Per::Server,
            concerns: None,
            shedding: Shedding::new(Code::Unavailable),
            gates: Arc::default(),
        }
    }

    /// Each connection has this limit for itself.
    #[must_use]
    pub fn per_connection(mut self) -> Self {
        self.per = Per::Connection;
        self
    }

    /// Each method has this limit for itself.
    #[must_use]
    pub fn per_method(mut self) -> Self {
        self.per = Per::Method;
        self
    }

    /// Concerns these calls alone; all others pass by and are not counted.
    ///
    /// ```
    /// use seltzer::server::ConcurrencyLimit;
    ///
    /// // Two reports at a time, and as much of anything else as there is.
    /// let reports = ConcurrencyLimit::new(2).only(|call| call.path() == "/shop.v1.Shop/MakeReport");
    /// # drop(reports);
    /// ```
    #[must_use]
    pub fn only(mut self, concerns: impl Fn(CallHead<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.concerns = Some(Arc::new(concerns));
        self
    }

    /// So many more calls may wait. None unless set.
    #[must_use]
    pub fn queue(mut self, waiting_max: usize) -> Self {
        self.waiting_max = waiting_max;
        self
    }

    /// How long a call may wait, beside what its deadline says. As long as it likes unless set.
    #[must_use]
    pub fn queue_timeout(mut self, timeout: Duration) -> Self {
        self.queue_timeout = Some(timeout);
        self
    }

    /// What calls end with that are turned away: UNAVAILABLE unless set, for which clients with a retry policy commonly
    /// try again.
    #[must_use]
    pub fn shed_with(mut self, code: Code) -> Self {
        self.shedding.code = code;
        self
    }

    /// When clients that retry should come back; those that are told nothing follow their own policy.
    #[must_use]
    pub fn pushback(mut self, pause: Duration) -> Self {
        self.shedding.pushback = Some(pause);
        self
    }

    fn key(&self, call: &ServerCall) -> Key {
        match self.per {
            Per::Server => Key::Server,
            Per::Connection => Key::Connection(call.peer().map_or(0, |peer| std::ptr::from_ref(peer).addr())),
            Per::Method => Key::Method(call.path().to_owned()),
        }
    }

    fn whose(&self) -> &'static str {
        match self.per {
            Per::Server => "this server",
            Per::Connection => "this connection",
            Per::Method => "this method",
        }
    }

    async fn turn(&self, key: Key) -> Result<Turn, Status> {
        let waiting = match self.gates.enter(key, self.calls_max, self.waiting_max) {
            Entered::Runs(turn) => return Ok(turn),
            Entered::Waits(waiting) => waiting,
            Entered::Full => return Err(self.shedding.status(format_args!("{} has too many calls", self.whose()))),
        };
        let turn = waiting.turn();
        let came = match self.queue_timeout {
            None => turn.await,
            Some(timeout) => match tokio::time::timeout(timeout, turn).await {
                Ok(came) => came,
                Err(_) => {
                    return Err(self
                        .shedding
                        .status(format_args!("{} has too many calls: this one waited for {timeout:?}", self.whose())));
                }
            },
        };
        came.ok_or_else(|| Status::internal("the queue of calls is gone"))
    }
}

impl ServerInterceptor for ConcurrencyLimit {
    async fn intercept(&self, call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        if self.concerns.as_ref().is_some_and(|concerns| !concerns(call.head())) {
            return next.run(call).await;
        }
        let turn = self.turn(self.key(&call)).await?;
        let reply = next.run(call).await?;
        reply.map_end(move |end| {
            drop(turn);
            end
        })
    }
}

impl fmt::Debug for ConcurrencyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimit")
            .field("calls_max", &self.calls_max)
            .field("waiting_max", &self.waiting_max)
            .field("queue_timeout", &self.queue_timeout)
            .field("per", &self.per)
            .finish_non_exhaustive()
    }
}

/// Where calls wait for their turn; there is one where calls run.
#[derive(Debug, Default)]
struct Gates(Mutex<HashMap<Key, Gate>>);

#[derive(Debug, Default)]
struct Gate {
    running: usize,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

enum Entered {
    Runs(Turn),
    Waits(Waiting),
    Full,
}

/// A call in the queue.
struct Waiting(oneshot::Receiver<Turn>);

impl Waiting {
    async fn turn(self) -> Option<Turn> {
        self.0.await.ok()
    }
}

/// A call that runs; dropped, the next one does.
#[derive(Debug)]
struct Turn {
    gates: Arc<Gates>,
    key: Key,
}

impl Gates {
    fn enter(self: &Arc<Self>, key: Key, calls_max: usize, waiting_max: usize) -> Entered {
        let mut gates = self.lock();
        let gate = gates.entry(key.clone()).or_default();
        if gate.running < calls_max {
            gate.running += 1;
            return Entered::Runs(Turn { gates: Arc::clone(self), key });
        }
        // Those that left need no place.
        if gate.waiting.len() >= waiting_max {
            gate.waiting.retain(|waiting| !waiting.is_closed());
        }
        if gate.waiting.len() >= waiting_max {
            return Entered::Full;
        }
        let (turn, waiting) = oneshot::channel();
        gate.waiting.push_back(turn);
        Entered::Waits(Waiting(waiting))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Gate>> {
        // Nothing panics under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next waiting call from a gate, or makes the place free.
    fn pass_on(&self, key: &Key) -> Option<oneshot::Sender<Turn>> {
        let mut gates = self.lock();
        let gate = gates.get_mut(key)?;
        while let Some(next) = gate.waiting.pop_front() {
            if !next.is_closed() {
                return Some(next);
            }
        }
        gate.running -= 1;
        if gate.running == 0 {
            gates.remove(key);
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(next) = self.gates.pass_on(&self.key) else { return };
        let turn = Turn { gates: Arc::clone(&self.gates), key: self.key.clone() };
        // One that left just now gives its turn back, which is dropped here in its turn: the call after it goes.
        drop(next.send(turn));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(entered: Entered) -> Turn {
        match entered {
            Entered::Runs(turn) => turn,
            _ => panic!("there is a place"),
        }
    }

    fn waits(entered: Entered) -> Waiting {
        match entered {
            Entered::Waits(waiting) => waiting,
            _ => panic!("there is a place in the queue, and none beside it"),
        }
    }

    #[tokio::test]
    async fn turns_come_in_order_and_those_that_left_are_passed_over() {
        let gates = Arc::new(Gates::default());
        let enter = || gates.enter(Key::Server, 1, 3);
        let first = runs(enter());
        let (second, third, fourth) = (waits(enter()), waits(enter()), waits(enter()));
        assert!(matches!(enter(), Entered::Full));
        drop(second);
        let fifth = waits(enter());
        assert!(matches!(enter(), Entered::Full), "the place of the one that left is taken");
        drop(first);
        let third = third.turn().await.expect("its turn has come");
        drop(fourth);
        drop(third);
        let fifth = fifth.turn().await.expect("its turn has come");
        drop(fifth);
        assert!(gates.lock().is_empty(), "nothing is kept of those that are gone");
    }

    #[tokio::test]
    async fn a_turn_that_is_not_taken_goes_on() {
        let gates = Arc::new(Gates::default());
        let enter = || gates.enter(Key::Method("/a/B".to_owned()), 1, 9);
        let first = runs(enter());
        let (second, third) = (waits(enter()), waits(enter()));
        drop(first);
        // It was given its turn already.
        drop(second);
        drop(third.turn().await.expect("its turn has come"));
        assert!(gates.lock().is_empty());
    }

    #[test]
    fn a_thousand_that_left_at_once_are_no_recursion_too_deep() {
        let gates = Arc::new(Gates::default());
        let enter = || gates.enter(Key::Server, 1, 100_000);
        let first = runs(enter());
        let waiting: Vec<_> = (0..100_000).map(|_| waits(enter())).collect();
        drop(waiting);
        drop(first);
        assert!(gates.lock().is_empty());
    }
}
