//! A server that listens.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::either::{Either, either};
use crate::server::accept::{Shared, accept_all};
use crate::server::dispatch::Dispatcher;
use crate::server::hooks::Hooks;
use crate::server::settings::Settings;
use crate::server::unary::UnaryMethods;
use crate::server::workers::Workers;
use crate::task::task;
use crate::transport::error::{Error, Step};
use crate::transport::listen::{ListenAddress, Listener};
use crate::transport::listen_socket::ListenSocket;

/// How long a server that was told to stop listens to whoever has just connected: what is on its way arrives within
/// that, and who says nothing holds up no drain.
const FIRST_WORDS: Duration = Duration::from_millis(100);

/// A server whose sockets listen: its ports are known, and connections wait until it serves.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), seltzer::transport::Error> {
/// let server = seltzer::Server::builder().bind("localhost:0").await?;
/// let port = server.local_addr().expect("it listens on TCP").port();
/// assert_ne!(port, 0);
/// server.serve_with_shutdown(async {}).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a bound server answers nobody until `serve` is awaited"]
pub struct BoundServer {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) settings: Settings,
    pub(crate) hooks: Hooks,
    #[cfg(feature = "_tls")]
    pub(crate) tls: Option<crate::transport::tls::TlsAcceptor>,
}

impl BoundServer {
    /// Listens on one more address.
    ///
    /// # Errors
    /// The address cannot be read or bound.
    pub async fn bind_also<A>(mut self, address: A) -> Result<Self, Error>
    where
        A: TryInto<ListenAddress>,
        A::Error: Into<Error>,
    {
        let address = address.try_into().map_err(Into::into)?;
        self.listeners.push(Listener::bind(&address).await?);
        Ok(self)
    }

    /// Takes one more socket that listens already.
    ///
    /// # Errors
    /// The socket cannot be used.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listen_also_on(mut self, socket: impl Into<ListenSocket>) -> Result<Self, Error> {
        self.listeners.push(Listener::adopt(socket.into())?);
        Ok(self)
    }

    /// The first TCP address, which tells the port where 0 was asked for; `None` when there is none.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listeners.iter().find_map(Listener::local_addr)
    }

    /// All addresses as people write them: `127.0.0.1:50051`, `unix:/run/greeter.sock`.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// What replaces certificates, keys and client CAs while the server runs; `None` without TLS.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), seltzer::transport::Error> {
    /// let server = seltzer::Server::builder().bind("localhost:0").await?;
    /// assert!(server.tls_reload().is_none());
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "_tls")]
    #[must_use]
    pub fn tls_reload(&self) -> Option<crate::transport::tls::ServerTlsReload> {
        self.tls.as_ref().map(crate::transport::tls::TlsAcceptor::reload)
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// As [`serve_with_shutdown`](Self::serve_with_shutdown).
    pub async fn serve(self) -> Result<(), Error> {
        self.serve_with_shutdown(std::future::pending()).await
    }

    /// Serves until `signal` is ready; then accepts nothing more, lets calls finish within the server's drain
    /// grace, and returns. Dropping this future stops everything at once.
    ///
    /// # Errors
    /// The server's own threads cannot be started, the system knows no such congestion control, or a listener
    /// stopped by itself, which is our mistake.
    pub async fn serve_with_shutdown<F>(mut self, signal: F) -> Result<(), Error>
    where
        F: Future<Output = ()>,
    {
        let workers = self.settings.workers.map(Workers::start).transpose()?;
        if let Some(algorithm) = &self.settings.tcp_congestion {
            self.listeners.iter().try_for_each(|listener| listener.set_congestion(algorithm))?;
        }
        #[cfg(feature = "channelz")]
        let connected = self.hooks.listening(&self.addresses());
        let (stop, stop_newcomers) = (CancellationToken::new(), CancellationToken::new());
        self.dispatcher.unary = Arc::new(UnaryMethods::of(&self.dispatcher.router));
        let shared = Arc::new(Shared {
            dispatcher: self.dispatcher,
            budget: self.settings.budget(),
            settings: self.settings,
            #[cfg(feature = "_tls")]
            tls: self.tls,
            workers,
            #[cfg(feature = "channelz")]
            connected,
            stop: stop.clone(),
            stop_newcomers: stop_newcomers.clone(),
        });
        let mut listeners = JoinSet::new();
        for listener in self.listeners {
            listeners.spawn(task(accept_all(listener, Arc::clone(&shared))));
        }
        if let Either::Second(_) = either(signal, listeners.join_next()).await {
            return Err(Error::new(Step::Serve, "a listener stopped by itself; please report this"));
        }
        self.hooks.draining(&stop).await;
        stop.cancel();
        let ended = async { while listeners.join_next().await.is_some() {} };
        let newcomers = async {
            tokio::time::sleep(FIRST_WORDS).await;
            stop_newcomers.cancel();
            std::future::pending::<()>().await;
        };
        either(ended, newcomers).await;
        Ok(())
    }
}

impl fmt::Debug for BoundServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundServer").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}
