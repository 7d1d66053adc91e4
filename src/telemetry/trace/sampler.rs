//! Which calls are recorded.

use crate::context::{TraceContext, TraceId};

/// Decides which calls are recorded. Unless set, those whose caller's is, and all that have no caller with a trace.
///
/// A server that strangers call should decide by itself, [`ratio`](Self::ratio) alone for example: they could have all
/// of theirs recorded otherwise.
///
/// ```
/// use seltzer::telemetry::Sampler;
///
/// // One trace in a hundred, and all of it: whoever begins it decides for those that it calls.
/// let sampler = Sampler::parent_based(Sampler::ratio(0.01));
/// # drop(sampler);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampler(Decision);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Decision {
    /// Those whose trace id is below this, of 63 bits.
    Below(u64),
    AsParent(Box<Decision>),
}

/// More than any 63 bits.
const ALL: u64 = 1 << 63;

impl Sampler {
    /// All calls.
    #[must_use]
    pub fn always() -> Self {
        Sampler(Decision::Below(ALL))
    }

    /// None. Traces pass through nevertheless: who is called learns of its caller's caller.
    #[must_use]
    pub fn never() -> Self {
        Sampler(Decision::Below(0))
    }

    /// This share of all traces, from 0 to 1. It depends on a trace's id alone, so that all who use the same ratio
    /// choose the same traces, those of OpenTelemetry among them (`TraceIdRatioBased`).
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 2^63")]
    pub fn ratio(ratio: f64) -> Self {
        // NaN is no share.
        let ratio = if ratio > 0.0 { ratio.min(1.0) } else { 0.0 };
        Sampler(Decision::Below((ratio * ALL as f64) as u64))
    }

    /// As the caller has decided; where there is none, `root` does.
    #[must_use]
    pub fn parent_based(root: Sampler) -> Self {
        Sampler(match root.0 {
            Decision::AsParent(root) => Decision::AsParent(root),
            root => Decision::AsParent(Box::new(root)),
        })
    }

    pub(super) fn samples(&self, trace_id: TraceId, parent: Option<&TraceContext>) -> bool {
        self.0.samples(trace_id, parent)
    }
}

impl Decision {
    fn samples(&self, trace_id: TraceId, parent: Option<&TraceContext>) -> bool {
        match (self, parent) {
            (Decision::Below(bound), _) => low_bits(trace_id) >> 1 < *bound,
            (Decision::AsParent(_), Some(parent)) => parent.is_sampled(),
            (Decision::AsParent(root), None) => root.samples(trace_id, None),
        }
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Sampler::parent_based(Sampler::always())
    }
}

/// The half of a trace's id that is random even where the other is a time.
fn low_bits(trace_id: TraceId) -> u64 {
    let bytes = trace_id.to_bytes();
    u64::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::SpanId;

    /// The low half of a trace's id, what the parent decided, and whether it is recorded.
    type Case = (u64, Option<bool>, bool);

    fn trace_id(low: u64) -> TraceId {
        let mut bytes = [0xff; 16];
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        TraceId::from_bytes(bytes).expect("not zero")
    }

    #[test]
    fn samplers_decide_by_parent_and_by_id() {
        const LOW: u64 = 0;
        const MIDDLE: u64 = u64::MAX / 2;
        const HIGH: u64 = u64::MAX;
        let parent = |is_sampled| Some(is_sampled);
        let table: &[(&str, Sampler, &[Case])] = &[
            ("always", Sampler::always(), &[(HIGH, None, true), (HIGH, parent(false), true)]),
            ("never", Sampler::never(), &[(LOW, None, false), (LOW, parent(true), false)]),
            ("all of them", Sampler::ratio(1.0), &[(HIGH, None, true)]),
            ("more than all", Sampler::ratio(7.0), &[(HIGH, None, true)]),
            ("no share", Sampler::ratio(f64::NAN), &[(LOW, None, false)]),
            ("less than none", Sampler::ratio(-1.0), &[(LOW, None, false)]),
            (
                "a half",
                Sampler::ratio(0.5),
                &[(LOW, None, true), (MIDDLE, None, true), (MIDDLE + 1, None, false), (HIGH, parent(true), false)],
            ),
            (
                "as the parent, else a half",
                Sampler::parent_based(Sampler::ratio(0.5)),
                &[(LOW, None, true), (HIGH, None, false), (HIGH, parent(true), true), (LOW, parent(false), false)],
            ),
            (
                "as the parent, twice",
                Sampler::parent_based(Sampler::parent_based(Sampler::never())),
                &[(LOW, None, false), (HIGH, parent(true), true)],
            ),
            ("unless set", Sampler::default(), &[(HIGH, None, true), (LOW, parent(false), false)]),
        ];
        for (name, sampler, cases) in table {
            for (low, parent, expected) in *cases {
                let id = trace_id(*low);
                let parent = parent.map(|it| TraceContext::new(id, SpanId::from_bytes([1; 8]).expect("not zero"), it));
                assert_eq!(sampler.samples(id, parent.as_ref()), *expected, "{name}: {low:x} within {parent:?}");
            }
        }
    }
}
