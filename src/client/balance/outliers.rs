//! A balancer that keeps calls away from outliers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::backend::Backend;
use crate::client::balance::outlier_detection::{Calls, Host, OutlierDetection};
use crate::client::balance::{Balancer, CallObserver, CallOutcome, Pick, PickCall, Picker};
use crate::client::connectivity::ConnectivityState;
use crate::client::resolve::ResolvedEndpoint;

/// Counts the calls that another balancer places, and ejects backends that fail too many.
pub(super) struct OutlierBalancer {
    settings: OutlierDetection,
    inner: Box<dyn Balancer>,
    backends: Vec<Backend>,
    /// Beside the backends.
    hosts: Vec<Host>,
    next_sweep: Option<Instant>,
}

impl OutlierBalancer {
    pub(super) fn new(settings: OutlierDetection, inner: Box<dyn Balancer>) -> Self {
        OutlierBalancer { settings, inner, backends: Vec::new(), hosts: Vec::new(), next_sweep: None }
    }

    /// Keeps what is known of the backends that are still there.
    fn keep(&mut self, backends: &[Backend]) {
        let ids = self.backends.iter().map(Backend::id);
        let mut known: HashMap<_, _> = ids.zip(std::mem::take(&mut self.hosts)).collect();
        self.hosts = backends.iter().map(|backend| known.remove(&backend.id()).unwrap_or_default()).collect();
        self.backends = backends.to_vec();
    }

    fn sweep_if_due(&mut self) {
        let now = Instant::now();
        let due = *self.next_sweep.get_or_insert(self.settings.next_sweep(now));
        if now < due {
            return;
        }
        self.next_sweep = Some(self.settings.next_sweep(now));
        self.settings.sweep(&mut self.hosts, now, &mut || fastrand::u32(..100));
        for (backend, host) in self.backends.iter().zip(&self.hosts) {
            backend.set_ejected(host.is_ejected());
        }
    }
}

impl Balancer for OutlierBalancer {
    fn arrange(&mut self, endpoints: Vec<ResolvedEndpoint>) -> Vec<ResolvedEndpoint> {
        self.inner.arrange(endpoints)
    }

    fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker> {
        self.keep(backends);
        self.sweep_if_due();
        let calls =
            self.backends.iter().zip(&self.hosts).map(|(backend, host)| (backend.id(), Arc::clone(&host.calls)));
        Arc::new(Counting { calls: calls.collect(), inner: self.inner.update(backends) })
    }

    fn state(&self, backends: &[Backend]) -> ConnectivityState {
        self.inner.state(backends)
    }

    fn update_after(&self) -> Option<Duration> {
        let sweep = self.next_sweep.map(|at| at.saturating_duration_since(Instant::now()));
        [sweep, self.inner.update_after()].into_iter().flatten().min()
    }
}

impl Drop for OutlierBalancer {
    fn drop(&mut self) {
        // Whoever balances next does not know why they were ejected, and would never let them back.
        self.backends.iter().for_each(|backend| backend.set_ejected(false));
    }
}

struct Counting {
    calls: HashMap<u64, Arc<Calls>>,
    inner: Arc<dyn Picker>,
}

impl Picker for Counting {
    fn pick(&self, call: &PickCall<'_>) -> Pick {
        let picked = self.inner.pick(call);
        let (backend, observer) = match picked {
            Pick::To(backend) => (backend, None),
            Pick::Observed(backend, observer) => (backend, Some(observer)),
            other => return other,
        };
        match (self.calls.get(&backend.id()).cloned(), observer) {
            (Some(calls), None) => Pick::Observed(backend, calls),
            (Some(calls), Some(observer)) => Pick::Observed(backend, Arc::new(Both { calls, observer })),
            (None, Some(observer)) => Pick::Observed(backend, observer),
            (None, None) => Pick::To(backend),
        }
    }
}

/// An observer of the balancer's, and the count.
struct Both {
    calls: Arc<Calls>,
    observer: Arc<dyn CallObserver>,
}

impl CallObserver for Both {
    fn begin(&self, backend: &Backend) {
        self.observer.begin(backend);
    }

    fn end(&self, backend: &Backend, outcome: &CallOutcome<'_>) {
        self.calls.count(outcome.code);
        self.observer.end(backend, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::balance::outlier_detection::FailurePercentage;
    use crate::client::balance::tests::{OUTCOME, backends, pick};
    use crate::client::balance::{Balance, LeastRequest};
    use crate::client::connectivity::ConnectivityState::{Ready, TransientFailure};
    use crate::status::Code;

    fn balancer(inner: &Balance) -> OutlierBalancer {
        let rule = FailurePercentage::new().minimum_hosts(3).request_volume(10);
        OutlierBalancer::new(OutlierDetection::new().failure_percentage(rule), inner.build())
    }

    /// Makes so many calls, of which those to the first backend fail; tells how many came to each.
    fn call(picker: &dyn Picker, backends: &[Backend], count: usize) -> Vec<usize> {
        let mut counts = vec![0; backends.len()];
        for _ in 0..count {
            let Pick::Observed(to, observer) = pick(picker) else { panic!("calls are observed") };
            let index = backends.iter().position(|backend| backend.is_same(&to)).expect("it is one of them");
            counts[index] += 1;
            observer.begin(&to);
            let code = if index == 0 { Code::Internal } else { Code::Ok };
            observer.end(&to, &CallOutcome { code: Some(code), ..OUTCOME });
        }
        counts
    }

    #[tokio::test(start_paused = true)]
    async fn an_outlier_gets_no_calls_for_a_while_whoever_balances() {
        let kinds = [
            Balance::RoundRobin,
            Balance::LeastRequest(LeastRequest::new()),
            Balance::WeightedRoundRobin(crate::client::balance::WeightedRoundRobin::new()),
        ];
        for kind in kinds {
            fastrand::seed(1);
            let backends = backends(&[Ready, Ready, Ready]);
            let mut balancer = balancer(&kind);
            assert_eq!(balancer.update_after(), None);
            let picker = balancer.update(&backends);
            assert!(call(&*picker, &backends, 300).iter().all(|count| *count > 50), "{kind:?}");
            // Nothing happens before the interval is over.
            tokio::time::advance(Duration::from_secs(9)).await;
            let picker = balancer.update(&backends);
            assert!(call(&*picker, &backends, 300)[0] > 50, "{kind:?}");
            assert_eq!(balancer.update_after(), Some(Duration::from_secs(1)));
            tokio::time::advance(Duration::from_secs(1)).await;
            let picker = balancer.update(&backends);
            assert_eq!(backends[0].state(), TransientFailure);
            assert!(backends[0].last_failure().is_some_and(|status| status.message().contains("too many")));
            assert_eq!(balancer.state(&backends), Ready);
            assert_eq!(call(&*picker, &backends, 300)[0], 0, "{kind:?}");
            // Its time is over at the third sweep after.
            for is_ejected in [true, true, false] {
                tokio::time::advance(Duration::from_secs(10)).await;
                drop(balancer.update(&backends));
                assert_eq!(backends[0].state() == TransientFailure, is_ejected, "{kind:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_goes_with_its_backend_and_ends_with_the_balancer() {
        let mut backends = backends(&[Ready, Ready, Ready]);
        let mut balancer = balancer(&Balance::RoundRobin);
        let picker = balancer.update(&backends);
        call(&*picker, &backends, 300);
        let bad = backends[0].clone();
        backends.rotate_left(1);
        tokio::time::advance(Duration::from_secs(10)).await;
        drop(balancer.update(&backends));
        assert_eq!(bad.state(), TransientFailure);
        drop(balancer);
        assert_eq!(bad.state(), Ready);
    }
}
