//! Unary calls of generated services, as our own engine hands them over: a header block is understood once, and
//! after that a call is little more than its handler.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use http_body_util::Full;
use seltzer_h2::{FieldList, HeaderField, Prepared};
use tokio::time::Instant;
use tonic::body::Body;

use crate::codec::{CompressionEncoding, PREFIX_BYTES, Rope};
use crate::context::{Context, Origin, Peer};
use crate::deadline::Deadline;
use crate::metadata::{self, GRPC_ACCEPT_ENCODING, MetadataMap};
use crate::meter::{Outcome, Took};
use crate::pace::Pace;
use crate::server::at_once;
use crate::server::dispatch::{Dispatcher, Handler, Understood, check_http, timeout, with_peer};
use crate::server::guard::{self, Guard, Watch, log_call};
use crate::server::measured;
use crate::server::native;
use crate::server::protocol::{ProtocolCall, RequestMessages};
use crate::service::{
    Answered, CallSettings, FoundHandler, MethodDescriptor, MethodKind, Payload, Reply, ReplyBody, Router, Service,
    UnaryCall,
};
use crate::status::{Code, Status};
use crate::transport::h2::{
    Answer, AnswerFuture, AtOnce, Later, Message, Payload as Arrived, Routed, Unary, request_head,
};
use crate::transport::incoming_body::IncomingBody;
use crate::transport::response_body::ResponseBody;

/// The content types whose answers have prepared header blocks; others go the general way.
const CONTENT_TYPES: [&str; 2] = ["application/grpc", "application/grpc+proto"];

/// What all connections of a server know of its unary methods.
#[derive(Default)]
pub(crate) struct UnaryMethods {
    by_path: HashMap<&'static str, Arc<UnaryMethod>>,
}

/// A unary method of a generated service.
struct UnaryMethod {
    service: Arc<dyn Service>,
    settings: Arc<CallSettings>,
    index: usize,
    descriptor: &'static MethodDescriptor,
    pace: Pace,
    accept_encoding: HeaderValue,
    /// The headers of a good answer, one for each of [`CONTENT_TYPES`].
    heads: [Prepared; CONTENT_TYPES.len()],
    trailers: Prepared,
}

impl UnaryMethods {
    pub(crate) fn of(router: &Router) -> Self {
        let trailers = Prepared::new([HeaderField::new(b"grpc-status", b"0")]);
        let mut by_path = HashMap::new();
        let methods = router.descriptors().flat_map(|service| service.methods);
        for descriptor in methods.filter(|method| method.kind == MethodKind::Unary) {
            let Ok(found) = router.find(descriptor.path) else { continue };
            // Calls with interceptors go the general way.
            let (FoundHandler::Native { service, method }, None) = (found.handler, found.interceptors) else {
                continue;
            };
            let settings = found.settings;
            let accept_encoding = settings.compression.accept_header();
            let method = UnaryMethod {
                service: Arc::clone(service),
                settings: Arc::clone(settings),
                index: method,
                descriptor,
                pace: Pace::default(),
                heads: CONTENT_TYPES.map(|content_type| response_head(content_type, &accept_encoding)),
                accept_encoding,
                trailers: trailers.clone(),
            };
            by_path.insert(descriptor.path, Arc::new(method));
        }
        UnaryMethods { by_path }
    }
}

fn response_head(content_type: &str, accept_encoding: &HeaderValue) -> Prepared {
    Prepared::new([
        HeaderField::new(b":status", b"200"),
        HeaderField::new(b"content-type", content_type.as_bytes()),
        HeaderField::new(GRPC_ACCEPT_ENCODING.as_str().as_bytes(), accept_encoding.as_bytes()),
    ])
}

/// Answers the requests of one connection.
pub(crate) struct Answerer {
    dispatcher: Dispatcher,
    peer: Arc<Peer>,
    /// The context of the last call, to be used again.
    spare: Context,
}

/// What became of a call that another protocol made.
pub(crate) enum Called {
    /// It is over: this is its answer, without metadata.
    Message(Bytes),
    /// The answer is something else, or it is not there yet.
    Later(AnswerFuture),
}

/// All that was written, in one piece.
fn whole(output: &mut Rope) -> Bytes {
    let first = output.pop_front().unwrap_or_default();
    let Some(second) = output.pop_front() else { return first };
    let mut all = BytesMut::from(first);
    all.extend_from_slice(&second);
    while let Some(next) = output.pop_front() {
        all.extend_from_slice(&next);
    }
    all.freeze()
}

/// What is known of a unary call from its headers.
pub(crate) struct UnaryHead {
    method: Arc<UnaryMethod>,
    origin: Arc<Origin>,
    metadata: MetadataMap,
    timeout: Option<Duration>,
    content_type: usize,
    request_encoding: Option<CompressionEncoding>,
    caller_accepts: Option<HeaderValue>,
}

impl Answerer {
    pub(crate) fn new(dispatcher: Dispatcher, peer: Arc<Peer>) -> Self {
        Answerer { dispatcher, peer, spare: Context::default() }
    }

    /// The head of a unary call. `None`: something about it is out of the ordinary, or simply wrong; the general way
    /// sorts it out.
    fn head(&self, fields: &FieldList) -> Option<UnaryHead> {
        // Interceptors of the whole server belong to the general way, and so do its layers.
        if !self.dispatcher.around.is_empty() {
            return None;
        }
        let request = request_head(fields)?;
        if request.method() != Method::POST || request.uri().query().is_some() || check_http(&request).is_err() {
            return None;
        }
        let method = self.dispatcher.unary.by_path.get(request.uri().path())?;
        let headers = request.headers();
        let content_type = headers.get(CONTENT_TYPE)?;
        let content_type = CONTENT_TYPES.iter().position(|known| content_type == known)?;
        let timeout = timeout(headers).ok()?;
        let compression = &method.settings.compression;
        let request_encoding = compression.accepted(headers.get(metadata::GRPC_ENCODING)).ok()?;
        let caller_accepts = headers.get(GRPC_ACCEPT_ENCODING).cloned();
        let user_agent = headers.get(http::header::USER_AGENT).cloned();
        let path = method.descriptor.path;
        let origin = Origin {
            method: path.to_owned(),
            peer: Arc::clone(&self.peer),
            user_agent,
            meter: self.dispatcher.meter.registered(path),
            #[cfg(feature = "telemetry")]
            trace: self.dispatcher.trace_of(headers),
        };
        Some(UnaryHead {
            method: Arc::clone(method),
            origin: Arc::new(origin),
            timeout: [timeout, self.dispatcher.timeout].into_iter().flatten().min(),
            content_type,
            request_encoding,
            caller_accepts,
            metadata: metadata::user_metadata(request.into_parts().0.headers),
        })
    }

    /// Makes a unary call that another protocol made of a request. It comes back if it has to go the general way.
    pub(crate) fn call(dispatcher: &Dispatcher, peer: &Arc<Peer>, call: ProtocolCall) -> Result<Called, ProtocolCall> {
        // What stands around the whole server belongs to the general way; layers have seen the request already.
        if !dispatcher.around.interceptors.is_empty() || !call.extensions.is_empty() {
            return Err(call);
        }
        let RequestMessages::One(message) = &call.messages else { return Err(call) };
        let message = message.clone();
        let Some(method) = dispatcher.unary.by_path.get(call.path.as_str()) else { return Err(call) };
        if message.len() > method.settings.limits.decoding_bytes_max {
            return Err(call);
        }
        let headers = call.metadata.into_headers();
        let origin = Origin {
            method: call.path,
            peer: Arc::clone(peer),
            user_agent: headers.get(http::header::USER_AGENT).cloned(),
            meter: dispatcher.meter.registered(method.descriptor.path),
            #[cfg(feature = "telemetry")]
            trace: dispatcher.trace_of(&headers),
        };
        let head = Arc::new(UnaryHead {
            method: Arc::clone(method),
            origin: Arc::new(origin),
            timeout: [call.timeout, dispatcher.timeout].into_iter().flatten().min(),
            content_type: 0,
            request_encoding: None,
            caller_accepts: None,
            metadata: metadata::user_metadata(headers),
        });
        let mut answerer = Answerer::new(dispatcher.clone(), Arc::clone(peer));
        let message = Message { is_compressed: false, payload: Arrived::Shared(message) };
        let mut output = Rope::default();
        Ok(match answerer.unary(&head, message, Instant::now(), &mut output) {
            Unary::Written => Called::Message(whole(&mut output).split_off(PREFIX_BYTES)),
            Unary::Later(later) => Called::Later(later.answer),
        })
    }

    fn context(&mut self, head: &UnaryHead, arrived: Instant) -> Context {
        let deadline = head.timeout.map(|timeout| Deadline::counted_from(arrived, timeout));
        std::mem::take(&mut self.spare).reused(&head.origin, deadline)
    }
}

impl Answer for Answerer {
    type Head = UnaryHead;
    /// `None`: a call that is refused.
    type Meaning = Option<Understood>;

    fn route(&self, fields: &FieldList) -> Routed<UnaryHead> {
        self.head(fields).map_or(Routed::General, Routed::Unary)
    }

    fn blocks(head: &UnaryHead) -> (&Prepared, &Prepared) {
        (&head.method.heads[head.content_type], &head.method.trailers)
    }

    fn message_bytes_max(&self, head: &UnaryHead) -> usize {
        head.method.settings.limits.decoding_bytes_max
    }

    fn timeout(&self, head: &UnaryHead) -> Option<Duration> {
        head.timeout
    }

    fn unary(&mut self, head: &Arc<UnaryHead>, message: Message<'_>, arrived: Instant, output: &mut Rope) -> Unary {
        let mut context = self.context(head, arrived);
        context = self.dispatcher.trace(context);
        if context.deadline().is_some_and(|deadline| deadline.has_passed()) {
            let watch = Watch::begin_since(context, arrived.into_std());
            return Unary::Later(answer_with(head, watch, guard::deadline_status()));
        }
        #[cfg(feature = "channelz")]
        if let Some(tally) = &self.peer.tally {
            tally.calls.began();
        }
        let started = guard::is_logging().then(Instant::now);
        let begins_at = output.mark();
        let method = &head.method;
        let call = UnaryCall {
            method: method.descriptor,
            metadata: &head.metadata,
            extensions: &self.peer.extensions,
            is_compressed: message.is_compressed,
            payload: match message.payload {
                Arrived::Slice(bytes) => Payload::Slice(bytes),
                Arrived::Shared(bytes) => Payload::Shared(bytes),
            },
            context: &mut context,
            settings: &method.settings,
            request_encoding: head.request_encoding,
            caller_accepts: head.caller_accepts.as_ref(),
            pace: &method.pace,
            output,
        };
        // The handler's own panics are caught with its context around it; this is for codecs and interceptors.
        let called = catch_unwind(AssertUnwindSafe(|| method.service.call_unary(method.index, call)));
        let Ok(answered) = called else {
            let another = self.context(head, arrived);
            #[cfg(feature = "telemetry")]
            let another = another.traced_as(&context);
            let watch = Watch::begun(another, Some(arrived.into_std()));
            return Unary::Later(answer_with(head, watch, guard::panic_status()));
        };
        match answered.0 {
            Answered::Written => {
                #[cfg(feature = "channelz")]
                if let Some(tally) = &self.peer.tally {
                    tally.calls.ended(Code::Ok);
                    tally.sent();
                }
                context.count_answered(|| (arrived.elapsed(), output.since(begins_at) - PREFIX_BYTES));
                #[cfg(feature = "telemetry")]
                if let Some(span) = context.span() {
                    span.end(Code::Ok, "");
                }
                if let Some(started) = started {
                    log_call(context.method(), Code::Ok, started.elapsed(), context.peer());
                }
                self.spare = context;
                Unary::Written
            }
            Answered::Later { reply, is_long } => {
                let (head, current) = (Arc::clone(head), context.clone());
                let deadline = context.deadline();
                let answer = async move { response(reply.await, &head, current) };
                let answer = Guard::going_on(Watch::begun(context, Some(arrived.into_std())), answer);
                Unary::Later(Later { answer: Box::pin(answer), is_long, deadline })
            }
        }
    }

    fn refuse(&mut self, head: &Arc<UnaryHead>, status: Status, arrived: Instant) -> Later {
        let context = self.context(head, arrived);
        let context = self.dispatcher.trace(context);
        answer_with(head, Watch::begin_since(context, arrived.into_std()), status)
    }

    fn lost(&mut self, head: &UnaryHead, arrived: Instant) {
        let outcome = || Outcome { code: Code::Cancelled, took: Took::of(arrived.elapsed()), sent: 0, received: 0 };
        head.origin.meter.happened(outcome);
    }

    fn cardinality(&self, head: &UnaryHead, came: &str) -> Status {
        let path = head.method.descriptor.path;
        Status::unimplemented(format!("{path} takes exactly one request message, and {came}"))
    }

    fn deadline_status(&self) -> Status {
        guard::deadline_status()
    }

    fn understand(&self, request: &http::Request<()>) -> Option<Understood> {
        self.dispatcher.understand(request, &self.peer).ok()
    }

    fn collects_messages(meaning: &Option<Understood>) -> bool {
        matches!(meaning, Some(Understood::Call { handler: Handler::Native { .. } | Handler::Raw { .. }, .. }))
    }

    fn answer(&mut self, meaning: &Option<Understood>, request: http::Request<IncomingBody>) -> Later {
        // Deadlines are those of calls; what else is asked over HTTP has none.
        let (answer, timeout) = match meaning {
            Some(understood) => {
                let timeout = match understood {
                    Understood::Call { timeout, .. } => *timeout,
                    Understood::Plain => None,
                };
                (self.dispatcher.answer_understood(understood, request, &self.peer), timeout)
            }
            None => (self.dispatcher.answer(request, &self.peer), None),
        };
        Later { answer, is_long: false, deadline: timeout.map(Deadline::after) }
    }

    fn lost_request(&mut self, meaning: &Option<Understood>) {
        if let Some(Understood::Call { origin, .. }) = meaning {
            let outcome = || Outcome { code: Code::Cancelled, took: Took::of(Duration::ZERO), sent: 0, received: 0 };
            origin.meter.happened(outcome);
        }
    }

    fn answers_at_once(&self, meaning: &Option<Understood>) -> bool {
        // Interceptors of the whole server belong to the general way.
        matches!(meaning, Some(Understood::Call { handler: Handler::Tower(_), .. }))
            && self.dispatcher.around.is_empty()
    }

    fn answer_at_once(&mut self, meaning: &Option<Understood>, head: &http::Request<()>, body: Full<Bytes>) -> AtOnce {
        if let Some(Understood::Call { handler: Handler::Tower(handler), timeout, origin }) = meaning {
            let context = std::mem::take(&mut self.spare).reused(origin, timeout.map(Deadline::after));
            if !context.deadline().is_some_and(|deadline| deadline.has_passed()) {
                let context = self.dispatcher.trace(context);
                // What is recorded of its messages belongs to the general way.
                #[cfg(feature = "telemetry")]
                if context.span().is_some() {
                    let (handler, deadline) = (Handler::Tower(handler.clone()), context.deadline());
                    let request = head.clone().map(|()| IncomingBody::Whole(body));
                    let answer = self.dispatcher.answer_in(context, &handler, request, &self.peer);
                    return AtOnce::Later(Later { answer, is_long: false, deadline });
                }
                let body = measured::whole(body, &context);
                let request = || with_peer(head.clone().map(|()| Body::new(body)), &self.peer);
                let (answer, context) = at_once::answer(context, || handler.call(request()));
                self.spare = context.unwrap_or_default();
                return answer;
            }
        }
        AtOnce::Later(self.answer(meaning, head.clone().map(|()| IncomingBody::Whole(body))))
    }
}

fn response(reply: Reply, head: &UnaryHead, context: Context) -> http::Response<ResponseBody> {
    let content_type = HeaderValue::from_static(CONTENT_TYPES[head.content_type]);
    native::complete(native::response(reply, context), content_type, head.method.accept_encoding.clone())
}

fn answer_with(head: &Arc<UnaryHead>, watch: Watch, status: Status) -> Later {
    let reply = Reply { metadata: MetadataMap::new(), encoding: None, body: ReplyBody::Failed(status) };
    let response = response(reply, head, watch.context.clone());
    Later { answer: Box::pin(Guard::going_on(watch, std::future::ready(response))), is_long: false, deadline: None }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::Pending;
    use std::task::{Context as TaskContext, Poll};

    use tonic::body::Body;

    use super::*;
    use crate::service::TowerHandler;

    /// A service of somebody else's, that says nothing.
    #[derive(Clone)]
    struct Silent;

    impl tower_service::Service<http::Request<Body>> for Silent {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = Pending<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<Body>) -> Self::Future {
            std::future::pending()
        }
    }

    #[tokio::test]
    async fn only_calls_have_deadlines() {
        let handler = || Handler::Tower(TowerHandler::new(Silent));
        let call = |timeout| Understood::Call { handler: handler(), timeout, origin: Arc::default() };
        let table = [
            ("a call with a timeout", Some(call(Some(Duration::from_secs(1)))), true),
            ("a call without", Some(call(None)), false),
            ("no call", Some(Understood::Plain), false),
            ("a refused call", None, false),
        ];
        let dispatcher = Dispatcher { timeout: Some(Duration::from_secs(60)), ..Dispatcher::default() };
        let mut answerer = Answerer::new(dispatcher, Arc::default());
        for (name, meaning, has_deadline) in table {
            let request = http::Request::new(IncomingBody::Http(Body::empty()));
            assert_eq!(answerer.answer(&meaning, request).deadline.is_some(), has_deadline, "{name}");
        }
    }
}
