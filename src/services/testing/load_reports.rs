//! The load that the test server claims to have: calls of `FullDuplexCall` set it, `OpenRcaService` reports it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::orca::{OpenRcaHandler, OrcaLoadReport, ServerMetrics};
use crate::services::schemas::grpc::testing::TestOrcaReport;

/// The least time between two reports of a stream: tests do not wait for thirty seconds.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The load that is reported at present. Clones share it.
#[derive(Debug, Clone)]
pub struct LoadReports {
    metrics: ServerMetrics,
    /// Whoever sets the load keeps others from it until its call ends, so that two tests do not mix.
    turn: Arc<Semaphore>,
}

impl Default for LoadReports {
    fn default() -> Self {
        LoadReports { metrics: ServerMetrics::new(), turn: Arc::new(Semaphore::new(1)) }
    }
}

impl LoadReports {
    /// What is reported at present.
    #[must_use]
    pub fn current(&self) -> OrcaLoadReport {
        self.metrics.current()
    }

    /// The service that reports it, as often as tests ask.
    #[must_use]
    pub fn handler(&self) -> OpenRcaHandler {
        OpenRcaHandler::new(&self.metrics).min_interval(INTERVAL_MIN)
    }

    /// A way to set it.
    pub(crate) fn publisher(self) -> Publisher {
        Publisher { reports: self, turn: Turn::Unasked }
    }

    fn set(&self, report: OrcaLoadReport) {
        self.metrics.update(|reported| *reported = report);
    }
}

/// Sets the load, for as long as it lives.
pub(crate) struct Publisher {
    reports: LoadReports,
    turn: Turn,
}

enum Turn {
    Unasked,
    Waiting(Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>),
    Held(#[expect(dead_code, reason = "it is only held")] Option<OwnedSemaphorePermit>),
}

impl Publisher {
    /// Waits for its turn and sets the load.
    pub(crate) fn poll_publish(&mut self, cx: &mut Context<'_>, report: &TestOrcaReport) -> Poll<()> {
        if let Turn::Unasked = self.turn {
            let turn = Arc::clone(&self.reports.turn);
            self.turn = Turn::Waiting(Box::pin(async { turn.acquire_owned().await.ok() }));
        }
        if let Turn::Waiting(waiting) = &mut self.turn {
            self.turn = Turn::Held(ready!(waiting.as_mut().poll(cx)));
        }
        self.reports.set(load_report(report));
        Poll::Ready(())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if let Turn::Held(_) = self.turn {
            self.reports.set(OrcaLoadReport::default());
        }
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("reports", &self.reports).finish_non_exhaustive()
    }
}

/// The report that a test asks for, as clients that balance by load read it.
pub(crate) fn load_report(wanted: &TestOrcaReport) -> OrcaLoadReport {
    OrcaLoadReport {
        cpu_utilization: wanted.cpu_utilization,
        mem_utilization: wanted.memory_utilization,
        request_cost: wanted.request_cost.clone(),
        utilization: wanted.utilization.clone(),
        ..OrcaLoadReport::default()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn one_sets_the_load_at_a_time_and_takes_it_back() {
        let reports = LoadReports::default();
        let busy = |cpu_utilization| TestOrcaReport { cpu_utilization, ..TestOrcaReport::default() };
        let (mut first, mut second) = (reports.clone().publisher(), reports.clone().publisher());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(first.poll_publish(&mut cx, &busy(0.5)).is_ready());
        assert!(second.poll_publish(&mut cx, &busy(0.25)).is_pending());
        assert_eq!(reports.current(), load_report(&busy(0.5)));
        assert!(first.poll_publish(&mut cx, &busy(0.75)).is_ready());
        assert_eq!(reports.current(), load_report(&busy(0.75)));
        drop(first);
        assert_eq!(reports.current(), OrcaLoadReport::default());
        assert!(second.poll_publish(&mut cx, &busy(0.25)).is_ready());
        assert_eq!(reports.current(), load_report(&busy(0.25)));
    }
}
