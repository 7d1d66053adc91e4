//! A call as an HTTP request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE};
use http::{Method, Uri, Version};
use http_body::Frame;
#[cfg(any(feature = "dynamic", feature = "connect-client"))]
use prost_types::method_options::IdempotencyLevel;
use tokio::sync::oneshot;
use tonic::body::Body;

use crate::client::options::CallOptions;
#[cfg(feature = "_client-protocols")]
use crate::client::protocol::CallTraits;
use crate::codec::{
    ByteSource, Codec, Compression, CompressionEncoding, CompressionSwitch, EncodedStream, MessageEncoder,
    MessageLimits, Part,
};
use crate::metadata;
use crate::service::{Idempotency, MethodDescriptor, MethodKind};
use crate::status::Status;

/// Which method a call goes to.
#[derive(Clone)]
pub(crate) struct CallTarget {
    path: Uri,
    /// What tonic's interceptors look for; methods that are known by name only have none.
    named: Option<tonic::GrpcMethod<'static>>,
    descriptor: Option<&'static MethodDescriptor>,
    #[cfg_attr(not(feature = "_client-protocols"), allow(dead_code, reason = "gRPC needs none of it"))]
    traits: MethodTraits,
}

/// What other protocols than gRPC must know of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "connect-client"), allow(dead_code, reason = "gRPC needs none of it"))]
pub(crate) struct MethodTraits {
    pub(crate) kind: MethodKind,
    pub(crate) idempotency: Idempotency,
}

#[cfg(any(feature = "dynamic", feature = "connect-client"))]
impl MethodTraits {
    /// Those of a method that is known by its schema.
    pub(crate) fn of_schema(method: &prost_reflect::MethodDescriptor) -> Self {
        let kind = match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => MethodKind::Unary,
            (true, false) => MethodKind::ClientStreaming,
            (false, true) => MethodKind::ServerStreaming,
            (true, true) => MethodKind::BidiStreaming,
        };
        let options = method.method_descriptor_proto().options.as_ref();
        let idempotency = match options.map(prost_types::MethodOptions::idempotency_level) {
            Some(IdempotencyLevel::NoSideEffects) => Idempotency::NoSideEffects,
            Some(IdempotencyLevel::Idempotent) => Idempotency::Idempotent,
            Some(IdempotencyLevel::IdempotencyUnknown) | None => Idempotency::Unknown,
        };
        MethodTraits { kind, idempotency }
    }
}

impl CallTarget {
    /// A method of generated code.
    pub(crate) fn of(method: &'static MethodDescriptor) -> Self {
        let names = method.path.trim_start_matches('/').split_once('/');
        CallTarget {
            path: Uri::from_static(method.path),
            named: names.map(|(service, method)| tonic::GrpcMethod::new(service, method)),
            descriptor: Some(method),
            traits: MethodTraits { kind: method.kind, idempotency: method.idempotency },
        }
    }

    /// A method by its path, `/package.Service/Method`.
    #[cfg(feature = "dynamic")]
    pub(crate) fn by_path(path: &str, traits: MethodTraits) -> Result<Self, Status> {
        let path = path
            .parse()
            .map_err(|error| Status::invalid_argument(format!("{path:?} is not a method's path: {error}")))?;
        Ok(CallTarget { path, named: None, descriptor: None, traits })
    }

    pub(crate) fn path(&self) -> &str {
        self.path.path()
    }

    pub(crate) fn descriptor(&self) -> Option<&'static MethodDescriptor> {
        self.descriptor
    }
}

/// What a client knows about the call that it is about to make.
pub(crate) struct CallRequest<'a> {
    pub(crate) target: CallTarget,
    pub(crate) origin: Option<&'a Uri>,
    pub(crate) compression: &'a Compression,
    pub(crate) limits: MessageLimits,
}

impl CallRequest<'_> {
    /// The request, and a future of the status with which encoding its messages failed (never ready if it did not).
    pub(crate) fn build<D, S>(
        &self,
        codec: D,
        request: tonic::Request<S>,
    ) -> (http::Request<Body>, impl Future<Output = Status> + Send + use<D, S>)
    where
        D: Codec,
        S: Stream<Item = D::Encode> + Send + 'static,
    {
        let (metadata, mut extensions, messages) = request.into_parts();
        let encoding = CallOptions::encoding(&extensions, self.compression.send);
        let timeout = CallOptions::write_timeout(&mut extensions, metadata.as_ref());
        let headers = self.headers(metadata, timeout, encoding, codec.content_subtype());
        let switch = extensions.get::<CompressionSwitch>().cloned();
        let encoder = MessageEncoder::new(codec, self.compression, encoding, self.limits.encoding_bytes_max);
        #[cfg(feature = "telemetry")]
        let encoder = match encoding {
            Some(_) => {
                let sizes = crate::transport::scanned_body::PlainSizes::default();
                extensions.insert(sizes.clone());
                encoder.telling(Some(std::sync::Arc::new(sizes)))
            }
            None => encoder,
        };
        let source = EncodedStream::new(Succeeding { messages }, encoder.with_switch(switch));
        let (failed, failure) = oneshot::channel();
        let body = RequestBody { source: Box::pin(source), failed: Some(failed) };

        if let Some(named) = &self.target.named {
            extensions.insert(named.clone());
        }
        #[cfg(feature = "_client-protocols")]
        extensions
            .insert(CallTraits { method: self.target.traits, decoding_bytes_max: self.limits.decoding_bytes_max });
        let mut request = http::Request::new(Body::new(body));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.uri();
        *request.headers_mut() = headers;
        *request.extensions_mut() = extensions;
        let failure = async move {
            match failure.await {
                Ok(status) => status,
                Err(_sent_in_full) => std::future::pending().await,
            }
        };
        (request, failure)
    }

    fn headers(
        &self,
        metadata: crate::metadata::MetadataMap,
        timeout: Option<HeaderValue>,
        encoding: Option<CompressionEncoding>,
        content_subtype: Option<&str>,
    ) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8 + metadata.len());
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, content_type(content_subtype));
        headers.insert(metadata::GRPC_ACCEPT_ENCODING, self.compression.accept_header());
        if let Some(encoding) = encoding
            && let Ok(name) = HeaderValue::from_str(encoding.name())
        {
            headers.insert(metadata::GRPC_ENCODING, name);
        }
        if let Some(timeout) = timeout {
            headers.insert(metadata::GRPC_TIMEOUT, timeout);
        }
        metadata::append_user_metadata(&mut headers, metadata);
        headers
    }

    fn uri(&self) -> Uri {
        let path = self.target.path.clone();
        let Some(origin) = self.origin else { return path };
        let prefixed = format!("{}{}", origin.path().trim_end_matches('/'), path.path());
        let uri = Uri::builder()
            .scheme(origin.scheme().cloned().unwrap_or(http::uri::Scheme::HTTP))
            .authority(origin.authority().map_or("", http::uri::Authority::as_str))
            .path_and_query(prefixed);
        uri.build().unwrap_or(path)
    }
}

/// The content type of requests.
pub(crate) fn content_type(subtype: Option<&str>) -> HeaderValue {
    subtype
        .and_then(|subtype| HeaderValue::try_from(format!("application/grpc+{subtype}")).ok())
        .unwrap_or(HeaderValue::from_static("application/grpc"))
}

/// A stream of exactly one message.
pub(crate) fn once<T>(message: T) -> Once<T> {
    Once(Some(message))
}

/// See [`once`].
pub(crate) struct Once<T>(Option<T>);

impl<T> Unpin for Once<T> {}

impl<T> Stream for Once<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(self.0.take())
    }
}

pin_project_lite::pin_project! {
    /// A caller's messages, none of which is an error.
    struct Succeeding<S> {
        #[pin]
        messages: S,
    }
}

impl<S: Stream> Stream for Succeeding<S> {
    type Item = Result<S::Item, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().messages.poll_next(cx).map(|message| message.map(Ok))
    }
}

/// A request's messages as bytes. A message that cannot be encoded resets the stream, and its status goes to the
/// caller by another way.
pub(crate) struct RequestBody {
    source: Pin<Box<dyn ByteSource>>,
    failed: Option<oneshot::Sender<Status>>,
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.failed.is_none() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.source.as_mut().poll_part(cx)) {
            Part::Data(bytes) => Some(Ok(Frame::data(bytes))),
            Part::End(Ok(_)) => {
                self.failed = None;
                None
            }
            Part::End(Err(status)) => {
                if let Some(failed) = self.failed.take() {
                    // The caller may be gone already.
                    let _ = failed.send(status.clone());
                }
                Some(Err(status))
            }
        })
    }
}
