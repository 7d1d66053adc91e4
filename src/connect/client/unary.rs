//! Unary calls: an HTTP request with a message as its body, or in its query, and an answer that is nothing else.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tonic::body::Body;

use crate::client::protocol::{Original, Outgoing, Read};
use crate::client::translated::{decompressed, trailers};
use crate::codec::{PREFIX_BYTES, read_prefix};
use crate::connect::client::end::{of_user, read_error};
use crate::connect::client::json::{reply_in_protobuf, request_in_json};
use crate::connect::client::{Call, check_content_type, query};
use crate::connect::{PROTOCOL_VERSION, TRAILER_PREFIX};
use crate::metadata::{self, GRPC_ENCODING};
use crate::service::Idempotency;
use crate::status::{Code, Status, code_for_http_status};

/// What content types of messages begin with.
const CONTENT_TYPE_PREFIX: &str = "application/";

/// How large an error may be: sixteen times what trailers usually may be, because errors with large details have their
/// place there.
const ERROR_BYTES_MAX: usize = crate::client::translated::END_BYTES_MAX;

/// The request of a call.
pub(super) async fn translate(call: Call, body: Body) -> Result<Outgoing, Status> {
    let mut framed = BytesMut::new();
    collect(body, &mut framed, usize::MAX).await?;
    let framed = framed.freeze();
    let (message, is_compressed) = only_message(&framed)?;
    let encoding = call.encoding.as_ref().filter(|_| is_compressed);
    let message = match &call.json {
        Some(json) => request_in_json(&message, json, encoding)?,
        None => message,
    };
    let mut headers = call.headers();
    if let Some(accepted) = call.accepted() {
        headers.insert(ACCEPT_ENCODING, accepted);
    }
    let mut request = http::Request::new(Body::empty());
    *request.uri_mut() = call.original.uri.clone();
    *request.version_mut() = call.original.version;
    *request.extensions_mut() = call.original.extensions.clone();
    match by_get(&call, &message, encoding) {
        Some(uri) => {
            *request.method_mut() = Method::GET;
            *request.uri_mut() = uri;
            headers.remove(PROTOCOL_VERSION);
        }
        None => {
            *request.method_mut() = Method::POST;
            *request.body_mut() = Body::new(Full::new(message));
            headers.insert(CONTENT_TYPE, call.content_type(CONTENT_TYPE_PREFIX)?);
            if let Some(encoding) = encoding {
                headers.insert(CONTENT_ENCODING, encoding.clone());
            }
        }
    }
    *request.headers_mut() = headers;
    let original = Original { head: call.original.clone(), body: Some(framed) };
    let read: Read = Box::new(move |response| Box::pin(read(response, call)));
    Ok(Outgoing { request, original, read })
}

/// The URI of a call by GET, if that is wanted and possible.
fn by_get(call: &Call, message: &[u8], encoding: Option<&HeaderValue>) -> Option<http::Uri> {
    if !call.uses_get || call.traits.method.idempotency != Idempotency::NoSideEffects {
        return None;
    }
    let encoding = encoding.map(HeaderValue::to_str).transpose().ok()?;
    query::uri(&call.original.uri, &call.codec, message, encoding)
}

/// The message of a request that has one, and whether it is compressed.
fn only_message(framed: &Bytes) -> Result<(Bytes, bool), Status> {
    let Some((prefix, _)) = framed.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(Status::internal("a unary call without a message cannot be made"));
    };
    let (is_compressed, length) = read_prefix(*prefix, usize::MAX)?;
    let message = framed.slice(PREFIX_BYTES..);
    if message.len() != length {
        return Err(Status::internal("a unary call with more than one message cannot be made"));
    }
    Ok((message, is_compressed))
}

/// Adds all of a body to what there is already.
async fn collect(mut body: Body, all: &mut BytesMut, bytes_max: usize) -> Result<(), Status> {
    let before = all.len();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(piece) = frame?.into_data() else { continue };
        if all.len() - before + piece.len() > bytes_max {
            return Err(Status::resource_exhausted(format!(
                "the server's answer is larger than {bytes_max} bytes, the limit for receiving"
            )));
        }
        all.extend_from_slice(&piece);
    }
    Ok(())
}

async fn read(response: http::Response<Body>, call: Call) -> Result<http::Response<Body>, Status> {
    let (head, body) = response.into_parts();
    if head.status != StatusCode::OK {
        return failed(head, body).await;
    }
    check_content_type(&head.headers, CONTENT_TYPE_PREFIX, &call.codec)?;
    let bytes_max = call.traits.decoding_bytes_max;
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + declared(&body, bytes_max)?);
    framed.put_bytes(0, PREFIX_BYTES);
    collect(body, &mut framed, bytes_max).await?;
    // A message of no bytes is left as it is.
    let encoding = head.headers.get(CONTENT_ENCODING).filter(|name| *name != "identity" && framed.len() > PREFIX_BYTES);
    let Some(json) = &call.json else { return Ok(answer(&head, framed, encoding)) };
    let text = framed.split_off(PREFIX_BYTES).freeze();
    framed.put(reply_in_protobuf(&text, json, encoding, bytes_max)?);
    Ok(answer(&head, framed, None))
}

/// How many bytes a body says it has.
fn declared(body: &Body, bytes_max: usize) -> Result<usize, Status> {
    let declared = body.size_hint().exact().unwrap_or_default();
    usize::try_from(declared).ok().filter(|bytes| *bytes <= bytes_max).ok_or_else(|| {
        Status::resource_exhausted(format!(
            "a message of {declared} bytes is larger than {bytes_max} bytes, the limit for receiving"
        ))
    })
}

/// gRPC's answer with one message, which lies behind room for its prefix.
fn answer(head: &response::Parts, mut framed: BytesMut, encoding: Option<&HeaderValue>) -> http::Response<Body> {
    let (mut headers, trailing) = parted(&head.headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    // One that is longer than can be said is longer than its reader takes.
    let length = u32::try_from(framed.len() - PREFIX_BYTES).unwrap_or(u32::MAX);
    framed[0] = u8::from(encoding.is_some());
    framed[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
    if let Some(encoding) = encoding {
        headers.insert(GRPC_ENCODING, encoding.clone());
    }
    let end = trailers(&Status::ok(""), of_user(&trailing));
    let body = Full::new(framed.freeze()).map_err(|never| match never {});
    let mut response = http::Response::new(Body::new(body.with_trailers(std::future::ready(Some(Ok(end))))));
    *response.headers_mut() = headers;
    response
}

/// gRPC's answer to a call that failed.
async fn failed(head: response::Parts, body: Body) -> Result<http::Response<Body>, Status> {
    let otherwise = code_for_http_status(head.status);
    let what = || Status::new(otherwise, format!("the server answered with HTTP status {} and no error", head.status));
    if check_content_type(&head.headers, CONTENT_TYPE_PREFIX, "json").is_err() {
        return Err(what());
    }
    let mut text = BytesMut::new();
    collect(body, &mut text, ERROR_BYTES_MAX).await?;
    let encoding = head.headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity");
    let text = if encoding.is_some() { decompressed(&text, encoding, ERROR_BYTES_MAX)? } else { text.freeze() };
    let error = serde_json::from_slice::<Value>(&text).ok();
    let status = error.as_ref().and_then(|error| read_error(error, otherwise)).ok_or_else(what)?;
    let status = if status.code() == Code::Ok { what() } else { status };
    let (mut headers, trailing) = parted(&head.headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    metadata::append(&mut headers, &trailers(&status, of_user(&trailing)));
    let mut response = http::Response::new(Body::empty());
    *response.headers_mut() = headers;
    Ok(response)
}

/// The user's part of the headers of an answer, and the trailers among them.
fn parted(headers: &HeaderMap) -> (HeaderMap, HeaderMap) {
    let (mut leading, mut trailing) = (HeaderMap::new(), HeaderMap::new());
    for (name, value) in headers {
        match name.as_str().strip_prefix(TRAILER_PREFIX).map(|name| HeaderName::from_bytes(name.as_bytes())) {
            Some(Ok(name)) => trailing.append(name, value.clone()),
            Some(Err(_)) | None => leading.append(name, value.clone()),
        };
    }
    (of_user(&leading).into_headers(), trailing)
}
