//! Spans of calls, as gRFC A72 has them.

mod queue;
mod sampler;
mod span;

use std::borrow::Cow;
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(in crate::telemetry) use self::queue::{BATCH_SPANS, SpanQueue};
pub use self::sampler::Sampler;
use self::span::{Beginning, Recording};
pub use self::span::{Span, SpanAttribute, SpanEvent, SpanKind};
use crate::context::{Context, SpanId, TraceContext, TraceId};
use crate::metadata::{MetadataMap, MetadataValue};
use crate::observe::{Attempt, AttributeValue, CallSpan, Traced, Tracer};
use crate::telemetry::Telemetry;

/// How many spans wait at most, as in OpenTelemetry's SDKs.
const QUEUED_SPANS_MAX: usize = 2048;

/// The header of OpenCensus and of gRPC before OpenTelemetry.
const GRPC_TRACE_BIN: HeaderName = HeaderName::from_static("grpc-trace-bin");

/// Which calls are recorded, and how traces go from one process to another.
///
/// ```
/// use seltzer::telemetry::{Propagation, Sampler, Telemetry, Tracing};
///
/// let tracing = Tracing::new()
///     .sampler(Sampler::parent_based(Sampler::ratio(0.1)))
///     .propagation(Propagation::Both); // callers that still use OpenCensus
/// let telemetry = Telemetry::builder().service_name("greeter").tracing(tracing).build();
/// # drop(telemetry);
/// ```
#[derive(Debug, Clone)]
pub struct Tracing {
    sampler: Sampler,
    propagation: Propagation,
    queued_spans_max: usize,
}

/// By which headers traces go from one process to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Propagation {
    /// `traceparent` and `tracestate` of W3C Trace Context, as everybody does today.
    #[default]
    TraceContext,
    /// `grpc-trace-bin` of OpenCensus.
    GrpcTraceBin,
    /// Both are sent; of those that come `traceparent` counts, and the other where there is none.
    Both,
}

impl Tracing {
    /// Records what callers want to have recorded, and all calls without a traced caller.
    #[must_use]
    pub fn new() -> Self {
        Tracing { sampler: Sampler::default(), propagation: Propagation::default(), queued_spans_max: QUEUED_SPANS_MAX }
    }

    /// Says which calls are recorded.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self
    }

    /// Says by which headers traces go on.
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = propagation;
        self
    }

    /// How many spans may wait to be exported; more are dropped and counted. 2048 unless set.
    #[must_use]
    pub fn queued_spans_max(mut self, spans: usize) -> Self {
        self.queued_spans_max = spans.max(1);
        self
    }
}

impl Default for Tracing {
    fn default() -> Self {
        Tracing::new()
    }
}

/// Begins spans.
pub(in crate::telemetry) struct SpanMaker {
    sampler: Sampler,
    propagation: Propagation,
    pub(in crate::telemetry) queue: Arc<SpanQueue>,
}

impl SpanMaker {
    pub(in crate::telemetry) fn new(tracing: Tracing) -> Self {
        let Tracing { sampler, propagation, queued_spans_max } = tracing;
        SpanMaker { sampler, propagation, queue: Arc::new(SpanQueue::new(queued_spans_max)) }
    }

    /// A span within the parent's trace, or the first one of its own.
    fn begin(
        &self,
        parent: Option<&TraceContext>,
        is_remote: bool,
        prefix: &str,
        path: &str,
        kind: SpanKind,
    ) -> Traced {
        let trace_id = parent.map_or_else(new_trace_id, TraceContext::trace_id);
        let is_sampled = self.sampler.samples(trace_id, parent);
        let span_id = new_span_id();
        let context = match parent {
            Some(parent) => parent.with_span(span_id, is_sampled),
            None => TraceContext::new(trace_id, span_id, is_sampled),
        };
        let span = is_sampled.then(|| {
            self.record(Beginning {
                context: context.clone(),
                parent: parent.map(TraceContext::span_id),
                has_remote_parent: is_remote && parent.is_some(),
                name: name(prefix, path),
                kind,
                attributes: Vec::new(),
            })
        });
        Traced { context, span }
    }

    fn record(&self, beginning: Beginning) -> Arc<dyn CallSpan> {
        Arc::new(Recording::begin(beginning, &self.queue))
    }
}

impl Tracer for SpanMaker {
    fn extract(&self, headers: &HeaderMap) -> Option<TraceContext> {
        match self.propagation {
            Propagation::TraceContext => TraceContext::from_headers(headers),
            Propagation::GrpcTraceBin => from_binary(headers),
            Propagation::Both => TraceContext::from_headers(headers).or_else(|| from_binary(headers)),
        }
    }

    fn inject(&self, context: &TraceContext, headers: &mut HeaderMap) {
        if self.propagation != Propagation::GrpcTraceBin {
            context.write_headers(headers);
        }
        if self.propagation != Propagation::TraceContext {
            let value = MetadataValue::from_bytes(&context.to_bytes());
            if let Ok(value) = HeaderValue::from_bytes(value.as_encoded_bytes()) {
                headers.insert(GRPC_TRACE_BIN, value);
            }
        }
    }

    fn server_call(&self, path: &str, caller: Option<&TraceContext>) -> Traced {
        self.begin(caller, true, "Recv.", path, SpanKind::Server)
    }

    fn client_call(&self, path: &str, parent: Option<&TraceContext>) -> Traced {
        self.begin(parent, false, "Sent.", path, SpanKind::Client)
    }

    fn client_attempt(&self, path: &str, call: &Traced, attempt: Attempt) -> Traced {
        if call.span.is_none() {
            return call.clone();
        }
        let context = call.context.with_span(new_span_id(), true);
        let span = self.record(Beginning {
            context: context.clone(),
            parent: Some(call.context.span_id()),
            has_remote_parent: false,
            name: name("Attempt.", path),
            kind: SpanKind::Internal,
            attributes: vec![
                (Cow::Borrowed("previous-rpc-attempts"), AttributeValue::Int(attempt.before.into())),
                (Cow::Borrowed("transparent-retry"), AttributeValue::Bool(attempt.is_transparent)),
            ],
        });
        Traced { context, span: Some(span) }
    }
}

impl Telemetry {
    /// Who traces calls, if anybody does.
    pub(in crate::telemetry) fn tracer(&self) -> Option<Arc<dyn Tracer>> {
        self.inner.spans.as_ref().map(|spans| Arc::clone(spans) as _)
    }

    /// Takes the oldest spans that are over, `spans_max` of them at most: for an exporter of your own. With
    /// [`export_otlp`](Self::export_otlp) they go there instead.
    ///
    /// ```
    /// use seltzer::telemetry::{Telemetry, Tracing};
    ///
    /// let telemetry = Telemetry::builder().tracing(Tracing::new()).build();
    /// for span in telemetry.take_spans(100) {
    ///     println!("{} took {:?}", span.name, span.end.duration_since(span.start));
    /// }
    /// ```
    #[must_use]
    pub fn take_spans(&self, spans_max: usize) -> Vec<Span> {
        self.inner.spans.as_ref().map_or_else(Vec::new, |spans| spans.queue.take(spans_max))
    }

    /// How many spans were recorded and came to nothing: those that found no room among the ones that wait, and those
    /// that could not be exported.
    #[must_use]
    pub fn dropped_spans(&self) -> u64 {
        self.inner.spans.as_ref().map_or(0, |spans| spans.queue.dropped())
    }
}

impl Context {
    /// Where the call stands in a trace: the server's span of it. `None` without telemetry, and outside of a call.
    ///
    /// Clients that are called in the handler make children of it by themselves.
    ///
    /// ```
    /// let trace = seltzer::context::current().trace();
    /// if let Some(trace) = &trace {
    ///     tracing::info!(trace_id = %trace.trace_id(), span_id = %trace.span_id(), "halfway there");
    /// }
    /// # assert!(trace.is_none(), "this is no call");
    /// ```
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.traced().map(|traced| traced.context.clone())
    }

    /// Says something about the server's span of this call, in place of what was said by the same name before. Nothing
    /// happens where the call is not recorded.
    ///
    /// ```
    /// seltzer::context::current().set_span_attribute("shop.order", "4711");
    /// ```
    pub fn set_span_attribute(&self, key: &str, value: impl Into<AttributeValue>) {
        if let Some(span) = self.span() {
            span.describe(key, value.into());
        }
    }

    /// Adds a moment to the server's span of this call. Nothing happens where the call is not recorded.
    pub fn add_span_event(&self, name: &str) {
        if let Some(span) = self.span() {
            span.note(name);
        }
    }
}

fn from_binary(headers: &HeaderMap) -> Option<TraceContext> {
    if !headers.contains_key(GRPC_TRACE_BIN) {
        return None;
    }
    let mut values = MetadataMap::from_headers(headers.clone())
        .get_all_bin(GRPC_TRACE_BIN.as_str())
        .iter()
        .map(|value| value.to_bytes().ok())
        .collect::<Vec<_>>();
    match (values.pop(), values.is_empty()) {
        (Some(Some(bytes)), true) => TraceContext::from_bytes(&bytes),
        _ => None,
    }
}

/// `Recv.` and `/package.Service/Method` is `Recv.package.Service.Method`.
fn name(prefix: &str, path: &str) -> String {
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut name = String::with_capacity(prefix.len() + path.len());
    name.push_str(prefix);
    name.extend(path.chars().map(|letter| if letter == '/' { '.' } else { letter }));
    name
}

thread_local! {
    /// Seeded by the system, so that no two threads of any two processes begin alike.
    static IDS: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::with_seed(RandomState::new().hash_one(())));
}

fn new_trace_id() -> TraceId {
    loop {
        let bytes = IDS.with_borrow_mut(|rng| rng.u128(..)).to_be_bytes();
        if let Some(id) = TraceId::from_bytes(bytes) {
            return id;
        }
    }
}

fn new_span_id() -> SpanId {
    loop {
        let bytes = IDS.with_borrow_mut(|rng| rng.u64(..)).to_be_bytes();
        if let Some(id) = SpanId::from_bytes(bytes) {
            return id;
        }
    }
}
