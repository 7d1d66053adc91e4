//! Calls go to the least busy of a few backends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::client::backend::Backend;
use crate::client::balance::per_backend::PerBackend;
use crate::client::balance::round_robin::not_ready;
use crate::client::balance::{Balancer, CallObserver, CallOutcome, Pick, PickCall, Picker};
use crate::client::connectivity::ConnectivityState;

/// Two random backends are enough to keep calls away from busy ones (gRFC A48).
const CHOICE_COUNT_DEFAULT: usize = 2;
const CHOICE_COUNT_MIN: usize = 2;
/// More would only cost time.
const CHOICE_COUNT_MAX: usize = 10;

/// How [`Balance::LeastRequest`](crate::client::balance::Balance::LeastRequest) chooses (gRFC A48).
///
/// Of a few backends chosen by lot the one with the fewest calls of this channel at the moment takes the next. So a slow
/// one gets fewer calls, and a new one is not flooded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeastRequest {
    choice_count: usize,
}

impl Default for LeastRequest {
    fn default() -> Self {
        LeastRequest { choice_count: CHOICE_COUNT_DEFAULT }
    }
}

impl LeastRequest {
    /// Two by lot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are compared for each call: 2 unless set, at least 2, at most 10.
    #[must_use]
    pub fn choice_count(mut self, count: usize) -> Self {
        self.choice_count = count.clamp(CHOICE_COUNT_MIN, CHOICE_COUNT_MAX);
        self
    }
}

/// Keeps all backends connected, and counts the calls on each.
#[derive(Debug)]
pub(super) struct LeastRequestBalancer {
    settings: LeastRequest,
    calls: PerBackend<Calls>,
}

impl LeastRequestBalancer {
    pub(super) fn new(settings: LeastRequest) -> Self {
        LeastRequestBalancer { settings, calls: PerBackend::default() }
    }
}

impl Balancer for LeastRequestBalancer {
    fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker> {
        backends.iter().for_each(Backend::connect);
        let calls = self.calls.of(backends, Calls::default);
        let ready: Vec<_> = backends
            .iter()
            .cloned()
            .zip(calls)
            .filter(|(backend, _)| backend.state() == ConnectivityState::Ready)
            .collect();
        if ready.is_empty() {
            return not_ready(backends);
        }
        Arc::new(Lots { ready, choice_count: self.settings.choice_count })
    }
}

struct Lots {
    ready: Vec<(Backend, Arc<Calls>)>,
    choice_count: usize,
}

impl Lots {
    fn choose(&self, mut lot: impl FnMut() -> usize) -> &(Backend, Arc<Calls>) {
        let mut best = &self.ready[lot()];
        for _ in 1..self.choice_count {
            let other = &self.ready[lot()];
            if other.1.running() < best.1.running() {
                best = other;
            }
        }
        best
    }
}

impl Picker for Lots {
    fn pick(&self, _: &PickCall<'_>) -> Pick {
        let (backend, calls) = self.choose(|| fastrand::usize(..self.ready.len()));
        Pick::Observed(backend.clone(), Arc::clone(calls) as Arc<dyn CallObserver>)
    }
}

/// The calls that run on a backend.
#[derive(Debug, Default)]
struct Calls(AtomicUsize);

impl Calls {
    fn running(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl CallObserver for Calls {
    fn begin(&self, _: &Backend) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self, _: &Backend, _: &CallOutcome<'_>) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::balance::tests::{OUTCOME, backends, pick};
    use crate::client::connectivity::ConnectivityState::{Connecting, Ready, TransientFailure};

    #[test]
    fn the_choice_count_has_bounds() {
        for (asked, got) in [(0, 2), (1, 2), (2, 2), (7, 7), (10, 10), (11, 10), (usize::MAX, 10)] {
            assert_eq!(LeastRequest::new().choice_count(asked).choice_count, got, "{asked}");
        }
    }

    #[test]
    fn of_those_by_lot_the_least_busy_is_taken() {
        let backends = backends(&[Ready, Ready, Ready]);
        let calls = |count| Arc::new(Calls(AtomicUsize::new(count)));
        let table = [
            // running calls, choices, lots, chosen
            ([0, 0, 0], 2, vec![2, 1], 2),
            ([3, 1, 2], 2, vec![0, 1], 1),
            ([3, 1, 2], 2, vec![2, 0], 2),
            ([3, 1, 2], 3, vec![0, 2, 1], 1),
            ([5, 1, 2], 2, vec![0, 0], 0),
        ];
        for (running, choice_count, lots, chosen) in table {
            let ready = backends.iter().cloned().zip(running.map(calls)).collect();
            let mut drawn = lots.iter().copied();
            let picker = Lots { ready, choice_count };
            let (backend, _) = picker.choose(|| drawn.next().expect("no more lots than choices are drawn"));
            assert!(backend.is_same(&backends[chosen]), "{running:?} {lots:?}");
            assert_eq!(drawn.next(), None, "{lots:?}");
        }
    }

    #[test]
    fn calls_are_counted_from_begin_to_end_and_across_updates() {
        fastrand::seed(1);
        let backends = backends(&[Ready, Ready, Connecting, TransientFailure]);
        let mut balancer = LeastRequestBalancer::new(LeastRequest::new().choice_count(10));
        let picker = balancer.update(&backends);
        // With ten lots both are seen, but for one time in five hundred: the busier one is hardly ever taken.
        let mut running = Vec::new();
        for _ in 0..100 {
            let Pick::Observed(backend, observer) = pick(&*picker) else { panic!("calls are observed") };
            observer.begin(&backend);
            running.push((backend, observer));
        }
        let count = |index: usize| running.iter().filter(|(backend, _)| backend.is_same(&backends[index])).count();
        assert_eq!(count(0) + count(1), 100, "the others are not ready");
        assert!(count(0).abs_diff(count(1)) <= 4, "{} and {}", count(0), count(1));
        // The second one's calls end, and another picker still knows of the first one's.
        for (backend, observer) in running.iter().filter(|(backend, _)| backend.is_same(&backends[1])) {
            observer.end(backend, &OUTCOME);
        }
        let picker = balancer.update(&backends);
        let to_second = (0..40).filter(|_| matches!(pick(&*picker), Pick::Observed(to, _) if to.is_same(&backends[1])));
        assert!(to_second.count() >= 35);
    }
}
