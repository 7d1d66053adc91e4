//! A unary call of the short way in its trace, if it has one; without the feature `telemetry` nothing.

use http::{Extensions, HeaderMap};

use crate::client::plan::CallPlan;
#[cfg(feature = "telemetry")]
use crate::client::trace::{AttemptTrace, CallTrace};
use crate::codec::{Codec, MessageEncoder};
use crate::status::{Code, Status};

/// A unary call and its current attempt in their trace.
pub(super) struct UnaryTrace<'a> {
    #[cfg(feature = "telemetry")]
    call: Option<&'a CallTrace>,
    #[cfg(feature = "telemetry")]
    attempt: Option<AttemptTrace>,
    #[cfg(not(feature = "telemetry"))]
    none: std::marker::PhantomData<&'a ()>,
}

#[cfg(feature = "telemetry")]
impl<'a> UnaryTrace<'a> {
    /// The trace that a request belongs to.
    #[inline]
    pub(super) fn of(extensions: &'a Extensions, plan: Option<&CallPlan>) -> Self {
        let call = crate::client::trace::of(extensions);
        if let (Some(call), Some(plan)) = (call, plan) {
            plan.tell(call);
        }
        UnaryTrace { call, attempt: None }
    }

    /// Begins an attempt, and says so in its headers.
    #[inline]
    pub(super) fn begin_attempt<C: Codec>(
        &mut self,
        is_transparent: bool,
        headers: &mut HeaderMap,
        encoder: &mut MessageEncoder<C>,
    ) {
        if let Some(call) = self.call {
            let mut attempt = call.attempt(is_transparent, headers);
            encoder.tell(attempt.encoding());
            self.attempt = Some(attempt);
        }
    }

    /// The attempt has found its connection.
    #[inline]
    pub(super) fn placed(&self, was_delayed: bool) {
        if let Some(attempt) = &self.attempt {
            attempt.placed(was_delayed);
        }
    }

    /// A message came, which was so long on its way, and, if it was compressed, so long without.
    #[inline]
    pub(super) fn received(&self, length: usize, plain: Option<usize>) {
        if let Some(span) = self.attempt.as_ref().and_then(AttemptTrace::span) {
            let compressed_bytes = plain.map(|_| length);
            span.received(crate::observe::MessageSize { bytes: Some(plain.unwrap_or(length)), compressed_bytes });
        }
    }

    /// The attempt is over, and another one follows.
    pub(super) fn ended(&self, code: Code, message: &str) {
        if let Some(attempt) = &self.attempt {
            attempt.ended(code, message);
        }
    }

    /// The attempt is over, and so is the call.
    #[inline]
    pub(super) fn finish<T>(&self, result: &Result<T, Status>) {
        if let Some(attempt) = &self.attempt {
            attempt.ended_with(result);
        }
    }

    /// Whether anybody wants to know.
    pub(super) fn is_on(&self) -> bool {
        self.attempt.is_some()
    }
}

#[cfg(not(feature = "telemetry"))]
#[allow(clippy::unused_self, clippy::inline_always, reason = "it stands for nothing")]
impl<'a> UnaryTrace<'a> {
    #[inline]
    pub(super) fn of(_: &'a Extensions, _: Option<&CallPlan>) -> Self {
        UnaryTrace { none: std::marker::PhantomData }
    }

    #[inline]
    pub(super) fn begin_attempt<C: Codec>(&mut self, _: bool, _: &mut HeaderMap, _: &mut MessageEncoder<C>) {}

    #[inline]
    pub(super) fn placed(&self, _: bool) {}

    #[inline]
    pub(super) fn received(&self, _: usize, _: Option<usize>) {}

    pub(super) fn ended(&self, _: Code, _: &str) {}

    #[inline]
    pub(super) fn finish<T>(&self, _: &Result<T, Status>) {}

    pub(super) fn is_on(&self) -> bool {
        false
    }
}
