//! One connection of a server, from its first byte to its last.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::context::Peer;
use crate::server::accept::Shared;
use crate::server::unary::Answerer;
use crate::server::workers::{Place, Workers};
use crate::server::{http1, lifetime};
use crate::task::{Task, task};
use crate::transport::carrier::Carrier;
use crate::transport::h2::server::ServerConnection;
use crate::transport::h2::{Spoken, sniff};
use crate::transport::io::Io;
#[cfg(feature = "_tls")]
use crate::transport::io::Moved;
use crate::transport::listen::{Accepted, Detached};

/// A connection at work: a future that ends when the connection does.
///
/// Each stage has memory of its own, which goes with the stage. As one `async fn` an idle connection would hold on to
/// the memory of the TLS handshake that it once made.
pub(crate) struct Connection {
    stage: Stage,
    /// Counted by its thread, if that is one of the server's own.
    _place: Option<Place>,
}

/// How a connection comes to the thread that serves it.
pub(crate) enum Arrived {
    Here(Accepted),
    /// It was accepted on another thread.
    Elsewhere(Detached, Place),
}

enum Stage {
    /// What comes before the engine, what comes after it, or all of a connection that is not the engine's.
    Beside(Task<Next>),
    Engine(Box<ServerConnection<Answerer>>),
    Over,
}

/// What follows a stage.
type Next = Option<Box<ServerConnection<Answerer>>>;

impl Connection {
    /// A connection that was accepted.
    pub(crate) fn new(arrived: Arrived, shared: Arc<Shared>) -> Self {
        let (accepted, place) = match arrived {
            Arrived::Here(accepted) => (Ok(accepted), None),
            Arrived::Elsewhere(detached, place) => (Err(detached), Some(place)),
        };
        let stage = Stage::Beside(task(async move {
            let (io, peer) = match accepted {
                Ok(accepted) => accepted,
                // On the thread that serves it, once this is polled.
                Err(detached) => detached.attach().ok()?,
            }
            .open();
            begin(io, peer, &shared).await
        }));
        Connection { stage, _place: place }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.stage {
                Stage::Over => return Poll::Ready(()),
                Stage::Beside(stage) => match ready!(stage.as_mut().poll(cx)) {
                    Some(connection) => self.stage = Stage::Engine(connection),
                    None => self.stage = Stage::Over,
                },
                Stage::Engine(connection) => {
                    let served = ready!(Pin::new(&mut **connection).poll(cx));
                    let Stage::Engine(mut connection) = std::mem::replace(&mut self.stage, Stage::Over) else {
                        continue;
                    };
                    match served {
                        Ok(()) => {
                            let farewell = connection.farewell();
                            self.stage = Stage::Beside(task(async {
                                report(farewell.await.map_err(Into::into));
                                None
                            }));
                        }
                        Err(error) => report(Err(error.into())),
                    }
                }
            }
        }
    }
}

/// How a connection has ended.
pub(crate) type Served = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn report(served: Served) {
    if let Err(error) = served {
        tracing::debug!(error, "a connection ended early");
    }
}

/// Finds out what the peer speaks. HTTP/2 is the engine's, HTTP/1.1 is another's.
async fn begin(io: Io, peer: Peer, shared: &Shared) -> Next {
    #[cfg_attr(not(feature = "channelz"), allow(unused_mut, reason = "nobody counts"))]
    let (mut io, mut peer) = secure(io, peer, shared).await?;
    #[cfg(feature = "channelz")]
    if let Some(connected) = &shared.connected {
        peer.tally = Some(connected(&peer));
    }
    let peer = Arc::new(peer);
    match shared.settings.carrier {
        Carrier::Engine => {}
        #[cfg(feature = "carrier-hyper")]
        Carrier::Hyper => {
            report(http1::serve(io, Vec::new(), peer, shared).await);
            return None;
        }
    }
    let mut head = Vec::new();
    match first_words(&mut io, &mut head, shared).await {
        // Told to stop, or too slow, or gone, before a word was said.
        None | Some(Ok(Spoken::Neither)) => None,
        Some(Err(error)) => {
            report(Err(error.into()));
            None
        }
        Some(Ok(Spoken::Http1)) => {
            report(http1::serve(io, head, peer, shared).await);
            None
        }
        Some(Ok(Spoken::Http2)) => {
            let answerer = Answerer::new(shared.dispatcher.clone(), peer);
            let drain = shared.drain();
            let pool = shared.workers.as_ref().and_then(Workers::pool).cloned();
            let ready = shared.settings.shared_by_calls(shared.budget.as_ref());
            Some(Box::new(ServerConnection::new(
                io,
                head,
                &lifetime::config(shared.settings.limits),
                answerer,
                drain,
                pool,
                ready,
            )))
        }
    }
}

/// What a connection says first; nothing, if that takes too long.
async fn first_words(io: &mut Io, head: &mut Vec<u8>, shared: &Shared) -> Option<std::io::Result<Spoken>> {
    let sniffed = tokio::time::timeout(shared.settings.limits.preface_timeout, sniff(io, head));
    shared.stop_newcomers.run_until_cancelled(sniffed).await?.ok()
}

#[cfg(feature = "_tls")]
async fn secure(io: Io, mut peer: Peer, shared: &Shared) -> Option<(Io, Peer)> {
    let Some(acceptor) = &shared.tls else { return Some((io, peer)) };
    let below = Arc::new(Moved::default());
    match shared.stop_newcomers.run_until_cancelled(acceptor.accept(io.counting(&below))).await? {
        Ok(stream) => {
            peer.encrypted = true;
            peer.certificates = stream.peer_certificates();
            Some((Io::new(stream).above(below), peer))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten thousand idle connections are ten thousand times what stands here.
    #[test]
    fn an_idle_connection_is_small() {
        let table = [
            ("the task", size_of::<Connection>(), 32),
            ("what the engine and its driver know", size_of::<ServerConnection<Answerer>>(), 2128),
        ];
        for (what, bytes, bytes_max) in table {
            assert!(bytes <= bytes_max, "{what} has {bytes} bytes, more than {bytes_max}");
        }
    }
}
