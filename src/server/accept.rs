//! Accepting connections, for as long as the server runs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::either::{Either, either};
use crate::server::connection::{Arrived, Connection};
use crate::server::dispatch::Dispatcher;
use crate::server::settings::Settings;
use crate::server::workers::Workers;
use crate::transport::drain::Drain;
use crate::transport::h2::Budget;
use crate::transport::listen::{Accepted, Listener};

/// The pause after a failed accept doubles between these two: short enough to recover within a second when file
/// descriptors come free, long enough not to spin.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(5);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_millis(500);

/// How long a server that was told to stop goes on accepting: long enough for what the system has made already, and
/// little against any drain.
const LAST_ACCEPTS: Duration = Duration::from_millis(20);

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) settings: Settings,
    pub(crate) budget: Option<Arc<Budget>>,
    #[cfg(feature = "_tls")]
    pub(crate) tls: Option<crate::transport::tls::TlsAcceptor>,
    pub(crate) workers: Option<Workers>,
    #[cfg(feature = "channelz")]
    pub(crate) connected: Option<crate::server::hooks::Connected>,
    pub(crate) stop: CancellationToken,
    /// The same a little later, for connections that have not said their first words by then.
    pub(crate) stop_newcomers: CancellationToken,
}

impl Shared {
    /// How a new connection is told to go. Proxies send calls before they have heard a word: on a connection that is
    /// told at once these would be lost, and so it has a moment to take them.
    pub(crate) fn drain(&self) -> Drain {
        let begin = if self.stop.is_cancelled() { &self.stop_newcomers } else { &self.stop };
        Drain { begin: begin.clone(), grace: self.settings.drain_grace }
    }
}

/// Accepts until the server stops, then waits for the connections to drain.
pub(crate) async fn accept_all(mut listener: Listener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut pause = ACCEPT_PAUSE_MIN;
    loop {
        // `join_next` of no connections would be ready at once.
        let ended = async {
            match connections.join_next().await {
                Some(ended) => ended,
                None => std::future::pending().await,
            }
        };
        let event = either(shared.stop.cancelled(), either(listener.accept(shared.settings.tcp), ended)).await;
        let accepted = match event {
            Either::First(()) => break,
            Either::Second(Either::First(accepted)) => accepted,
            Either::Second(Either::Second(ended)) => {
                report(ended);
                continue;
            }
        };
        match accepted {
            Ok(accepted) => {
                pause = ACCEPT_PAUSE_MIN;
                spawn(&mut connections, accepted, &shared);
            }
            Err(error) if is_about_one_connection(&error) => {}
            // A listener within the process whose callers are all gone.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => break,
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections for the moment");
                if shared.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    break;
                }
                pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
            }
        }
    }
    accept_last(&mut listener, &mut connections, &shared).await;
    // New connections are refused from here on.
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

/// Takes connections that the system has made before the server stops to listen: with the socket they would be reset,
/// whatever was sent on them. They are told to go like all others.
async fn accept_last(listener: &mut Listener, connections: &mut JoinSet<()>, shared: &Arc<Shared>) {
    let end = Instant::now() + LAST_ACCEPTS;
    while let Ok(Ok(accepted)) = timeout_at(end, listener.accept(shared.settings.tcp)).await {
        spawn(connections, accepted, shared);
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(panic) = ended
        && panic.is_panic()
    {
        tracing::error!(%panic, "a connection's task panicked; please report this");
    }
}

/// Serves a connection on a thread of the server's own, or on the runtime that accepts.
fn spawn(connections: &mut JoinSet<()>, accepted: Accepted, shared: &Arc<Shared>) {
    let this = Arc::clone(shared);
    let Some(workers) = &shared.workers else {
        connections.spawn(Connection::new(Arrived::Here(accepted), this));
        return;
    };
    // A socket that no runtime takes is as good as closed.
    let Ok(detached) = accepted.detach() else { return };
    let Some((runtime, place)) = workers.place() else { return };
    connections.spawn_on(Connection::new(Arrived::Elsewhere(detached, place), this), runtime);
}

/// The peer went away between its knock and our answer: the next one is not concerned.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
