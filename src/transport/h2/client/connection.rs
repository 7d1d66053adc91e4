//! A connection as its users hold it.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seltzer_h2::{Config, Limits};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::task::task;
use crate::transport::connection::ConnectionSettings;
use crate::transport::error::Error;
use crate::transport::h2::client::driver::Driver;
use crate::transport::h2::client::state::State;
use crate::transport::io::Io;
use crate::transport::keepalive::KeepaliveUse;
use crate::transport::remote::Remote;

/// A socket or a stream that takes nothing does not end by itself: how long a call may take is for its deadline to
/// say, and whoever wants to hear of a dead server sooner turns keepalive on. This only has to be a number.
const STALL_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a field costs at least in a header list, as HTTP/2 counts: a list's limit in bytes bounds its fields too.
const FIELD_BYTES_MIN: usize = 32;

/// An open HTTP/2 connection. Clones share it; it closes when all are gone and no call is left.
#[derive(Clone)]
pub(crate) struct Connection {
    handle: Arc<Handle>,
}

/// All clones of a connection together.
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.with(State::abandon);
    }
}

/// What the users of a connection, its calls and its task share.
pub(super) struct Shared {
    phase: watch::Sender<Phase>,
    /// Whether no further call can begin, to be asked without the lock.
    is_closed: AtomicBool,
    state: Mutex<State>,
    /// Where the connection's task runs, and what goes on beside calls, wherever they are made.
    runtime: tokio::runtime::Handle,
}

/// How far a connection has come, for those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// The server has not said its settings.
    Opening,
    Established,
    /// No further call can begin.
    Closed,
}

impl Connection {
    /// Starts the task that drives the connection.
    pub(crate) fn begin(io: Io, settings: &ConnectionSettings, remote: Remote) -> Self {
        let interval = settings.keepalive_pace.interval(settings.keepalive_interval);
        let engine = seltzer_h2::Connection::client(&config(settings, interval), Instant::now().into_std());
        let pace = KeepaliveUse { pace: settings.keepalive_pace.clone(), interval };
        let shared = Arc::new(Shared {
            phase: watch::Sender::new(Phase::Opening),
            is_closed: AtomicBool::new(false),
            runtime: tokio::runtime::Handle::current(),
            state: Mutex::new(State::new(engine, remote, settings.header_list_bytes_max, pace)),
        });
        shared.spawn(task(Driver::new(io, Arc::clone(&shared)).run()));
        Connection { handle: Arc::new(Handle(shared)) }
    }

    /// Whether no further call can begin.
    pub(crate) fn is_closed(&self) -> bool {
        self.handle.0.is_closed.load(Ordering::Acquire)
    }

    /// Waits until the server has said its settings.
    ///
    /// # Errors
    /// The connection broke before.
    pub(crate) async fn established(&self) -> Result<(), Error> {
        self.reach(Phase::Established).await;
        let state = self.shared().lock();
        if state.has_settings() { Ok(()) } else { Err(state.closed_error()) }
    }

    /// Resolves when no further call can begin. Does not keep the connection open.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.reach(Phase::Closed)
    }

    fn reach(&self, phase: Phase) -> impl Future<Output = ()> + Send + use<> {
        let mut phases = self.shared().phase.subscribe();
        async move {
            // If there is nobody left to say it, it is closed.
            let _ = phases.wait_for(|reached| *reached >= phase).await;
        }
    }

    /// Whether a call can begin at once.
    pub(crate) fn has_place(&self) -> bool {
        let state = self.shared().lock();
        !state.is_closed() && state.has_free_place()
    }

    /// How many calls have begun on it.
    pub(crate) fn calls_begun(&self) -> u64 {
        self.shared().lock().calls_begun
    }

    /// How many calls run on it.
    pub(crate) fn calls_running(&self) -> usize {
        self.shared().lock().calls.len()
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.handle.0
    }
}

impl Shared {
    /// Does something with the connection, and wakes those whom it concerns.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state);
        self.release(state);
        result
    }

    /// Lets the lock go, and wakes those whom what was done concerns.
    fn release(&self, mut state: MutexGuard<'_, State>) {
        self.settle(&mut state);
        let driver = state.take_driver();
        let woken = if state.woken.is_empty() { Vec::new() } else { std::mem::take(&mut state.woken) };
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        for waker in woken {
            waker.wake();
        }
    }

    /// What is to do after whatever was done under the lock.
    pub(super) fn settle(&self, state: &mut State) {
        state.give_places();
        let phase = match (state.is_closed(), state.has_settings()) {
            (true, _) => Phase::Closed,
            (false, true) => Phase::Established,
            (false, false) => return,
        };
        if phase > state.phase_said {
            state.phase_said = phase;
            self.is_closed.store(phase == Phase::Closed, Ordering::Release);
            self.phase.send_replace(phase);
        }
    }

    /// Runs something beside the calls.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(future);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of a user's runs under this lock, and nothing panics that the engine is told.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}

fn config(settings: &ConnectionSettings, keepalive_interval: Option<Duration>) -> Config {
    let header_list_bytes_max = usize::try_from(settings.header_list_bytes_max).unwrap_or(usize::MAX);
    let mut limits = Limits::client();
    limits.stream_window_bytes = settings.stream_window_bytes;
    limits.connection_window_bytes = settings.connection_window_bytes;
    limits.header_list_bytes_max = header_list_bytes_max;
    limits.header_fields_max = header_list_bytes_max / FIELD_BYTES_MIN;
    limits.keepalive_interval = keepalive_interval;
    limits.keepalive_timeout = settings.keepalive_timeout;
    limits.keepalive_while_idle = settings.keepalive_while_idle;
    limits.stall_timeout = STALL_TIMEOUT;
    Config::with_limits(limits)
}
