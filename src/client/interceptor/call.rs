//! A call before it is made, as interceptors see it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use http::Extensions;

use crate::client::interceptor::Message;
use crate::client::options::CallOptions;
use crate::client::request::CallTarget;
use crate::deadline::Deadline;
use crate::metadata::MetadataMap;
use crate::service::{MethodDescriptor, MethodKind};

/// A call that is about to be made: which method, and all that its caller says.
pub struct ClientCall {
    pub(super) target: CallTarget,
    pub(super) kind: MethodKind,
    pub(super) metadata: MetadataMap,
    pub(super) extensions: Extensions,
    pub(super) requests: Requests,
}

/// What the caller sends.
pub(super) enum Requests {
    One(Message),
    Many(Pin<Box<dyn Stream<Item = Message> + Send>>),
}

impl ClientCall {
    /// The path on the wire: `/package.Service/Method`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// The service's full name: `package.Service`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.path().trim_start_matches('/').rsplit_once('/').map_or("", |(service, _)| service)
    }

    /// The method's own name: `SayHello`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Which sides stream.
    #[must_use]
    pub fn kind(&self) -> MethodKind {
        self.kind
    }

    /// What generated code knows about the method: whether it may be repeated, for example. `None` for methods that
    /// are known by name only.
    #[must_use]
    pub fn descriptor(&self) -> Option<&'static MethodDescriptor> {
        self.target.descriptor()
    }

    /// What is sent along.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// The same, to change.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        &mut self.metadata
    }

    /// What the caller put beside the request for code on this side.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The same, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// How the call is made, to change. Its deadline stands here, whoever set it; only an earlier one has an effect.
    pub fn options_mut(&mut self) -> &mut CallOptions {
        self.extensions.get_or_insert_default()
    }

    /// When the call must be over, interceptors included.
    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        CallOptions::of(&self.extensions).own_deadline()
    }

    /// The request; `None` where requests are a stream.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        match &self.requests {
            Requests::One(message) => Some(message),
            Requests::Many(_) => None,
        }
    }

    /// The same, to change or to replace.
    pub fn message_mut(&mut self) -> Option<&mut Message> {
        match &mut self.requests {
            Requests::One(message) => Some(message),
            Requests::Many(_) => None,
        }
    }

    /// Changes each request: the one there is now, or those of a stream as they are sent.
    #[must_use]
    pub fn map_requests(mut self, mut change: impl FnMut(Message) -> Message + Send + Unpin + 'static) -> Self {
        self.requests = match self.requests {
            Requests::One(message) => Requests::One(change(message)),
            Requests::Many(messages) => Requests::Many(Box::pin(Mapped { messages, change })),
        };
        self
    }

    /// Takes the requests out as a stream, for more than [`map_requests`](Self::map_requests) can do. Without
    /// [`with_requests`](Self::with_requests) none are left.
    pub fn take_requests(&mut self) -> impl Stream<Item = Message> + Send + Unpin + 'static {
        let none = Requests::Many(Box::pin(tokio_stream::empty()));
        std::mem::replace(&mut self.requests, none).into_stream()
    }

    /// Replaces the requests. A method that takes one gets an error from its server for any other number.
    #[must_use]
    pub fn with_requests(mut self, requests: impl Stream<Item = Message> + Send + 'static) -> Self {
        self.requests = Requests::Many(Box::pin(requests));
        self
    }

    /// The same call once more, to make it again. `None`: its requests are a stream, which can be sent only once.
    #[must_use]
    pub fn try_clone(&self) -> Option<Self> {
        Some(ClientCall {
            target: self.target.clone(),
            kind: self.kind,
            metadata: self.metadata.clone(),
            extensions: self.extensions.clone(),
            requests: Requests::One(self.message()?.share()),
        })
    }
}

impl Requests {
    pub(super) fn into_stream(self) -> Pin<Box<dyn Stream<Item = Message> + Send>> {
        match self {
            Requests::One(message) => Box::pin(crate::client::request::once(message)),
            Requests::Many(messages) => messages,
        }
    }
}

struct Mapped<F> {
    messages: Pin<Box<dyn Stream<Item = Message> + Send>>,
    change: F,
}

impl<F: FnMut(Message) -> Message + Unpin> Stream for Mapped<F> {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let this = &mut *self;
        this.messages.as_mut().poll_next(cx).map(|message| message.map(&mut this.change))
    }
}

impl fmt::Debug for ClientCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCall").field("path", &self.path()).field("kind", &self.kind).finish_non_exhaustive()
    }
}
