//! The call that is being handled right now: its deadline, its peer, whether it was cancelled.
//!
//! Inside a handler, and inside the stream that it answers with, [`current`] gives the call's [`Context`].
//! A client called there inherits the deadline and the cancellation by itself.
//!
//! ```
//! # use seltzer::{Request, Response, Status};
//! async fn say_hello(request: Request<String>) -> Result<Response<String>, Status> {
//!     let context = seltzer::context::current();
//!     if context.time_remaining().is_some_and(|left| left.as_millis() < 10) {
//!         return Err(Status::deadline_exceeded("too late to begin"));
//!     }
//!     context.set_trailing_metadata("x-served-by", "one")?;
//!     Ok(Response::new(format!("hello {}", request.get_ref())))
//! }
//! ```
//!
//! The context belongs to the handler's own future. It does not follow `tokio::spawn` by itself; hand it on
//! with [`Context::scope`].

mod additions;
mod cancellation;
#[cfg_attr(not(feature = "telemetry"), path = "context/counting_off.rs")]
mod counting;
#[cfg(feature = "_tls")]
mod identity;
mod reply;
#[cfg(feature = "_tls")]
mod spiffe;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use http::HeaderValue;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::context::additions::Additions;
use crate::context::cancellation::Cancellation;
pub(crate) use crate::context::counting::Counter;
use crate::context::counting::Counts;
#[cfg(feature = "_tls")]
pub(crate) use crate::context::identity::PeerCertificates;
#[cfg(feature = "_tls")]
pub use crate::context::identity::PeerIdentity;
use crate::context::reply::Reply;
#[cfg(feature = "_tls")]
pub use crate::context::spiffe::{InvalidSpiffeId, SpiffeId};
use crate::deadline::Deadline;
use crate::metadata::{MetadataKey, MetadataMap, MetadataValue, is_reserved_name};
use crate::meter::MethodMeter;
use crate::status::Status;
#[cfg(feature = "telemetry")]
pub use crate::trace::{SpanId, TraceContext, TraceId};

thread_local! {
    static CURRENT: Cell<Option<Arc<Call>>> = const { Cell::new(None) };
}

/// The call that the running code belongs to, or an empty context outside of any call.
#[must_use]
pub fn current() -> Context {
    let call = CURRENT.take();
    CURRENT.set(call.clone());
    Context { call }
}

/// The same as [`Context::has_reply_metadata`] of the current one, without counting who holds it.
pub(crate) fn current_has_reply_metadata() -> bool {
    let call = CURRENT.take();
    let has = call.as_ref().is_some_and(|call| !call.reply.is_empty());
    CURRENT.set(call);
    has
}

/// What is known about one call while it is handled. Cheap to clone, usable from any task.
#[derive(Clone, Default)]
pub struct Context {
    call: Option<Arc<Call>>,
}

struct Call {
    origin: Arc<Origin>,
    deadline: Option<Deadline>,
    cancelled: Cancellation,
    reply: Reply,
    additions: Additions,
    #[cfg_attr(not(all(feature = "telemetry", feature = "server")), allow(dead_code, reason = "nobody counts"))]
    counts: Counts,
    /// Its place in a trace, on servers with telemetry.
    #[cfg(feature = "telemetry")]
    traced: Option<crate::observe::Traced>,
}

/// What many calls of one connection have in common.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    pub(crate) method: String,
    pub(crate) peer: Arc<Peer>,
    pub(crate) user_agent: Option<HeaderValue>,
    /// Counts the calls of this method.
    #[cfg_attr(not(feature = "server"), allow(dead_code, reason = "nobody counts"))]
    pub(crate) meter: MethodMeter,
    /// The caller's place in a trace, where anybody wants to know.
    #[cfg(feature = "telemetry")]
    pub(crate) trace: Option<TraceContext>,
}

/// Who is on the other side of a connection.
#[derive(Clone, Default)]
pub struct Peer {
    pub(crate) remote_addr: Option<SocketAddr>,
    pub(crate) local_addr: Option<SocketAddr>,
    pub(crate) encrypted: bool,
    #[cfg(feature = "_tls")]
    pub(crate) certificates: Option<Arc<PeerCertificates>>,
    /// Counts what its connection carries, where somebody wants to know.
    #[cfg(feature = "channelz")]
    pub(crate) tally: Option<Arc<crate::tally::Tallied>>,
    /// What tonic's `request.remote_addr()` and friends look for; filled with `tonic-compat` only.
    pub(crate) extensions: http::Extensions,
}

impl Peer {
    /// The peer's address; `None` over unix sockets and in process.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.remote_addr
    }

    /// Our own address on this connection; `None` over unix sockets and in process.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// Whether the connection is under TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The certificates that the peer proved to own, its own first; `None` without mutual TLS.
    #[cfg(feature = "_tls")]
    #[must_use]
    pub fn certificates(&self) -> Option<&[rustls::pki_types::CertificateDer<'static>]> {
        self.certificates.as_deref().map(PeerCertificates::chain)
    }

    /// The names that the peer's own certificate gives it; `None` without mutual TLS, and for a certificate whose
    /// names cannot be read.
    ///
    /// ```
    /// // In a handler:
    /// let context = seltzer::context::current();
    /// let caller = context.peer().and_then(|peer| peer.identity());
    /// let is_shop = caller.is_some_and(|caller| caller.dns_names().iter().any(|name| name == "shop.example.com"));
    /// # assert!(!is_shop);
    /// ```
    #[cfg(feature = "_tls")]
    #[must_use]
    pub fn identity(&self) -> Option<&PeerIdentity> {
        self.certificates.as_deref()?.identity()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("remote_addr", &self.remote_addr)
            .field("local_addr", &self.local_addr)
            .field("encrypted", &self.encrypted)
            .finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) fn new(origin: Arc<Origin>, deadline: Option<Deadline>) -> Self {
        Context {
            call: Some(Arc::new(Call {
                origin,
                deadline,
                cancelled: Cancellation::default(),
                reply: Reply::default(),
                additions: Additions::default(),
                counts: Counts::default(),
                #[cfg(feature = "telemetry")]
                traced: None,
            })),
        }
    }

    /// The context of another call in the memory of this one, if nobody holds on to it any more.
    #[cfg(feature = "server")]
    pub(crate) fn reused(mut self, origin: &Arc<Origin>, deadline: Option<Deadline>) -> Self {
        let Some(call) = self.call.as_mut().and_then(Arc::get_mut) else {
            return Context::new(Arc::clone(origin), deadline);
        };
        if !Arc::ptr_eq(&call.origin, origin) {
            call.origin = Arc::clone(origin);
        }
        call.deadline = deadline;
        call.cancelled.renew();
        call.reply.renew();
        call.additions.renew();
        call.counts.renew();
        #[cfg(feature = "telemetry")]
        {
            call.traced = None;
        }
        self
    }

    /// Whether the handler has set metadata for its answer, early or trailing.
    pub(crate) fn has_reply_metadata(&self) -> bool {
        self.call.as_ref().is_some_and(|call| !call.reply.is_empty())
    }

    /// The method that was called, as on the wire (`/package.Service/Method`); empty outside of a call.
    #[must_use]
    pub fn method(&self) -> &str {
        self.call.as_ref().map_or("", |call| &call.origin.method)
    }

    /// When the call must be over, if the caller or this side said so.
    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        let call = self.call.as_ref()?;
        Deadline::earlier(call.deadline, call.additions.deadline())
    }

    /// Has the call be over at this point in time, if it would not be earlier.
    pub(crate) fn limit_deadline(&self, deadline: Deadline) {
        if let Some(call) = &self.call {
            call.additions.limit_deadline(deadline);
        }
    }

    /// What an interceptor left here for whoever works on the call: who the caller is, for example.
    ///
    /// ```
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// let tenant = seltzer::context::current().extension::<Tenant>();
    /// assert!(tenant.is_none(), "this is no call");
    /// ```
    #[must_use]
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.call.as_ref()?.additions.get()
    }

    /// Leaves something for whoever works on the call, in place of an earlier one of this type. Outside of a call
    /// nobody would find it, and it is dropped.
    pub fn set_extension<T: Clone + Send + Sync + 'static>(&self, value: T) {
        if let Some(call) = &self.call {
            call.additions.set(value);
        }
    }

    /// The time that is left until the deadline, `None` without one.
    #[must_use]
    pub fn time_remaining(&self) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.remaining())
    }

    /// Who called; `None` outside of a call.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.call.as_ref().map(|call| &*call.origin.peer)
    }

    /// Counts what the call's connection carries, where somebody wants to know.
    #[cfg(feature = "channelz")]
    pub(crate) fn tally(&self) -> Option<&Arc<crate::tally::Tallied>> {
        self.peer()?.tally.as_ref()
    }

    /// Begins the call's trace; nobody else may hold the context yet.
    #[cfg(feature = "telemetry")]
    pub(crate) fn traced_by(mut self, tracer: &dyn crate::observe::Tracer) -> Self {
        if let Some(call) = self.call.as_mut().and_then(Arc::get_mut) {
            call.traced = Some(tracer.server_call(&call.origin.method, call.origin.trace.as_ref()));
        }
        self
    }

    /// The same as another context of the same call has it.
    #[cfg(feature = "telemetry")]
    pub(crate) fn traced_as(mut self, other: &Context) -> Self {
        if let Some(call) = self.call.as_mut().and_then(Arc::get_mut) {
            call.traced = other.traced().cloned();
        }
        self
    }

    /// The call's place in a trace.
    #[cfg(feature = "telemetry")]
    pub(crate) fn traced(&self) -> Option<&crate::observe::Traced> {
        self.call.as_ref()?.traced.as_ref()
    }

    /// What records the call, if anything does.
    #[cfg(feature = "telemetry")]
    pub(crate) fn span(&self) -> Option<&Arc<dyn crate::observe::CallSpan>> {
        self.traced()?.span.as_ref()
    }

    /// The same for its messages alone.
    #[cfg(feature = "telemetry")]
    pub(crate) fn watch(&self) -> Option<Arc<dyn crate::observe::MessageWatch>> {
        self.span().map(|span| Arc::clone(span) as _)
    }

    /// The caller's `user-agent`, where it is readable text.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.call.as_ref()?.origin.user_agent.as_ref()?.to_str().ok()
    }

    /// Whether the call is over early: the caller went away or cancelled, or the deadline passed.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.cancelled.has_come())
    }

    /// Waits until the call is cancelled; for ever when it ends in the ordinary way or there is none.
    ///
    /// A handler's own future is simply dropped then. This is for work that was handed to other tasks.
    pub async fn cancelled(&self) {
        match self.cancelled_owned() {
            Some(cancelled) => cancelled.await,
            None => std::future::pending().await,
        }
    }

    pub(crate) fn cancelled_owned(&self) -> Option<WaitForCancellationFutureOwned> {
        self.call.as_ref().map(|call| call.cancelled.token().clone().cancelled_owned())
    }

    /// Adds an entry to the metadata sent with the final status of a successful call.
    ///
    /// A failed call sends the metadata of its [`Status`] besides.
    ///
    /// # Errors
    /// INTERNAL when the key or the value cannot travel (keys are lower-case ASCII, values printable ASCII), when the
    /// key belongs to the protocol, and outside of a call.
    /// For bytes use [`set_trailing_metadata_bin`](Self::set_trailing_metadata_bin).
    pub fn set_trailing_metadata(&self, key: &str, value: &str) -> Result<(), Status> {
        let key = MetadataKey::from_bytes(key.as_bytes())
            .map_err(|_| Status::internal(format!("trailing metadata: {key:?} is not a valid key for text")))?;
        let value: MetadataValue<_> = value
            .parse()
            .map_err(|_| Status::internal(format!("trailing metadata: the value of {key} is not printable ASCII")))?;
        self.add_trailing(key.as_str(), |trailing| trailing.append(key.clone(), value))
    }

    /// Adds a binary entry to the metadata sent with the final status; the key ends in `-bin`.
    ///
    /// # Errors
    /// INTERNAL when the key is not a valid one for bytes, and outside of a call.
    pub fn set_trailing_metadata_bin(&self, key: &str, value: &[u8]) -> Result<(), Status> {
        let key = MetadataKey::from_bytes(key.as_bytes())
            .map_err(|_| Status::internal(format!("trailing metadata: {key:?} is not a valid key for bytes")))?;
        self.add_trailing(key.as_str(), |trailing| trailing.append_bin(key.clone(), MetadataValue::from_bytes(value)))
    }

    /// Sends the response's initial metadata now, before the handler has an answer.
    ///
    /// # Errors
    /// INTERNAL when it was sent already, and outside of a call.
    pub fn send_initial_metadata(&self, metadata: MetadataMap) -> Result<(), Status> {
        let Some(call) = &self.call else {
            return Err(Status::internal("send_initial_metadata was called outside of a call"));
        };
        if call.reply.send_initial(metadata) {
            Ok(())
        } else {
            Err(Status::internal("the initial metadata has already been sent"))
        }
    }

    /// Runs a future as part of this call, for example in a task of its own.
    ///
    /// ```
    /// # async fn example() {
    /// let context = seltzer::context::current();
    /// tokio::spawn(context.clone().scope(async {
    ///     // A client called here inherits the call's deadline and cancellation.
    /// }));
    /// # }
    /// ```
    pub fn scope<F: Future>(self, future: F) -> Scope<F> {
        Scope { context: self, future }
    }

    /// Makes this the current context until the guard is dropped.
    pub(crate) fn enter(&self) -> Entered {
        Entered { previous: CURRENT.replace(self.call.clone()) }
    }

    /// Tells everything that watches that the call is over early.
    pub(crate) fn cancel(&self) {
        if let Some(call) = &self.call {
            call.cancelled.cancel();
        }
    }

    /// The early initial metadata, if the handler sent some; else registers to be woken when it does.
    pub(crate) fn poll_initial_metadata(&self, waker: &Waker) -> Poll<MetadataMap> {
        self.call.as_ref().map_or(Poll::Pending, |call| call.reply.poll_initial(waker))
    }

    /// The early initial metadata that was set but not sent before the response came.
    pub(crate) fn take_initial_metadata(&self) -> Option<MetadataMap> {
        self.call.as_ref()?.reply.take_initial()
    }

    /// Whether the response's headers are on their way, so that nothing can be added to them.
    pub(crate) fn initial_metadata_is_sent(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.reply.initial_is_sent())
    }

    /// What goes into the trailers besides the status.
    pub(crate) fn take_trailing_metadata(&self) -> MetadataMap {
        self.call.as_ref().map(|call| call.reply.trailing(std::mem::take)).unwrap_or_default()
    }

    fn add_trailing(&self, key: &str, add: impl FnOnce(&mut MetadataMap) -> bool) -> Result<(), Status> {
        if is_reserved_name(key) {
            return Err(Status::internal(format!("trailing metadata: {key} belongs to the protocol")));
        }
        let Some(call) = &self.call else {
            return Err(Status::internal("trailing metadata was set outside of a call"));
        };
        call.reply.trailing(add);
        Ok(())
    }

    /// Changes what goes into the trailers besides the status. `None`: outside of a call.
    #[cfg(feature = "orca")]
    pub(crate) fn change_trailing<T>(&self, change: impl FnOnce(&mut MetadataMap) -> T) -> Option<T> {
        self.call.as_ref().map(|call| call.reply.trailing(change))
    }

    /// Metadata that came too late for the headers.
    pub(crate) fn append_trailing(&self, metadata: MetadataMap) {
        if let Some(call) = &self.call {
            call.reply.trailing(|trailing| crate::metadata::merge(trailing, metadata));
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("method", &self.method())
            .field("deadline", &self.deadline())
            .field("peer", &self.peer())
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Runs something with this as the current context, without counting who holds it.
    pub(crate) fn within<T>(&mut self, run: impl FnOnce() -> T) -> T {
        /// Takes the context back, and restores the one before, even after a panic.
        struct Within<'a> {
            context: &'a mut Context,
            previous: Option<Arc<Call>>,
        }
        impl Drop for Within<'_> {
            fn drop(&mut self) {
                self.context.call = CURRENT.replace(self.previous.take());
            }
        }
        let previous = CURRENT.replace(self.call.take());
        let _within = Within { context: self, previous };
        run()
    }
}

/// Keeps a context current; restores the one before when dropped.
pub(crate) struct Entered {
    previous: Option<Arc<Call>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.previous.take());
    }
}

pin_project_lite::pin_project! {
    /// A future that runs as part of a call: made by [`Context::scope`].
    pub struct Scope<F> {
        context: Context,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.context.enter();
        this.future.poll(cx)
    }
}

impl<F> fmt::Debug for Scope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("context", &self.context).finish_non_exhaustive()
    }
}

/// The same questions, asked of a request inside its handler.
///
/// ```
/// use seltzer::{Request, RequestExt, Response, Status};
///
/// async fn say_hello(request: Request<String>) -> Result<Response<String>, Status> {
///     let left = request.context().time_remaining();
///     Ok(Response::new(format!("{} has {left:?}", request.get_ref())))
/// }
/// ```
pub trait RequestExt {
    /// The context of the call that this request belongs to; empty when asked outside of its handler.
    fn context(&self) -> Context;

    /// When the call must be over, if the caller said so.
    fn deadline(&self) -> Option<Deadline> {
        self.context().deadline()
    }

    /// The address of the caller; `None` over unix sockets and in process.
    fn peer_addr(&self) -> Option<SocketAddr> {
        self.context().peer().and_then(Peer::remote_addr)
    }
}

impl<T> RequestExt for tonic::Request<T> {
    fn context(&self) -> Context {
        current()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(method: &str) -> Context {
        Context::new(Arc::new(Origin { method: method.to_owned(), ..Origin::default() }), None)
    }

    #[test]
    fn contexts_nest_and_are_restored() {
        assert_eq!(current().method(), "");
        let outer = context("/a/B").enter();
        assert_eq!(current().method(), "/a/B");
        {
            let _inner = context("/c/D").enter();
            assert_eq!(current().method(), "/c/D");
        }
        assert_eq!(current().method(), "/a/B");
        drop(outer);
        assert_eq!(current().method(), "");
    }

    #[test]
    fn a_context_comes_back_from_what_ran_within_it() {
        let mut within = context("/a/B");
        assert_eq!(within.within(|| current().method().to_owned()), "/a/B");
        let panic = std::panic::AssertUnwindSafe(|| within.within(|| panic!("as told")));
        assert!(std::panic::catch_unwind(panic).is_err());
        assert_eq!((within.method(), current().method()), ("/a/B", ""));
    }

    #[test]
    #[cfg(feature = "server")]
    fn nothing_of_a_call_is_left_when_its_context_is_used_again() {
        let used = context("/a/B");
        used.set_trailing_metadata("x", "y").expect("valid");
        used.send_initial_metadata(MetadataMap::new()).expect("the first time");
        used.cancel();
        let origin = Arc::new(Origin { method: "/c/D".to_owned(), ..Origin::default() });
        let address = used.call.as_ref().map(Arc::as_ptr);
        let reused = used.reused(&origin, None);
        assert_eq!(reused.call.as_ref().map(Arc::as_ptr), address, "the memory is the same");
        assert_eq!((reused.method(), reused.is_cancelled()), ("/c/D", false));
        assert!(!reused.has_reply_metadata());
        assert!(reused.send_initial_metadata(MetadataMap::new()).is_ok());

        let held = reused.clone();
        let another = reused.reused(&Arc::default(), None);
        another.cancel();
        assert_eq!((held.method(), held.is_cancelled()), ("/c/D", false), "whoever held on still has its own");
    }

    #[tokio::test]
    async fn a_scope_follows_its_future_into_another_task() {
        let scoped = context("/a/B").scope(async {
            tokio::task::yield_now().await;
            current().method().to_owned()
        });
        assert_eq!(tokio::spawn(scoped).await.expect("the task runs"), "/a/B");
        assert_eq!(current().method(), "");
    }

    #[tokio::test]
    async fn cancellation_reaches_every_clone() {
        let context = context("/a/B");
        let watcher = tokio::spawn({
            let context = context.clone();
            async move { context.cancelled().await }
        });
        assert!(!context.is_cancelled());
        context.cancel();
        watcher.await.expect("the watcher is woken");
        assert!(context.is_cancelled());
    }

    #[test]
    fn initial_metadata_is_sent_once() {
        let context = context("/a/B");
        assert!(context.send_initial_metadata(MetadataMap::new()).is_ok());
        assert!(context.send_initial_metadata(MetadataMap::new()).is_err());
        assert!(context.take_initial_metadata().is_some());
        assert!(context.send_initial_metadata(MetadataMap::new()).is_err());
    }

    #[test]
    fn bad_trailing_metadata_is_refused_by_name() {
        let context = context("/a/B");
        let error = context.set_trailing_metadata("x y", "z").expect_err("a space in a key");
        assert!(error.message().contains("x y"), "{error:?}");
        assert!(context.set_trailing_metadata("x", "a\nb").is_err());
        assert!(context.set_trailing_metadata("grpc-status", "0").is_err());
        assert!(Context::default().set_trailing_metadata("x", "y").is_err());
        assert!(context.set_trailing_metadata_bin("x", b"z").is_err());
        assert!(context.set_trailing_metadata_bin("x-bin", b"z").is_ok());
        assert_eq!(context.take_trailing_metadata().len(), 1);
    }
}
