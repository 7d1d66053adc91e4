//! Load reports, as gRFC A51 says.

use std::time::Duration;

use seltzer::orca::pb::OrcaLoadReportRequest;
use seltzer::orca::pb::open_rca_service_client::OpenRcaServiceClient;
use seltzer::orca::{self, OpenRcaHandler, OrcaLoadReport, REPORT_INTERVAL_MIN, ServerMetrics};
use seltzer::prost_types;
use seltzer::services::schemas::grpc::testing::test_service_client::TestServiceClient;
use seltzer::services::schemas::grpc::testing::{ResponseParameters, StreamingOutputCallRequest, TestOrcaReport};
use seltzer::services::schemas::hello::greeter_client::GreeterClient;
use seltzer::services::schemas::hello::greeter_server::{Greeter, GreeterServer};
use seltzer::services::schemas::hello::{HelloReply, HelloRequest};
use seltzer::services::{self, Settings};
use seltzer::{Channel, Code, Request, Response, Server, Status};
use tokio::time::Instant;

use crate::support::{Running, patiently};

/// Records what it is asked to, in two steps.
struct Busy;

impl Greeter for Busy {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let name = request.into_inner().name;
        if name.contains("record") {
            orca::record(|report| report.cpu_utilization = 0.5)?;
            tokio::task::yield_now().await;
            orca::record(|report| {
                report.request_cost.insert("rows".to_owned(), 120.0);
            })?;
        }
        if name.contains("fail") {
            return Err(Status::not_found("as told"));
        }
        Ok(Response::new(HelloReply { message: name }))
    }
}

fn hello(name: &str) -> HelloRequest {
    HelloRequest { name: name.to_owned() }
}

fn recorded() -> OrcaLoadReport {
    let request_cost = [("rows".to_owned(), 120.0)].into();
    OrcaLoadReport { cpu_utilization: 0.5, request_cost, ..OrcaLoadReport::default() }
}

#[tokio::test]
async fn what_a_handler_records_goes_with_the_call() {
    let server = Running::start(Server::builder().add_service(GreeterServer::new(Busy))).await;
    let client = GreeterClient::new(server.channel().await);
    let table =
        [("nothing", None), ("record", Some(recorded())), ("fail", None), ("record and fail", Some(recorded()))];
    for (name, expected) in table {
        let report = match client.say_hello(hello(name)).await {
            Ok(answer) => OrcaLoadReport::of(answer.metadata()),
            Err(status) => OrcaLoadReport::of(status.metadata()),
        };
        assert_eq!(report, expected, "{name}");
    }
    let outside = orca::record(|report| report.eps = 1.0).unwrap_err();
    assert_eq!(outside.code(), Code::Internal);
}

#[tokio::test]
async fn what_a_server_reports_goes_with_all_its_calls() {
    let metrics = ServerMetrics::new();
    let server =
        Server::builder().interceptor(metrics.interceptor()).add_service(GreeterServer::new(Busy)).serve_in_process();
    let client = GreeterClient::new(Channel::in_process(&server.unwrap()));
    let report = async |name| OrcaLoadReport::of(client.say_hello(hello(name)).await.unwrap().metadata());
    assert_eq!(report("nothing").await, None, "nothing is known");
    metrics.update(|report| {
        report.cpu_utilization = 0.9;
        report.mem_utilization = 0.8;
    });
    let current = metrics.current();
    assert_eq!(report("nothing").await, Some(current));
    // What the handler says of the same goes first.
    assert_eq!(report("record").await, Some(OrcaLoadReport { mem_utilization: 0.8, ..recorded() }));
}

fn every(seconds: i64, names: &[&str]) -> OrcaLoadReportRequest {
    let report_interval = Some(prost_types::Duration { seconds, nanos: 0 });
    OrcaLoadReportRequest { report_interval, request_cost_names: names.iter().map(|name| (*name).to_owned()).collect() }
}

#[tokio::test(start_paused = true)]
async fn reports_come_at_once_and_then_as_often_as_is_allowed() {
    let second = Duration::from_secs(1);
    let table = [
        ("no interval", None, OrcaLoadReportRequest::default(), REPORT_INTERVAL_MIN),
        ("too often", None, every(29, &[]), REPORT_INTERVAL_MIN),
        ("as often", None, every(30, &[]), REPORT_INTERVAL_MIN),
        ("less often", None, every(31, &[]), Duration::from_secs(31)),
        ("a server that allows more", Some(second), every(0, &[]), second),
        ("and is asked for less", Some(second), every(5, &[]), Duration::from_secs(5)),
        ("longer than any clock", None, every(i64::MAX, &[]), Duration::from_secs(24 * 60 * 60)),
    ];
    for (name, min, request, expected) in table {
        let metrics = ServerMetrics::new();
        let mut handler = OpenRcaHandler::new(&metrics);
        if let Some(min) = min {
            handler = handler.min_interval(min);
        }
        let server = Server::builder().serve_load_reports(handler).serve_in_process().unwrap();
        let client = OpenRcaServiceClient::new(Channel::in_process(&server));
        let start = Instant::now();
        let mut reports = client.stream_core_metrics(request).await.unwrap().into_inner();
        for number in 0..3 {
            metrics.update(|report| report.eps = f64::from(number));
            assert_eq!(reports.message().await.unwrap().unwrap().eps, f64::from(number), "{name}");
            assert_eq!(start.elapsed().as_secs(), (expected * number).as_secs(), "{name}: report {number}");
        }
    }
}

#[tokio::test]
async fn an_interval_in_the_past_is_refused() {
    let server = Server::builder().load_reports(&ServerMetrics::new()).serve_in_process().unwrap();
    let client = OpenRcaServiceClient::new(Channel::in_process(&server));
    let mut reports = client.stream_core_metrics(every(-1, &[])).await;
    if let Ok(answer) = &mut reports {
        let refused = answer.get_mut().message().await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    } else {
        assert_eq!(reports.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn reports_end_with_the_server() {
    let server = Server::builder().load_reports(&ServerMetrics::new()).drain_grace(Duration::from_secs(3600));
    let mut server = Running::start(server).await;
    let client = OpenRcaServiceClient::new(server.channel().await);
    let mut reports = client.stream_core_metrics(every(30, &[])).await.unwrap().into_inner();
    assert_eq!(patiently(reports.message()).await.unwrap(), Some(OrcaLoadReport::default()));
    server.begin_stop();
    assert_eq!(patiently(reports.message()).await.unwrap_err().code(), Code::Unavailable);
    server.ended().await;
}

fn load(cpu_utilization: f64) -> StreamingOutputCallRequest {
    let request_cost = [("paper".to_owned(), 2.0), ("ink".to_owned(), 3.0)].into();
    StreamingOutputCallRequest {
        response_parameters: vec![ResponseParameters { size: 1, ..ResponseParameters::default() }],
        orca_oob_report: Some(TestOrcaReport { cpu_utilization, request_cost, ..TestOrcaReport::default() }),
        ..StreamingOutputCallRequest::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_call_of_the_test_service_sets_is_reported_until_it_ends() {
    let server = services::add_to(Server::builder(), &Settings::default()).serve_in_process().unwrap();
    let channel = Channel::in_process(&server);
    let start = Instant::now();
    let listener = OpenRcaServiceClient::new(channel.clone());
    let mut heard = listener.stream_core_metrics(every(0, &["ink"])).await.unwrap().into_inner();
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
