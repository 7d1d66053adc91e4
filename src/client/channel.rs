//! A connection to a server that opens and reopens itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker, ready};

use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use tokio::sync::watch;
use tonic::body::Body;

use crate::client::Endpoint;
use crate::client::guard::CallGuard;
use crate::client::heads::Heads;
use crate::context::Context;
use crate::status::Status;
use crate::transport::connect::connect;
use crate::transport::connection::{Connection, Origin};
use crate::transport::error::{Error, Step};
use crate::transport::h2::client::Sent;
use crate::transport::in_process::InProcess;
use crate::transport::io::Io;
use crate::transport::target::Target;
#[cfg(feature = "_tls")]
use crate::transport::tls::TlsConnector;

/// How often a request that surely never left is sent again, on a fresh connection each time: once covers a
/// connection that closed between two calls, more would hide a server that keeps closing.
pub(super) const RESENDS_MAX: usize = 1;

/// A connection to a server, shared by any number of clients and tasks; clones are cheap.
///
/// It opens with the first call and again after it broke. Calls run side by side over one HTTP/2 connection.
///
/// ```no_run
/// # async fn example() -> Result<(), seltzer::transport::Error> {
/// let channel = seltzer::Channel::connect("http://127.0.0.1:50051").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Channel {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) endpoint: Endpoint,
    /// The header blocks of unary calls.
    pub(super) heads: Heads,
    in_process: Option<InProcess>,
    state: Mutex<State>,
    /// Made once: the certificates are read once, and sessions are resumed.
    #[cfg(feature = "_tls")]
    tls: std::sync::OnceLock<TlsConnector>,
}

impl Channel {
    /// Connects to a target: `http://host:port`, `https://host:port`, `dns:///host:port` or `unix:PATH`.
    ///
    /// # Errors
    /// The target cannot be read or reached; the error says at which step and what to try.
    pub async fn connect<D>(target: D) -> Result<Self, Error>
    where
        D: TryInto<Endpoint>,
        D::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::endpoint(target)?.connect().await
    }

    /// The settings of a channel to a target, to change before connecting.
    ///
    /// A target that cannot be read is reported by [`Endpoint::connect`], or by the first call.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use seltzer::Channel;
    ///
    /// let channel = Channel::builder("dns:///greeter:50051").timeout(Duration::from_secs(5)).connect_lazy();
    /// # drop(channel);
    /// # }
    /// ```
    pub fn builder<D>(target: D) -> Endpoint
    where
        D: TryInto<Endpoint>,
        D::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::endpoint(target).unwrap_or_else(|error| Endpoint::from_target(Err(error)))
    }

    /// The settings of a channel to a target that is text.
    ///
    /// # Errors
    /// The target cannot be read.
    pub fn from_shared(target: impl AsRef<str>) -> Result<Endpoint, Error> {
        Endpoint::from_shared(target)
    }

    /// The settings of a channel to a fixed target.
    ///
    /// # Panics
    /// The target cannot be read.
    #[must_use]
    pub fn from_static(target: &'static str) -> Endpoint {
        Endpoint::from_static(target)
    }

    /// A channel to a server in this process, without a socket.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), seltzer::transport::Error> {
    /// use seltzer::{Channel, Server};
    ///
    /// let server = Server::builder().serve_in_process()?;
    /// let channel = Channel::in_process(&server);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn in_process(server: &InProcess) -> Self {
        Channel::new(Endpoint::from_target(Ok(Target::in_process())), Some(server.clone()))
    }

    pub(crate) fn new(endpoint: Endpoint, in_process: Option<InProcess>) -> Self {
        Channel {
            inner: Arc::new(Inner {
                endpoint,
                heads: Heads::default(),
                in_process,
                state: Mutex::new(State::Closed),
                #[cfg(feature = "_tls")]
                tls: std::sync::OnceLock::new(),
            }),
        }
    }

    /// Waits until the channel is connected.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        self.inner.connection().await.map(drop)
    }

    fn endpoint<D>(target: D) -> Result<Endpoint, Error>
    where
        D: TryInto<Endpoint>,
        D::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        target.try_into().map_err(|error| {
            let error: Box<dyn std::error::Error + Send + Sync> = error.into();
            match error.downcast::<Error>() {
                Ok(error) => *error,
                Err(other) => Error::new(Step::Target, other.to_string()),
            }
        })
    }
}

/// What is known of the connection.
enum State {
    Closed,
    /// Being opened by a task of its own, so that a call that gives up does not make the others begin again.
    Opening(watch::Receiver<Option<Result<Connection, Error>>>),
    Open(Connection),
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Only whole values are put in under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, if it is open.
    #[inline]
    pub(super) fn open_connection(&self) -> Option<Connection> {
        match &*self.state() {
            State::Open(open) if !open.is_closed() => Some(open.clone()),
            _ => None,
        }
    }

    /// The open connection; opens one if there is none. All who ask meanwhile wait for the same attempt.
    pub(super) async fn connection(self: &Arc<Self>) -> Result<Connection, Error> {
        let mut opening = {
            let mut state = self.state();
            match &*state {
                State::Open(open) if !open.is_closed() => return Ok(open.clone()),
                State::Opening(opening) => opening.clone(),
                _ => {
                    let opening = self.begin_opening();
                    *state = State::Opening(opening.clone());
                    opening
                }
            }
        };
        match opening.wait_for(Option::is_some).await.map(|opened| (*opened).clone()) {
            Ok(Some(opened)) => opened,
            _ => {
                self.forget(&opening);
                Err(Error::new(Step::Connect, "the attempt to connect was dropped: its runtime has ended")
                    .with_target(self.endpoint.written()))
            }
        }
    }

    /// Lets the next call begin anew, unless another one has done so meanwhile.
    fn forget(&self, dropped: &watch::Receiver<Option<Result<Connection, Error>>>) {
        let mut state = self.state();
        if let State::Opening(opening) = &*state
            && opening.same_channel(dropped)
        {
            *state = State::Closed;
        }
    }

    fn begin_opening(self: &Arc<Self>) -> watch::Receiver<Option<Result<Connection, Error>>> {
        let (done, opening) = watch::channel(None);
        let inner = Arc::clone(self);
        // Whoever asked first must not lend its call to everybody's connection.
        tokio::spawn(Context::default().scope(async move {
            let timeout = inner.endpoint.connect_timeout;
            let opened = tokio::time::timeout(timeout, inner.open()).await.unwrap_or_else(|_elapsed| {
                Err(Error::new(Step::Connect, format!("no answer within {timeout:?}"))
                    .with_target(inner.endpoint.written())
                    .with_hint("is the address right, and does a firewall drop packets in between?"))
            });
            *inner.state() = match &opened {
                Ok(connection) => State::Open(connection.clone()),
                Err(_) => State::Closed,
            };
            // Everybody who waited may be gone.
            let _ = done.send(Some(opened));
        }));
        opening
    }

    async fn open(&self) -> Result<Connection, Error> {
        let endpoint = &self.endpoint;
        let target = endpoint.target.as_ref().map_err(Clone::clone)?;
        let io = match &self.in_process {
            Some(server) => server
                .connect()
                .await
                .map_err(|error| Error::new(Step::Connect, error.to_string()).with_target(target.to_string()))?,
            None => {
                let io = connect(target, endpoint.tcp).await?;
                self.secure(io, target).await?
            }
        };
        Connection::begin(io, &endpoint.connection, &target.written).await
    }

    #[cfg(feature = "_tls")]
    async fn secure(&self, io: Io, target: &Target) -> Result<Io, Error> {
        if !target.encrypted {
            return Ok(io);
        }
        let named = |error: Error| error.or_target(&target.written);
        let connector = match self.tls.get() {
            Some(connector) => connector,
            None => {
                let connector = self.connector(target.host()).map_err(named)?;
                self.tls.get_or_init(|| connector)
            }
        };
        connector.connect(io).await.map(Io::new).map_err(named)
    }

    #[cfg(feature = "_tls")]
    fn connector(&self, host: &str) -> Result<TlsConnector, Error> {
        match &self.endpoint.tls {
            Some(config) => config.connector(host),
            None => crate::transport::tls::ClientTlsConfig::new().with_enabled_roots().connector(host),
        }
    }

    #[cfg(not(feature = "_tls"))]
    async fn secure(&self, io: Io, _: &Target) -> Result<Io, Error> {
        Ok(io)
    }

    async fn send(
        self: &Arc<Self>,
        mut request: http::Request<Body>,
        mut resends: usize,
    ) -> Result<http::Response<Body>, Status> {
        loop {
            let mut connection = self.connection().await?;
            match connection.send(request, self.origin()).await {
                Ok(response) => return Ok(response),
                Err((_, Some(unsent))) if resends < RESENDS_MAX => {
                    resends += 1;
                    request = unsent;
                }
                Err((status, _)) => return Err(status),
            }
        }
    }

    /// What the channel knows and a call does not: whom it goes to and who asks.
    fn origin(&self) -> Origin<'_> {
        let Endpoint { target, user_agent, .. } = &self.endpoint;
        // Nothing is ever sent to a target that could not be read.
        let (scheme, authority) = match target {
            Ok(target) => (if target.encrypted { "https" } else { "http" }, target.authority.as_str()),
            Err(_) => ("http", ""),
        };
        Origin { scheme, authority, user_agent }
    }

    /// Puts the name that a caller gives itself in front of ours.
    fn name_caller(&self, headers: &mut HeaderMap) {
        let ours = &self.endpoint.user_agent;
        if let Some(own) = headers.get_mut(USER_AGENT) {
            let text = [own.as_bytes(), b" ", ours.as_bytes()].concat();
            *own = HeaderValue::from_bytes(&text).unwrap_or_else(|_| ours.clone());
        }
    }
}

/// For clients that tonic generated, and for tower's layers.
impl tower_service::Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        let mut guard = CallGuard::begin(&mut request, inner.endpoint.timeout);
        inner.name_caller(request.headers_mut());
        if let Poll::Ready(status) = guard.poll_over(&mut std::task::Context::from_waker(Waker::noop())) {
            return Box::pin(std::future::ready(Err(status)));
        }
        // Most calls find an open connection and need not wait: no future is needed for what is done by now.
        if let Some(Connection::Engine(connection)) = inner.open_connection() {
            match connection.send_at_once(request, inner.origin()) {
                Ok(sent) => return Box::pin(Calling { inner, guard: Some(guard), stage: Stage::Sent(sent) }),
                Err((_, Some(unsent))) => request = unsent,
                Err((status, None)) => return Box::pin(std::future::ready(Err(status))),
            }
        }
        Box::pin(async move { guard.run(inner.send(request, 0)).await })
    }
}

/// A call whose request is on its way.
struct Calling {
    inner: Arc<Inner>,
    /// Until the response has it.
    guard: Option<CallGuard>,
    stage: Stage,
}

#[allow(clippy::large_enum_variant, reason = "it lies in a box already, and the large one is the usual one")]
enum Stage {
    Sent(Sent),
    /// The server has surely done nothing for it, so it is made again.
    Again(<Channel as tower_service::Service<http::Request<Body>>>::Future),
}

impl Future for Calling {
    type Output = Result<http::Response<Body>, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(guard) = &mut this.guard
            && let Poll::Ready(status) = guard.poll_over(cx)
        {
            return Poll::Ready(Err(status));
        }
        let response = loop {
            match &mut this.stage {
                Stage::Sent(sent) => match ready!(Pin::new(sent).poll(cx)) {
                    Ok(response) => break Ok(response),
                    Err((_, Some(unsent))) => {
                        let inner = Arc::clone(&this.inner);
                        this.stage = Stage::Again(Box::pin(async move { inner.send(unsent, 1).await }));
                    }
                    Err((status, None)) => break Err(status),
                },
                Stage::Again(again) => break ready!(again.as_mut().poll(cx)),
            }
        };
        Poll::Ready(response.map(|response| match this.guard.take() {
            Some(guard) => guard.guard(response),
            None => response,
        }))
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.inner.endpoint.written()).finish()
    }
}
