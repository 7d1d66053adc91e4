//! Unary calls of the short way as telemetry counts them.

use std::time::Duration;

use tokio::time::Instant;

use crate::codec::PREFIX_BYTES;
use crate::meter::{ClientCall, ClientMethodMeter, UnaryAttempt};
use crate::status::{Code, Status};

/// A call, and the attempt that is under way. Dropped before its end, it was cancelled.
pub(in crate::client) struct CountedUnary {
    call: ClientCall,
    attempt: Option<UnaryAttempt>,
    is_first: bool,
}

impl CountedUnary {
    /// Begins to count a call, which began a while ago if that is known.
    #[inline]
    pub(in crate::client) fn begin(meter: ClientMethodMeter, began: Option<Instant>) -> Self {
        CountedUnary { call: meter.begin(began), attempt: None, is_first: true }
    }

    /// An attempt begins. The first one has waited for nothing but its credentials.
    #[inline]
    pub(in crate::client) fn begin_attempt(&mut self) {
        self.attempt = self.call.unary_attempt(std::mem::take(&mut self.is_first));
    }

    /// The message has left, so many bytes with its prefix.
    #[inline]
    pub(in crate::client) fn sent(&mut self, length: usize) {
        if let Some(attempt) = &mut self.attempt {
            attempt.sent(length.saturating_sub(PREFIX_BYTES) as u64);
        }
    }

    /// The answer's message has come, so many bytes with its prefix.
    #[inline]
    pub(in crate::client) fn received(&mut self, length: usize) {
        if let Some(attempt) = &mut self.attempt {
            attempt.received(length.saturating_sub(PREFIX_BYTES) as u64);
        }
    }

    /// The attempt has ended, and another follows after this pause.
    #[cold]
    pub(in crate::client) fn goes_on_after(&mut self, code: Code, pause: Duration) {
        self.end_attempt(code);
        self.call.retries_after(pause);
    }

    /// The same where nothing was done for it.
    #[cold]
    pub(in crate::client) fn goes_on_transparently(&mut self, code: Code) {
        self.end_attempt(code);
        self.call.retries_transparently();
    }

    fn end_attempt(&mut self, code: Code) {
        if let Some(attempt) = self.attempt.take() {
            self.call.end_attempt(&attempt, code);
        }
    }

    /// The call ends before its next attempt.
    #[cold]
    pub(in crate::client) fn fail(&mut self, status: Status) -> Status {
        std::mem::take(&mut self.call).end(status.code());
        status
    }

    /// What the call has come to, together with its attempt, and when if that is known.
    #[inline]
    pub(in crate::client) fn finish<T>(mut self, result: Result<T, Status>, at: Option<Instant>) -> Result<T, Status> {
        if self.call.is_on() {
            let code = result.as_ref().map_or_else(Status::code, |_| Code::Ok);
            std::mem::take(&mut self.call).end_unary(self.attempt.take(), code, at);
        }
        result
    }
}

impl Drop for CountedUnary {
    #[inline]
    fn drop(&mut self) {
        self.end_attempt(Code::Cancelled);
    }
}
