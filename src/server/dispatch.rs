//! A request that arrived: is it a call, and whose?

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE, USER_AGENT};
use http::{Method, StatusCode, Version};
use tonic::body::Body;

use crate::context::{Context, Origin, Peer};
use crate::deadline::{Deadline, parse_timeout};
use crate::metadata::{self, GRPC_STATUS, GRPC_TIMEOUT};
use crate::meter::{MethodMeter, Outcome, ServerMeter, Took};
use crate::server::guard::{Guard, log_call};
use crate::server::measured;
use crate::server::native::{self, NativeCall, add_status};
use crate::service::{
    CallSettings, FoundHandler, InterceptMetadata, Interceptors, NotFound, RawCall, Router, Service, TowerHandler,
};
use crate::status::{Code, Status};
use crate::transport::incoming_body::IncomingBody;
use crate::transport::response_body::ResponseBody;

type ResponseFuture = Pin<Box<dyn Future<Output = http::Response<ResponseBody>> + Send>>;

/// Everything that answers requests on one server.
#[derive(Clone, Default)]
pub(crate) struct Dispatcher {
    pub(crate) router: Arc<Router>,
    pub(crate) around: Arc<Around>,
    pub(crate) fallback: Option<TowerHandler>,
    pub(crate) timeout: Option<Duration>,
    /// Counts all calls, if anybody wants to know.
    pub(crate) meter: ServerMeter,
    /// Methods that can be called the short way.
    #[cfg(feature = "server")]
    pub(crate) unary: Arc<crate::server::unary::UnaryMethods>,
}

/// What stands around all calls, whoever answers them, and beside them.
#[derive(Clone, Default)]
pub(crate) struct Around {
    /// Those that see metadata alone and were added before any other; the others are the router's.
    pub(crate) interceptors: Vec<InterceptMetadata>,
    /// What tower layers made of all that is below them.
    pub(crate) layered: Option<TowerHandler>,
    /// Which pages of other origins may call, outside of all layers.
    #[cfg(feature = "server")]
    pub(crate) cors: Option<Arc<crate::server::cors::Cors>>,
    /// Other protocols than gRPC, each asked in turn.
    #[cfg(feature = "server")]
    pub(crate) protocols: Arc<Vec<Box<dyn crate::server::protocol::Protocol>>>,
    /// What the page at `/` shows beside the services.
    #[cfg(feature = "server")]
    pub(crate) shown: Arc<crate::server::page::Shown>,
    /// Who traces calls.
    #[cfg(feature = "telemetry")]
    pub(crate) tracer: Option<Arc<dyn crate::observe::Tracer>>,
}

impl Around {
    /// Nothing does.
    #[cfg(feature = "server")]
    pub(crate) fn is_empty(&self) -> bool {
        self.interceptors.is_empty() && self.layered.is_none()
    }
}

/// What the head of a request means: the same for every request of a peer with this head.
pub(crate) enum Understood {
    /// It is no gRPC.
    Plain,
    /// A call that has found its handler.
    Call { handler: Handler, timeout: Option<Duration>, origin: Arc<Origin> },
}

/// Who answers a call.
#[derive(Clone)]
pub(crate) enum Handler {
    Native {
        service: Arc<dyn Service>,
        settings: Arc<CallSettings>,
        method: usize,
        interceptors: Option<Interceptors>,
    },
    Tower(TowerHandler),
    /// The same with interceptors.
    Raw {
        handler: TowerHandler,
        settings: Arc<CallSettings>,
        interceptors: Interceptors,
    },
    /// The server's tower layers, and within them whoever it is.
    Layered(TowerHandler),
}

impl Dispatcher {
    /// Answers one request.
    pub(crate) fn answer(&self, request: http::Request<IncomingBody>, peer: &Arc<Peer>) -> ResponseFuture {
        match self.understand(&request, peer) {
            Ok(understood) => self.answer_understood(&understood, request, peer),
            Err(refused) => self.answer_refused(&request, refused, peer),
        }
    }

    /// Answers a call that another protocol made of a request. What stands around all requests has seen that request.
    #[cfg(feature = "server")]
    pub(crate) fn answer_translated(&self, request: http::Request<IncomingBody>, peer: &Arc<Peer>) -> ResponseFuture {
        match self.understand_call(&request, peer) {
            Ok(understood) => self.answer_understood(&understood, request, peer),
            Err(refused) => self.answer_refused(&request, refused, peer),
        }
    }

    /// Gives the answer to what was refused before it became a call, and counts it.
    fn answer_refused(
        &self,
        request: &http::Request<IncomingBody>,
        refused: http::Response<ResponseBody>,
        peer: &Arc<Peer>,
    ) -> ResponseFuture {
        let code = refused.headers().get(GRPC_STATUS).map(|status| Code::from_bytes(status.as_bytes()));
        // What is refused without a status is no call.
        if let Some(code) = code {
            let outcome = || Outcome { code, took: Took::of(Duration::ZERO), sent: 0, received: 0 };
            self.meter_of_refused(request.uri().path()).happened(outcome);
        }
        let code = code.unwrap_or(Code::Internal);
        #[cfg(feature = "channelz")]
        if let Some(tally) = &peer.tally {
            tally.calls.happened(code);
        }
        #[cfg(feature = "telemetry")]
        self.trace_refused(request, code, refused.headers());
        log_call(request.uri().path(), code, Duration::ZERO, Some(peer));
        Box::pin(std::future::ready(refused))
    }

    /// Looks at the head of a request.
    ///
    /// # Errors
    /// The answer to a call that has no handler, or that is none by its headers.
    pub(crate) fn understand<B>(
        &self,
        request: &http::Request<B>,
        peer: &Arc<Peer>,
    ) -> Result<Understood, http::Response<ResponseBody>> {
        if !is_grpc(request.headers()) {
            return Ok(Understood::Plain);
        }
        match &self.around.layered {
            // Layers see wrong calls too, and may change what leads to a handler.
            Some(layered) => {
                let timeout = timeout(request.headers()).unwrap_or_default();
                Ok(self.call(request, Handler::Layered(layered.clone()), timeout, peer))
            }
            None => self.understand_call(request, peer),
        }
    }

    /// Looks at the head of a request that is meant as gRPC and has come through all that stands around.
    fn understand_call<B>(
        &self,
        request: &http::Request<B>,
        peer: &Arc<Peer>,
    ) -> Result<Understood, http::Response<ResponseBody>> {
        check_http(request)?;
        let timeout = timeout(request.headers()).map_err(|status| refuse(&status))?;
        let handler = self.handler(request.uri());
        let handler = handler.map_err(|why| refuse(&not_found(&why, request.uri().path(), &self.router)))?;
        Ok(self.call(request, handler, timeout, peer))
    }

    fn call<B>(
        &self,
        request: &http::Request<B>,
        handler: Handler,
        timeout: Option<Duration>,
        peer: &Arc<Peer>,
    ) -> Understood {
        let path = request.uri().path();
        let user_agent = request.headers().get(USER_AGENT).cloned();
        let origin = Origin {
            method: path.to_owned(),
            peer: Arc::clone(peer),
            user_agent,
            meter: self.meter_of(path),
            #[cfg(feature = "telemetry")]
            trace: self.trace_of(request.headers()),
        };
        let timeout = [timeout, self.timeout].into_iter().flatten().min();
        Understood::Call { handler, timeout, origin: Arc::new(origin) }
    }

    /// What counts the calls of a method.
    pub(crate) fn meter_of(&self, path: &str) -> MethodMeter {
        match self.router.find(path).map(|found| found.handler) {
            Ok(FoundHandler::Native { .. }) => self.meter.registered(path),
            Ok(FoundHandler::Tower(_)) => self.meter.unknown(path),
            Err(_) => self.meter.other(),
        }
    }

    /// The same for a call that its service has not seen.
    fn meter_of_refused(&self, path: &str) -> MethodMeter {
        match self.router.find(path).map(|found| found.handler) {
            Ok(FoundHandler::Native { .. }) => self.meter.registered(path),
            _ => self.meter.other(),
        }
    }

    fn handler(&self, uri: &http::Uri) -> Result<Handler, NotFound> {
        if uri.query().is_some() {
            return Err(NotFound::NotAMethodPath);
        }
        let found = self.router.find(uri.path())?;
        let (settings, interceptors) = (Arc::clone(found.settings), found.interceptors.cloned());
        Ok(match (found.handler, interceptors) {
            (FoundHandler::Native { service, method }, interceptors) => {
                Handler::Native { service: Arc::clone(service), settings, method, interceptors }
            }
            (FoundHandler::Tower(handler), None) => Handler::Tower(handler.clone()),
            (FoundHandler::Tower(handler), Some(interceptors)) => {
                Handler::Raw { handler: handler.clone(), settings, interceptors }
            }
        })
    }

    /// Answers a request whose head was understood.
    pub(crate) fn answer_understood(
        &self,
        understood: &Understood,
        request: http::Request<IncomingBody>,
        peer: &Arc<Peer>,
    ) -> ResponseFuture {
        let Understood::Call { handler, timeout, origin } = understood else {
            #[cfg(feature = "server")]
            if let Some(cors) = &self.around.cors {
                return self.answer_page(Arc::clone(cors), request, peer);
            }
            return self.answer_other(request, peer);
        };
        let context = self.trace(Context::new(Arc::clone(origin), timeout.map(Deadline::after)));
        self.answer_in(context, handler, request, peer)
    }

    /// Answers a request that may come from a page of another origin.
    #[cfg(feature = "server")]
    fn answer_page(
        &self,
        cors: Arc<crate::server::cors::Cors>,
        request: http::Request<IncomingBody>,
        peer: &Arc<Peer>,
    ) -> ResponseFuture {
        if let Some(answer) = cors.preflight(request.method(), request.headers()) {
            return Box::pin(std::future::ready(answer));
        }
        let admitted = cors.admitted(request.headers());
        let answer = self.answer_other(request, peer);
        Box::pin(async move {
            let mut answer = answer.await;
            cors.adorn(&mut answer, admitted);
            answer
        })
    }

    /// Answers a request that is no gRPC, within the server's tower layers.
    fn answer_other(&self, request: http::Request<IncomingBody>, peer: &Arc<Peer>) -> ResponseFuture {
        match &self.around.layered {
            Some(layered) => {
                let (layered, request) = (layered.clone(), for_layers(request, peer, None));
                Box::pin(async move { layered.call(request).await.map(ResponseBody::Http) })
            }
            None => self.answer_plain(request, peer),
        }
    }

    /// Answers a call whose context is there.
    pub(crate) fn answer_in(
        &self,
        context: Context,
        handler: &Handler,
        request: http::Request<IncomingBody>,
        peer: &Arc<Peer>,
    ) -> ResponseFuture {
        let request = match handler {
            Handler::Layered(_) => for_layers(request, peer, Some(&context)).map(IncomingBody::Http),
            _ => with_peer(request, peer),
        };
        Box::pin(Guard::new(context.clone(), self.run(handler.clone(), request, context)))
    }

    /// Answers a request that came through the server's tower layers.
    #[cfg(feature = "server")]
    pub(crate) async fn answer_within_layers(&self, request: http::Request<Body>) -> http::Response<ResponseBody> {
        let context = request.extensions().get::<Context>().cloned().unwrap_or_default();
        let peer = request.extensions().get::<Peer>().cloned().map(Arc::new).unwrap_or_default();
        let request = request.map(IncomingBody::Http);
        match self.understand(&request, &Arc::default()) {
            Ok(Understood::Plain) => self.answer_plain(request, &peer).await,
            Ok(Understood::Call { handler, .. }) => self.run(handler, request, context).await,
            Err(refused) => refused,
        }
    }

    /// Answers a call, within whatever guards it. All of it happens there: an interceptor that panics is its own call's
    /// affair.
    fn run(
        &self,
        handler: Handler,
        request: http::Request<IncomingBody>,
        context: Context,
    ) -> impl Future<Output = http::Response<ResponseBody>> + Send + 'static {
        let around = Arc::clone(&self.around);
        async move {
            let before = &around.interceptors;
            match handler {
                Handler::Native { service, settings, method, interceptors } => {
                    let call = NativeCall { service, settings, method, context, interceptors };
                    call.answer(request, before).await
                }
                Handler::Raw { handler, settings, interceptors } => match intercept(request, before, &context) {
                    Ok(request) => {
                        native::answer_raw(RawCall { handler, settings, context }, request, interceptors).await
                    }
                    Err(status) => refuse(&status),
                },
                Handler::Tower(handler) => match intercept(request, before, &context) {
                    Ok(mut request) => {
                        measured::request(&mut request, &context);
                        let mut response = answer_told(&handler, request, &context).await;
                        measured::answer(&mut response, &context);
                        response
                    }
                    Err(status) => refuse(&status),
                },
                Handler::Layered(layered) => answer_http(&layered, request).await,
            }
        }
    }

    /// Begins the trace of a call, if anybody traces calls.
    #[inline]
    pub(crate) fn trace(&self, context: Context) -> Context {
        #[cfg(feature = "telemetry")]
        if let Some(tracer) = &self.around.tracer {
            return context.traced_by(&**tracer);
        }
        context
    }

    /// The trace that a request belongs to.
    #[cfg(feature = "telemetry")]
    pub(crate) fn trace_of(&self, headers: &HeaderMap) -> Option<crate::context::TraceContext> {
        self.around.tracer.as_ref()?.extract(headers)
    }

    /// Records a call that was refused before it became one.
    #[cfg(feature = "telemetry")]
    fn trace_refused(&self, request: &http::Request<IncomingBody>, code: Code, refused: &HeaderMap) {
        let Some(tracer) = &self.around.tracer else { return };
        let traced = tracer.server_call(request.uri().path(), tracer.extract(request.headers()).as_ref());
        if let Some(span) = traced.span {
            let status = crate::status::from_peer(refused);
            span.end(code, status.as_ref().map_or("", Status::message));
        }
    }

    /// Answers a request in the protocol that it speaks, or gives it back.
    #[cfg(feature = "server")]
    #[allow(clippy::result_large_err, reason = "what is given back is the request itself, which goes on as it is")]
    fn answer_spoken(
        &self,
        request: http::Request<IncomingBody>,
        peer: &Arc<Peer>,
    ) -> Result<ResponseFuture, http::Request<Body>> {
        let request = request.map(IncomingBody::into_http);
        let Some(handler) = self.around.protocols.iter().find_map(|protocol| protocol.handler(&request)) else {
            return Err(request);
        };
        let answer = handler(request, crate::server::protocol::Calls::new(self.clone(), Arc::clone(peer)));
        Ok(Box::pin(async move { answer.await.map(ResponseBody::Http) }))
    }

    /// The answer to a method's caller who says nothing that is spoken here.
    fn wrong_type(&self) -> http::Response<ResponseBody> {
        #[cfg(feature = "server")]
        let others: Vec<_> = self.around.protocols.iter().flat_map(|protocol| protocol.content_types()).collect();
        #[cfg(not(feature = "server"))]
        let others: Vec<&&str> = Vec::new();
        let spoken: Vec<_> = std::iter::once("application/grpc").chain(others.into_iter().copied()).collect();
        let others = if spoken.len() > 1 { format!(", or any of {}", spoken[1..].join(", ")) } else { String::new() };
        let text = format!("this is a gRPC method: send content-type application/grpc over HTTP/2{others}\n");
        let mut response = plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
        if let Ok(spoken) = HeaderValue::from_str(&spoken.join(", ")) {
            response.headers_mut().insert("accept-post", spoken);
        }
        response
    }

    #[cfg(feature = "server")]
    fn page_facts(&self) -> crate::server::page::Facts {
        let (router, shown) = (Arc::clone(&self.router), Arc::clone(&self.around.shown));
        #[allow(clippy::clone_on_copy, reason = "it is a number of nothing where nothing is counted")]
        let meter = self.meter.clone();
        crate::server::page::Facts { router, shown, meter }
    }

    /// Answers a request that is no gRPC call.
    fn answer_plain(&self, request: http::Request<IncomingBody>, peer: &Arc<Peer>) -> ResponseFuture {
        #[cfg(feature = "server")]
        let request = match self.around.protocols.is_empty() {
            true => request,
            false => match self.answer_spoken(request, peer) {
                Ok(answer) => return answer,
                Err(request) => request.map(IncomingBody::Http),
            },
        };
        #[cfg(not(feature = "server"))]
        let _ = peer;
        if let Some(fallback) = &self.fallback {
            let fallback = fallback.clone();
            return Box::pin(async move {
                fallback.call(request.map(IncomingBody::into_http)).await.map(ResponseBody::Http)
            });
        }
        // A gRPC method reached with another content type: the specification asks for 415.
        if request.method() == Method::POST && self.router.find(request.uri().path()).is_ok() {
            return Box::pin(std::future::ready(self.wrong_type()));
        }
        #[cfg(feature = "server")]
        return Box::pin(crate::server::page::answer(request, self.page_facts()));
        #[cfg(not(feature = "server"))]
        Box::pin(std::future::ready(plain(StatusCode::NOT_FOUND, "there is nothing here\n")))
    }
}

async fn answer_http(handler: &TowerHandler, request: http::Request<IncomingBody>) -> http::Response<ResponseBody> {
    handler.call(request.map(IncomingBody::into_http)).await.map(ResponseBody::Http)
}

/// The same of a call, whose messages are told of where it is recorded.
async fn answer_told(
    handler: &TowerHandler,
    request: http::Request<IncomingBody>,
    context: &Context,
) -> http::Response<ResponseBody> {
    #[cfg(feature = "telemetry")]
    if let Some(watch) = context.watch() {
        use crate::transport::scanned_body::{Direction, ScannedBody};
        let scanned = |body, direction| Body::new(ScannedBody::new(body, Arc::clone(&watch), direction));
        let request = request.map(|body| scanned(body.into_http(), Direction::Received));
        let response = handler.call(request).await;
        return response.map(|body| ResponseBody::Http(scanned(body, Direction::Sent)));
    }
    let _ = context;
    answer_http(handler, request).await
}

/// Whether a request is meant as gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(metadata::is_grpc)
}

/// What gRPC demands of the HTTP around it.
pub(crate) fn check_http<B>(request: &http::Request<B>) -> Result<(), http::Response<ResponseBody>> {
    if request.version() < Version::HTTP_2 {
        return Err(plain(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "gRPC needs HTTP/2\n"));
    }
    if request.method() != Method::POST {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "gRPC calls are POST requests\n");
        response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("POST"));
        return Err(response);
    }
    // Some clients leave `te` out, and every server lets them; another value shows a proxy that drops trailers.
    match request.headers().get(TE) {
        Some(te) if te != "trailers" => {
            Err(refuse(&Status::internal("the header `te` must be `trailers`: something between drops them")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    parse_timeout(value).map(Some).ok_or_else(|| {
        let value = String::from_utf8_lossy(value.as_bytes());
        Status::internal(format!("grpc-timeout {value:?} is not up to eight digits and one of H, M, S, m, u, n"))
    })
}

fn not_found(why: &NotFound, path: &str, router: &Router) -> Status {
    let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    Status::unimplemented(match why {
        NotFound::NotAMethodPath => format!("{path:?} is not of the form /service/method"),
        NotFound::Service if router.names().is_empty() => "nothing is served here".to_owned(),
        NotFound::Service => format!("there is no service {service:?} here"),
        NotFound::Method => format!("there is no method {path}"),
    })
}

fn intercept(
    request: http::Request<IncomingBody>,
    interceptors: &[InterceptMetadata],
    context: &Context,
) -> Result<http::Request<IncomingBody>, Status> {
    if interceptors.is_empty() {
        return Ok(request);
    }
    let _entered = context.enter();
    let (mut parts, body) = request.into_parts();
    let metadata = crate::metadata::user_metadata(parts.headers.clone());
    let mut call = tonic::Request::from_parts(metadata, std::mem::take(&mut parts.extensions), ());
    for interceptor in interceptors {
        call = interceptor(call)?;
    }
    let (metadata, extensions, ()) = call.into_parts();
    parts.extensions = extensions;
    // The protocol's headers stay as they came, the user's are what the interceptors made of them.
    let mut headers = HeaderMap::new();
    for (name, value) in parts.headers.iter().filter(|(name, _)| crate::metadata::is_reserved(name)) {
        headers.append(name, value.clone());
    }
    crate::metadata::append_user_metadata(&mut headers, metadata);
    parts.headers = headers;
    Ok(http::Request::from_parts(parts, body))
}

/// Lets a request's handler find who called, where tonic's own functions look for that.
pub(crate) fn with_peer<B>(mut request: http::Request<B>, peer: &Peer) -> http::Request<B> {
    if !peer.extensions.is_empty() {
        request.extensions_mut().extend(peer.extensions.clone());
    }
    request
}

/// A request for tower layers, who find there what is known of the peer and of the call.
fn for_layers(
    request: http::Request<IncomingBody>,
    peer: &Arc<Peer>,
    context: Option<&Context>,
) -> http::Request<Body> {
    let mut request = with_peer(request, peer).map(IncomingBody::into_http);
    request.extensions_mut().insert(Peer::clone(peer));
    if let Some(context) = context {
        request.extensions_mut().insert(context.clone());
    }
    request
}

/// A gRPC answer that is nothing but a status.
pub(crate) fn refuse(status: &Status) -> http::Response<ResponseBody> {
    let mut response = http::Response::new(ResponseBody::empty());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    add_status(status, response.headers_mut());
    response
}

/// An HTTP answer in plain text.
pub(crate) fn plain(status: StatusCode, text: impl Into<bytes::Bytes>) -> http::Response<ResponseBody> {
    let body = Body::new(http_body_util::Full::new(text.into()));
    let mut response = http::Response::new(ResponseBody::Http(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
