//! Other protocols than gRPC in which a server's services can be called.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_core::Stream;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE};
use http::{Method, Version};
use http_body_util::Full;
use tonic::body::Body;

use crate::codec::{Compression, EncodedStream, MessageEncoder, MessageReader, PREFIX_BYTES};
use crate::context::Peer;
use crate::deadline::format_timeout;
use crate::metadata::{self, GRPC_STATUS, GRPC_TIMEOUT, MetadataMap};
use crate::server::builder::Server;
use crate::server::dispatch::Dispatcher;
use crate::server::unary::{Answerer, Called};
use crate::service::interceptor::{AnswerSource, Framed, RawCodec};
use crate::service::{Router, ServiceDescriptor};
use crate::status::{self, Status};
use crate::transport::incoming_body::IncomingBody;
use crate::transport::response_body::ResponseBody;

/// A protocol other than gRPC in which a server's services can be called: it makes gRPC calls of requests, and answers
/// of replies.
///
/// It is asked about each request that is not gRPC, before the server's
/// [`fallback`](crate::Server::fallback). What it calls goes to the same handlers as any other call, with the server's
/// interceptors, deadlines, limits and counters around it, and without a socket in between.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::BodyExt as _;
/// use seltzer::metadata::MetadataMap;
/// use seltzer::server::{BeginError, Protocol, ProtocolCall, ProtocolHandler, Served};
///
/// /// Bare messages: `PUT /package.Service/Method` with a protobuf message, answered with another.
/// struct Bare;
///
/// impl Protocol for Bare {
///     fn begin(&mut self, _: &Served<'_>) -> Result<(), BeginError> {
///         Ok(())
///     }
///
///     fn handler(&self, request: &http::Request<seltzer::server::Body>) -> Option<ProtocolHandler> {
///         if request.method() != http::Method::PUT {
///             return None;
///         }
///         Some(Box::new(|request, calls| {
///             Box::pin(async move {
///                 let path = request.uri().path().to_owned();
///                 let message = http_body_util::Limited::new(request.into_body(), 4096).collect().await;
///                 let Ok(message) = message.map(|body| body.to_bytes()) else {
///                     let mut response = http::Response::default();
///                     *response.status_mut() = http::StatusCode::BAD_REQUEST;
///                     return response;
///                 };
///                 let mut reply = calls.call(ProtocolCall::new(path, message)).await;
///                 let answer = match reply.messages.next().await {
///                     Ok(message) => message.unwrap_or_default(),
///                     Err(status) => Bytes::from(status.message().to_owned()),
///                 };
///                 http::Response::new(seltzer::server::Body::new(http_body_util::Full::new(answer)))
///             })
///         }))
///     }
/// }
/// # let _ = seltzer::Server::builder().speak(Bare);
/// ```
pub trait Protocol: Send + Sync + 'static {
    /// Learns what the server serves. Called once, before the server listens.
    ///
    /// # Errors
    /// These services cannot be called in this way; the server does not start.
    fn begin(&mut self, served: &Served<'_>) -> Result<(), BeginError>;

    /// What answers this request; `None` if it is not for this protocol.
    fn handler(&self, request: &http::Request<Body>) -> Option<ProtocolHandler>;

    /// The content types that requests may have which call a method: told to those who send others.
    fn content_types(&self) -> &'static [&'static str] {
        &[]
    }

    /// Pages for people that it answers: the server's own page at `/` links them. Asked once, after
    /// [`begin`](Self::begin). None unless it says otherwise.
    fn links(&self) -> Vec<PageLink> {
        Vec::new()
    }
}

/// A page for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageLink {
    /// Where it is, from the root: `/swagger-ui/`.
    pub path: String,
    /// What it is called.
    pub title: String,
}

impl PageLink {
    /// A link to a page of this server.
    #[must_use]
    pub fn new(path: impl Into<String>, title: impl Into<String>) -> Self {
        PageLink { path: path.into(), title: title.into() }
    }
}

/// Why a protocol cannot be spoken with what a server serves.
pub type BeginError = Box<dyn std::error::Error + Send + Sync>;

/// Answers one request of a protocol's.
pub type ProtocolHandler = Box<dyn FnOnce(http::Request<Body>, Calls) -> ProtocolAnswer + Send>;

/// The answer to a request of a protocol's, on its way.
pub type ProtocolAnswer = Pin<Box<dyn Future<Output = http::Response<Body>> + Send>>;

/// What a server serves, for its protocols to know.
pub struct Served<'a> {
    router: &'a Router,
}

/// Calls to a server's own handlers.
#[derive(Clone)]
pub struct Calls {
    dispatcher: Dispatcher,
    peer: Arc<Peer>,
}

/// A call that a protocol makes of a request.
#[non_exhaustive]
pub struct ProtocolCall {
    /// `/package.Service/Method`.
    pub path: String,
    /// The user's metadata. Names that gRPC keeps for itself are left out, but for `user-agent`.
    pub metadata: MetadataMap,
    /// How long the call may take.
    pub timeout: Option<Duration>,
    /// What handlers and interceptors find in the request's extensions.
    pub extensions: http::Extensions,
    /// The request's messages.
    pub messages: RequestMessages,
}

/// The messages of a request, as protobuf encodes them.
pub enum RequestMessages {
    /// One that is there.
    One(Bytes),
    /// Any number, of which an error is the last: the handler is told that the request broke off with it.
    Many(Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>),
}

/// What a handler answers to a [`ProtocolCall`].
#[derive(Debug)]
#[non_exhaustive]
pub struct ProtocolReply {
    /// The metadata that came before the messages.
    pub metadata: MetadataMap,
    /// The messages, and what ends them.
    pub messages: ReplyMessages,
}

/// The messages of a reply, as protobuf encodes them. Dropping it cancels the call.
pub struct ReplyMessages(Messages);

enum Messages {
    /// The only one, of a call that is over and left no metadata.
    One(Option<Bytes>),
    /// Those that are read from an answer.
    Read(Box<MessageReader<RawCodec>>),
}

impl<'a> Served<'a> {
    pub(crate) fn new(router: &'a Router) -> Self {
        Served { router }
    }

    /// The full names of all services, in the order in which they were added.
    #[must_use]
    pub fn names(&self) -> &'a [&'static str] {
        self.router.names()
    }

    /// What is known of those services that Seltzer generated, in the order in which they were added.
    pub fn services(&self) -> impl Iterator<Item = &'static ServiceDescriptor> + 'a {
        self.router.descriptors()
    }
}

impl Calls {
    pub(crate) fn new(dispatcher: Dispatcher, peer: Arc<Peer>) -> Self {
        Calls { dispatcher, peer }
    }

    /// Who sent the request.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The largest message that the service behind a path takes, in bytes; `None` where there is no such method.
    #[must_use]
    pub fn max_decoding_message_size(&self, path: &str) -> Option<usize> {
        self.dispatcher.router.find(path).ok().map(|found| found.settings.limits.decoding_bytes_max)
    }

    /// The settings of the service behind a path.
    #[cfg(any(feature = "web", feature = "connect"))]
    pub(crate) fn settings(&self, path: &str) -> Option<Arc<crate::service::CallSettings>> {
        self.dispatcher.router.find(path).ok().map(|found| Arc::clone(found.settings))
    }

    /// Calls a handler. Dropping the future, or the reply, cancels the call.
    ///
    /// What fails is in the reply: a status ends its messages.
    pub async fn call(&self, call: ProtocolCall) -> ProtocolReply {
        match Answerer::call(&self.dispatcher, &self.peer, call) {
            Ok(Called::Message(message)) => ProtocolReply::of_message(message),
            Ok(Called::Later(answer)) => ProtocolReply::of(answer.await),
            Err(call) => ProtocolReply::of(self.answer(call.into_request()).await),
        }
    }

    /// Makes a call of a request that is gRPC already but for what carried it: its messages are framed as gRPC frames
    /// them. The answer is gRPC's, with its trailers.
    ///
    /// The path of the request and its headers count; its method, version, `content-type` and `te` are what they must be.
    pub async fn forward(&self, request: http::Request<Body>) -> http::Response<Body> {
        self.answer(request.map(IncomingBody::Http)).await.map(ResponseBody::into_http)
    }

    async fn answer(&self, mut request: http::Request<IncomingBody>) -> http::Response<ResponseBody> {
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        self.dispatcher.answer_translated(request, &self.peer).await
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl fmt::Debug for Served<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("names", &self.names()).finish()
    }
}

impl ProtocolCall {
    /// A call with one message, without metadata or a deadline.
    #[must_use]
    pub fn new(path: impl Into<String>, message: Bytes) -> Self {
        ProtocolCall {
            path: path.into(),
            metadata: MetadataMap::new(),
            timeout: None,
            extensions: http::Extensions::new(),
            messages: RequestMessages::One(message),
        }
    }

    /// The same with any number of messages.
    #[must_use]
    pub fn streaming(
        path: impl Into<String>,
        messages: impl Stream<Item = Result<Bytes, Status>> + Send + 'static,
    ) -> Self {
        let messages = RequestMessages::Many(Box::pin(messages));
        ProtocolCall { messages, ..ProtocolCall::new(path, Bytes::new()) }
    }

    fn into_request(self) -> http::Request<IncomingBody> {
        let mut headers = HeaderMap::new();
        if let Some(agent) = self.metadata.as_ref().get(http::header::USER_AGENT) {
            headers.insert(http::header::USER_AGENT, agent.clone());
        }
        metadata::append_user_metadata(&mut headers, self.metadata);
        if let Some(timeout) = self.timeout {
            headers.insert(GRPC_TIMEOUT, format_timeout(timeout));
        }
        let mut request = http::Request::new(self.messages.into_body());
        // A path that is none leads to no handler.
        *request.uri_mut() = self.path.parse().unwrap_or_else(|_| http::Uri::from_static("/"));
        *request.headers_mut() = headers;
        *request.extensions_mut() = self.extensions;
        request
    }
}

impl fmt::Debug for ProtocolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProtocolCall { path, metadata, timeout, .. } = self;
        let mut debug = f.debug_struct("ProtocolCall");
        debug.field("path", path).field("metadata", metadata).field("timeout", timeout).finish_non_exhaustive()
    }
}

impl fmt::Debug for RequestMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestMessages::One(_) => "One",
            RequestMessages::Many(_) => "Many",
        })
    }
}

impl RequestMessages {
    fn into_body(self) -> IncomingBody {
        match self {
            RequestMessages::One(message) => match u32::try_from(message.len()) {
                Ok(length) => {
                    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
                    framed.put_u8(0);
                    framed.put_u32(length);
                    framed.put(message);
                    IncomingBody::Whole(Full::new(framed.freeze()))
                }
                // gRPC cannot say it: the encoder tells why.
                Err(_) => RequestMessages::Many(Box::pin(tokio_stream::once(Ok(message)))).into_body(),
            },
            RequestMessages::Many(messages) => {
                let encoder = MessageEncoder::new(RawCodec, &Compression::default(), None, usize::MAX);
                IncomingBody::Http(Body::new(Framed::new(EncodedStream::new(messages, encoder))))
            }
        }
    }
}

impl ProtocolReply {
    fn of_message(message: Bytes) -> Self {
        ProtocolReply { metadata: MetadataMap::new(), messages: ReplyMessages(Messages::One(Some(message))) }
    }

    fn of(response: http::Response<ResponseBody>) -> Self {
        let (head, body) = response.into_parts();
        if head.headers.contains_key(GRPC_STATUS) {
            // All that there is of it are trailers.
            let source = AnswerSource::without_messages(head.headers);
            return ProtocolReply { metadata: MetadataMap::new(), messages: ReplyMessages::new(source) };
        }
        let is_grpc = head.headers.get(CONTENT_TYPE).is_some_and(metadata::is_grpc);
        let messages = if is_grpc {
            ReplyMessages::new(AnswerSource::new(body.into_http()))
        } else {
            // No service's own: a tower layer, or what it stands around.
            let code = status::code_for_http_status(head.status);
            let status = Status::new(code, format!("the server answered with HTTP {} instead of gRPC", head.status));
            ReplyMessages::new(AnswerSource::failed(status))
        };
        ProtocolReply { metadata: metadata::user_metadata(head.headers), messages }
    }
}

impl ReplyMessages {
    fn new(source: AnswerSource) -> Self {
        // Replies are of our own making, as large as their service permits.
        let reader = MessageReader::new(Box::pin(source), RawCodec, None, usize::MAX);
        ReplyMessages(Messages::Read(Box::new(reader)))
    }

    /// The next message; `None` behind the last one, when the call has ended well.
    ///
    /// # Errors
    /// The status with which the call failed, with its trailing metadata; once.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await.transpose()
    }

    /// The same for those who poll.
    pub fn poll_next(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Result<Bytes, Status>>> {
        match &mut self.0 {
            Messages::One(message) => std::task::Poll::Ready(message.take().map(Ok)),
            Messages::Read(reader) => reader.poll_next_message(cx),
        }
    }

    /// The trailing metadata of a call that has ended well: behind the `None` of [`next`](Self::next).
    pub fn take_trailers(&mut self) -> MetadataMap {
        match &mut self.0 {
            Messages::One(_) => MetadataMap::new(),
            Messages::Read(reader) => reader.take_trailers().unwrap_or_default(),
        }
    }
}

impl fmt::Debug for ReplyMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyMessages")
    }
}

impl Server {
    /// Speaks another protocol than gRPC as well: on the same port, to the same services.
    ///
    /// Protocols are asked in the order in which they were added, before the [`fallback`](Self::fallback).
    pub fn speak(mut self, protocol: impl Protocol) -> Self {
        self.protocols.push(Box::new(protocol));
        self
    }
}
