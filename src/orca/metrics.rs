//! The load of a server as a whole.

use std::sync::{Arc, Mutex, PoisonError};

use tonic::Request;

use crate::orca::call::record;
use crate::service::{Interceptor, OrcaLoadReport};
use crate::status::Status;

/// How busy a server is. Clones share it.
///
/// ```
/// use seltzer::orca::ServerMetrics;
///
/// let metrics = ServerMetrics::new();
/// metrics.update(|report| {
///     report.cpu_utilization = 0.4;
///     report.utilization.insert("connections".into(), 0.1);
/// });
/// assert_eq!(metrics.current().cpu_utilization, 0.4);
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServerMetrics {
    report: Arc<Mutex<OrcaLoadReport>>,
}

impl ServerMetrics {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        ServerMetrics::default()
    }

    /// Changes what is reported from now on.
    pub fn update(&self, change: impl FnOnce(&mut OrcaLoadReport)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is reported at present.
    #[must_use]
    pub fn current(&self) -> OrcaLoadReport {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts what is reported when a call begins into the call's own report, for
    /// [`Server::interceptor`](crate::Server::interceptor) or a service's `with_interceptor`. What its handler
    /// [`record`]s goes first.
    pub fn interceptor(&self) -> impl Interceptor + Clone + Send + Sync + 'static {
        let metrics = self.clone();
        move |request: Request<()>| -> Result<Request<()>, Status> {
            let current = metrics.current();
            if current != OrcaLoadReport::default() {
                record(|report| *report = current)?;
            }
            Ok(request)
        }
    }
}
