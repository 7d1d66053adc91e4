//! Calls go to all connected backends by turns, more often to those with more room.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::backend::Backend;
use crate::client::balance::per_backend::PerBackend;
use crate::client::balance::round_robin::not_ready;
use crate::client::balance::stride::Strides;
use crate::client::balance::{Balancer, CallObserver, CallOutcome, Pick, PickCall, Picker};
use crate::client::connectivity::ConnectivityState;
use crate::service::OrcaLoadReport;

// gRFC A58's defaults, and the least that it permits.
const BLACKOUT_PERIOD_DEFAULT: Duration = Duration::from_secs(10);
const WEIGHT_EXPIRATION_PERIOD_DEFAULT: Duration = Duration::from_secs(3 * 60);
const WEIGHT_UPDATE_PERIOD_DEFAULT: Duration = Duration::from_secs(1);
const WEIGHT_UPDATE_PERIOD_MIN: Duration = Duration::from_millis(100);
const ERROR_UTILIZATION_PENALTY_DEFAULT: f64 = 1.0;

/// No report means more than this: far beyond what any server answers, and so far from the end of the numbers that the
/// weights of all backends can be added up.
const WEIGHT_MAX: f64 = 1e18;

/// How [`Balance::WeightedRoundRobin`](crate::client::balance::Balance::WeightedRoundRobin) weighs (gRFC A58).
///
/// Servers report their load in the trailers of calls ([`OrcaLoadReport`]). A backend's weight is the calls that it
/// answers a second, by how much of it that takes, failed calls counted as load. One that has reported nothing yet gets
/// the mean of the others; without reports it is a plain round robin.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedRoundRobin {
    blackout_period: Duration,
    weight_expiration_period: Duration,
    weight_update_period: Duration,
    error_utilization_penalty: f64,
}

impl Default for WeightedRoundRobin {
    fn default() -> Self {
        WeightedRoundRobin {
            blackout_period: BLACKOUT_PERIOD_DEFAULT,
            weight_expiration_period: WEIGHT_EXPIRATION_PERIOD_DEFAULT,
            weight_update_period: WEIGHT_UPDATE_PERIOD_DEFAULT,
            error_utilization_penalty: ERROR_UTILIZATION_PENALTY_DEFAULT,
        }
    }
}

impl WeightedRoundRobin {
    /// With gRPC's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a backend must have reported before its reports count. 10 seconds unless set.
    #[must_use]
    pub fn blackout_period(mut self, period: Duration) -> Self {
        self.blackout_period = period;
        self
    }

    /// How long a report counts after which no other came. 3 minutes unless set.
    #[must_use]
    pub fn weight_expiration_period(mut self, period: Duration) -> Self {
        self.weight_expiration_period = period;
        self
    }

    /// How often the turns are reckoned anew from the reports. 1 second unless set, at least 100 milliseconds.
    #[must_use]
    pub fn weight_update_period(mut self, period: Duration) -> Self {
        self.weight_update_period = period.max(WEIGHT_UPDATE_PERIOD_MIN);
        self
    }

    /// How much a failed call counts: the share of failed calls, times this, is added to a server's load. 1.0 unless
    /// set; nothing below 0.
    #[must_use]
    pub fn error_utilization_penalty(mut self, penalty: f64) -> Self {
        self.error_utilization_penalty = penalty.max(0.0);
        self
    }
}

/// Keeps all backends connected, and remembers what they report.
#[derive(Debug)]
pub(super) struct WeightedRoundRobinBalancer {
    settings: WeightedRoundRobin,
    reports: PerBackend<Reports>,
}

impl WeightedRoundRobinBalancer {
    pub(super) fn new(settings: WeightedRoundRobin) -> Self {
        WeightedRoundRobinBalancer { settings, reports: PerBackend::default() }
    }
}

impl Balancer for WeightedRoundRobinBalancer {
    fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker> {
        backends.iter().for_each(Backend::connect);
        let penalty = self.settings.error_utilization_penalty;
        let reports = self.reports.of(backends, || Reports { penalty, weight: Mutex::default() });
        let mut ready = Vec::with_capacity(backends.len());
        for (backend, reports) in backends.iter().cloned().zip(reports) {
            let is_ready = backend.state() == ConnectivityState::Ready;
            reports.weight().set_ready(is_ready);
            if is_ready {
                ready.push((backend, reports));
            }
        }
        if ready.is_empty() {
            return not_ready(backends);
        }
        Arc::new(Turns {
            // Not all clients begin with the same one.
            step: AtomicU64::new(fastrand::u32(..).into()),
            ready,
            settings: self.settings.clone(),
            plan: Mutex::new(None),
        })
    }
}

struct Turns {
    ready: Vec<(Backend, Arc<Reports>)>,
    settings: WeightedRoundRobin,
    step: AtomicU64,
    plan: Mutex<Option<Plan>>,
}

/// The turns for now.
struct Plan {
    strides: Arc<Strides>,
    until: Instant,
}

impl Turns {
    fn strides(&self, now: Instant) -> Arc<Strides> {
        // Only whole values are put in under this lock.
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        match &*plan {
            Some(Plan { strides, until }) if now < *until => Arc::clone(strides),
            _ => {
                let weights = self.ready.iter().map(|(_, reports)| reports.weight().at(now, &self.settings));
                let strides = Arc::new(Strides::new(&weights.collect::<Vec<_>>()));
                let until = now + self.settings.weight_update_period;
                *plan = Some(Plan { strides: Arc::clone(&strides), until });
                strides
            }
        }
    }
}

impl Picker for Turns {
    fn pick(&self, _: &PickCall<'_>) -> Pick {
        let (backend, reports) = &self.ready[self.strides(Instant::now()).next(&self.step)];
        Pick::Observed(backend.clone(), Arc::clone(reports) as Arc<dyn CallObserver>)
    }
}

/// What a backend has reported, as far as it counts.
#[derive(Debug)]
struct Reports {
    penalty: f64,
    weight: Mutex<Weight>,
}

impl Reports {
    fn weight(&self) -> MutexGuard<'_, Weight> {
        // Only whole values are put in under this lock.
        self.weight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallObserver for Reports {
    fn begin(&self, _: &Backend) {}

    fn end(&self, _: &Backend, outcome: &CallOutcome<'_>) {
        if let Some(weight) =
            outcome.trailers.and_then(OrcaLoadReport::of_trailers).and_then(|report| weight_of(&report, self.penalty))
        {
            self.weight().set(weight, Instant::now());
        }
    }
}

/// The weight that a report means, if it says enough.
fn weight_of(report: &OrcaLoadReport, penalty: f64) -> Option<f64> {
    let OrcaLoadReport { application_utilization, cpu_utilization, rps_fractional, eps, .. } = *report;
    let utilization = if application_utilization > 0.0 { application_utilization } else { cpu_utilization };
    let errors = if eps > 0.0 { eps / rps_fractional * penalty } else { 0.0 };
    let weight = rps_fractional / (utilization + errors);
    (utilization > 0.0 && rps_fractional > 0.0 && weight > 0.0 && weight.is_finite()).then_some(weight.min(WEIGHT_MAX))
}

/// A backend's weight, and since when it is known.
#[derive(Debug, Default)]
struct Weight {
    weight: f64,
    is_ready: bool,
    reported_since: Option<Instant>,
    reported_last: Option<Instant>,
}

impl Weight {
    /// One that was connected anew is another server, perhaps.
    fn set_ready(&mut self, is_ready: bool) {
        if is_ready && !self.is_ready {
            self.reported_since = None;
        }
        self.is_ready = is_ready;
    }

    fn set(&mut self, weight: f64, now: Instant) {
        self.weight = weight;
        self.reported_since.get_or_insert(now);
        self.reported_last = Some(now);
    }

    fn at(&mut self, now: Instant, settings: &WeightedRoundRobin) -> Option<f64> {
        let last = self.reported_last?;
        if now.saturating_duration_since(last) >= settings.weight_expiration_period {
            self.reported_since = None;
        }
        let since = self.reported_since?;
        (now.saturating_duration_since(since) >= settings.blackout_period).then_some(self.weight)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use prost::Message as _;

    use super::*;
    use crate::client::balance::tests::{OUTCOME, backends, pick};
    use crate::client::connectivity::ConnectivityState::{Connecting, Idle, Ready};
    use crate::metadata::{MetadataMap, MetadataValue};

    fn report(utilization: f64, rps_fractional: f64, eps: f64) -> OrcaLoadReport {
        OrcaLoadReport { cpu_utilization: utilization, rps_fractional, eps, ..OrcaLoadReport::default() }
    }

    #[test]
    fn reports_mean_weights() {
        let own = OrcaLoadReport { application_utilization: 0.25, ..report(0.5, 100.0, 0.0) };
        let table = [
            (report(0.5, 100.0, 0.0), 1.0, Some(200.0)),
            (own, 1.0, Some(400.0)),
            (report(0.5, 100.0, 50.0), 1.0, Some(100.0)),
            (report(0.5, 100.0, 50.0), 3.0, Some(50.0)),
            (report(0.5, 100.0, 50.0), 0.0, Some(200.0)),
            (report(0.0, 100.0, 0.0), 1.0, None),
            (report(0.5, 0.0, 0.0), 1.0, None),
            (report(0.5, 0.0, 1.0), 1.0, None),
            (report(-0.5, 100.0, 0.0), 1.0, None),
            (report(f64::NAN, 100.0, 0.0), 1.0, None),
            (report(0.5, f64::INFINITY, 0.0), 1.0, None),
            (report(1.0, f64::MAX, 0.0), 1.0, Some(WEIGHT_MAX)),
        ];
        for (report, penalty, weight) in table {
            assert_eq!(weight_of(&report, penalty), weight, "{report:?}, penalty {penalty}");
        }
    }

    #[test]
    fn a_weight_counts_after_the_blackout_and_until_it_expires() {
        let settings = WeightedRoundRobin::new();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut weight = Weight::default();
        weight.set_ready(true);
        assert_eq!(weight.at(at(0), &settings), None, "nothing was said");
        weight.set(5.0, at(100));
        weight.set(6.0, at(105));
        let table = [(109, None), (110, Some(6.0)), (284, Some(6.0)), (285, None)];
        for (second, expected) in table {
            assert_eq!(weight.at(at(second), &settings), expected, "at {second} s");
        }
        // After that it begins anew.
        weight.set(7.0, at(300));
        assert_eq!((weight.at(at(309), &settings), weight.at(at(310), &settings)), (None, Some(7.0)));
        // And after it was lost.
        weight.set_ready(true);
        assert_eq!(weight.at(at(311), &settings), Some(7.0));
        weight.set_ready(false);
        weight.set_ready(true);
        assert_eq!(weight.at(at(311), &settings), None);
        weight.set(8.0, at(312));
        assert_eq!((weight.at(at(321), &settings), weight.at(at(322), &settings)), (None, Some(8.0)));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_follow_what_servers_report() {
        let backends = backends(&[Ready, Ready, Idle, Connecting]);
        let mut balancer = WeightedRoundRobinBalancer::new(WeightedRoundRobin::new());
        let picker = balancer.update(&backends);
        let spread = || {
            let mut counts = [0; 2];
            for _ in 0..400 {
                let Pick::Observed(to, observer) = pick(&*picker) else { panic!("calls are observed") };
                let index = backends.iter().position(|backend| backend.is_same(&to)).expect("it is one of them");
                counts[index] += 1;
                // The first one is three times as loaded by as many calls.
                let load = report(if index == 0 { 0.9 } else { 0.3 }, 100.0, 0.0);
                let mut trailers = MetadataMap::new();
                trailers.insert_bin("endpoint-load-metrics-bin", MetadataValue::from_bytes(&load.encode_to_vec()));
                let trailers: HeaderMap = trailers.into_headers();
                observer.end(&to, &CallOutcome { trailers: Some(&trailers), ..OUTCOME });
            }
            counts
        };
        let is_close = |counts: [usize; 2], to: [usize; 2]| (0..2).all(|index| counts[index].abs_diff(to[index]) <= 2);
        assert!(is_close(spread(), [200, 200]), "nothing is known");
        tokio::time::advance(BLACKOUT_PERIOD_DEFAULT).await;
        assert!(is_close(spread(), [100, 300]), "what they reported counts");
        // Long after the last report, nothing is known again.
        tokio::time::advance(WEIGHT_EXPIRATION_PERIOD_DEFAULT).await;
        assert!(is_close(spread(), [200, 200]), "that was long ago");
    }
}
