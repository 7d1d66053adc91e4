//! gRPC over HTTP for generated services: a request's headers into a call, an answer into headers, data and
//! trailers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::codec::{ByteSource, Filled, Quota, Rope};
use crate::context::Context;
use crate::metadata::{self, MetadataMap};
use crate::service::{
    CallSettings, InterceptMetadata, Interceptors, MethodDescriptor, RawCall, Reply, ReplyBody, ReplyFuture, Service,
    Single, StreamCall,
};
use crate::status::{Code, Status};
use crate::transport::incoming_body::IncomingBody;
use crate::transport::response_body::{MessageSource, ResponseBody};

/// `grpc-status: 0`.
const STATUS_OK: HeaderValue = HeaderValue::from_static("0");

/// The content type of answers to requests that did not ask for a subtype.
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// A call that found its native handler.
pub(crate) struct NativeCall {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) settings: Arc<CallSettings>,
    pub(crate) method: usize,
    pub(crate) context: Context,
    pub(crate) interceptors: Option<Interceptors>,
}

impl NativeCall {
    /// Hands the request to the service and turns its answer into a response.
    pub(crate) async fn answer(
        self,
        request: http::Request<IncomingBody>,
        before: &[InterceptMetadata],
    ) -> http::Response<ResponseBody> {
        let content_type = request.headers().get(CONTENT_TYPE).cloned().unwrap_or(GRPC);
        let accept_encoding = self.settings.compression.accept_header();
        let context = self.context.clone();
        let response = match self.start(request, before) {
            Ok(reply) => response(reply.await, context),
            Err(status) => failed(&status, MetadataMap::new(), &context),
        };
        complete(response, content_type, accept_encoding)
    }

    fn start(self, request: http::Request<IncomingBody>, before: &[InterceptMetadata]) -> Result<ReplyFuture, Status> {
        let (parts, body) = request.into_parts();
        let compression = &self.settings.compression;
        let request_encoding = compression.accepted(parts.headers.get(metadata::GRPC_ENCODING))?;
        let caller_accepts = parts.headers.get(metadata::GRPC_ACCEPT_ENCODING).cloned();
        let methods: &'static [MethodDescriptor] = self.service.descriptor().methods;
        let mut call = StreamCall {
            method: &methods[self.method],
            metadata: metadata::user_metadata(parts.headers),
            extensions: parts.extensions,
            source: Box::pin(body),
            context: self.context,
            settings: Arc::clone(&self.settings),
            request_encoding,
            caller_accepts,
            interceptors: self.interceptors,
        };
        for interceptor in before {
            call.intercept(|request| interceptor(request))?;
        }
        Ok(self.service.call(self.method, call))
    }
}

/// The same for a tower service that interceptors stand around.
pub(crate) async fn answer_raw(
    call: RawCall,
    request: http::Request<IncomingBody>,
    interceptors: Interceptors,
) -> http::Response<ResponseBody> {
    let content_type = request.headers().get(CONTENT_TYPE).cloned().unwrap_or(GRPC);
    let accept_encoding = call.settings.compression.accept_header();
    let context = call.context.clone();
    let (head, body) = request.into_parts();
    let response = match call.run(head, Box::pin(body), interceptors) {
        Ok(reply) => response(reply.await, context),
        Err(status) => failed(&status, MetadataMap::new(), &context),
    };
    complete(response, content_type, accept_encoding)
}

/// Adds the headers that every answer has.
pub(crate) fn complete(
    mut response: http::Response<ResponseBody>,
    content_type: HeaderValue,
    accept_encoding: HeaderValue,
) -> http::Response<ResponseBody> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(metadata::GRPC_ACCEPT_ENCODING, accept_encoding);
    response
}

/// A reply as an HTTP response, but for the headers that every answer has.
pub(crate) fn response(reply: Reply, context: Context) -> http::Response<ResponseBody> {
    let mut headers = HeaderMap::new();
    metadata::append_user_metadata(&mut headers, reply.metadata.clone());
    if let Some(encoding) = reply.encoding
        && let Ok(name) = HeaderValue::from_str(encoding.name())
    {
        headers.insert(metadata::GRPC_ENCODING, name);
    }
    let body = match reply.body {
        ReplyBody::Message(message) => {
            ResponseBody::messages(ReplyMessages { source: Box::pin(Single(message)), context })
        }
        ReplyBody::Stream(source) => ResponseBody::messages(ReplyMessages { source, context }),
        ReplyBody::Failed(status) => return failed(&status, reply.metadata, &context),
    };
    let mut response = http::Response::new(body);
    *response.headers_mut() = headers;
    response
}

/// An answer without any message: status and metadata travel in the headers ("Trailers-Only").
fn failed(status: &Status, initial: MetadataMap, context: &Context) -> http::Response<ResponseBody> {
    let mut response = http::Response::new(ResponseBody::empty());
    metadata::append_user_metadata(response.headers_mut(), initial);
    let trailers = trailers(Err(status.clone()), context);
    for (name, value) in &trailers {
        response.headers_mut().append(name, value.clone());
    }
    response
}

/// The trailers that end a call.
pub(crate) fn trailers(end: Result<MetadataMap, Status>, context: &Context) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    metadata::append_user_metadata(&mut trailers, context.take_trailing_metadata());
    match end {
        Ok(trailing) => {
            metadata::append_user_metadata(&mut trailers, trailing);
            trailers.insert(metadata::GRPC_STATUS, STATUS_OK);
        }
        Err(status) => add_status(&status, &mut trailers),
    }
    trailers
}

/// Writes a status into headers or trailers; one that cannot be written becomes INTERNAL.
pub(crate) fn add_status(status: &Status, headers: &mut HeaderMap) {
    let mut block = HeaderMap::new();
    if status.add_header(&mut block).is_err() {
        block.clear();
        block.insert(metadata::GRPC_STATUS, HeaderValue::from(Code::Internal as i32));
    }
    let mut last = None;
    for (name, value) in block {
        if let Some(name) = name.or_else(|| last.clone()) {
            headers.append(name.clone(), value);
            last = Some(name);
        }
    }
}

/// Messages as the handler makes them, then the trailers.
struct ReplyMessages {
    source: Pin<Box<dyn ByteSource>>,
    context: Context,
}

impl MessageSource for ReplyMessages {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        output: &mut Rope,
        quota: Quota,
    ) -> Poll<Option<HeaderMap>> {
        Poll::Ready(match ready!(self.source.as_mut().poll_fill(cx, output, quota)) {
            Filled::More => None,
            Filled::End(end) => Some(trailers(end, &self.context)),
        })
    }
}
