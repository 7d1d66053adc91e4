//! What calls are made on: connections to servers that open and reopen themselves.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker, ready};

use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use tokio::sync::watch;
use tonic::body::Body;

use crate::client::Endpoint;
use crate::client::balance::PickCall;
use crate::client::connectivity::ConnectivityState;
use crate::client::connector::Connector;
use crate::client::core::{Core, Placed, Unplaced};
use crate::client::counted::Counted;
use crate::client::guard::CallGuard;
use crate::client::heads::Heads;
use crate::client::options::CallOptions;
use crate::client::retry::Transparent;
use crate::client::stage::{Stage, StageCell, too_late};
#[cfg(feature = "telemetry")]
use crate::client::trace::{self, CallTrace};
use crate::either::either;
use crate::metadata;
use crate::meter::ChannelMeter;
use crate::status::Status;
use crate::task::task;
use crate::transport::address::Address;
use crate::transport::connection::{Connection, Origin};
use crate::transport::error::{Error, Step};
use crate::transport::h2::client::{Connection as EngineConnection, ResponseBody, Sent, deadline_status};
use crate::transport::in_process::InProcess;
use crate::transport::keepalive::KeepalivePace;
use crate::transport::progress::Unanswered;
use crate::transport::replay::ReplayMemory;
use crate::transport::target::Target;

/// What calls with credentials wait for first.
pub(super) const CREDENTIALS: &str = "its call credentials";

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
    pub(super) endpoint: Arc<Endpoint>,
    /// The header blocks of unary calls.
    pub(super) heads: Heads,
    pub(super) core: Arc<Core>,
    /// Counts the calls.
    pub(super) meter: ChannelMeter,
    /// What is kept of requests, to send them again.
    pub(super) replay: Arc<ReplayMemory>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.core.dropped.cancel();
    }
}

impl Channel {
    /// Connects to a target: `http://host:port`, `https://host:port`, `dns:///host:port`, `unix:PATH` or any other that
    /// [`Endpoint::new`] names.
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

    /// The settings of a channel to addresses instead of a name; see [`Endpoint::from_addresses`].
    ///
    /// # Errors
    /// There is no address.
    pub fn from_addresses<A: Into<Address>>(addresses: impl IntoIterator<Item = A>) -> Result<Endpoint, Error> {
        Endpoint::from_addresses(addresses)
    }

    /// A channel that spreads its calls over everything behind several endpoints, by turns unless the first endpoint
    /// says otherwise ([`Endpoint::balance`]).
    ///
    /// It has one set of settings, those of the first endpoint, its authority and TLS among them. Endpoints that cannot
    /// share them are reported by the first call.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use seltzer::Channel;
    ///
    /// let replicas = ["http://[::1]:50051", "http://[::1]:50052"].map(Channel::from_static);
    /// let channel = Channel::balance_list(replicas.into_iter());
    /// # drop(channel);
    /// # }
    /// ```
    #[must_use]
    pub fn balance_list(list: impl Iterator<Item = Endpoint>) -> Self {
        let endpoint = Endpoint::joined(list.collect()).unwrap_or_else(|error| Endpoint::from_target(Err(error)));
        endpoint.connect_lazy()
    }

    pub(crate) fn new(mut endpoint: Endpoint, in_process: Option<InProcess>) -> Self {
        // What one channel learns is not for another with the same settings.
        endpoint.connection.keepalive_pace = KeepalivePace::default();
        let endpoint = Arc::new(endpoint);
        let connector = Arc::new(Connector::new(Arc::clone(&endpoint), in_process));
        let core = Arc::new(Core::new(Arc::clone(&endpoint), connector));
        let replay = ReplayMemory::new(endpoint.retries.call_bytes_max, endpoint.retries.channel_bytes_max);
        let meter = endpoint.channel_meter();
        Channel { inner: Arc::new(Inner { endpoint, heads: Heads::default(), core, meter, replay: Arc::new(replay) }) }
    }

    /// Waits until the channel is connected.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let nothing = PickCall { path: "", metadata: &HeaderMap::new() };
        let connected = self.inner.core.connection(nothing, false).await;
        connected.map(drop).map_err(|Unplaced { status, .. }| {
            let source = std::error::Error::source(&status).and_then(|source| source.downcast_ref::<Error>());
            source.cloned().unwrap_or_else(|| Error::new(Step::Connect, status.message()))
        })
    }

    /// How the channel stands now.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        *self.inner.core.subscribe().borrow()
    }

    /// Tells how the channel stands, and whenever that changes.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use seltzer::{Channel, client::ConnectivityState};
    ///
    /// let channel = Channel::from_static("http://127.0.0.1:50051").connect_lazy();
    /// let states = channel.watch_state();
    /// assert_eq!(*states.borrow(), ConnectivityState::Idle);
    /// // From now on: `states.changed().await`.
    /// # }
    /// ```
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<ConnectivityState> {
        self.inner.core.subscribe()
    }

    /// Begins to connect, if the channel is idle: the first call need not wait for it then.
    pub fn connect_early(&self) {
        // Not the channel itself, which this must not keep.
        let core = Arc::clone(&self.inner.core);
        tokio::spawn(task(async move {
            let nothing = PickCall { path: "", metadata: &HeaderMap::new() };
            // Whether it worked shows in its state.
            let _ = either(core.dropped.cancelled(), core.connection(nothing, false)).await;
        }));
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

impl Inner {
    /// Sends a request; again where the server has surely done nothing for it.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: http::Request<Body>,
        mut transparent: Transparent,
        wait_for_ready: bool,
        stages: &StageCell,
        counted: &mut Counted,
    ) -> Result<http::Response<Body>, Status> {
        #[cfg(feature = "telemetry")]
        if let Some(trace) = trace::of(request.extensions()).cloned() {
            return self.send_traced(request, &trace, transparent, wait_for_ready, stages, counted).await;
        }
        loop {
            stages.set(Stage::Connection);
            counted.begin_attempt();
            let call = PickCall { path: request.uri().path(), metadata: request.headers() };
            let placed = self.core.connection(call, wait_for_ready).await;
            let Placed { reserved, observation, .. } = placed.map_err(|unplaced| unplaced.status)?;
            stages.set(Stage::Answer);
            match (self.endpoint.send_on(reserved, request, self.origin()).await, observation) {
                (Ok(response), None) => return Ok(response),
                (Ok(response), Some(observation)) => return Ok(observation.watch(response)),
                (Err(Unanswered { status, progress, request: again }), observation) => {
                    if let Some(observation) = observation {
                        observation.end(status.code(), None);
                    }
                    match again {
                        Some(again) if transparent.permits(progress) => {
                            counted.goes_on_transparently(status.code());
                            request = again;
                        }
                        _ => return Err(status),
                    }
                }
            }
        }
    }

    /// The same for a call that is recorded.
    #[cfg(feature = "telemetry")]
    fn send_traced<'a>(
        self: &'a Arc<Self>,
        mut request: http::Request<Body>,
        trace: &'a CallTrace,
        mut transparent: Transparent,
        wait_for_ready: bool,
        stages: &'a StageCell,
        counted: &'a mut Counted,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Body>, Status>> + Send + 'a>> {
        Box::pin(async move {
            let mut is_again = false;
            loop {
                stages.set(Stage::Connection);
                counted.begin_attempt();
                let attempt = trace.attempt(is_again, request.headers_mut());
                let call = PickCall { path: request.uri().path(), metadata: request.headers() };
                let Placed { reserved, observation, was_delayed } =
                    match self.core.connection(call, wait_for_ready).await {
                        Ok(placed) => placed,
                        Err(unplaced) => {
                            attempt.ended(unplaced.status.code(), unplaced.status.message());
                            return Err(unplaced.status);
                        }
                    };
                attempt.placed(was_delayed);
                stages.set(Stage::Answer);
                let sent = self.endpoint.send_on(reserved, attempt.scan(request), self.origin()).await;
                match (attempt.watch(sent), observation) {
                    (Ok(response), None) => return Ok(response),
                    (Ok(response), Some(observation)) => return Ok(observation.watch(response)),
                    (Err(Unanswered { status, progress, request: again }), observation) => {
                        if let Some(observation) = observation {
                            observation.end(status.code(), None);
                        }
                        match again {
                            Some(again) if transparent.permits(progress) => {
                                counted.goes_on_transparently(status.code());
                                request = again;
                            }
                            _ => return Err(status),
                        }
                    }
                }
                is_again = true;
            }
        })
    }

    /// The same for a call that no service config says anything about, within its limits.
    async fn send_guarded(
        self: &Arc<Self>,
        request: http::Request<Body>,
        guard: CallGuard,
        transparent: Transparent,
        mut counted: Counted,
    ) -> Result<http::Response<Body>, Status> {
        let stages = StageCell::new();
        let late = || self.core.late(stages.stage());
        let wait_for_ready = CallOptions::of(request.extensions()).waits_for_ready();
        let request = counted.measure(request);
        let sent = self.send(request, transparent, wait_for_ready, &stages, &mut counted);
        let result = guard.run(late, sent).await;
        counted.finish(result)
    }

    /// Begins the trace of a request. `None`: it is not recorded, and all that is to be said of its trace is in its headers.
    #[cfg(feature = "telemetry")]
    fn trace(&self, tracer: &Arc<dyn crate::observe::Tracer>, request: &mut http::Request<Body>) -> Option<CallTrace> {
        let trace = match trace::of(request.extensions()) {
            Some(begun) => begun.clone(),
            None => CallTrace::begin(tracer, request.uri().path(), request.headers(), &crate::context::current()),
        };
        if trace.is_recorded() {
            request.extensions_mut().insert(trace.clone());
            return Some(trace);
        }
        request.extensions_mut().remove::<CallTrace>();
        trace.inject(request.headers_mut());
        None
    }

    /// What the channel knows and a call does not: whom it goes to and who asks.
    pub(super) fn origin(&self) -> Origin<'_> {
        let Endpoint { target, user_agent, .. } = &*self.endpoint;
        // Nothing is ever sent to a target that could not be read.
        let (scheme, authority) = match target {
            Ok(target) => (if target.encrypted { "https" } else { "http" }, target.authority.as_str()),
            Err(_) => ("http", ""),
        };
        Origin { scheme, authority, user_agent, replay: Some(&self.replay) }
    }

    /// Puts the name that a caller gives itself in front of ours.
    fn name_caller(&self, headers: &mut HeaderMap) {
        let ours = &self.endpoint.user_agent;
        if metadata::may_have(headers, &USER_AGENT)
            && let Some(own) = headers.get_mut(USER_AGENT)
        {
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
        inner.name_caller(request.headers_mut());
        inner.name_authority(&mut request);
        #[cfg(feature = "telemetry")]
        if let Some(tracer) = &inner.endpoint.tracer
            && let Some(trace) = inner.trace(tracer, &mut request)
        {
            let call = self.call_untraced(inner, request);
            return Box::pin(async move {
                let result = call.await;
                match result {
                    Ok(response) => Ok(trace.watch(response)),
                    Err(status) => {
                        trace.end::<()>(&Err(status.clone()));
                        Err(status)
                    }
                }
            });
        }
        self.call_untraced(inner, request)
    }
}

impl Channel {
    /// Who traces the channel's calls, if they are traced.
    #[cfg(feature = "telemetry")]
    #[inline]
    pub(super) fn tracer(&self) -> Option<&Arc<dyn crate::observe::Tracer>> {
        self.inner.endpoint.tracer.as_ref()
    }

    /// Makes a call that has its place in a trace, or none.
    fn call_untraced(
        &self,
        inner: Arc<Inner>,
        mut request: http::Request<Body>,
    ) -> <Self as tower_service::Service<http::Request<Body>>>::Future {
        if !self.is_plain() {
            return Box::pin(inner.send_as_planned(request));
        }
        let counted = Counted::begin(&inner, &request, None);
        let mut guard = CallGuard::begin(&mut request, inner.endpoint.timeout);
        if guard.is_late() {
            return Box::pin(std::future::ready(counted.finish::<Body>(Err(too_late()))));
        }
        if let Poll::Ready(status) = guard.poll_over(&mut std::task::Context::from_waker(Waker::noop()), too_late) {
            return Box::pin(std::future::ready(counted.finish::<Body>(Err(status))));
        }
        if inner.has_credentials(CallOptions::of(request.extensions())) {
            return Box::pin(async move {
                let late = || deadline_status(CREDENTIALS);
                match guard.within(late, inner.add_credentials(&mut request)).await {
                    Ok(()) => inner.send_guarded(request, guard, Transparent::default(), counted).await,
                    Err(status) => counted.finish::<Body>(Err(status)),
                }
            });
        }
        #[cfg(feature = "telemetry")]
        if trace::of(request.extensions()).is_some() {
            return Box::pin(async move { inner.send_guarded(request, guard, Transparent::default(), counted).await });
        }
        // Most calls find an open connection and need not wait: no future is needed for what is done by now.
        if inner.endpoint.speaks_grpc()
            && let Some(Connection::Engine(connection)) = inner.core.only_connection()
        {
            let stage = Sending::Sent(Sent::unsent(request));
            return Box::new(Calling { inner, guard: Some(guard), counted, stage }).begin(&connection);
        }
        Box::pin(async move { inner.send_guarded(request, guard, Transparent::default(), counted).await })
    }
}

/// A call whose request is on its way.
struct Calling {
    inner: Arc<Inner>,
    /// Until the response has it.
    guard: Option<CallGuard>,
    /// Until somebody else has it.
    counted: Counted,
    stage: Sending,
}

#[allow(clippy::large_enum_variant, reason = "it lies in a box already, and the large one is the usual one")]
enum Sending {
    Sent(Sent),
    /// The server has surely done nothing for it, so it is made again.
    Again(<Channel as tower_service::Service<http::Request<Body>>>::Future),
}

impl Calling {
    /// Sends the request now, or else when its turn comes.
    fn begin(
        mut self: Box<Self>,
        connection: &EngineConnection,
    ) -> <Channel as tower_service::Service<http::Request<Body>>>::Future {
        if let Sending::Sent(sent) = &mut self.stage {
            if let Some(opening) = sent.opening() {
                self.counted.measure_opening(opening);
            }
            if let Err(unanswered) = sent.send_at_once(connection, self.inner.origin()) {
                return self.begin_later(unanswered);
            }
            self.counted.begin_first_attempt();
        }
        Box::into_pin(self)
    }

    #[cold]
    fn begin_later(self, unanswered: Unanswered) -> <Channel as tower_service::Service<http::Request<Body>>>::Future {
        let Calling { inner, guard, mut counted, .. } = self;
        match (unanswered.request, guard) {
            (Some(unsent), Some(guard)) => {
                Box::pin(async move { inner.send_guarded(unsent, guard, Transparent::default(), counted).await })
            }
            _ => {
                counted.begin_first_attempt();
                Box::pin(std::future::ready(counted.finish::<Body>(Err(unanswered.status))))
            }
        }
    }
}

impl Future for Calling {
    type Output = Result<http::Response<Body>, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let response = loop {
            let sent = match &mut this.stage {
                Sending::Sent(sent) => sent,
                Sending::Again(again) => return again.as_mut().poll(cx),
            };
            if let Some(guard) = &mut this.guard
                && let Poll::Ready(status) = guard.poll_over(cx, || this.inner.core.late(Stage::Answer))
            {
                return Poll::Ready(std::mem::take(&mut this.counted).finish::<Body>(Err(status)));
            }
            let (status, progress, request) = match ready!(Pin::new(sent).poll(cx)) {
                Ok(response) => break Ok(response),
                Err(Unanswered { status, progress, request }) => (status, progress, request),
            };
            let mut transparent = Transparent::default();
            match (request.filter(|_| transparent.permits(progress)), this.guard.take()) {
                (Some(again), Some(guard)) => {
                    let (inner, mut counted) = (Arc::clone(&this.inner), std::mem::take(&mut this.counted));
                    counted.goes_on_transparently(status.code());
                    let again = async move { inner.send_guarded(again, guard, transparent, counted).await };
                    this.stage = Sending::Again(Box::pin(again));
                }
                (_, guard) => {
                    this.guard = guard;
                    break Err(status);
                }
            }
        };
        let counted = std::mem::take(&mut this.counted);
        Poll::Ready(match (response, this.guard.take()) {
            (Ok(response), Some(guard)) if guard.has_limits() => {
                counted.finish(Ok(guard.guard(response.map(ResponseBody::boxed))))
            }
            (Ok(response), _) => Ok(counted.finish_answer(response)),
            (Err(status), Some(guard)) => counted.finish::<Body>(Err(guard.explain(status))),
            (Err(status), None) => counted.finish::<Body>(Err(status)),
        })
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.inner.endpoint.written()).finish()
    }
}
