//! The service `xds.service.orca.v3.OpenRcaService`: load reports apart from calls.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::{Request, Response};

use crate::services::schemas::xds::data::orca::v3::OrcaLoadReport;
use crate::services::schemas::xds::service::orca::v3::OrcaLoadReportRequest;
use crate::services::schemas::xds::service::orca::v3::open_rca_service_server::OpenRcaService;
use crate::services::testing::load_reports::LoadReports;
use crate::status::Status;

/// The least time between two reports of a stream: more often would tell a balancer little and cost the server more.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Reports the load that the test service was told to have.
#[derive(Debug, Clone, Default)]
pub struct OpenRcaServiceHandler {
    load_reports: LoadReports,
}

impl OpenRcaServiceHandler {
    /// Reports these.
    #[must_use]
    pub fn new(load_reports: LoadReports) -> Self {
        OpenRcaServiceHandler { load_reports }
    }
}

impl OpenRcaService for OpenRcaServiceHandler {
    type StreamCoreMetricsStream = Reports;

    async fn stream_core_metrics(&self, request: Request<OrcaLoadReportRequest>) -> Result<Response<Reports>, Status> {
        let OrcaLoadReportRequest { report_interval, request_cost_names } = request.into_inner();
        let wanted = report_interval.map(Duration::try_from).transpose();
        let wanted = wanted.map_err(|error| Status::invalid_argument(format!("report_interval: {error}")))?;
        let mut interval = interval(wanted.unwrap_or_default().max(INTERVAL_MIN));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Response::new(Reports { load_reports: self.load_reports.clone(), interval, request_cost_names }))
    }
}

/// One report at once, and one more after each interval, without an end.
#[derive(Debug)]
pub struct Reports {
    load_reports: LoadReports,
    interval: Interval,
    request_cost_names: Vec<String>,
}

impl Stream for Reports {
    type Item = Result<OrcaLoadReport, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        ready!(self.interval.poll_tick(cx));
        let mut report = self.load_reports.current();
        let names = &self.request_cost_names;
        report.request_cost.retain(|name, _| names.is_empty() || names.contains(name));
        Poll::Ready(Some(Ok(report)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use tokio::time::Instant;

    use super::*;
    use crate::client::Channel;
    use crate::server::Server;
    use crate::services::schemas::grpc::testing::test_service_client::TestServiceClient;
    use crate::services::schemas::grpc::testing::test_service_server::TestServiceServer;
    use crate::services::schemas::grpc::testing::{ResponseParameters, StreamingOutputCallRequest, TestOrcaReport};
    use crate::services::schemas::xds::service::orca::v3::open_rca_service_client::OpenRcaServiceClient;
    use crate::services::schemas::xds::service::orca::v3::open_rca_service_server::OpenRcaServiceServer;
    use crate::services::testing::TestServiceHandler;

    fn load(cpu_utilization: f64) -> StreamingOutputCallRequest {
        let request_cost = [("paper".to_owned(), 2.0), ("ink".to_owned(), 3.0)].into();
        StreamingOutputCallRequest {
            response_parameters: vec![ResponseParameters { size: 1, ..ResponseParameters::default() }],
            orca_oob_report: Some(TestOrcaReport { cpu_utilization, request_cost, ..TestOrcaReport::default() }),
            ..StreamingOutputCallRequest::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_call_sets_is_reported_until_it_ends() {
        let reports = LoadReports::default();
        let server = Server::builder()
            .add_service(TestServiceServer::new(TestServiceHandler::new(reports.clone())))
            .add_service(OpenRcaServiceServer::new(OpenRcaServiceHandler::new(reports)))
            .serve_in_process()
            .unwrap();
        let channel = Channel::in_process(&server);
        let wanted = OrcaLoadReportRequest {
            report_interval: Some(prost_types::Duration { seconds: 0, nanos: 1 }),
            request_cost_names: vec!["ink".to_owned()],
        };
        let start = Instant::now();
        let listener = OpenRcaServiceClient::new(channel.clone());
        let mut heard = listener.stream_core_metrics(wanted).await.unwrap().into_inner();
        assert_eq!(heard.message().await.unwrap().unwrap(), OrcaLoadReport::default());

        let (requests, receiver) = tokio::sync::mpsc::channel(1);
        let requests_stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let service = TestServiceClient::new(channel);
        let mut answers = service.full_duplex_call(requests_stream).await.unwrap().into_inner();
        for (seconds, cpu) in [(1, 0.5), (2, 0.25)] {
            requests.send(load(cpu)).await.unwrap();
            answers.message().await.unwrap().unwrap();
            let report = heard.message().await.unwrap().unwrap();
            assert_eq!((report.cpu_utilization, report.request_cost), (cpu, [("ink".to_owned(), 3.0)].into()));
            assert_eq!(start.elapsed().as_secs(), seconds, "no more often than once a second");
        }
        drop(requests);
        assert!(answers.message().await.unwrap().is_none());
        assert_eq!(heard.message().await.unwrap().unwrap(), OrcaLoadReport::default());
    }

    #[tokio::test]
    async fn an_interval_in_the_past_is_refused() {
        let handler = OpenRcaServiceHandler::default();
        let report_interval = Some(prost_types::Duration { seconds: -1, nanos: 0 });
        let request = OrcaLoadReportRequest { report_interval, ..OrcaLoadReportRequest::default() };
        let refused = handler.stream_core_metrics(Request::new(request)).await.unwrap_err();
        assert_eq!(refused.code(), crate::Code::InvalidArgument);
    }
}
