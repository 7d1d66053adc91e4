//! Telemetry on its way to a collector (OTLP over gRPC).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seltzer::codec::CompressionEncoding;
use seltzer::error_details::{ErrorDetails, StatusExt as _};
use seltzer::telemetry::pb::collector::metrics::v1::metrics_service_server::{MetricsService, MetricsServiceServer};
use seltzer::telemetry::pb::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use seltzer::telemetry::pb::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use seltzer::telemetry::pb::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use seltzer::telemetry::pb::common::v1::any_value::Value;
use seltzer::telemetry::pb::metrics::v1::metric::Data;
use seltzer::telemetry::pb::metrics::v1::{AggregationTemporality, Metric};
use seltzer::telemetry::pb::trace::v1::span::SpanKind;
use seltzer::telemetry::pb::trace::v1::status::StatusCode;
use seltzer::telemetry::pb::trace::v1::{ResourceSpans, Span};
use seltzer::telemetry::{Otlp, Telemetry, Tracing};
use seltzer::{Channel, Code, Request, Response, Server, Status};

use crate::support::probe::{Client, Probe, ask};
use crate::support::{PATIENCE, Running, endpoint};

/// A request without its message, and what that held.
type Taken = (Request<()>, Vec<ResourceSpans>);

/// A collector that answers as it was told, and then takes everything.
#[derive(Clone, Default)]
struct Collector {
    answers: Arc<Mutex<VecDeque<Result<ExportTraceServiceResponse, Status>>>>,
    taken: Arc<Mutex<Vec<Taken>>>,
    /// The metrics that came last.
    metrics: Arc<Mutex<Vec<Metric>>>,
}

impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, extensions, message) = request.into_parts();
        let head = Request::from_parts(metadata, extensions, ());
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or_else(|| Ok(Default::default()));
        if answer.is_ok() {
            self.taken.lock().unwrap().push((head, message.resource_spans));
        }
        answer.map(Response::new)
    }
}

impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes = request.into_inner().resource_metrics.into_iter().flat_map(|one| one.scope_metrics);
        *self.metrics.lock().unwrap() = scopes.flat_map(|scope| scope.metrics).collect();
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl Collector {
    async fn start(&self) -> Running {
        let server = Server::builder().add_service(TraceServiceServer::new(self.clone()));
        Running::start(server.add_service(MetricsServiceServer::new(self.clone()))).await
    }

    fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().unwrap();
        let scopes = taken.iter().flat_map(|(_, all)| all).flat_map(|one| &one.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }
}

/// A telemetry with the spans of so many calls.
async fn recorded(calls: usize) -> Telemetry {
    let telemetry = Telemetry::builder().service_name("greeter").tracing(Tracing::new()).build();
    let server = Server::builder().add_service(Probe::new().0.server());
    let server = Running::start(server).await;
    let client = Client::new(endpoint(server.uri()).telemetry(&telemetry).connect().await.unwrap());
    for _ in 0..calls {
        client.unary_call(ask("hello")).await.unwrap();
    }
    telemetry
}

#[tokio::test]
async fn spans_come_with_whose_they_are() {
    let collector = Collector::default();
    let running = collector.start().await;
    let telemetry = recorded(1).await;
    let otlp = Otlp::to(running.uri())
        .header("X-Tenant", "shop")
        .compression(CompressionEncoding::Gzip)
        .resource("deployment.environment.name", "test");
    let exporter = telemetry.export_otlp(otlp).unwrap();
    exporter.shutdown(PATIENCE).await.unwrap();
    {
        let taken = collector.taken.lock().unwrap();
        let [(head, all)] = &taken[..] else { panic!("one request was to come: {taken:?}") };
        assert_eq!(head.metadata().get("x-tenant").unwrap(), "shop");
        assert!(head.extensions().get::<seltzer::codec::ReceivedCompressed>().is_some());
        let attributes = &all[0].resource.as_ref().unwrap().attributes;
        let text = |key: &str| match attributes.iter().find(|it| it.key == key)?.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(text.clone()),
            _ => None,
        };
        let expected = [
            ("service.name", "greeter"),
            ("telemetry.sdk.name", "seltzer"),
            ("telemetry.sdk.language", "rust"),
            ("deployment.environment.name", "test"),
        ];
        for (key, value) in expected {
            assert_eq!(text(key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(all[0].scope_spans[0].scope.as_ref().unwrap().name, "seltzer");
    }
    let spans = collector.spans();
    let [attempt, sent] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((sent.kind(), attempt.kind()), (SpanKind::Client, SpanKind::Internal));
    assert_eq!((attempt.trace_id.len(), attempt.span_id.len()), (16, 8));
    assert_eq!((&attempt.trace_id, &attempt.parent_span_id), (&sent.trace_id, &sent.span_id));
    assert!(sent.parent_span_id.is_empty());
    // Sampled; it is known whether the parent is elsewhere, and it is not.
    assert_eq!((sent.flags, attempt.flags), (0x101, 0x101));
    assert_eq!(attempt.status.as_ref().unwrap().code(), StatusCode::Ok);
    assert!(attempt.start_time_unix_nano >= sent.start_time_unix_nano);
    assert!(attempt.end_time_unix_nano <= sent.end_time_unix_nano);
    assert_eq!(attempt.events.len(), 2);
}

#[tokio::test]
async fn what_is_not_taken_at_first_is_sent_again() {
    let busy = ErrorDetails::with_retry_info(Some(Duration::from_millis(1)));
    let again = [
        Status::with_error_details(Code::ResourceExhausted, "wait", busy.clone()),
        Status::with_error_details(Code::Unavailable, "wait", busy),
    ];
    let collector = Collector::default();
    collector.answers.lock().unwrap().extend(again.map(Err));
    let running = collector.start().await;
    let telemetry = recorded(1).await;
    let exporter = telemetry.export_otlp(Otlp::to(running.uri())).unwrap();
    exporter.flush(PATIENCE).await.unwrap();
    assert_eq!((collector.spans().len(), telemetry.dropped_spans()), (2, 0));
    exporter.flush(PATIENCE).await.unwrap();
    assert_eq!(collector.spans().len(), 2, "nothing is sent twice");
}

#[tokio::test]
async fn what_is_not_wanted_is_dropped_and_explained() {
    let table = [
        (Status::unauthenticated("who are you?"), "OTEL_EXPORTER_OTLP_HEADERS"),
        (Status::unimplemented("no"), "gRPC port"),
        (Status::resource_exhausted("full"), "raise its limits"),
        (Status::invalid_argument("what?"), "the collector's log"),
    ];
    for (status, hint) in table {
        let collector = Collector::default();
        collector.answers.lock().unwrap().push_back(Err(status.clone()));
        let running = collector.start().await;
        let telemetry = recorded(1).await;
        let exporter = telemetry.export_otlp(Otlp::to(running.uri())).unwrap();
        let failure = exporter.flush(PATIENCE).await.unwrap_err();
        assert_eq!(failure.code(), status.code());
        for words in [status.message(), hint, &running.uri()] {
            assert!(failure.message().contains(words), "{failure:?} does not say {words}");
        }
        assert_eq!((collector.spans().len(), telemetry.dropped_spans()), (0, 2), "{status:?}");
        exporter.shutdown(PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_taken_in_part_is_counted() {
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "too old".into() };
    let collector = Collector::default();
    let answer = ExportTraceServiceResponse { partial_success: Some(partial) };
    collector.answers.lock().unwrap().push_back(Ok(answer));
    let running = collector.start().await;
    let telemetry = recorded(1).await;
    let exporter = telemetry.export_otlp(Otlp::to(running.uri())).unwrap();
    exporter.flush(PATIENCE).await.unwrap();
    assert_eq!((collector.taken.lock().unwrap().len(), telemetry.dropped_spans()), (1, 1));
}

#[tokio::test]
async fn metrics_come_again_and_again() {
    let collector = Collector::default();
    let running = collector.start().await;
    let telemetry = recorded(3).await;
    let exporter = telemetry.export_otlp(Otlp::to(running.uri()).interval(Duration::from_millis(1))).unwrap();
    let histogram = |name: &str| {
        let metrics = collector.metrics.lock().unwrap();
        match metrics.iter().find(|metric| metric.name == name)?.data.as_ref()? {
            Data::Histogram(histogram) => Some(histogram.clone()),
            other => panic!("{name} is {other:?}"),
        }
    };
    crate::support::patiently(async {
        while histogram("grpc.client.call.duration").is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    exporter.shutdown(PATIENCE).await.unwrap();
    let calls = histogram("grpc.client.call.duration").unwrap();
    assert_eq!(calls.aggregation_temporality(), AggregationTemporality::Cumulative);
    let [point] = &calls.data_points[..] else { panic!("{calls:?}") };
    assert_eq!((point.count, point.bucket_counts.iter().sum::<u64>()), (3, 3));
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert!(point.sum.unwrap() > 0.0 && point.start_time_unix_nano < point.time_unix_nano, "{point:?}");
    let labels: Vec<_> = point.attributes.iter().map(|it| &*it.key).collect();
    assert_eq!(labels, ["grpc.method", "grpc.status", "grpc.target"]);
    let metrics = collector.metrics.lock().unwrap();
    let started = metrics.iter().find(|metric| metric.name == "grpc.client.attempt.started").unwrap();
    assert!(matches!(&started.data, Some(Data::Sum(sum)) if sum.is_monotonic && sum.data_points.len() == 1));
}

#[tokio::test]
async fn whole_batches_do_not_wait() {
    let collector = Collector::default();
    let running = collector.start().await;
    let telemetry = recorded(0).await;
    let far = Duration::from_secs(100_000);
    let otlp = Otlp::to(running.uri()).batch_interval(far).interval(far);
    let exporter = telemetry.export_otlp(otlp).unwrap();
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let client = Client::new(endpoint(server.uri()).telemetry(&telemetry).connect().await.unwrap());
    for _ in 0..256 {
        client.unary_call(ask("hello")).await.unwrap();
    }
    crate::support::patiently(async {
        while collector.spans().len() < 512 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    exporter.shutdown(PATIENCE).await.unwrap();
    assert_eq!(collector.spans().len(), 512, "an exporter's own calls are not recorded");
}

#[tokio::test]
async fn nobody_waits_longer_than_agreed() {
    let telemetry = recorded(1).await;
    // Nobody listens there.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let exporter = telemetry.export_otlp(Otlp::to(format!("http://{gone}"))).unwrap();
    let failure = exporter.shutdown(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(failure.code(), Code::DeadlineExceeded);
    assert!(failure.message().contains(&gone.to_string()) && failure.message().contains("50ms"), "{failure:?}");
}

#[tokio::test]
async fn an_exporter_goes_on_without_its_handle() {
    let collector = Collector::default();
    let running = collector.start().await;
    let soon = Duration::from_millis(1);
    let telemetry = Telemetry::builder().tracing(Tracing::new()).build();
    drop(telemetry.export_otlp(Otlp::to(running.uri()).batch_interval(soon).interval(soon)).unwrap());
    let server = Server::builder().telemetry(&telemetry).add_service(Probe::new().0.server());
    // The server alone is left of it.
    drop(telemetry);
    let server = Running::start(server).await;
    let client = Client::new(server.channel().await);
    for calls in 1..=2 {
        client.unary_call(ask("hello")).await.unwrap();
        crate::support::patiently(async {
            while collector.spans().len() < calls {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    assert!(!collector.metrics.lock().unwrap().is_empty());
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    let telemetry = Telemetry::builder().build();
    let table = [
        (Otlp::to("http://"), "http://127.0.0.1:4317"),
        (Otlp::to("http://127.0.0.1:4317").header("x tenant", "shop"), "x tenant"),
        (Otlp::to("http://127.0.0.1:4317").header("x-tenant", "caf\u{e9}"), "printable ASCII"),
        (Otlp::to("http://127.0.0.1:4317").header("te", "trailers"), "belongs to the protocol"),
    ];
    for (otlp, expected) in table {
        let error = telemetry.export_otlp(otlp).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let over = Otlp::over(Channel::from_static("http://127.0.0.1:4317"));
    telemetry.export_otlp(over).unwrap().shutdown(PATIENCE).await.unwrap();
}
