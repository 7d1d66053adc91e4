//! What telemetry wants to know of a call while it is handled.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::context::Context;
use crate::meter::{MethodMeter, Outcome, Took};
use crate::status::Code;

/// What was counted of one call so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Its beginning was counted.
    is_started: AtomicBool,
    /// Bytes of messages. One reads them and one writes them, so that nothing is lost.
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counts {
    /// Begins anew with another call.
    #[cfg(feature = "server")]
    pub(super) fn renew(&mut self) {
        *self = Counts::default();
    }
}

impl Context {
    fn counts(&self) -> Option<(&MethodMeter, &Counts)> {
        self.call.as_ref().map(|call| (&call.origin.meter, &call.counts)).filter(|(meter, _)| meter.is_on())
    }

    /// Whether the call is counted.
    pub(crate) fn is_counted(&self) -> bool {
        self.counts().is_some()
    }

    /// The call begins.
    pub(crate) fn count_start(&self) {
        if let Some((meter, counts)) = self.counts() {
            counts.is_started.store(meter.started(), Relaxed);
        }
    }

    /// There is an answer, or with this code the end of one.
    pub(crate) fn count_answer(&self, code: Option<Code>) {
        if let Some((meter, counts)) = self.counts()
            && !counts.is_started.swap(true, Relaxed)
        {
            meter.answered(code);
        }
    }

    /// The call has ended.
    pub(crate) fn count_end(&self, code: Code, duration: Duration) {
        self.count_answer(Some(code));
        if let Some((meter, counts)) = self.counts() {
            let (sent, received) = (counts.sent.load(Relaxed), counts.received.load(Relaxed));
            meter.ended(&Outcome { code, took: Took::of(duration), sent, received });
        }
    }

    /// The call began and ended well, after so long and with an answer of so many bytes.
    #[cfg(feature = "server")]
    #[inline]
    pub(crate) fn count_answered(&self, how: impl FnOnce() -> (Duration, usize)) {
        if let Some((meter, counts)) = self.counts() {
            meter.happened(|| {
                let (duration, sent) = how();
                let received = counts.received.load(Relaxed);
                Outcome { code: Code::Ok, took: Took::of(duration), sent: sent as u64, received }
            });
        }
    }

    /// Whoever reads and writes the call's messages tells this.
    pub(crate) fn counter(&self) -> Counter {
        Counter(self.is_counted().then(|| self.clone()))
    }

    /// A message came, of so many bytes.
    pub(crate) fn count_received(&self, bytes: usize) {
        if let Some((_, counts)) = self.counts() {
            counts.received.store(counts.received.load(Relaxed) + bytes as u64, Relaxed);
        }
    }

    fn count_sent(&self, bytes: usize) {
        if let Some((_, counts)) = self.counts() {
            counts.sent.store(counts.sent.load(Relaxed) + bytes as u64, Relaxed);
        }
    }
}

/// Counts the messages of a call, if anybody wants to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Option<Context>);

impl Counter {
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A message came, of so many bytes.
    pub(crate) fn received(&self, bytes: usize) {
        if let Some(context) = &self.0 {
            context.count_received(bytes);
        }
    }

    /// A message is on its way, of so many bytes.
    pub(crate) fn sent(&self, bytes: usize) {
        if let Some(context) = &self.0 {
            context.count_sent(bytes);
        }
    }
}
