//! Calls in the log.

use crate::context::Peer;
use crate::service::interceptor::{CallEnd, Next, RequestId, ServerCall, ServerInterceptor, ServerReply};
use crate::status::{Status, code_name};

/// Logs the end of each call as a `tracing` event of the target `seltzer::server`: INFO for those that went well, WARN
/// for those that failed.
///
/// The fields are `method`, `peer`, `code`, `requests`, `request_bytes`, `replies`, `reply_bytes`, `duration_ms`, of
/// calls with one (see [`RequestIds`](crate::server::RequestIds)) `request_id`, of calls in a trace (feature `telemetry`)
/// `trace_id` and `span_id`, and of failures `message`. Neither metadata nor messages are logged: they hold secrets.
///
/// As the outermost interceptor it sees what callers see.
///
/// ```
/// # #[cfg(feature = "server")]
/// let server = seltzer::Server::builder().intercept(seltzer::server::Logging::new());
/// # #[cfg(feature = "server")]
/// # drop(server);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Logging(());

impl Logging {
    /// One that logs all calls.
    #[must_use]
    pub fn new() -> Self {
        Logging::default()
    }
}

impl ServerInterceptor for Logging {
    async fn intercept(&self, call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        next.run_watched(call, log).await
    }
}

fn log(end: &CallEnd) {
    let context = end.context();
    let (method, code) = (context.method(), code_name(end.code()));
    let peer = context.peer().and_then(Peer::remote_addr).map(tracing::field::display);
    let (requests, request_bytes) = (end.requests(), end.request_bytes());
    let (replies, reply_bytes) = (end.replies(), end.reply_bytes());
    let duration_ms = end.duration().as_secs_f64() * 1e3;
    let id = context.extension::<RequestId>();
    let request_id = id.as_ref().map(RequestId::as_str);
    #[cfg(feature = "telemetry")]
    let [trace_id, span_id] = {
        let trace = context.traced().map(|traced| &traced.context);
        [trace.map(|trace| trace.trace_id().to_string()), trace.map(|trace| trace.span_id().to_string())]
    };
    #[cfg(not(feature = "telemetry"))]
    let [trace_id, span_id] = [None::<&str>; 2];
    match end.failure() {
        None => tracing::info!(
            target: "seltzer::server",
            method, peer, code, requests, request_bytes, replies, reply_bytes, duration_ms, request_id, trace_id, span_id,
            "call"
        ),
        Some(status) => tracing::warn!(
            target: "seltzer::server",
            method, peer, code, requests, request_bytes, replies, reply_bytes, duration_ms, request_id, trace_id, span_id,
            message = status.message()
        ),
    }
}
