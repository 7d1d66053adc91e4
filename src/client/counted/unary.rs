//! Unary calls of the short way as telemetry counts them.

use std::time::Duration;

use tokio::time::Instant;

use crate::codec::PREFIX_BYTES;
use crate::meter::{ClientCall, ClientMethodMeter, UnaryAttempt};
use crate::status::{Code, Status};

/// A call that is counted, if anybody wants to know. Dropped before its end, it was cancelled.
pub(in crate::client) struct CountedUnary(Option<Running>);

struct Running {
    call: ClientCall,
    /// The one that is under way.
    attempt: Option<UnaryAttempt>,
    is_first: bool,
}

impl CountedUnary {
    /// Begins to count a call, which began a while ago if that is known.
    #[inline]
    pub(in crate::client) fn begin(meter: ClientMethodMeter, began: Option<Instant>) -> Self {
        CountedUnary(meter.is_on().then(|| Running { call: meter.begin(began), attempt: None, is_first: true }))
    }

    /// An attempt begins. The first one has waited for nothing but its credentials.
    #[inline]
    pub(in crate::client) fn begin_attempt(&mut self) {
        if let Some(Running { call, attempt, is_first }) = &mut self.0 {
            *attempt = call.unary_attempt(std::mem::take(is_first));
        }
    }

    /// The message has left, so many bytes with its prefix.
    #[inline]
    pub(in crate::client) fn sent(&mut self, length: usize) {
        if let Some(Running { attempt: Some(attempt), .. }) = &mut self.0 {
            attempt.sent(length.saturating_sub(PREFIX_BYTES) as u64);
        }
    }

    /// The answer's message has come, so many bytes with its prefix.
    #[inline]
    pub(in crate::client) fn received(&mut self, length: usize) {
        if let Some(Running { attempt: Some(attempt), .. }) = &mut self.0 {
            attempt.received(length.saturating_sub(PREFIX_BYTES) as u64);
        }
    }

    /// The attempt has ended, and another follows after this pause.
    #[cold]
    pub(in crate::client) fn goes_on_after(&mut self, code: Code, pause: Duration) {
        if let Some(running) = &mut self.0 {
            running.end_attempt(code);
            running.call.retries_after(pause);
        }
    }

    /// The same where nothing was done for it.
    #[cold]
    pub(in crate::client) fn goes_on_transparently(&mut self, code: Code) {
        if let Some(running) = &mut self.0 {
            running.end_attempt(code);
            running.call.retries_transparently();
        }
    }

    /// The call ends before its next attempt.
    #[cold]
    pub(in crate::client) fn fail(&mut self, status: Status) -> Status {
        if let Some(mut running) = self.0.take() {
            std::mem::take(&mut running.call).end(status.code());
        }
        status
    }

    /// What the call has come to, together with its attempt, and when if that is known.
    #[inline]
    pub(in crate::client) fn end<T>(&mut self, result: &Result<T, Status>, at: Option<Instant>) {
        if let Some(mut running) = self.0.take() {
            let code = result.as_ref().map_or_else(Status::code, |_| Code::Ok);
            std::mem::take(&mut running.call).end_unary(running.attempt.take(), code, at);
        }
    }
}

impl Running {
    fn end_attempt(&mut self, code: Code) {
        if let Some(attempt) = self.attempt.take() {
            self.call.end_attempt(&attempt, code);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_attempt(Code::Cancelled);
    }
}
