//! gRPC-Web, as channels speak it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE};
use http::request::Parts;
use http::{StatusCode, response};
use tonic::body::Body;

use crate::client::ClientProtocol;
use crate::client::protocol::{BoxFuture, Original, Outgoing, Read, Translate};
use crate::client::translated::{Ending, TrailersOutside, answer, waits};
use crate::metadata::{GRPC_ENCODING, GRPC_STATUS};
use crate::status::{Status, code_for_http_status};
use crate::web::content_type::{Form, MessageForm, form};
use crate::web::{TRAILERS_FLAG, X_GRPC_WEB};

/// gRPC-Web, for [`Endpoint::speak`](crate::Endpoint::speak): the binary form, with messages in protobuf.
///
/// Clients that tonic generated work as well.
#[derive(Debug, Clone, Default)]
#[must_use = "it does nothing until a channel speaks it"]
pub struct GrpcWebClient {
    _private: (),
}

impl GrpcWebClient {
    /// gRPC-Web in its binary form.
    pub fn new() -> Self {
        GrpcWebClient::default()
    }
}

impl From<GrpcWebClient> for ClientProtocol {
    fn from(client: GrpcWebClient) -> Self {
        ClientProtocol::new(client)
    }
}

impl Translate for GrpcWebClient {
    fn translate(&self, head: Parts, body: Body) -> BoxFuture<Outgoing> {
        let (original, waits) = (head.clone(), waits(&head));
        let mut head = head;
        head.headers.remove(TE);
        head.headers.insert(CONTENT_TYPE, content_type(head.headers.get(CONTENT_TYPE)));
        head.headers.insert(X_GRPC_WEB, HeaderValue::from_static("1"));
        let read: Read = Box::new(move |response| Box::pin(read(response, waits)));
        let original = Original { head: original, body: None };
        let outgoing = Outgoing { request: http::Request::from_parts(head, body), original, read };
        Box::pin(std::future::ready(Ok(outgoing)))
    }
}

/// The content type of a request, which has gRPC's: a codec of its own has its name in it.
fn content_type(grpc: Option<&HeaderValue>) -> HeaderValue {
    let subtype = grpc.and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("application/grpc+"));
    let own = subtype.and_then(|subtype| HeaderValue::try_from(format!("application/grpc-web+{subtype}")).ok());
    own.unwrap_or(HeaderValue::from_static("application/grpc-web+proto"))
}

async fn read(response: http::Response<Body>, waits: bool) -> Result<http::Response<Body>, Status> {
    let (head, body) = response.into_parts();
    check(&head)?;
    let ending = Ending {
        flag: TRAILERS_FLAG,
        encoding: head.headers.get(GRPC_ENCODING).cloned(),
        read: Box::new(|text| read_trailers(&text)),
        may_be_missing: head.headers.contains_key(GRPC_STATUS),
    };
    if head.status != StatusCode::OK {
        // It says in its head what became of the call.
        return Ok(http::Response::from_parts(head, Body::empty()));
    }
    answer(head, TrailersOutside::new(body, ending), waits).await
}

/// Refuses what is no answer of gRPC-Web.
fn check(head: &response::Parts) -> Result<(), Status> {
    let (status, headers) = (head.status, &head.headers);
    if status != StatusCode::OK && !headers.contains_key(GRPC_STATUS) {
        let text = format!("the server answered with HTTP status {status} and no gRPC status");
        return Err(Status::new(code_for_http_status(status), text));
    }
    let content_type = headers.get(CONTENT_TYPE);
    match content_type.and_then(form) {
        Some(Form { is_text: false, form: MessageForm::Protobuf | MessageForm::Unknown }) => Ok(()),
        Some(_) => Err(Status::internal(unexpected(content_type, "which is not what was asked for"))),
        None if status != StatusCode::OK => Ok(()),
        None => Err(Status::unknown(unexpected(content_type, "which is not gRPC-Web"))),
    }
}

fn unexpected(content_type: Option<&HeaderValue>, what: &str) -> String {
    let content_type = content_type.map_or("none".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    format!("the server answered with content-type {content_type:?}, {what}")
}

/// Trailers as the last frame has them: a line each, as HTTP/1.1 writes headers.
fn read_trailers(text: &Bytes) -> Result<HeaderMap, Status> {
    let mut trailers = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let entry = line.iter().position(|byte| *byte == b':').and_then(|colon| {
            let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            let name = HeaderName::from_bytes(name).ok()?;
            Some((name, HeaderValue::from_bytes(value).ok()?))
        });
        let Some((name, value)) = entry else {
            let line = String::from_utf8_lossy(line);
            return Err(Status::internal(format!("the end of the server's answer has no trailer in {line:?}")));
        };
        trailers.append(name, value);
    }
    if !trailers.contains_key(GRPC_STATUS) {
        return Err(Status::unknown("the server's answer ended without a status"));
    }
    Ok(trailers)
}
