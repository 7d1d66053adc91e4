//! The calls of a generated client.

#[cfg(feature = "client")]
use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
#[cfg(feature = "telemetry")]
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;
use http::Uri;
use tonic::body::Body;
use tonic::{Request, Response};

#[cfg(feature = "client")]
use crate::client::Channel;
use crate::client::interceptor::{Intercepting, Interceptors, RequestMessages};
use crate::client::options::CallOptions;
use crate::client::request::{CallRequest, CallTarget, once};
use crate::client::response::{CallResponse, Failure, Single};
#[cfg(feature = "telemetry")]
use crate::client::trace::CallTrace;
#[cfg(feature = "client")]
use crate::client::unary::UnaryCall;
use crate::codec::{COMPRESSION_LEVEL_MAX, Codec, Compression, CompressionEncoding, MessageLimits, Streaming};
use crate::either::{Either, either};
use crate::metadata;
#[cfg(feature = "telemetry")]
use crate::observe::Tracer;
use crate::service::{MethodDescriptor, MethodKind};
use crate::status::Status;

/// Anything that carries calls: a [`Channel`](crate::Channel), or a tower service around one.
///
/// Implemented for every cloneable tower service of HTTP requests and responses.
pub trait GrpcService: Clone + Send + 'static {
    /// Sends a request, resolves with the head of its response.
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> impl Future<Output = Result<http::Response<Body>, Status>> + Send + 'static;

    /// What stands around the calls of generated clients; nothing but for an [`InterceptedChannel`].
    ///
    /// [`InterceptedChannel`]: crate::client::InterceptedChannel
    fn interceptors(&self) -> Option<&Interceptors> {
        None
    }
}

impl<S, B> GrpcService for S
where
    S: tower_service::Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> impl Future<Output = Result<http::Response<Body>, Status>> + Send + 'static {
        let mut service = self.clone();
        async move {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| Status::from_error(error.into()))?;
            let response = service.call(request).await.map_err(|error| Status::from_error(error.into()))?;
            Ok(response.map(Body::new))
        }
    }
}

/// What generated clients are made of: makes calls of the four kinds over a channel.
#[derive(Clone)]
pub struct Client<C> {
    service: C,
    origin: Option<Uri>,
    compression: Compression,
    limits: MessageLimits,
}

impl<C: GrpcService> Client<C> {
    /// A client over a channel.
    pub fn new(service: C) -> Self {
        Client { service, origin: None, compression: Compression::default(), limits: MessageLimits::default() }
    }

    /// A client whose requests name this scheme and authority.
    pub fn with_origin(service: C, origin: Uri) -> Self {
        Client { origin: Some(origin), ..Client::new(service) }
    }

    /// Compresses what it sends.
    pub fn send_compressed(&mut self, encoding: CompressionEncoding) {
        self.compression.send = Some(encoding);
    }

    /// Accepts one more encoding from servers; all that are compiled in are accepted already.
    pub fn accept_compressed(&mut self, encoding: CompressionEncoding) {
        self.compression.add_accepted(encoding);
    }

    /// How hard it compresses, from 0 (fast) to 9 (small). 6 unless set.
    pub fn compression_level(&mut self, level: u32) {
        self.compression.level = level.min(COMPRESSION_LEVEL_MAX);
    }

    /// Requests shorter than this many bytes are sent as they are. 0 unless set.
    pub fn compression_minimum_bytes(&mut self, bytes: usize) {
        self.compression.minimum_bytes = bytes;
    }

    /// The largest response message, in bytes. 4 MiB unless set.
    pub fn max_decoding_message_size(&mut self, limit: usize) {
        self.limits.decoding_bytes_max = limit;
    }

    /// The largest request message, in bytes. Unlimited unless set.
    pub fn max_encoding_message_size(&mut self, limit: usize) {
        self.limits.encoding_bytes_max = limit;
    }

    /// One request, one response. The response's metadata holds the trailers too, and a failure's metadata what came
    /// before it.
    ///
    /// # Errors
    /// The status that the server sent or that the failure means.
    pub async fn unary<D>(
        &self,
        method: &'static MethodDescriptor,
        codec: D,
        request: Request<D::Encode>,
    ) -> Result<Response<D::Decode>, Status>
    where
        D: Codec + Clone,
        D::Encode: Sync,
        D::Decode: Sync,
    {
        #[cfg(feature = "client")]
        if let Some(channel) = (&self.service as &dyn Any).downcast_ref::<Channel>()
            && channel.has_short_way()
        {
            #[cfg(feature = "telemetry")]
            if let Some(tracer) = channel.tracer() {
                return Box::pin(self.traced_unary(channel, tracer, method, codec, request)).await;
            }
            if !channel.is_plain() {
                return Box::pin(self.planned_unary(channel, method, codec, request)).await;
            }
            return channel.unary(self.unary_call(method), codec, request, None).await;
        }
        if let Some(interceptors) = self.service.interceptors() {
            let request = request.map(RequestMessages::one);
            return self.intercepted_single(interceptors, method, codec, request).await;
        }
        // In a box, so that calls which go the short way are small.
        Box::pin(self.single(CallTarget::of(method), codec, request.map(once))).await
    }

    #[cfg(feature = "client")]
    fn unary_call(&self, method: &'static MethodDescriptor) -> UnaryCall<'_> {
        UnaryCall { method, origin: self.origin.as_ref(), compression: &self.compression, limits: self.limits }
    }

    /// A unary call that has its place in a trace.
    #[cfg(feature = "telemetry")]
    async fn traced_unary<D>(
        &self,
        channel: &Channel,
        tracer: &Arc<dyn Tracer>,
        method: &'static MethodDescriptor,
        codec: D,
        mut request: Request<D::Encode>,
    ) -> Result<Response<D::Decode>, Status>
    where
        D: Codec + Clone,
        D::Encode: Sync,
    {
        let current = crate::context::current();
        let trace = CallTrace::begin(tracer, method.path, request.metadata().as_ref(), &current);
        request.extensions_mut().insert(trace.clone());
        let result = if channel.is_plain() {
            channel.unary(self.unary_call(method), codec, request, None).await
        } else {
            self.planned_unary(channel, method, codec, request).await
        };
        trace.end(&result);
        result
    }

    /// A unary call about which a service config may have something to say.
    #[cfg(feature = "client")]
    async fn planned_unary<D>(
        &self,
        channel: &Channel,
        method: &'static MethodDescriptor,
        codec: D,
        mut request: Request<D::Encode>,
    ) -> Result<Response<D::Decode>, Status>
    where
        D: Codec + Clone,
        D::Encode: Sync,
    {
        match channel.plan(method.path, &request).await? {
            Some(plan) if plan.hedges() => {
                plan.pass_on(request.extensions_mut());
                self.single(CallTarget::of(method), codec, request.map(once)).await
            }
            plan => channel.unary(self.unary_call(method), codec, request, plan.map(Box::new)).await,
        }
    }

    /// One request, a stream of responses.
    ///
    /// # Errors
    /// As [`unary`](Self::unary), for failures before the first response; later ones come from the stream.
    pub async fn server_streaming<D>(
        &self,
        method: &'static MethodDescriptor,
        codec: D,
        request: Request<D::Encode>,
    ) -> Result<Response<Streaming<D::Decode>>, Status>
    where
        D: Codec + Clone,
        D::Encode: Sync,
        D::Decode: Sync,
    {
        if let Some(interceptors) = self.service.interceptors() {
            let call = self.intercepting(interceptors, CallTarget::of(method), method.kind, codec);
            return Box::pin(call.streaming(request.map(RequestMessages::one))).await;
        }
        let response = self.open(CallTarget::of(method), codec, request.map(once)).await?;
        Ok(Response::from_parts(response.metadata, Streaming::new(response.reader), response.extensions))
    }

    /// A stream of requests, one response.
    ///
    /// # Errors
    /// As [`unary`](Self::unary).
    pub async fn client_streaming<D, S>(
        &self,
        method: &'static MethodDescriptor,
        codec: D,
        request: Request<S>,
    ) -> Result<Response<D::Decode>, Status>
    where
        D: Codec + Clone,
        D::Encode: Sync,
        D::Decode: Sync,
        S: Stream<Item = D::Encode> + Send + 'static,
    {
        if let Some(interceptors) = self.service.interceptors() {
            let request = request.map(RequestMessages::many);
            return self.intercepted_single(interceptors, method, codec, request).await;
        }
        self.single(CallTarget::of(method), codec, request).await
    }

    /// Streams both ways. Resolves with the head of the response, which servers may hold back until they have
    /// something to say.
    ///
    /// # Errors
    /// As [`server_streaming`](Self::server_streaming).
    pub async fn bidi_streaming<D, S>(
        &self,
        method: &'static MethodDescriptor,
        codec: D,
        request: Request<S>,
    ) -> Result<Response<Streaming<D::Decode>>, Status>
    where
        D: Codec + Clone,
        D::Encode: Sync,
        D::Decode: Sync,
        S: Stream<Item = D::Encode> + Send + 'static,
    {
        self.streaming(CallTarget::of(method), method.kind, codec, request).await
    }

    async fn single<D, S>(
        &self,
        target: CallTarget,
        codec: D,
        request: Request<S>,
    ) -> Result<Response<D::Decode>, Status>
    where
        D: Codec + Clone,
        S: Stream<Item = D::Encode> + Send + 'static,
    {
        let path = target.path().to_owned();
        let response = self.open(target, codec, request).await?;
        let Single { mut metadata, message, trailers, extensions } = response.single(&path).await?;
        metadata::merge(&mut metadata, trailers);
        Ok(Response::from_parts(metadata, message, extensions))
    }

    /// Makes a call that is answered with a stream of messages, whatever its method's kind.
    pub(crate) async fn streaming<D, S>(
        &self,
        target: CallTarget,
        kind: MethodKind,
        codec: D,
        request: Request<S>,
    ) -> Result<Response<Streaming<D::Decode>>, Status>
    where
        D: Codec + Clone,
        D::Encode: Sync,
        D::Decode: Sync,
        S: Stream<Item = D::Encode> + Send + 'static,
    {
        if let Some(interceptors) = self.service.interceptors() {
            let call = self.intercepting(interceptors, target, kind, codec);
            return Box::pin(call.streaming(request.map(RequestMessages::many))).await;
        }
        let response = self.open(target, codec, request).await?;
        Ok(Response::from_parts(response.metadata, Streaming::new(response.reader), response.extensions))
    }

    /// Makes a call, and reads the head of its answer. No interceptor stands around it.
    pub(super) async fn open<D, S>(
        &self,
        target: CallTarget,
        codec: D,
        request: Request<S>,
    ) -> Result<CallResponse<D>, Status>
    where
        D: Codec + Clone,
        S: Stream<Item = D::Encode> + Send + 'static,
    {
        let limits = CallOptions::of(request.extensions()).limits(self.limits);
        let (response, failure) = self.start(target, codec.clone(), limits, request).await?;
        CallResponse::read(response, failure, codec, &self.compression, limits)
    }

    /// The same for whoever does not keep the client.
    pub(super) fn open_alone<D, S>(
        self,
        target: CallTarget,
        codec: D,
        request: Request<S>,
    ) -> impl Future<Output = Result<CallResponse<D>, Status>> + Send + 'static
    where
        D: Codec + Clone,
        S: Stream<Item = D::Encode> + Send + 'static,
    {
        let limits = CallOptions::of(request.extensions()).limits(self.limits);
        let starting = self.start(target, codec.clone(), limits, request);
        let compression = self.compression;
        async move {
            let (response, failure) = starting.await?;
            CallResponse::read(response, failure, codec, &compression, limits)
        }
    }

    /// Makes a call that interceptors stand around. In a box, so that other calls are small.
    fn intercepted_single<D>(
        &self,
        interceptors: &Interceptors,
        method: &'static MethodDescriptor,
        codec: D,
        request: Request<RequestMessages>,
    ) -> BoxedCall<D::Decode>
    where
        D: Codec + Clone,
        D::Encode: Sync,
        D::Decode: Sync,
    {
        let call = self.intercepting(interceptors, CallTarget::of(method), method.kind, codec);
        Box::pin(call.single(request))
    }

    fn intercepting<D>(
        &self,
        interceptors: &Interceptors,
        target: CallTarget,
        kind: MethodKind,
        codec: D,
    ) -> Intercepting<C, D> {
        Intercepting { client: self.clone(), codec, target, kind, interceptors: interceptors.clone() }
    }

    fn start<D, S>(
        &self,
        target: CallTarget,
        codec: D,
        limits: MessageLimits,
        request: Request<S>,
    ) -> impl Future<Output = Result<(http::Response<Body>, Failure), Status>> + Send + use<C, D, S>
    where
        D: Codec,
        S: Stream<Item = D::Encode> + Send + 'static,
    {
        let call = CallRequest { target, origin: self.origin.as_ref(), compression: &self.compression, limits };
        let service = self.service.clone();
        let request = call.build(codec, request);
        async move {
            let (request, failure) = request;
            let mut failure: Failure = Box::pin(failure);
            // A message that cannot be sent ends the call with its own status, not with the reset it causes.
            match either(&mut failure, service.send(request)).await {
                Either::First(status) => Err(status),
                Either::Second(response) => response.map(|response| (response, failure)),
            }
        }
    }
}

type BoxedCall<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

impl<C: fmt::Debug> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("service", &self.service).finish_non_exhaustive()
    }
}
