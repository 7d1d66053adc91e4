//! REST: a server's services by JSON over HTTP, after the `google.api.http` options of their schemas. Feature
//! `gateway`.
//!
//! A method that says `option (google.api.http) = { post: "/v1/hello" body: "*" };` answers `POST /v1/hello` with JSON,
//! on the same port as gRPC, over HTTP/1.1 and HTTP/2. Nothing is generated for it: the schemas that generated code
//! carries suffice.
//!
//! ```
//! # fn example(greeter: impl seltzer::codegen::Service) {
//! use seltzer::Server;
//! use seltzer::gateway::Gateway;
//!
//! let server = Server::builder().add_service(greeter).speak(Gateway::new());
//! # drop(server);
//! # }
//! ```
//!
//! - **Requests.** Path templates are complete: `*`, `**`, `{name=shelves/*/books/*}`, nested fields, verbs behind a
//!   colon. What is neither in the path nor in the body comes as query parameters: `author.name=A&tags=x&tags=y` and
//!   `ratings[z]=5` for maps. A method without a rule answers `POST /package.Service/Method`.
//! - **Answers.** JSON after protobuf's mapping, see [`JsonOptions`]. Errors are `google.rpc.Status` in JSON, with the
//!   HTTP status of their code. `google.api.HttpBody` is bytes of any kind, both ways.
//! - **Streams.** Replies are a JSON array, lines of JSON (`Accept: application/x-ndjson`) or server-sent events
//!   (`Accept: text/event-stream`). An error amid them is the last element, `{"error": STATUS}`, or an event `error`.
//!   Requests are an array, or JSON values one after another.
//! - **Metadata.** Headers of the request are the call's metadata, `Grpc-Metadata-NAME` is `NAME`, and `Grpc-Timeout`
//!   is how long the call may take. Metadata of the reply comes as `Grpc-Metadata-NAME` and `Grpc-Trailer-NAME`.
//!
//! Rules that match the same requests, and rules that are wrong, are errors when the server binds.

mod answer;
mod error;
mod headers;
mod mask;
pub(crate) mod query;
mod request;
pub(crate) mod rule;
mod service_config;
pub(crate) mod stream;
pub(crate) mod template;
mod text;
mod yaml;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

#[cfg(feature = "gzip")]
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
#[cfg(feature = "gzip")]
use http::header::{ETAG, VARY};
use http::{HeaderValue, Method, Request, Response};
use http_body::Body as _;
#[cfg(feature = "gzip")]
use http_body_util::{BodyExt as _, Full};

use crate::gateway::error::Failure;
use crate::gateway::request::{Bound, Patience};
use crate::gateway::rule::{Binding, HttpRule};
use crate::gateway::stream::{Requests, StreamFormat};
use crate::gateway::template::{Found, Path, Reserved, Routes};
use crate::json::Messages;
use crate::server::accepted::takes_coding;
use crate::server::{BeginError, Body, Calls, Protocol, ProtocolCall, ProtocolHandler, Served};
use crate::service::MethodKind;
use crate::transport::retained::{RetainedBody, Retainer};

pub use self::service_config::RulesError;
pub use crate::json::JsonOptions;

/// How long the body of a request may take to come, unless set: as long as proxies wait.
const BODY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// How long a body may be if its method has no limit of its own: gRPC's default for messages.
const BODY_BYTES_MAX_DEFAULT: usize = 4 * 1024 * 1024;

/// Answers that are shorter are not compressed: they fit into a packet as they are.
#[cfg(feature = "gzip")]
const COMPRESSED_BYTES_MIN: usize = 1024;

/// Answers JSON over HTTP with calls to a server's services: see the [module](self).
pub struct Gateway {
    options: JsonOptions,
    rules: Vec<HttpRule>,
    settings: Settings,
    with_implicit: bool,
    /// What was found out when the server began.
    served: Option<Arc<Gate>>,
}

#[derive(Debug, Clone)]
struct Settings {
    ignore_unknown_query: bool,
    body_bytes_max: Option<usize>,
    body_timeout: Duration,
    reserved: Reserved,
    plain_headers: Arc<[HeaderName]>,
    trailers: Arc<[HeaderName]>,
}

/// A gateway at work.
struct Gate {
    routes: Routes<Arc<Binding>>,
    settings: Settings,
}

impl Default for Gateway {
    fn default() -> Self {
        Gateway::new()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gateway { options, rules, settings, .. } = self;
        let mut debug = f.debug_struct("Gateway");
        debug.field("json", options).field("rules", &rules.len()).field("settings", settings).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway for all services of a server.
    #[must_use]
    pub fn new() -> Self {
        let settings = Settings {
            ignore_unknown_query: false,
            body_bytes_max: None,
            body_timeout: BODY_TIMEOUT_DEFAULT,
            reserved: Reserved::SlashKept,
            plain_headers: Arc::default(),
            trailers: Arc::default(),
        };
        Gateway { options: JsonOptions::new(), rules: Vec::new(), settings, with_implicit: true, served: None }
    }

    /// How messages look as JSON.
    #[must_use]
    pub fn json(mut self, options: JsonOptions) -> Self {
        self.options = options;
        self
    }

    /// Adds the HTTP rules of a service config in JSON: `{"http": {"rules": [{"selector": "hello.Greeter.SayHello",
    /// "get": "/v1/hello/{name}"}]}}`. A method's rule here replaces the one in its schema.
    ///
    /// # Errors
    /// The text is not a service config.
    ///
    /// ```
    /// use seltzer::gateway::Gateway;
    ///
    /// let rules = r#"{"http": {"rules": [{"selector": "hello.Greeter.SayHello", "get": "/v1/hello/{name}"}]}}"#;
    /// let gateway = Gateway::new().rules_json(rules)?;
    /// # drop(gateway);
    /// # Ok::<(), seltzer::gateway::RulesError>(())
    /// ```
    pub fn rules_json(self, service_config: &str) -> Result<Self, RulesError> {
        service_config::from_json(service_config).map(|config| self.configured(config))
    }

    /// The same in YAML, as `http_rules.yaml` files are written.
    ///
    /// # Errors
    /// The text is not a service config.
    ///
    /// ```
    /// use seltzer::gateway::Gateway;
    ///
    /// let rules = "
    /// http:
    ///   rules:
    ///   - selector: hello.Greeter.SayHello
    ///     get: /v1/hello/{name}
    /// ";
    /// let gateway = Gateway::new().rules_yaml(rules)?;
    /// # drop(gateway);
    /// # Ok::<(), seltzer::gateway::RulesError>(())
    /// ```
    pub fn rules_yaml(self, service_config: &str) -> Result<Self, RulesError> {
        service_config::from_yaml(service_config).map(|config| self.configured(config))
    }

    /// What documents have to know: how messages look, the rules beside those of the schemas, and whether methods without
    /// a rule are answered.
    #[cfg(feature = "openapi")]
    pub(crate) fn described(&self) -> (JsonOptions, Vec<HttpRule>, bool) {
        (self.options.clone(), self.rules.clone(), self.with_implicit)
    }

    fn configured(mut self, config: service_config::HttpConfig) -> Self {
        self.rules.extend(config.rules);
        if config.decode_slashes {
            self.settings.reserved = Reserved::Decoded;
        }
        self
    }

    /// Whether methods without a rule answer `POST /package.Service/Method`: they do unless told otherwise.
    #[must_use]
    pub fn methods_without_rules(mut self, answered: bool) -> Self {
        self.with_implicit = answered;
        self
    }

    /// Whether query parameters that no field has are passed over. They are refused unless told otherwise, because a
    /// misspelt filter would select everything.
    #[must_use]
    pub fn ignore_unknown_query(mut self, ignored: bool) -> Self {
        self.settings.ignore_unknown_query = ignored;
        self
    }

    /// How long the body of a request may be, and each JSON value of one that streams. Unless set, as long as the
    /// messages of its service: 4 MiB, if that was not set either.
    #[must_use]
    pub fn max_body_size(mut self, bytes: usize) -> Self {
        self.settings.body_bytes_max = Some(bytes);
        self
    }

    /// How long the body of a request may take to come, if it is one message: 60 seconds unless set.
    #[must_use]
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.settings.body_timeout = timeout;
        self
    }

    /// Metadata of replies that become headers by their own names, without `Grpc-Metadata-` before them: `location`,
    /// `etag`, `cache-control`. Names that are none are left out, and so is what begins with `access-control-`: which
    /// pages may call says [`Server::cors`](crate::Server::cors).
    ///
    /// ```
    /// let gateway = seltzer::gateway::Gateway::new().response_headers(["location", "etag"]);
    /// # drop(gateway);
    /// ```
    #[must_use]
    pub fn response_headers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let names = names.into_iter().filter_map(|name| HeaderName::from_bytes(name.as_ref().as_bytes()).ok());
        self.settings.plain_headers = names.collect();
        self
    }

    /// Metadata that calls with streams of replies may end with, by its own names. Over HTTP/2 all of it is sent whatever
    /// it is called; over HTTP/1.1 what is announced here, to clients that say `TE: trailers`. Names that are none are
    /// left out.
    ///
    /// ```
    /// let gateway = seltzer::gateway::Gateway::new().announce_trailers(["x-next-page"]);
    /// # drop(gateway);
    /// ```
    #[must_use]
    pub fn announce_trailers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let names = names.into_iter().filter_map(|name| HeaderName::from_bytes(name.as_ref().as_bytes()).ok());
        self.settings.trailers = names.collect();
        self
    }
}

impl Protocol for Gateway {
    fn begin(&mut self, served: &Served<'_>) -> Result<(), BeginError> {
        let mut messages = Messages::new(self.options.clone());
        let mut names = Vec::new();
        for service in served.services() {
            messages.add(service.name, service.file_descriptor_set)?;
            names.push(service.name);
        }
        let bindings = rule::bindings(&messages, names, &self.rules, self.with_implicit)?;
        let routes = rule::routes(bindings)?;
        self.served = Some(Arc::new(Gate { routes, settings: self.settings.clone() }));
        Ok(())
    }

    fn handler(&self, request: &Request<Body>) -> Option<ProtocolHandler> {
        let gate = Arc::clone(self.served.as_ref()?);
        let found = gate.find(request)?;
        Some(Box::new(move |request, calls| {
            let is_head = request.method() == Method::HEAD;
            Box::pin(async move {
                let response = match found {
                    Ok(bound) => gate.answer(bound, request, calls).await,
                    Err(failure) => failure.response(None),
                };
                if is_head { without_body(response) } else { response }
            })
        }))
    }
}

impl Gate {
    /// What a request is bound to; none if it is not for this gateway.
    fn find(&self, request: &Request<Body>) -> Option<Result<Bound, Failure>> {
        let path = Path::new(request.uri().path())?;
        let method = request.method();
        let mut found = self.routes.find(method.as_str(), &path);
        if *method == Method::HEAD && !matches!(&found, Found::Match(binding) if binding.http_method == "HEAD") {
            // As GET, without the body.
            found = self.routes.find("GET", &path);
        }
        let binding = match found {
            Found::Match(binding) => binding,
            Found::Nothing => return None,
            Found::OtherMethods(mut others) => {
                others.retain(|(_, binding)| !binding.is_implicit);
                let mut others: Vec<_> = others.into_iter().map(|(method, _)| method).collect();
                // They are in order, and HEAD is answered where GET is.
                if let (Ok(_), Err(at)) = (others.binary_search(&"GET"), others.binary_search(&"HEAD")) {
                    others.insert(at, "HEAD");
                }
                return (!others.is_empty()).then(|| Err(Failure::other_methods(method, &others)));
            }
        };
        if binding.is_implicit && is_of_other_protocol(request.headers()) {
            return None;
        }
        if path.has_dot_segment(&binding.template) {
            return Some(Err(Failure::bad_request("the path has dot segments: take them out before sending it")));
        }
        let variables = path.variables(&binding.template, self.settings.reserved);
        let variables = match variables {
            Ok(variables) => variables,
            Err(what) => return Some(Err(Failure::bad_request(format!("the path: {what}")))),
        };
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Some(Ok(Bound {
            binding: Arc::clone(binding),
            variables,
            query: request.uri().query().map(str::to_owned),
            ignore_unknown_query: self.settings.ignore_unknown_query,
            content_type: content_type.map(str::to_owned),
            known: OnceLock::new(),
        }))
    }

    async fn answer(&self, bound: Bound, request: Request<Body>, calls: Calls) -> Response<Body> {
        let binding = Arc::clone(&bound.binding);
        let accepts_gzip = takes_coding(request.headers(), "gzip");
        match self.transcode(bound, request, calls).await {
            Ok(response) => compress(response, accepts_gzip).await,
            Err((failure, headers)) => {
                let mut response = failure.response(Some(binding.call.descriptor().parent_pool()));
                for (name, value) in &headers {
                    response.headers_mut().append(name, value.clone());
                }
                response
            }
        }
    }

    async fn transcode(
        &self,
        bound: Bound,
        request: Request<Body>,
        calls: Calls,
    ) -> Result<Response<Body>, (Failure, HeaderMap)> {
        let binding = Arc::clone(&bound.binding);
        let format = StreamFormat::accepted(request.headers());
        let call = self.call(bound, request, &calls).await.map_err(|failure| (failure, HeaderMap::new()))?;
        let reply = calls.call(call).await;
        let plain = &self.settings.plain_headers;
        match binding.kind {
            MethodKind::Unary | MethodKind::ClientStreaming => answer::once(reply, &binding, plain).await,
            MethodKind::ServerStreaming | MethodKind::BidiStreaming => {
                answer::stream(reply, &binding, format, plain, &self.settings.trailers).await
            }
        }
    }

    /// The call that a request means.
    async fn call(&self, bound: Bound, request: Request<Body>, calls: &Calls) -> Result<ProtocolCall, Failure> {
        let (mut head, body) = request.into_parts();
        let retainer = Retainer::take(&mut head.extensions);
        let (begun, timeout) = (Instant::now(), headers::timeout(&head.headers)?);
        let metadata = headers::metadata(&head, calls.peer().remote_addr());
        request::check_page(&head)?;
        if bound.raw_body().is_none() {
            request::check_content_type(&head.headers)?;
        }
        let path = bound.binding.path.clone();
        let bytes_max = self.settings.body_bytes_max.or_else(|| calls.max_decoding_message_size(&path));
        let bytes_max = bytes_max.unwrap_or(BODY_BYTES_MAX_DEFAULT);
        let mut call = match bound.binding.kind {
            MethodKind::Unary | MethodKind::ServerStreaming => {
                let patience = Patience::new(self.settings.body_timeout, timeout);
                let body = request::collect(RetainedBody::whole(body, retainer), bytes_max, patience).await?;
                let body = request::decompress(&head.headers, body, bytes_max)?;
                ProtocolCall::new(path, bound.message(&body)?)
            }
            MethodKind::ClientStreaming | MethodKind::BidiStreaming => {
                if head.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
                    let what = "a stream of requests is not compressed as a whole";
                    return Err(Failure::unknown_coding(what, "identity"));
                }
                ProtocolCall::streaming(path, Requests::new(body, retainer, bound, bytes_max))
            }
        };
        call.metadata = metadata;
        // The body has taken its part of it.
        call.timeout = timeout.map(|timeout| timeout.saturating_sub(begun.elapsed()));
        Ok(call)
    }
}

/// Whether a request to a method by its own name is in another protocol, such as Connect.
fn is_of_other_protocol(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let others = [&b"application/connect"[..], b"application/grpc", b"application/proto"];
    headers.contains_key("connect-protocol-version") || others.iter().any(|other| content_type.starts_with(other))
}

/// The answer to HEAD: what GET would have said, and how long that is.
fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    if let (Some(length), false) = (body.size_hint().exact(), head.headers.contains_key(CONTENT_LENGTH)) {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, Body::empty())
}

/// Two forms of one answer are alike, and not the same byte by byte (RFC 9110, section 8.8.3.3).
#[cfg(feature = "gzip")]
fn weaken_etag(headers: &mut HeaderMap) {
    let Some(tag) = headers.get_mut(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\"")) else { return };
    if let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
        *tag = weak;
    }
}

#[cfg(not(feature = "gzip"))]
async fn compress(response: Response<Body>, _: bool) -> Response<Body> {
    response
}

/// Compresses an answer that is there as a whole, if that is worth it.
#[cfg(feature = "gzip")]
async fn compress(response: Response<Body>, is_accepted: bool) -> Response<Body> {
    use std::io::Write as _;

    let (mut head, body) = response.into_parts();
    let length = body.size_hint().exact().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let is_text = head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if length < COMPRESSED_BYTES_MIN || !is_text || head.headers.contains_key(CONTENT_ENCODING) {
        return Response::from_parts(head, body);
    }
    head.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    if !is_accepted {
        return Response::from_parts(head, body);
    }
    // It is there as a whole: this does not wait.
    let plain = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(length / 2), flate2::Compression::fast());
    let compressed = encoder.write_all(&plain).and_then(|()| encoder.finish());
    let body = match compressed {
        Ok(compressed) => {
            head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            weaken_etag(&mut head.headers);
            Bytes::from(compressed)
        }
        // Memory does not fail.
        Err(_) => plain,
    };
    Response::from_parts(head, Body::new(Full::new(body)))
}
