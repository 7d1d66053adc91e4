//! From the reply of a call to an HTTP answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY};
use http_body_util::Full;
use prost::Message;
use prost_reflect::Value;
use tonic::body::Body;

use crate::gateway::error::Failure;
use crate::gateway::headers::{announce, append_metadata, append_trailers};
use crate::gateway::request::{is_http_body, is_http_body_field};
use crate::gateway::rule::Binding;
use crate::gateway::stream::{Replies, ReplyWriter, StreamFormat};
use crate::json::JsonError;
use crate::server::ProtocolReply;
use crate::service::MethodKind;
use crate::status::Status;

/// How long the head of an answer that is read piece by piece waits for the first of them.
const OPEN_TIMEOUT: Duration = Duration::from_secs(1);

/// The same of an answer that is read as a whole: well below what proxies wait for a head.
const ARRAY_TIMEOUT: Duration = Duration::from_secs(15);

/// `google.api.HttpBody`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HttpBody {
    #[prost(string, tag = "1")]
    pub(crate) content_type: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) data: Bytes,
}

impl HttpBody {
    /// The one that a reply is, or has as its body.
    pub(crate) fn of_reply(binding: &Binding, message: &Bytes) -> Result<HttpBody, Status> {
        let body = match &binding.response_body {
            None => HttpBody::decode(message.clone()),
            Some(field) => match &*binding.call.decode_reply(message).map_err(no_json)?.get_field(field) {
                Value::Message(inner) => HttpBody::decode(inner.encode_to_vec().as_slice()),
                _ => Ok(HttpBody::default()),
            },
        };
        body.map_err(|error| Status::internal(format!("the reply is no HttpBody: {error}")))
    }

    fn content_type(&self) -> HeaderValue {
        match HeaderValue::from_str(&self.content_type) {
            Ok(value) if !value.is_empty() => value,
            _ => HeaderValue::from_static("application/octet-stream"),
        }
    }
}

/// Whether replies are bytes of any kind.
pub(crate) fn is_raw(binding: &Binding) -> bool {
    match &binding.response_body {
        None => is_http_body(binding.call.output()),
        Some(field) => is_http_body_field(field),
    }
}

/// The JSON of a reply.
pub(crate) fn reply_json(binding: &Binding, message: &Bytes) -> Result<Vec<u8>, Status> {
    let Some(field) = &binding.response_body else {
        return binding.call.encode_reply(message).map_err(no_json);
    };
    binding.call.encode_reply_field(field, message).map_err(no_json)
}

#[allow(clippy::needless_pass_by_value, reason = "it maps errors")]
fn no_json(error: JsonError) -> Status {
    Status::internal(error.to_string())
}

/// The answer to a call that replies once.
///
/// # Errors
/// The call failed; the headers are what came with that.
pub(crate) async fn once(
    mut reply: ProtocolReply,
    binding: &Binding,
    plain: &[HeaderName],
) -> Result<Response<Body>, (Failure, HeaderMap)> {
    let mut headers = HeaderMap::new();
    append_metadata(&mut headers, reply.metadata, plain);
    let message = match reply.messages.next().await {
        Ok(Some(message)) => match reply.messages.next().await {
            Ok(None) => Ok(message),
            Ok(Some(_)) => Err(Status::internal("the handler of a method that answers once answered twice")),
            Err(status) => Err(status),
        },
        Ok(None) => Err(Status::internal("the handler ended without an answer")),
        Err(status) => Err(status),
    };
    let written = message.and_then(|message| match is_raw(binding) {
        true => HttpBody::of_reply(binding, &message).map(|body| (body.content_type(), body.data)),
        false => {
            reply_json(binding, &message).map(|json| (HeaderValue::from_static("application/json"), Bytes::from(json)))
        }
    });
    let (content_type, body) = match written {
        Ok(written) => written,
        Err(status) => return Err(failed(status, headers, plain)),
    };
    append_trailers(&mut headers, reply.messages.take_trailers(), plain);
    headers.insert(CONTENT_TYPE, content_type);
    let mut response = Response::new(Body::new(Full::new(body)));
    *response.headers_mut() = headers;
    Ok(response)
}

/// The answer to a call that replies with a stream. A call that fails before its first message is an HTTP error, if it
/// does so before the answer has to begin.
///
/// # Errors
/// It did fail.
pub(crate) async fn stream(
    mut reply: ProtocolReply,
    binding: &Arc<Binding>,
    format: StreamFormat,
    plain: &Arc<[HeaderName]>,
    trailers: &[HeaderName],
) -> Result<Response<Body>, (Failure, HeaderMap)> {
    let mut headers = HeaderMap::new();
    append_metadata(&mut headers, reply.metadata, plain);
    let is_raw = is_raw(binding);
    let first = if is_raw {
        // What the bytes are is in the first message.
        Some(reply.messages.next().await.transpose())
    } else {
        // It may take long: then the answer begins without it.
        let first = tokio::time::timeout(first_message_timeout(binding, format), reply.messages.next()).await;
        first.ok().map(Result::transpose)
    };
    let content_type = match &first {
        Some(Some(Err(status))) => return Err(failed(status.clone(), headers, plain)),
        Some(Some(Ok(message))) if is_raw => match HttpBody::of_reply(binding, message) {
            Ok(body) => body.content_type(),
            Err(status) => return Err(failed(status, headers, plain)),
        },
        _ if is_raw => HeaderValue::from_static("application/octet-stream"),
        _ => format.content_type(),
    };
    headers.insert(CONTENT_TYPE, content_type);
    announce(&mut headers, trailers, plain);
    if !is_raw {
        // The form was chosen by it.
        headers.append(VARY, HeaderValue::from_static("accept"));
    }
    if format == StreamFormat::Events && !is_raw {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // nginx holds answers back otherwise.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    }
    let writer = if is_raw { ReplyWriter::Raw } else { ReplyWriter::Json(format) };
    let body = Replies::new(reply.messages, first, Arc::clone(binding), writer, Arc::clone(plain));
    let mut response = Response::new(Body::new(body));
    *response.headers_mut() = headers;
    Ok(response)
}

/// How long the answer to a call waits for its first message, so that a call that fails at once is an HTTP error: clients
/// take that for what it is, and an `EventSource` does not ask again.
fn first_message_timeout(binding: &Binding, format: StreamFormat) -> Duration {
    match (binding.kind, format) {
        // Nobody can do anything with the beginning of it.
        (MethodKind::ServerStreaming, StreamFormat::Array) => ARRAY_TIMEOUT,
        // The client learns with the head that its stream is open, and may wait for that to say more itself.
        _ => OPEN_TIMEOUT,
    }
}

fn failed(status: Status, mut headers: HeaderMap, plain: &[HeaderName]) -> (Failure, HeaderMap) {
    append_trailers(&mut headers, status.metadata().clone(), plain);
    (status.into(), headers)
}
