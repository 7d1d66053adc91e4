//! One call on its way to a handler.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use http::HeaderValue;
use tonic::{Request, Response};

use crate::codec::{
    ByteSource, Codec, CompressionEncoding, CompressionSwitch, EncodedStream, MessageEncoder, MessageReader,
    ReceivedCompressed, Rope, Streaming,
};
use crate::context::Context;
use crate::metadata::MetadataMap;
use crate::service::interceptor::{Arriving, Interceptors, RawCodec, ServerCall, ServerReply};
use crate::service::reply::{Answer, ReplyBody, ReplyFuture};
use crate::service::{
    AnyCodec, CallSettings, MethodDescriptor, MethodKind, ServiceConfig, ServiceDescriptor, UnaryCall, UnaryReply,
};
use crate::status::Status;

/// A service that answers calls; implemented by generated code (`GreeterServer<T>`), not by hand.
pub trait Service: Send + Sync + 'static {
    /// Its name and methods.
    fn descriptor(&self) -> &'static ServiceDescriptor;

    /// Its own settings.
    fn config(&self) -> &ServiceConfig;

    /// Answers a call of the method with this index in [`ServiceDescriptor::methods`].
    fn call(&self, method: usize, call: StreamCall) -> ReplyFuture;

    /// Answers a unary call whose message is at hand: the same as [`call`](Self::call) would, but without reading a
    /// stream for it. Unless it is implemented, `call` is asked.
    fn call_unary(&self, method: usize, call: UnaryCall<'_>) -> UnaryReply {
        call.go_the_long_way(self, method)
    }
}

/// A call that arrived, or arrives: what generated code turns into a call of the handler.
pub struct StreamCall {
    pub(crate) method: &'static MethodDescriptor,
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: http::Extensions,
    pub(crate) source: Pin<Box<dyn ByteSource>>,
    pub(crate) context: Context,
    pub(crate) settings: Arc<CallSettings>,
    pub(crate) request_encoding: Option<CompressionEncoding>,
    /// The caller's `grpc-accept-encoding`.
    pub(crate) caller_accepts: Option<HeaderValue>,
    /// What stands around the call; most often nothing.
    pub(crate) interceptors: Option<Interceptors>,
}

impl StreamCall {
    /// One request, one response.
    pub fn unary<C, F, Fut>(mut self, codec: C, handler: F) -> ReplyFuture
    where
        C: Codec + Clone,
        C::Encode: Sync,
        C::Decode: Sync,
        F: FnOnce(Request<C::Decode>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send + 'static,
    {
        if let Some(interceptors) = self.interceptors.take() {
            return self.run_intercepted(interceptors, codec, true, move |call| async move {
                Ok(ServerReply::of_one(handler(call.into_single().await?).await?))
            });
        }
        self.run(move |call, answer| async move {
            let request = call.read_single(codec.clone()).await?;
            answer.with_message(codec, handler(request).await?)
        })
    }

    /// One request, a stream of responses.
    pub fn server_streaming<C, F, Fut, S>(mut self, codec: C, handler: F) -> ReplyFuture
    where
        C: Codec + Clone,
        C::Encode: Sync,
        C::Decode: Sync,
        F: FnOnce(Request<C::Decode>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Response<S>, Status>> + Send + 'static,
        S: Stream<Item = Result<C::Encode, Status>> + Send + 'static,
    {
        if let Some(interceptors) = self.interceptors.take() {
            return self.run_intercepted(interceptors, codec, false, move |call| async move {
                Ok(ServerReply::of_many(handler(call.into_single().await?).await?))
            });
        }
        self.run(move |call, answer| async move {
            let request = call.read_single(codec.clone()).await?;
            Ok(answer.with_stream(codec, handler(request).await?))
        })
    }

    /// A stream of requests, one response.
    pub fn client_streaming<C, F, Fut>(mut self, codec: C, handler: F) -> ReplyFuture
    where
        C: Codec + Clone,
        C::Encode: Sync,
        C::Decode: Sync,
        F: FnOnce(Request<Streaming<C::Decode>>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send + 'static,
    {
        if let Some(interceptors) = self.interceptors.take() {
            return self.run_intercepted(interceptors, codec, true, move |call| async move {
                Ok(ServerReply::of_one(handler(call.into_streaming()).await?))
            });
        }
        self.run(move |call, answer| async move {
            let request = call.read_stream(codec.clone());
            answer.with_message(codec, handler(request).await?)
        })
    }

    /// Streams both ways.
    pub fn bidi_streaming<C, F, Fut, S>(mut self, codec: C, handler: F) -> ReplyFuture
    where
        C: Codec + Clone,
        C::Encode: Sync,
        C::Decode: Sync,
        F: FnOnce(Request<Streaming<C::Decode>>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Response<S>, Status>> + Send + 'static,
        S: Stream<Item = Result<C::Encode, Status>> + Send + 'static,
    {
        if let Some(interceptors) = self.interceptors.take() {
            return self.run_intercepted(interceptors, codec, false, move |call| async move {
                Ok(ServerReply::of_many(handler(call.into_streaming()).await?))
            });
        }
        self.run(move |call, answer| async move {
            let request = call.read_stream(codec.clone());
            Ok(answer.with_stream(codec, handler(request).await?))
        })
    }

    /// Ends the call with a status, without any handler.
    #[must_use]
    pub fn refuse(mut self, status: Status) -> ReplyFuture {
        if let Some(interceptors) = self.interceptors.take() {
            return self.run_intercepted(interceptors, RawCodec, false, |_| std::future::ready(Err(status)));
        }
        self.run(move |_, _| std::future::ready(Err(status)))
    }

    /// Ends the call because the service has no such method.
    #[must_use]
    pub fn unimplemented(self) -> ReplyFuture {
        let status = Status::unimplemented(format!("there is no method {}", self.method.path));
        self.refuse(status)
    }

    /// Shows the call's metadata and extensions to an interceptor, which may change them or end the call.
    pub(crate) fn intercept(
        &mut self,
        intercept: impl FnOnce(Request<()>) -> Result<Request<()>, Status>,
    ) -> Result<(), Status> {
        let metadata = std::mem::take(&mut self.metadata);
        let extensions = std::mem::take(&mut self.extensions);
        let _entered = self.context.enter();
        let request = intercept(Request::from_parts(metadata, extensions, ()))?;
        (self.metadata, self.extensions, ()) = request.into_parts();
        Ok(())
    }

    fn run<F, Fut>(self, answer: F) -> ReplyFuture
    where
        F: FnOnce(StreamCall, Answering) -> Fut,
        Fut: Future<Output = Result<Answer, Status>> + Send + 'static,
    {
        let context = self.context.clone();
        let how = Answering {
            context: context.clone(),
            settings: Arc::clone(&self.settings),
            caller_accepts: self.caller_accepts.clone(),
        };
        ReplyFuture::new(context, how.usual_encoding(), answer(self, how))
    }

    /// The same within interceptors, which see messages without their types.
    fn run_intercepted<C, F, Fut>(
        self,
        interceptors: Interceptors,
        codec: C,
        answers_once: bool,
        handler: F,
    ) -> ReplyFuture
    where
        C: Codec + Clone,
        C::Encode: Sync,
        C::Decode: Sync,
        F: FnOnce(ServerCall) -> Fut + Send + 'static,
        Fut: Future<Output = Result<ServerReply, Status>> + Send + 'static,
    {
        let call = Arriving {
            descriptor: Some(self.method),
            takes_one: matches!(self.method.kind, MethodKind::Unary | MethodKind::ServerStreaming),
            answers_once,
            metadata: self.metadata,
            extensions: self.extensions,
            source: self.source,
            context: self.context,
            settings: self.settings,
            request_encoding: self.request_encoding,
            caller_accepts: self.caller_accepts,
        };
        let codecs = [codec.clone(), codec].map(|codec| AnyCodec::new(codec, "an answer").boxed());
        call.run(interceptors, codecs, Box::new(|call| Box::pin(handler(call))))
    }

    async fn read_single<C: Codec>(self, codec: C) -> Result<Request<C::Decode>, Status> {
        let cardinality = |came| cardinality(self.method.path, came);
        let limit = self.settings.limits.decoding_bytes_max;
        let reader = MessageReader::new(self.source, codec, self.request_encoding, limit);
        let mut reader = reader.measured(self.context.counter());
        #[cfg(feature = "channelz")]
        reader.count(self.context.tally());
        #[cfg(feature = "telemetry")]
        reader.tell(self.context.watch());
        let message = reader.next_message().await.ok_or_else(|| cardinality("none came"))??;
        let mut extensions = self.extensions;
        if reader.last_was_compressed() {
            extensions.insert(ReceivedCompressed);
        }
        match reader.next_message().await {
            None => Ok(Request::from_parts(self.metadata, extensions, message)),
            Some(Ok(_)) => Err(cardinality("more than one came")),
            Some(Err(status)) => Err(status),
        }
    }

    fn read_stream<C: Codec>(self, codec: C) -> Request<Streaming<C::Decode>> {
        let limit = self.settings.limits.decoding_bytes_max;
        #[cfg_attr(not(any(feature = "channelz", feature = "telemetry")), allow(unused_mut, reason = "nobody counts"))]
        let mut reader =
            MessageReader::new(self.source, codec, self.request_encoding, limit).measured(self.context.counter());
        #[cfg(feature = "channelz")]
        reader.count(self.context.tally());
        #[cfg(feature = "telemetry")]
        reader.tell(self.context.watch());
        Request::from_parts(self.metadata, self.extensions, Streaming::new(reader))
    }
}

/// The wrong number of messages for a method that takes one.
pub(super) fn cardinality(path: &str, came: &str) -> Status {
    Status::unimplemented(format!("{path} takes exactly one request message, and {came}"))
}

/// How the handler's response becomes bytes.
pub(super) struct Answering {
    pub(super) context: Context,
    pub(super) settings: Arc<CallSettings>,
    pub(super) caller_accepts: Option<HeaderValue>,
}

impl Answering {
    pub(super) fn with_message<C: Codec>(self, codec: C, response: Response<C::Encode>) -> Result<Answer, Status> {
        let (metadata, message, extensions) = response.into_parts();
        let encoding = self.encoding(&extensions);
        let mut output = Rope::default();
        self.encoder(codec, encoding, &extensions).encode(&message, &mut output)?;
        Ok(Answer { metadata, encoding, body: ReplyBody::Message(output) })
    }

    fn with_stream<C, S>(self, codec: C, response: Response<S>) -> Answer
    where
        C: Codec,
        S: Stream<Item = Result<C::Encode, Status>> + Send + 'static,
    {
        let (metadata, stream, extensions) = response.into_parts();
        let encoding = self.encoding(&extensions);
        let encoder = self.encoder(codec, encoding, &extensions);
        Answer { metadata, encoding, body: ReplyBody::Stream(Box::pin(EncodedStream::new(stream, encoder))) }
    }

    /// What the service sends with, where the caller accepts it.
    pub(super) fn usual_encoding(&self) -> Option<CompressionEncoding> {
        self.settings.compression.chosen(self.caller_accepts.as_ref())
    }

    /// A `CompressionEncoding` in the response's extensions is for this answer alone; it comes too late when the
    /// headers are gone.
    pub(super) fn encoding(&self, extensions: &http::Extensions) -> Option<CompressionEncoding> {
        match extensions.get::<CompressionEncoding>() {
            Some(own) if !self.context.initial_metadata_is_sent() => {
                own.is_among(self.caller_accepts.as_ref()).then_some(*own)
            }
            _ => self.usual_encoding(),
        }
    }

    pub(super) fn encoder<C: Codec>(
        &self,
        codec: C,
        encoding: Option<CompressionEncoding>,
        extensions: &http::Extensions,
    ) -> MessageEncoder<C> {
        let settings = &self.settings;
        let encoder = MessageEncoder::new(codec, &settings.compression, encoding, settings.limits.encoding_bytes_max)
            .with_switch(extensions.get::<CompressionSwitch>().cloned())
            .measured(self.context.counter());
        #[cfg(feature = "channelz")]
        let encoder = encoder.counted(self.context.tally());
        #[cfg(feature = "telemetry")]
        let encoder = encoder.telling(self.context.watch());
        encoder
    }
}

impl fmt::Debug for StreamCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamCall")
            .field("method", &self.method.path)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
