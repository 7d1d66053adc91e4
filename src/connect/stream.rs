//! Calls with streams: messages framed as gRPC frames them, and a last frame that says how the call ended.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::request::Parts;
use http_body_util::Full;
use tonic::body::Body;

use crate::codec::CompressionEncoding;
use crate::connect::form::Form;
use crate::connect::protocol::Method;
use crate::connect::{END_FLAG, STREAM_ACCEPT_ENCODING, STREAM_ENCODING, error, request};
use crate::deadline::format_timeout;
use crate::metadata::{
    self, GRPC_ACCEPT_ENCODING, GRPC_ENCODING, GRPC_STATUS, GRPC_TIMEOUT, MetadataMap, is_of_transfer,
};
use crate::server::translated::{
    Recode, RecodedReply, RecodedRequests, TrailersWithin, WriteTrailers, frame, trailers,
};
use crate::server::{Calls, ProtocolCall};
use crate::service::CallSettings;
use crate::status::{self, Status};
use crate::transport::retained::{RetainedBody, Retainer};

/// A call with streams, as its head says it.
struct StreamCall {
    head: Parts,
    /// The head's headers in gRPC's words.
    headers: HeaderMap,
    timeout: Option<Duration>,
    encoding: Option<CompressionEncoding>,
    method: Method,
    settings: Arc<CallSettings>,
}

/// Answers a call with streams.
pub(crate) async fn answer(
    request: http::Request<Body>,
    form: Form,
    method: Method,
    calls: Calls,
) -> http::Response<Body> {
    let (mut head, body) = request.into_parts();
    let body = Body::new(RetainedBody::of_messages(body, Retainer::take(&mut head.extensions)));
    let settings = method.settings(&calls);
    let checked = request::check_version(&head.headers, None).and_then(|()| request::timeout(&head.headers));
    let name = head.headers.get(STREAM_ENCODING).map(HeaderValue::as_bytes);
    let checked = checked.and_then(|timeout| Ok((timeout, request::encoding(name, &settings.compression)?)));
    let (timeout, encoding) = match checked {
        Ok(checked) => checked,
        Err(status) => return ended(trailers(Err(&status)), form, &method, &settings),
    };
    let mut headers = request::metadata(&head.headers);
    if let Some(accepted) = head.headers.get(STREAM_ACCEPT_ENCODING) {
        headers.insert(GRPC_ACCEPT_ENCODING, accepted.clone());
    }
    let json = method.json.clone().filter(|_| form == Form::Json);
    let call = StreamCall { head, headers, timeout, encoding, method, settings };
    match json {
        Some(json) => call.recode(body, json, &calls).await,
        None => call.forward(body, &calls).await,
    }
}

impl StreamCall {
    /// Makes the call, its messages passing through.
    async fn forward(mut self, body: Body, calls: &Calls) -> http::Response<Body> {
        if let Some(timeout) = self.timeout {
            self.headers.insert(GRPC_TIMEOUT, format_timeout(timeout));
        }
        if let Some(encoding) = self.encoding {
            self.headers.insert(GRPC_ENCODING, HeaderValue::from_static(encoding.name()));
        }
        self.head.headers = self.headers;
        self.head.uri = http::Uri::from_static(self.method.descriptor.path);
        let (head, body) = calls.forward(http::Request::from_parts(self.head, body)).await.into_parts();
        if !head.headers.get(CONTENT_TYPE).is_some_and(metadata::is_grpc) {
            // A tower layer's, or what stands in for a service.
            let code = status::code_for_http_status(head.status);
            let status = Status::new(code, format!("the server answered with HTTP {} instead of gRPC", head.status));
            return ended(trailers(Err(&status)), Form::Protobuf, &self.method, &self.settings);
        }
        if head.headers.contains_key(GRPC_STATUS) {
            return ended(head.headers, Form::Protobuf, &self.method, &self.settings);
        }
        let body = Body::new(TrailersWithin::new(body, write_end(self.method)));
        response(&head.headers, Form::Protobuf, body, &self.settings)
    }

    /// The same where its messages are JSON.
    async fn recode(self, body: Body, json: Arc<dyn Recode>, calls: &Calls) -> http::Response<Body> {
        let settings = self.settings;
        let reply_encoding = settings.compression.chosen(self.headers.get(GRPC_ACCEPT_ENCODING));
        let requests = RecodedRequests::new(body, Arc::clone(&json), self.encoding, &settings);
        let mut call = ProtocolCall::streaming(self.method.descriptor.path, requests);
        call.timeout = self.timeout;
        call.metadata = MetadataMap::from_headers(self.headers);
        call.extensions = self.head.extensions;
        let reply = calls.call(call).await;
        let mut headers = reply.metadata.into_headers();
        if let Some(encoding) = reply_encoding {
            headers.insert(GRPC_ENCODING, HeaderValue::from_static(encoding.name()));
        }
        let body = Body::new(RecodedReply::new(reply.messages, json, reply_encoding, &settings));
        let body = Body::new(TrailersWithin::new(body, write_end(self.method)));
        response(&headers, Form::Json, body, &settings)
    }
}

/// An answer without messages.
fn ended(trailers: HeaderMap, form: Form, method: &Method, settings: &CallSettings) -> http::Response<Body> {
    let last = last_frame(trailers, method);
    response(&HeaderMap::new(), form, Body::new(Full::new(last)), settings)
}

/// An answer, of a gRPC answer's headers and a body. It is always 200: how the call ended says the body.
fn response(grpc: &HeaderMap, form: Form, body: Body, settings: &CallSettings) -> http::Response<Body> {
    let mut response = http::Response::new(body);
    let headers = response.headers_mut();
    for (name, value) in grpc.iter().filter(|(name, _)| !is_of_transfer(name) && !metadata::is_of_pages(name)) {
        headers.append(name, value.clone());
    }
    if let Some(encoding) = grpc.get(GRPC_ENCODING) {
        headers.insert(STREAM_ENCODING, encoding.clone());
    }
    headers.insert(STREAM_ACCEPT_ENCODING, settings.compression.accept_header());
    headers.insert(CONTENT_TYPE, form.stream_content_type());
    response
}

fn write_end(method: Method) -> WriteTrailers {
    Box::new(move |trailers| last_frame(trailers, &method))
}

fn last_frame(trailers: HeaderMap, method: &Method) -> Bytes {
    frame(END_FLAG, &error::end_of_stream(trailers, method.types.as_ref()))
}
