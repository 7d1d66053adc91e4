//! Code that stands around the calls of a server: sees them, changes them, answers in their place.

mod arriving;
mod authentication;
mod call;
mod concurrency_limit;
mod error_table;
mod logging;
mod metadata;
mod rate_limit;
mod raw;
mod reply;
mod request_id;
mod shedding;
mod timeout;
mod tokens;
mod validation;
mod watch;

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use crate::status::Status;

pub(super) use self::arriving::Arriving;
pub use self::authentication::{Authentication, Authenticator, CallHead};
pub use self::call::ServerCall;
pub use self::concurrency_limit::ConcurrencyLimit;
pub use self::error_table::ErrorTable;
pub use self::logging::Logging;
pub(crate) use self::metadata::InterceptMetadata;
#[cfg(feature = "server")]
pub(crate) use self::metadata::OfMetadata;
pub use self::metadata::{Intercepted, Interceptor};
pub use self::rate_limit::RateLimit;
pub(crate) use self::raw::RawCall;
pub(crate) use self::raw::RawCodec;
#[cfg(feature = "server")]
pub(crate) use self::raw::{AnswerSource, Framed};
pub use self::reply::ServerReply;
pub use self::request_id::{RequestId, RequestIds};
pub use self::timeout::TimeoutPolicy;
pub use self::tokens::{BearerTokens, StaticTokens};
pub use self::validation::{Validate, Validation, Violations};
pub use self::watch::CallEnd;

/// Stands around the calls of a server, of all four kinds.
///
/// It gets a call before its messages are read, and goes on with [`Next::run`]: at once or later, or not at all. On the
/// way there it may change the call's metadata, messages and deadline, on the way back the answer's metadata, messages,
/// trailers and status. The call's context is current all the while ([`context::current`](crate::context::current)), its
/// deadline covers all of that, and when it is cancelled the interceptor is dropped with it. One that panics ends its
/// call as INTERNAL.
///
/// Any `async` closure of this shape is one, too. Calls without interceptors pay nothing for them.
///
/// Give them to a server ([`Server::intercept`](crate::Server::intercept)) or to one of its services
/// ([`IntoRoute::intercept`](crate::service::IntoRoute::intercept)). The first one added is the outermost: it sees calls
/// first and answers last. Those of a server stand around those of its services.
///
/// ```
/// use seltzer::server::{Next, ServerCall, ServerInterceptor, ServerReply};
/// use seltzer::{Code, Status};
///
/// /// Tells callers how long they waited, and keeps a method from them that is closed.
/// struct Doorman;
///
/// impl ServerInterceptor for Doorman {
///     async fn intercept(&self, call: ServerCall, next: Next) -> Result<ServerReply, Status> {
///         if call.method() == "Closed" {
///             return Err(Status::unavailable("come back tomorrow"));
///         }
///         let begin = std::time::Instant::now();
///         let reply = next.run(call).await?;
///         reply.map_end(move |end| {
///             let mut trailers = end?;
///             trailers.insert("x-waited-ms", begin.elapsed().as_millis().to_string().parse().expect("digits"));
///             Ok(trailers)
///         })
///     }
/// }
/// # #[cfg(feature = "server")]
/// let server = seltzer::Server::builder().intercept(Doorman);
/// # #[cfg(feature = "server")]
/// # drop(server);
/// ```
///
/// Messages have the types of the method's handler; those of services that tonic generated, of which nothing but their
/// names is known, are [`Bytes`](bytes::Bytes).
pub trait ServerInterceptor: Send + Sync + 'static {
    /// Sees one call, and answers it: usually with what `next` answers.
    ///
    /// # Errors
    /// The call's status, for its caller.
    fn intercept(&self, call: ServerCall, next: Next) -> impl Future<Output = Result<ServerReply, Status>> + Send;
}

impl<F, Fut> ServerInterceptor for F
where
    F: Fn(ServerCall, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<ServerReply, Status>> + Send + 'static,
{
    fn intercept(&self, call: ServerCall, next: Next) -> impl Future<Output = Result<ServerReply, Status>> + Send {
        self(call, next)
    }
}

/// The interceptors of a server or of a service, the outermost first.
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
    pub fn with(self, interceptor: impl ServerInterceptor) -> Self {
        let inner: Arc<dyn AnyInterceptor> = Arc::new(interceptor);
        Interceptors(self.0.iter().cloned().chain([inner]).collect())
    }

    pub(crate) fn around(&self, inner: &Interceptors) -> Self {
        Interceptors(self.0.iter().chain(inner.0.iter()).cloned().collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Interceptors {
    fn default() -> Self {
        Interceptors::new()
    }
}

impl<I: ServerInterceptor> From<I> for Interceptors {
    fn from(interceptor: I) -> Self {
        Interceptors::new().with(interceptor)
    }
}

/// What comes after an interceptor: the next one, or the handler.
pub struct Next {
    interceptors: Interceptors,
    /// How many of them have seen the call.
    passed: usize,
    handler: Handler,
}

/// What stands within all interceptors, with all types forgotten.
type Handler = Box<dyn FnOnce(ServerCall) -> ReplyFuture<'static> + Send>;

type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<ServerReply, Status>> + Send + 'a>>;

impl Next {
    /// Goes on with the call, and resolves with its answer: whole where it is one message, else as soon as its stream
    /// begins.
    ///
    /// # Errors
    /// The status of the call. A stream that has begun says its status at its end.
    pub async fn run(mut self, call: ServerCall) -> Result<ServerReply, Status> {
        let interceptors = self.interceptors.clone();
        // Call and handler are given away before anything is waited for: this future is within that of each
        // interceptor, so that whatever it held would be held as often as there are interceptors.
        match interceptors.0.get(self.passed) {
            Some(interceptor) => {
                self.passed += 1;
                caught(panicked, catch_unwind(AssertUnwindSafe(|| interceptor.any_intercept(call, self)))).await
            }
            None => {
                let handler = self.handler;
                let panicked = || Status::internal("the handler panicked");
                caught(panicked, catch_unwind(AssertUnwindSafe(|| handler(call)))).await
            }
        }
    }
}

/// Makes a panic a status, so that whoever stands around it sees how the call ends.
async fn caught(
    panicked: impl Fn() -> Status,
    work: std::thread::Result<ReplyFuture<'_>>,
) -> Result<ServerReply, Status> {
    let Ok(mut work) = work else { return Err(panicked()) };
    let polled = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_panic) => std::task::Poll::Ready(None),
    });
    polled.await.unwrap_or_else(|| Err(panicked()))
}

fn panicked() -> Status {
    Status::internal("an interceptor panicked")
}

/// An interceptor whose kind is forgotten.
trait AnyInterceptor: Send + Sync {
    fn any_intercept(&self, call: ServerCall, next: Next) -> ReplyFuture<'_>;
}

impl<I: ServerInterceptor> AnyInterceptor for I {
    fn any_intercept(&self, call: ServerCall, next: Next) -> ReplyFuture<'_> {
        Box::pin(self.intercept(call, next))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every interceptor's future holds that of the next one's beginning: what is held twice here is held by each of
    /// them, in every call that waits.
    #[test]
    fn going_on_with_a_call_holds_it_once() {
        fn future_bytes<F>(_: impl FnOnce(Next, ServerCall) -> F) -> usize {
            size_of::<F>()
        }
        let (bytes, once) = (future_bytes(Next::run), size_of::<Next>() + size_of::<ServerCall>());
        assert!(bytes <= once + 160, "{bytes} bytes for a call of {once}");
    }
}
