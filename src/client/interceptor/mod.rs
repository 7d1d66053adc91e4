//! Code that stands around the calls of a client: sees them, changes them, repeats them, answers in their place.

#[cfg(feature = "client")]
mod bearer;
mod call;
mod logging;
mod metrics;
mod reply;
mod terminal;
mod watch;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tonic::body::Body;

use crate::client::GrpcService;
pub use crate::service::Message;
use crate::status::Status;

pub use self::call::ClientCall;
pub use self::logging::Logging;
pub use self::metrics::{CallCounts, CallMetrics, MethodCounts, Metrics};
pub use self::reply::ClientReply;
use self::terminal::Terminal;
pub(super) use self::terminal::{Intercepting, RequestMessages};
pub use self::watch::CallEnd;

/// Stands around the calls of a client, of all four kinds.
///
/// It gets a call before it is made and goes on with [`Next::run`]: at once or later, once, several times or never. On
/// the way there it may change the call's metadata, options and messages, on the way back the answer's metadata,
/// messages, trailers and status. A call's deadline covers all of that.
///
/// Any `async` closure of this shape is one, too. Calls without interceptors pay nothing for them.
///
/// ```
/// use seltzer::client::{ClientCall, ClientInterceptor, ClientReply, Next};
/// use seltzer::{Code, Status};
///
/// /// Makes calls that failed as UNAVAILABLE once more.
/// struct OnceMore;
///
/// impl ClientInterceptor for OnceMore {
///     async fn intercept(&self, mut call: ClientCall, next: Next) -> Result<ClientReply, Status> {
///         call.metadata_mut().insert("x-client", "shop".parse().map_err(|_| Status::internal("no value"))?);
///         // A stream of requests cannot be sent twice.
///         let Some(again) = call.try_clone() else { return next.run(call).await };
///         match next.clone().run(call).await {
///             Err(status) if status.code() == Code::Unavailable => next.run(again).await,
///             answer => answer,
///         }
///     }
/// }
/// # #[cfg(feature = "client")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let channel = seltzer::Channel::builder("http://127.0.0.1:50051").connect_lazy().intercept(OnceMore);
/// # drop(channel);
/// # }
/// # #[cfg(not(feature = "client"))]
/// # fn main() {}
/// ```
pub trait ClientInterceptor: Send + Sync + 'static {
    /// Sees one call, and answers it: usually with what `next` answers.
    ///
    /// # Errors
    /// The call's status, for its caller.
    fn intercept(&self, call: ClientCall, next: Next) -> impl Future<Output = Result<ClientReply, Status>> + Send;
}

impl<F, Fut> ClientInterceptor for F
where
    F: Fn(ClientCall, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<ClientReply, Status>> + Send + 'static,
{
    fn intercept(&self, call: ClientCall, next: Next) -> impl Future<Output = Result<ClientReply, Status>> + Send {
        self(call, next)
    }
}

/// The interceptors of a client, the outermost first.
#[derive(Clone)]
pub struct Interceptors(Arc<[Arc<dyn AnyInterceptor>]>);

impl Interceptors {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Interceptors(Arc::new([]))
    }

    /// Adds one within those that are there: it sees calls after them, and answers before them.
    #[must_use]
    pub fn with(self, interceptor: impl ClientInterceptor) -> Self {
        let inner: Arc<dyn AnyInterceptor> = Arc::new(interceptor);
        Interceptors(self.0.iter().cloned().chain([inner]).collect())
    }

    fn around(&self, inner: &Interceptors) -> Self {
        Interceptors(self.0.iter().chain(inner.0.iter()).cloned().collect())
    }
}

impl Default for Interceptors {
    fn default() -> Self {
        Interceptors::new()
    }
}

impl<I: ClientInterceptor> From<I> for Interceptors {
    fn from(interceptor: I) -> Self {
        Interceptors::new().with(interceptor)
    }
}

/// What comes after an interceptor: the next one, or the call itself. A clone makes the same call again.
#[derive(Clone)]
pub struct Next {
    interceptors: Interceptors,
    /// How many of them have seen the call.
    passed: usize,
    terminal: Arc<dyn Terminal>,
}

impl Next {
    /// Goes on with the call, and resolves with its answer: whole where it is one message, else as soon as its stream
    /// begins.
    ///
    /// # Errors
    /// The status of the call. A stream that has begun says its status at its end.
    pub async fn run(mut self, call: ClientCall) -> Result<ClientReply, Status> {
        let interceptors = self.interceptors.clone();
        match interceptors.0.get(self.passed) {
            Some(interceptor) => {
                self.passed += 1;
                interceptor.any_intercept(call, self).await
            }
            None => self.terminal.call(call).await,
        }
    }
}

/// An interceptor whose kind is forgotten.
trait AnyInterceptor: Send + Sync {
    fn any_intercept<'a>(
        &'a self,
        call: ClientCall,
        next: Next,
    ) -> Pin<Box<dyn Future<Output = Result<ClientReply, Status>> + Send + 'a>>;
}

impl<I: ClientInterceptor> AnyInterceptor for I {
    fn any_intercept<'a>(
        &'a self,
        call: ClientCall,
        next: Next,
    ) -> Pin<Box<dyn Future<Output = Result<ClientReply, Status>> + Send + 'a>> {
        Box::pin(self.intercept(call, next))
    }
}

/// A channel whose calls interceptors stand around; made by `Channel::intercept` or by a generated client's
/// `with_interceptors`.
///
/// Generated clients run on it. It is no tower service, because interceptors see messages and those see bytes: layers
/// of tower go below it.
#[derive(Clone)]
pub struct InterceptedChannel<C> {
    inner: C,
    interceptors: Interceptors,
}

impl<C: GrpcService> InterceptedChannel<C> {
    /// Puts interceptors around the calls of a channel, outside of those that it has.
    pub fn new(channel: C, interceptors: impl Into<Interceptors>) -> Self {
        let mut interceptors = interceptors.into();
        if let Some(inner) = channel.interceptors() {
            interceptors = interceptors.around(inner);
        }
        InterceptedChannel { inner: channel, interceptors }
    }

    /// Adds an interceptor within those that are there: it sees calls after them, and answers before them.
    #[must_use]
    pub fn intercept(mut self, interceptor: impl ClientInterceptor) -> Self {
        self.interceptors = self.interceptors.with(interceptor);
        self
    }
}

impl<C: GrpcService> GrpcService for InterceptedChannel<C> {
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> impl Future<Output = Result<http::Response<Body>, Status>> + Send + 'static {
        self.inner.send(request)
    }

    fn interceptors(&self) -> Option<&Interceptors> {
        Some(&self.interceptors)
    }
}

#[cfg(feature = "client")]
impl crate::client::Channel {
    /// Puts an interceptor around the calls that generated clients make on this channel, or several
    /// ([`Interceptors`]).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use seltzer::{Channel, client::{Logging, Metrics}};
    ///
    /// let metrics = Metrics::new();
    /// let channel = Channel::builder("http://127.0.0.1:50051")
    ///     .connect_lazy()
    ///     .intercept(metrics.clone())
    ///     .intercept(Logging::new());
    /// // Calls of clients over `channel` are counted now.
    /// assert!(metrics.counts().snapshot().is_empty());
    /// # drop(channel);
    /// # }
    /// ```
    #[must_use]
    pub fn intercept(self, interceptors: impl Into<Interceptors>) -> InterceptedChannel<Self> {
        InterceptedChannel::new(self, interceptors)
    }
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interceptors({})", self.0.len())
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("passed", &self.passed).finish_non_exhaustive()
    }
}

impl<C: fmt::Debug> fmt::Debug for InterceptedChannel<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterceptedChannel").field("inner", &self.inner).finish_non_exhaustive()
    }
}
