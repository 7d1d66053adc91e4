//! gRPC-Web, as servers speak it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, StatusCode};
use tonic::body::Body;

use crate::metadata::{
    self, GRPC_ACCEPT_ENCODING, GRPC_ENCODING, GRPC_MESSAGE, GRPC_STATUS, GRPC_STATUS_DETAILS, MetadataMap,
    is_of_transfer,
};
use crate::server::translated::{
    Recode, RecodedReply, RecodedRequests, TrailersWithin, WriteTrailers, frame, trailers,
};
use crate::server::{BeginError, Calls, Protocol, ProtocolCall, ProtocolHandler, Served, requested_timeout};
use crate::status::Status;
use crate::transport::retained::{RetainedBody, Retainer};
use crate::web::content_type::{Form, MessageForm, form};
use crate::web::text::{TextAnswer, TextRequest};
use crate::web::{TRAILERS_FLAG, X_GRPC_WEB};

/// What a client of gRPC-Web says of itself where it may not set `user-agent`.
const X_USER_AGENT: HeaderName = HeaderName::from_static("x-user-agent");

/// All that is answered.
const CONTENT_TYPES: &[&str] = &[
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

/// gRPC-Web, for [`Server::speak`](crate::Server::speak).
#[derive(Default)]
#[must_use = "it does nothing until a server speaks it"]
pub struct GrpcWeb {
    /// Methods whose messages are read and written as JSON as well.
    json: HashMap<&'static str, Arc<dyn Recode>>,
}

impl GrpcWeb {
    /// gRPC-Web in both its forms.
    pub fn new() -> Self {
        GrpcWeb::default()
    }
}

impl std::fmt::Debug for GrpcWeb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcWeb").finish_non_exhaustive()
    }
}

impl Protocol for GrpcWeb {
    #[cfg(feature = "_json")]
    fn begin(&mut self, served: &Served<'_>) -> Result<(), BeginError> {
        // A client whose schema is newer than the server's is understood, as it is in protobuf.
        let options = crate::json::JsonOptions::new().ignore_unknown(true);
        let methods = crate::server::json::methods(served, options)?;
        self.json = methods.into_iter().map(|(path, json)| (path, json as Arc<dyn Recode>)).collect();
        Ok(())
    }

    #[cfg(not(feature = "_json"))]
    fn begin(&mut self, _: &Served<'_>) -> Result<(), BeginError> {
        Ok(())
    }

    fn content_types(&self) -> &'static [&'static str] {
        CONTENT_TYPES
    }

    fn handler(&self, request: &http::Request<Body>) -> Option<ProtocolHandler> {
        let form = form(request.headers().get(CONTENT_TYPE)?)?;
        // A preflight asks for a content type in another header; this one sends it without a call.
        if request.method() != Method::POST {
            return Some(Box::new(|_, _| Box::pin(std::future::ready(not_post()))));
        }
        match form.form {
            MessageForm::Protobuf => {
                Some(Box::new(move |request, calls| Box::pin(async move { forward(request, form, &calls).await })))
            }
            MessageForm::Json => {
                let recode = self.json.get(request.uri().path()).cloned();
                Some(Box::new(move |request, calls| {
                    Box::pin(async move {
                        match recode {
                            Some(recode) => recoded(request, form, recode, &calls).await,
                            None => unknown_form(),
                        }
                    })
                }))
            }
            MessageForm::Unknown => Some(Box::new(|_, _| Box::pin(std::future::ready(unknown_form())))),
        }
    }
}

/// Answers a call whose messages pass through.
async fn forward(request: http::Request<Body>, form: Form, calls: &Calls) -> http::Response<Body> {
    let (mut head, body) = request.into_parts();
    let answer_form = form.of_answer(&head.headers);
    head.headers = grpc_headers(head.headers);
    let body = plain_body(body, form, &mut head.extensions);
    let answer = calls.forward(http::Request::from_parts(head, body)).await;
    let (mut head, body) = answer.into_parts();
    if !head.headers.get(CONTENT_TYPE).is_some_and(metadata::is_grpc) {
        // It is not gRPC's: whoever answered knows what it means.
        return http::Response::from_parts(head, body);
    }
    remove_pages(&mut head.headers);
    head.headers.insert(CONTENT_TYPE, answer_form.content_type());
    // Trailers without messages go into the body like any others: pages of other origins may always read that.
    let body = match head.headers.contains_key(GRPC_STATUS) {
        true => {
            let (kept, trailers) = parted(&head.headers);
            head.headers = kept;
            Body::new(http_body_util::Full::new(trailers_frame(&trailers)))
        }
        false => Body::new(TrailersWithin::new(body, write_trailers())),
    };
    http::Response::from_parts(head, wire_body(body, answer_form))
}

/// The same of one whose messages are in another form.
async fn recoded(
    request: http::Request<Body>,
    form: Form,
    recode: Arc<dyn Recode>,
    calls: &Calls,
) -> http::Response<Body> {
    let (mut head, body) = request.into_parts();
    let body = plain_body(body, form, &mut head.extensions);
    let form = form.of_answer(&head.headers);
    let headers = grpc_headers(head.headers);
    let path = head.uri.path();
    let Some(settings) = calls.settings(path) else { return unknown_form() };
    let encoding = settings.compression.accepted(headers.get(GRPC_ENCODING));
    let (timeout, encoding) = match requested_timeout(&headers).and_then(|timeout| Ok((timeout, encoding?))) {
        Ok(both) => both,
        Err(status) => return failed(&status, form),
    };
    let reply_encoding = settings.compression.chosen(headers.get(GRPC_ACCEPT_ENCODING));
    let requests = RecodedRequests::new(body, Arc::clone(&recode), encoding, &settings);
    let mut call = ProtocolCall::streaming(path, requests);
    call.timeout = timeout;
    call.extensions = head.extensions;
    call.metadata = MetadataMap::from_headers(headers);
    let reply = calls.call(call).await;
    let mut headers = HeaderMap::new();
    metadata::append_user_metadata(&mut headers, reply.metadata);
    remove_pages(&mut headers);
    headers.insert(CONTENT_TYPE, form.content_type());
    headers.insert(GRPC_ACCEPT_ENCODING, settings.compression.accept_header());
    if let Some(encoding) = reply_encoding {
        headers.insert(GRPC_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    let body = RecodedReply::new(reply.messages, recode, reply_encoding, &settings);
    let body = Body::new(TrailersWithin::new(Body::new(body), write_trailers()));
    let mut response = http::Response::new(wire_body(body, form));
    *response.headers_mut() = headers;
    response
}

/// A request's headers as gRPC has them.
fn grpc_headers(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(X_GRPC_WEB);
    if let Some(agent) = headers.remove(X_USER_AGENT) {
        headers.insert(USER_AGENT, agent);
    }
    let kept = [GRPC_ENCODING, GRPC_ACCEPT_ENCODING, metadata::GRPC_TIMEOUT, USER_AGENT];
    let transfer: Vec<_> =
        headers.keys().filter(|name| is_of_transfer(name) && !kept.contains(name)).cloned().collect();
    for name in transfer {
        headers.remove(name);
    }
    headers
}

/// Takes out what a handler cannot say in the head of an answer.
fn remove_pages(headers: &mut HeaderMap) {
    let names: Vec<_> = headers.keys().filter(|name| metadata::is_of_pages(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// A request's body as gRPC has it.
fn plain_body(body: Body, form: Form, extensions: &mut http::Extensions) -> Body {
    let body = if form.is_text { Body::new(TextRequest::new(body)) } else { body };
    Body::new(RetainedBody::of_messages(body, Retainer::take(extensions)))
}

fn wire_body(body: Body, form: Form) -> Body {
    if form.is_text { Body::new(TextAnswer(body)) } else { body }
}

/// The headers of an answer without messages: those that stay, and those that are its trailers.
fn parted(headers: &HeaderMap) -> (HeaderMap, HeaderMap) {
    let (mut kept, mut trailers) = (HeaderMap::new(), HeaderMap::new());
    for (name, value) in headers {
        let ends = [GRPC_STATUS, GRPC_MESSAGE, GRPC_STATUS_DETAILS].contains(name) || !metadata::is_reserved(name);
        let block = if ends { &mut trailers } else { &mut kept };
        block.append(name, value.clone());
    }
    (kept, trailers)
}

fn write_trailers() -> WriteTrailers {
    Box::new(|trailers| trailers_frame(&trailers))
}

/// Trailers as the last frame of an answer: a line each, as HTTP/1.1 writes headers.
fn trailers_frame(trailers: &HeaderMap) -> Bytes {
    let mut lines = Vec::new();
    for (name, value) in trailers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    frame(TRAILERS_FLAG, &lines)
}

/// An answer that is nothing but a status.
fn failed(status: &Status, form: Form) -> http::Response<Body> {
    let body = Body::new(http_body_util::Full::new(trailers_frame(&trailers(Err(status)))));
    let mut response = http::Response::new(wire_body(body, form));
    response.headers_mut().insert(CONTENT_TYPE, form.content_type());
    response
}

fn not_post() -> http::Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "calls of gRPC-Web are POST requests\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

fn unknown_form() -> http::Response<Body> {
    let text = "messages in this form are not read here; those of application/grpc-web+proto are\n";
    let mut response = plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    if let Ok(spoken) = HeaderValue::from_str(&CONTENT_TYPES.join(", ")) {
        response.headers_mut().insert("accept-post", spoken);
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> http::Response<Body> {
    let mut response = http::Response::new(Body::new(http_body_util::Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
