//! Accepting connections, for as long as the server runs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::context::Peer;
use crate::either::{Either, either};
use crate::server::dispatch::Dispatcher;
use crate::server::settings::Settings;
use crate::server::unary::{Answerer, UnaryMethods};
use crate::server::workers::Workers;
use crate::transport;
use crate::transport::carrier::Carrier;
use crate::transport::h2::{Spoken, sniff};
use crate::transport::hyper::server::{Drain, serve_connection};
use crate::transport::io::Io;
use crate::transport::listen::{Accepted, Listener};

/// The pause after a failed accept doubles between these two: short enough to recover within a second when file
/// descriptors come free, long enough not to spin.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(5);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_millis(500);

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) settings: Settings,
    pub(crate) engine: seltzer_h2::Config,
    pub(crate) methods: Arc<UnaryMethods>,
    #[cfg(feature = "_tls")]
    pub(crate) tls: Option<crate::transport::tls::TlsAcceptor>,
    pub(crate) workers: Option<Workers>,
    pub(crate) stop: CancellationToken,
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
    // New connections are refused from here on.
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report(ended);
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
        connections.spawn(async move {
            let (io, peer) = accepted.open();
            serve(io, peer, this).await;
        });
        return;
    };
    // A socket that no runtime takes is as good as closed.
    let Ok(detached) = accepted.detach() else { return };
    workers.spawn(connections, async move {
        if let Ok(accepted) = detached.attach() {
            let (io, peer) = accepted.open();
            serve(io, peer, this).await;
        }
    });
}

/// The peer went away between its knock and our answer: the next one is not concerned.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

async fn serve(io: Io, peer: Peer, shared: Arc<Shared>) {
    let Some((io, peer)) = secure(io, peer, &shared).await else { return };
    let peer = Arc::new(peer);
    let served = match shared.settings.carrier {
        Carrier::Engine => serve_by_engine(io, peer, &shared).await,
        #[cfg(feature = "carrier-hyper")]
        Carrier::Hyper => Box::pin(serve_by_hyper(io, peer, &shared)).await,
    };
    if let Err(error) = served {
        tracing::debug!(error, "a connection ended early");
    }
}

type Served = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// HTTP/2 is the engine's, anything else is HTTP/1.1 and hyper's.
async fn serve_by_engine(mut io: Io, peer: Arc<Peer>, shared: &Shared) -> Served {
    let mut head = Vec::new();
    let timeout = shared.settings.limits.preface_timeout;
    let sniffed = tokio::time::timeout(timeout, sniff(&mut io, &mut head));
    match shared.stop.run_until_cancelled(sniffed).await {
        // Told to stop, or too slow, or gone, before a word was said.
        None | Some(Err(_) | Ok(Ok(Spoken::Neither))) => Ok(()),
        Some(Ok(Err(error))) => Err(error.into()),
        // Apart, because it is large: an idle connection of the engine's pays for what is held in its task.
        Some(Ok(Ok(Spoken::Http1))) => Box::pin(serve_by_hyper(io.with_head(head), peer, shared)).await,
        Some(Ok(Ok(Spoken::Http2))) => {
            let answerer = Answerer::new(shared.dispatcher.clone(), Arc::clone(&shared.methods), peer);
            let drain = Drain { begin: shared.stop.clone(), grace: shared.settings.drain_grace };
            let pool = shared.workers.as_ref().and_then(Workers::pool).cloned();
            Ok(transport::h2::server::serve(io, head, &shared.engine, answerer, drain, pool).await?)
        }
    }
}

async fn serve_by_hyper(io: Io, peer: Arc<Peer>, shared: &Shared) -> Served {
    let dispatcher = shared.dispatcher.clone();
    let handler = move |request| dispatcher.answer(request, &peer);
    let drain = Drain { begin: shared.stop.clone(), grace: shared.settings.drain_grace };
    serve_connection(io, &shared.settings.hyper(), handler, drain).await
}

#[cfg(feature = "_tls")]
async fn secure(io: Io, mut peer: Peer, shared: &Shared) -> Option<(Io, Peer)> {
    let Some(acceptor) = &shared.tls else { return Some((io, peer)) };
    match shared.stop.run_until_cancelled(acceptor.accept(io)).await? {
        Ok(stream) => {
            peer.encrypted = true;
            peer.certificates = stream.peer_certificates();
            Some((Io::new(stream), peer))
        }
        Err(error) => {
            let peer = peer.remote_addr.map(tracing::field::display);
            tracing::warn!(target: "seltzer::tls", %error, peer, "a TLS handshake failed");
            None
        }
    }
}

#[cfg(not(feature = "_tls"))]
async fn secure(io: Io, peer: Peer, _: &Shared) -> Option<(Io, Peer)> {
    Some((io, peer))
}
