//! How long calls may take.

use std::time::Duration;

use crate::deadline::Deadline;
use crate::service::interceptor::{Next, ServerCall, ServerInterceptor, ServerReply};
use crate::status::Status;

/// What a server says about deadlines: how long calls may take at most, how long those without a deadline, and how short
/// a time is not worth beginning.
///
/// The time counts from when this interceptor sees a call; the deadline is then that of the whole call, and handlers see
/// it as their own. A call ends as DEADLINE_EXCEEDED when it is over.
///
/// ```
/// # #[cfg(feature = "server")]
/// # fn main() {
/// use std::time::Duration;
/// use seltzer::server::TimeoutPolicy;
///
/// let policy = TimeoutPolicy::new()
///     .minimum(Duration::from_millis(5))
///     .default_timeout(Duration::from_secs(10))
///     .maximum(Duration::from_secs(60));
/// let server = seltzer::Server::builder().intercept(policy);
/// # drop(server);
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeoutPolicy {
    minimum: Duration,
    maximum: Option<Duration>,
    default: Option<Duration>,
}

impl TimeoutPolicy {
    /// One that changes nothing.
    #[must_use]
    pub fn new() -> Self {
        TimeoutPolicy::default()
    }

    /// Refuses calls that leave less than this, at once: nothing could be done for them in time.
    #[must_use]
    pub fn minimum(mut self, timeout: Duration) -> Self {
        self.minimum = timeout;
        self
    }

    /// No call may take longer, whatever its caller says.
    #[must_use]
    pub fn maximum(mut self, timeout: Duration) -> Self {
        self.maximum = Some(timeout);
        self
    }

    /// How long calls may take whose callers say nothing.
    #[must_use]
    pub fn default_timeout(mut self, timeout: Duration) -> Self {
        self.default = Some(timeout);
        self
    }
}

impl ServerInterceptor for TimeoutPolicy {
    async fn intercept(&self, mut call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        let left = call.context().time_remaining();
        if let Some(left) = left.filter(|left| *left < self.minimum) {
            return Err(Status::deadline_exceeded(format!(
                "the deadline leaves {left:?}, and this server begins nothing with less than {:?}",
                self.minimum
            )));
        }
        let default = self.default.filter(|_| left.is_none());
        if let Some(limit) = [default, self.maximum].into_iter().flatten().min() {
            call.limit_deadline(Deadline::after(limit));
        }
        next.run(call).await
    }
}
