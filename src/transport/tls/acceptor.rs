//! The server's handshakes: as many at a time as may be, and with what is in force when each begins.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::LazyConfigAcceptor;

use crate::transport::error::{Error, Step};
use crate::transport::handshakes::HandshakeLimits;
use crate::transport::tls::failure::{self, Peer};
use crate::transport::tls::identities::{Identities, Unknown};
use crate::transport::tls::server::ServerTlsConfig;
use crate::transport::tls::stream::TlsStream;

/// Replaces the certificates, keys and client CAs of a server that runs.
///
/// `BoundServer::tls_reload` gives it. It is a cheap clone, usable from
/// any task, for as long as somebody holds it; when the server is gone it changes nothing.
///
/// ```no_run
/// use seltzer::transport::{Identity, ServerTlsConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// fn settings() -> std::io::Result<ServerTlsConfig> {
///     let identity = Identity::from_pem(std::fs::read("server.pem")?, std::fs::read("server.key")?);
///     Ok(ServerTlsConfig::new().identity(identity))
/// }
///
/// let server = seltzer::Server::builder().tls_config(settings()?)?.bind("0.0.0.0:50051").await?;
/// let reload = server.tls_reload().expect("it has TLS");
/// tokio::spawn(server.serve());
/// // Later, when the files have changed:
/// reload.reload(&settings()?)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerTlsReload {
    current: Arc<Current>,
}

/// Performs handshakes with clients. A cheap clone.
#[derive(Clone)]
pub(crate) struct TlsAcceptor {
    current: Arc<Current>,
}

/// What new handshakes use.
struct Current {
    loaded: RwLock<Arc<Loaded>>,
    /// What holds where settings say nothing.
    defaults: HandshakeLimits,
}

/// Settings that were read and checked.
pub(super) struct Loaded {
    /// With memory of sessions of its own: whom the settings before let in has to come in by these.
    pub(super) config: Arc<ServerConfig>,
    pub(super) identities: Arc<Identities>,
    pub(super) timeout: Duration,
    /// One place for each handshake that may run.
    pub(super) places: Arc<Semaphore>,
    pub(super) places_max: usize,
}

impl ServerTlsReload {
    /// Has all handshakes that begin from now on use these settings. Connections that are open go on as they are.
    ///
    /// No session from before is resumed: a client that the new settings do not let in must show a certificate that
    /// they do. All of the settings are replaced, not only those that are named; a handshake that waits for its turn
    /// uses the new ones, too.
    ///
    /// # Errors
    /// As when the server was bound: something is missing, damaged or does not fit together. Then nothing changes.
    pub fn reload(&self, config: &ServerTlsConfig) -> Result<(), Error> {
        let loaded = config.load(self.current.defaults)?;
        self.current.replace(loaded);
        Ok(())
    }
}

impl TlsAcceptor {
    pub(super) fn new(loaded: Loaded, defaults: HandshakeLimits) -> Self {
        TlsAcceptor { current: Arc::new(Current { loaded: RwLock::new(Arc::new(loaded)), defaults }) }
    }

    /// What changes it while it is in use.
    pub(crate) fn reload(&self) -> ServerTlsReload {
        ServerTlsReload { current: Arc::clone(&self.current) }
    }

    /// Performs the handshake on a new connection.
    ///
    /// # Errors
    ///
    /// When the client speaks no TLS, is refused, refuses us, or takes too long, and when no handshake of other clients
    /// has ended in time. The client is told where TLS has an alert for it.
    pub(crate) async fn accept<IO>(&self, io: IO) -> Result<TlsStream<IO>, Error>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        match self.handshake(io).await {
            Ok(stream) => Ok(stream),
            Err(Refusal { error, io }) => {
                if let Some(io) = io {
                    part(io).await;
                }
                Err(error)
            }
        }
    }

    /// All of it has to happen within one limit, waiting included.
    async fn handshake<IO>(&self, io: IO) -> Result<TlsStream<IO>, Refusal<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let limit = self.current.loaded().timeout;
        let end = Instant::now() + limit;
        let too_slow = || Refusal { error: failure::timed_out(limit, Peer::Client), io: None };
        let mut hello = LazyConfigAcceptor::new(Acceptor::default(), io);
        let start = match timeout_at(end, &mut hello).await.map_err(|_| too_slow())? {
            Ok(start) => start,
            Err(error) => {
                let error = failure::handshake(error, Peer::Client);
                return Err(Refusal { error, io: hello.take_io() });
            }
        };
        // From here on it costs time and memory worth counting. Whoever connects and says nothing takes nobody's place.
        let waited_for = self.current.loaded();
        let place = timeout_at(end, waited_for.places.acquire()).await;
        let _place = place.map_err(|_| Refusal { error: crowded(limit, waited_for.places_max), io: None })?;
        // As it is now, when it is this client's turn.
        let loaded = self.current.loaded();
        if let Err(unknown) = loaded.identities.find(start.client_hello().server_name()) {
            return Err(refuse(start.io, unknown, end).await);
        }
        let rest = start.into_stream(Arc::clone(&loaded.config)).into_fallible();
        match timeout_at(end, rest).await.map_err(|_| too_slow())? {
            Ok(stream) => Ok(TlsStream::new(stream, Peer::Client)),
            Err((error, io)) => Err(Refusal { error: failure::handshake(error, Peer::Client), io: Some(io) }),
        }
    }
}

impl Current {
    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, mut new: Loaded) {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if new.places_max == loaded.places_max {
            // Handshakes that run now count as before.
            new.places = Arc::clone(&loaded.places);
        }
        *loaded = Arc::new(new);
    }
}

/// A handshake that failed.
struct Refusal<IO> {
    error: Error,
    /// The connection, if there is a client to hear why.
    io: Option<IO>,
}

fn crowded(limit: Duration, places_max: usize) -> Error {
    Error::new(
        Step::Tls,
        format!("a client waited for {limit:?} for its handshake to begin: {places_max} others were going on"),
    )
    .with_hint("`ServerTlsConfig::max_concurrent_handshakes` permits more, if this machine can do them")
}

/// What an alert begins with, before anything is encrypted: its type, TLS 1.2, two bytes of content, fatal (RFC 8446,
/// sections 5.1 and 6; the version is the same for all).
const FATAL_ALERT: &[u8] = &[21, 3, 3, 0, 2, 2];

/// Tells a client that it asks for what is not here. rustls would refuse it, too, but with an alert that does not say
/// that the name is the reason.
async fn refuse<IO: AsyncWrite + Unpin>(mut io: IO, unknown: Unknown, end: Instant) -> Refusal<IO> {
    let alert = [FATAL_ALERT, &[u8::from(unknown.alert())]].concat();
    let is_told = timeout_at(end, io.write_all(&alert)).await.is_ok_and(|written| written.is_ok());
    Refusal { error: unknown.into_error(), io: is_told.then_some(io) }
}

/// How long a refused client may take to hear why.
const PARTING: Duration = Duration::from_millis(500);

/// How much of what it sent meanwhile is read: its first requests, not an upload.
const PARTING_BYTES_MAX: u64 = 64 * 1024;

/// Lets the alert arrive. A client may have written before it knows that it is refused; closing a socket with unread
/// bytes would reset the connection, and the alert would be lost with it.
async fn part<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO) {
    let parting = async {
        if io.shutdown().await.is_ok() {
            let mut rest = io.take(PARTING_BYTES_MAX);
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        }
    };
    let _ = tokio::time::timeout(PARTING, parting).await;
}

impl fmt::Debug for ServerTlsReload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTlsReload").finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor").field("timeout", &self.current.loaded().timeout).finish_non_exhaustive()
    }
}
