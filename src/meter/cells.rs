//! What is counted of calls that have ended, status by status.

use std::sync::OnceLock;

use crate::meter::histogram::{Distribution, Durations, Sizes, Took};
use crate::meter::shards::Writer;
use crate::status::Code;

/// The codes of gRPC, from OK to UNAUTHENTICATED.
const CODES: usize = 17;

/// How a call or an attempt of one ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) code: Code,
    pub(crate) took: Took,
    /// Bytes of messages, compressed, without their prefixes.
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// Cells for each status that has occurred.
#[derive(Debug)]
pub(super) struct ByCode<T>([OnceLock<Box<T>>; CODES]);

impl<T> Default for ByCode<T> {
    fn default() -> Self {
        ByCode([const { OnceLock::new() }; CODES])
    }
}

impl<T: Default> ByCode<T> {
    #[inline]
    pub(super) fn of(&self, code: Code) -> &T {
        self.0[code as usize % CODES].get_or_init(Box::default)
    }

    pub(super) fn each(&self, mut read: impl FnMut(Code, &T)) {
        for (number, cells) in (0..).zip(&self.0) {
            if let Some(cells) = cells.get() {
                read(Code::from_i32(number), cells);
            }
        }
    }
}

/// Calls that have ended alike.
#[derive(Debug, Default)]
pub(super) struct Ended {
    durations: Durations,
    sent: Sizes,
    received: Sizes,
}

impl Ended {
    #[inline]
    pub(super) fn record(&self, outcome: &Outcome, writer: Writer) {
        self.durations.record_duration(outcome.took, writer);
        self.sent.record_size(outcome.sent, writer);
        self.received.record_size(outcome.received, writer);
    }

    /// How long they took, and nothing else.
    pub(super) fn durations(&self) -> &Durations {
        &self.durations
    }

    pub(super) fn read(&self, into: &mut Ends) {
        self.durations.read_seconds(&mut into.durations);
        self.sent.read(&mut into.sent);
        self.received.read(&mut into.received);
    }
}

/// The same as exporters read it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ends {
    pub(crate) durations: Distribution,
    pub(crate) sent: Distribution,
    pub(crate) received: Distribution,
}
