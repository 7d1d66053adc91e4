//! Calls in the log.

use crate::client::interceptor::{ClientCall, ClientInterceptor, ClientReply, Next};
use crate::status::{Status, code_name};

/// Logs the end of each call as a `tracing` event of the target `seltzer::client`: INFO for those that went well, WARN
/// for those that failed.
///
/// The fields are `method`, `code`, `requests`, `replies`, `duration_ms` and, of failures, `message`. Neither metadata
/// nor messages are logged: they hold secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Logging(());

impl Logging {
    /// One that logs all calls.
    #[must_use]
    pub fn new() -> Self {
        Logging::default()
    }
}

impl ClientInterceptor for Logging {
    async fn intercept(&self, call: ClientCall, next: Next) -> Result<ClientReply, Status> {
        let method = call.path().to_owned();
        let log = move |end: &super::CallEnd| {
            let (code, requests, replies) = (code_name(end.code()), end.requests(), end.replies());
            let duration_ms = end.duration().as_secs_f64() * 1e3;
            match end.failure() {
                None => tracing::info!(
                    target: "seltzer::client", method, code, requests, replies, duration_ms, "call"
                ),
                Some(status) => tracing::warn!(
                    target: "seltzer::client", method, code, requests, replies, duration_ms,
                    message = status.message()
                ),
            }
        };
        next.run_watched(call, log).await
    }
}
