//! The service `xds.service.orca.v3.OpenRcaService`: load reports apart from calls.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Request, Response};

use crate::orca::ServerMetrics;
use crate::orca::pb::OrcaLoadReportRequest;
use crate::orca::pb::open_rca_service_server::OpenRcaService;
use crate::service::OrcaLoadReport;
use crate::status::Status;

/// The least time between two reports of a stream, unless it is set: what gRPC's servers of other languages have, too.
/// More often would tell a balancer little and cost the server more.
pub const REPORT_INTERVAL_MIN: Duration = Duration::from_secs(30);

/// The longest time between two reports: nobody who listens means a longer one, and clocks have an end.
const REPORT_INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells listeners what [`ServerMetrics`] know.
#[derive(Debug, Clone)]
pub struct OpenRcaHandler {
    metrics: ServerMetrics,
    interval_min: Duration,
    ended: CancellationToken,
}

impl OpenRcaHandler {
    /// Reports these.
    #[must_use]
    pub fn new(metrics: &ServerMetrics) -> Self {
        let metrics = metrics.clone();
        OpenRcaHandler { metrics, interval_min: REPORT_INTERVAL_MIN, ended: CancellationToken::new() }
    }

    /// The least time between two reports; [`REPORT_INTERVAL_MIN`] unless set, and at least a millisecond.
    #[must_use]
    pub fn min_interval(mut self, interval: Duration) -> Self {
        self.interval_min = interval.clamp(Duration::from_millis(1), REPORT_INTERVAL_MAX);
        self
    }

    /// Cancelled, it ends all streams.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl OpenRcaService for OpenRcaHandler {
    type StreamCoreMetricsStream = Reports;

    async fn stream_core_metrics(&self, request: Request<OrcaLoadReportRequest>) -> Result<Response<Reports>, Status> {
        let OrcaLoadReportRequest { report_interval, request_cost_names } = request.into_inner();
        let wanted = report_interval.map(Duration::try_from).transpose();
        let wanted = wanted.map_err(|error| Status::invalid_argument(format!("report_interval: {error}")))?;
        let mut interval = interval(wanted.unwrap_or_default().clamp(self.interval_min, REPORT_INTERVAL_MAX));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = Box::pin(self.ended.clone().cancelled_owned());
        Ok(Response::new(Reports { metrics: self.metrics.clone(), interval, request_cost_names, ended }))
    }
}

/// One report at once, and one more after each interval, for as long as the server runs.
pub struct Reports {
    metrics: ServerMetrics,
    interval: Interval,
    request_cost_names: Vec<String>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Stream for Reports {
    type Item = Result<OrcaLoadReport, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Status::unavailable("the server is shutting down"))));
        }
        ready!(self.interval.poll_tick(cx));
        let mut report = self.metrics.current();
        let names = &self.request_cost_names;
        report.request_cost.retain(|name, _| names.is_empty() || names.contains(name));
        Poll::Ready(Some(Ok(report)))
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("interval", &self.interval.period()).finish_non_exhaustive()
    }
}
