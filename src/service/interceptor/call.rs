//! A call before its handler, as interceptors see it.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use futures_core::Stream;
use http::Extensions;
use tonic::Request;

use crate::codec::{ReadMessages, ReceivedCompressed, Streaming};
use crate::context::{Context, Peer};
use crate::deadline::Deadline;
use crate::metadata::MetadataMap;
use crate::service::call::cardinality;
use crate::service::interceptor::watch::Traffic;
use crate::service::interceptor::{CallHead, panicked};
use crate::service::{Message, MethodDescriptor, MethodKind};
use crate::status::Status;

/// A call on its way to its handler: which method, who calls, and all that the caller says.
pub struct ServerCall {
    pub(super) context: Context,
    pub(super) descriptor: Option<&'static MethodDescriptor>,
    pub(super) takes_one: bool,
    pub(super) metadata: MetadataMap,
    pub(super) extensions: Extensions,
    pub(super) requests: Requests,
    pub(super) traffic: Arc<Traffic>,
}

/// What the caller sends.
pub(super) enum Requests {
    One(Message),
    Many(BoxMessages),
}

pub(super) type BoxMessages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

impl ServerCall {
    /// The path on the wire: `/package.Service/Method`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.context.method()
    }

    /// The service's full name: `package.Service`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.head().service()
    }

    /// The method's own name: `SayHello`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head().method()
    }

    /// Which sides stream. Of methods that are known by name only it is not known: then streams both ways, which can be
    /// anything.
    #[must_use]
    pub fn kind(&self) -> MethodKind {
        self.descriptor.map_or(MethodKind::BidiStreaming, |method| method.kind)
    }

    /// What generated code knows about the method. `None` for methods that are known by name only: those of services
    /// that tonic generated.
    #[must_use]
    pub fn descriptor(&self) -> Option<&'static MethodDescriptor> {
        self.descriptor
    }

    /// Who calls, and how.
    #[must_use]
    pub fn head(&self) -> CallHead<'_> {
        CallHead::new(&self.context, &self.metadata)
    }

    /// What the handler finds as [`context::current`](crate::context::current).
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Who is on the other side of the connection.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.context.peer()
    }

    /// When the call must be over, interceptors included.
    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        self.context.deadline()
    }

    /// Has the call be over at this point in time; only an earlier one than there is has an effect. It holds for
    /// everything that the deadline holds for, once the answer has begun for that as well.
    pub fn limit_deadline(&mut self, deadline: Deadline) {
        self.context.limit_deadline(deadline);
    }

    /// What came along.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// The same, to change.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        &mut self.metadata
    }

    /// What the handler finds beside its request.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The same, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// The request, to see or to change; `None` where requests are a stream. It is read now, unless it was before: what
    /// stands around a caller who may not call at all need not wait for it.
    ///
    /// # Errors
    /// What came is no message of the method's type, or not exactly one. The handler is not called then, even if the
    /// error is ignored.
    ///
    /// ```
    /// use seltzer::server::{Next, ServerCall, ServerReply};
    /// use seltzer::Status;
    ///
    /// async fn shorten(mut call: ServerCall, next: Next) -> Result<ServerReply, Status> {
    ///     if let Some(message) = call.message().await?
    ///         && let Some(text) = message.downcast_mut::<String>()
    ///     {
    ///         text.truncate(100);
    ///     }
    ///     next.run(call).await
    /// }
    /// # fn is_one(_: impl seltzer::server::ServerInterceptor) {}
    /// # is_one(shorten);
    /// ```
    pub async fn message(&mut self) -> Result<Option<&mut Message>, Status> {
        if let (true, Requests::Many(messages)) = (self.takes_one, &mut self.requests) {
            match single(self.context.method(), messages).await {
                Ok(message) => self.requests = Requests::One(message),
                Err(status) => {
                    self.requests = failed(status.clone());
                    return Err(status);
                }
            }
        }
        Ok(match &mut self.requests {
            Requests::One(message) => Some(message),
            Requests::Many(_) => None,
        })
    }

    /// Changes each request as the handler takes it, or fails: then that is the last thing that the handler gets of its
    /// stream, and one that takes a single message is not called.
    #[must_use]
    pub fn map_requests(
        mut self,
        mut change: impl FnMut(Message) -> Result<Message, Status> + Send + Unpin + 'static,
    ) -> Self {
        self.requests = match self.requests {
            Requests::One(message) => change(message).map_or_else(failed, Requests::One),
            Requests::Many(messages) => Requests::Many(Box::pin(Mapped { messages: Some(messages), change })),
        };
        self
    }

    /// Takes the requests out as a stream, for more than [`map_requests`](Self::map_requests) can do. Without
    /// [`with_requests`](Self::with_requests) none are left.
    pub fn take_requests(&mut self) -> impl Stream<Item = Result<Message, Status>> + Send + Unpin + 'static {
        match std::mem::replace(&mut self.requests, Requests::Many(Box::pin(tokio_stream::empty()))) {
            Requests::One(message) => Box::pin(tokio_stream::once(Ok(message))),
            Requests::Many(messages) => messages,
        }
    }

    /// Replaces the requests. A method that takes one fails with any other number.
    #[must_use]
    pub fn with_requests(mut self, requests: impl Stream<Item = Result<Message, Status>> + Send + 'static) -> Self {
        self.requests = Requests::Many(Box::pin(requests));
        self
    }

    /// The request of a handler that takes one.
    pub(in crate::service) async fn into_single<T: Send + Sync + 'static>(mut self) -> Result<Request<T>, Status> {
        self.message().await?;
        let Requests::One(message) = self.requests else {
            return Err(Status::internal("a call of a method that takes one message has a stream of them"));
        };
        if message.was_compressed {
            self.extensions.insert(ReceivedCompressed);
        }
        Ok(Request::from_parts(self.metadata, self.extensions, message.into_type(REQUEST)?))
    }

    /// The requests of a handler that takes a stream.
    pub(in crate::service) fn into_streaming<T: Send + Sync + 'static>(mut self) -> Request<Streaming<T>> {
        let messages: BoxMessages = Box::pin(self.take_requests());
        let typed = Typed { messages: Some(messages), last_was_compressed: false };
        Request::from_parts(self.metadata, self.extensions, Streaming::read_by(typed))
    }
}

/// Where a message of the wrong type was put.
const REQUEST: &str = "a request";

fn failed(status: Status) -> Requests {
    Requests::Many(Box::pin(tokio_stream::once(Err(status))))
}

/// The one message of a stream.
async fn single(path: &str, messages: &mut BoxMessages) -> Result<Message, Status> {
    let message = poll_fn(|cx| messages.as_mut().poll_next(cx)).await;
    let message = message.ok_or_else(|| cardinality(path, "none came"))??;
    match poll_fn(|cx| messages.as_mut().poll_next(cx)).await {
        None => Ok(message),
        Some(Ok(_)) => Err(cardinality(path, "more than one came")),
        Some(Err(status)) => Err(status),
    }
}

struct Mapped<F> {
    /// `None` after the end.
    messages: Option<BoxMessages>,
    change: F,
}

impl<F: FnMut(Message) -> Result<Message, Status> + Unpin> Stream for Mapped<F> {
    type Item = Result<Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(messages) = &mut this.messages else { return Poll::Ready(None) };
        let message = ready!(messages.as_mut().poll_next(cx)).map(|message| message.and_then(&mut this.change));
        if !matches!(message, Some(Ok(_))) {
            this.messages = None;
        }
        Poll::Ready(message)
    }
}

/// The requests for their handler, who knows their type.
struct Typed {
    /// `None` after the end.
    messages: Option<BoxMessages>,
    last_was_compressed: bool,
}

impl<T: Send + Sync + 'static> ReadMessages<T> for Typed {
    fn poll_message(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<T, Status>>> {
        let Some(messages) = &mut self.messages else { return Poll::Ready(None) };
        // An interceptor may have made them, and handlers read them wherever they want to.
        let polled = catch_unwind(AssertUnwindSafe(|| messages.as_mut().poll_next(cx)));
        let message = ready!(polled.unwrap_or_else(|_| Poll::Ready(Some(Err(panicked())))));
        let message = message.map(|message| {
            let message = message?;
            self.last_was_compressed = message.was_compressed;
            message.into_type(REQUEST)
        });
        if !matches!(message, Some(Ok(_))) {
            self.messages = None;
        }
        Poll::Ready(message)
    }

    fn take_trailers(self: Pin<&mut Self>) -> Option<MetadataMap> {
        None
    }

    fn last_was_compressed(&self) -> bool {
        self.last_was_compressed
    }
}

impl fmt::Debug for ServerCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCall").field("path", &self.path()).field("kind", &self.kind()).finish_non_exhaustive()
    }
}
