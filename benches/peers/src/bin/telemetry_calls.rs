//! Makes calls over this library, client and server in this process and both measured, and prints what was counted:
//! one line of JSON a point. The same calls are made by `scripts/telemetry/main.go`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it does")]

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use seltzer::client::{CallOptions, CallOptionsExt as _};
use seltzer::codec::CompressionEncoding;
use seltzer::services::schemas::grpc::testing::test_service_client::TestServiceClient;
use seltzer::services::schemas::grpc::testing::test_service_server::{TestService, TestServiceServer};
use seltzer::services::schemas::grpc::testing::unimplemented_service_client::UnimplementedServiceClient;
use seltzer::services::schemas::grpc::testing::{
    BoolValue, EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
};
use seltzer::services::testing::TestServiceHandler;
use seltzer::telemetry::{Attributes, MetricData, Telemetry};
use seltzer::{Channel, Code, Deadline, Request, Response, Server, Status, Streaming};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

const SERVICE_CONFIG: &str = r#"{"methodConfig": [{"name": [{"service": "grpc.testing.TestService"}], "retryPolicy": {
    "maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.02s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["ABORTED"]}}]}"#;

type Done = Result<(), Box<dyn Error>>;

/// Answers as gRPC's interoperability server does, after it has refused as many unary calls as it was told to.
struct Flaky {
    handler: TestServiceHandler,
    refusals: Arc<AtomicI32>,
}

impl TestService for Flaky {
    async fn empty_call(&self, request: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.handler.empty_call(request).await
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        if self.refusals.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Err(Status::aborted("not yet"));
        }
        self.handler.unary_call(request).await
    }

    async fn cacheable_unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        self.handler.cacheable_unary_call(request).await
    }

    type StreamingOutputCallStream = <TestServiceHandler as TestService>::StreamingOutputCallStream;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Self::StreamingOutputCallStream>, Status> {
        self.handler.streaming_output_call(request).await
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        self.handler.streaming_input_call(request).await
    }

    type FullDuplexCallStream = <TestServiceHandler as TestService>::FullDuplexCallStream;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::FullDuplexCallStream>, Status> {
        self.handler.full_duplex_call(request).await
    }

    type HalfDuplexCallStream = <TestServiceHandler as TestService>::HalfDuplexCallStream;

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::HalfDuplexCallStream>, Status> {
        self.handler.half_duplex_call(request).await
    }

    async fn unimplemented_call(&self, request: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.handler.unimplemented_call(request).await
    }
}

/// Whom the calls go to.
struct Place {
    channel: Channel,
    client: TestServiceClient,
    refusals: Arc<AtomicI32>,
}

fn payload(size: usize) -> Option<Payload> {
    Some(Payload { body: vec![0; size], ..Payload::default() })
}

fn request(size: usize, answer: i32) -> SimpleRequest {
    SimpleRequest { response_size: answer, payload: payload(size), ..SimpleRequest::default() }
}

fn parameters(sizes: &[i32]) -> Vec<ResponseParameters> {
    sizes.iter().map(|size| ResponseParameters { size: *size, ..ResponseParameters::default() }).collect()
}

fn want<T>(result: Result<T, Status>, code: Code) -> Done {
    let got = result.map_or_else(|status| status.code(), |_| Code::Ok);
    if got == code { Ok(()) } else { Err(format!("a call ended with {got:?} instead of {code:?}").into()) }
}

async fn unary(place: &Place) -> Done {
    for size in [1, 1000, 3000, 100_000] {
        want(place.client.unary_call(request(size, i32::try_from(size * 2)?)).await, Code::Ok)?;
    }
    want(place.client.empty_call(Empty {}).await, Code::Ok)
}

async fn errors(place: &Place) -> Done {
    for code in 1..=16 {
        let mut asked = request(10, 10);
        asked.response_status = Some(EchoStatus { code, message: "as asked".into() });
        want(place.client.unary_call(asked).await, Code::from_i32(code))?;
    }
    Ok(())
}

async fn streams(place: &Place) -> Done {
    let sizes = [10, 2000, 30_000];
    let asked = |sizes| StreamingOutputCallRequest {
        response_parameters: parameters(sizes),
        ..StreamingOutputCallRequest::default()
    };
    let mut down = place.client.streaming_output_call(asked(&sizes)).await?.into_inner();
    while down.message().await?.is_some() {}
    let uploads = sizes.map(|size| StreamingInputCallRequest {
        payload: payload(usize::try_from(size).unwrap_or_default()),
        ..StreamingInputCallRequest::default()
    });
    want(place.client.streaming_input_call(tokio_stream::iter(uploads)).await, Code::Ok)?;
    let (requests, stream) = mpsc::channel(1);
    requests.send(asked(&sizes[..2])).await?;
    let mut both = place.client.full_duplex_call(ReceiverStream::new(stream)).await?.into_inner();
    for turn in 0..2 {
        for _ in 0..2 {
            both.message().await?;
        }
        if turn == 0 {
            requests.send(asked(&sizes[..2])).await?;
        }
    }
    let response_status = Some(EchoStatus { code: Code::DataLoss as i32, ..EchoStatus::default() });
    requests.send(StreamingOutputCallRequest { response_status, ..StreamingOutputCallRequest::default() }).await?;
    want(both.message().await, Code::DataLoss)
}

async fn unknown(place: &Place) -> Done {
    want(place.client.unimplemented_call(Empty {}).await, Code::Unimplemented)?;
    let nobody = UnimplementedServiceClient::new(place.channel.clone());
    want(nobody.unimplemented_call(Empty {}).await, Code::Unimplemented)?;
    for path in ["/grpc.testing.TestService/MadeUp", "/made.up.Service/Method"] {
        let mut anything = tonic::client::Grpc::new(place.channel.clone());
        anything.ready().await?;
        let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
        let answer = anything.unary(Request::new(Empty {}), http::uri::PathAndQuery::from_static(path), codec).await;
        want(answer, Code::Unimplemented)?;
    }
    Ok(())
}

async fn cancelled(place: &Place) -> Done {
    let asked =
        StreamingOutputCallRequest { response_parameters: parameters(&[10]), ..StreamingOutputCallRequest::default() };
    let requests = tokio_stream::once(asked).chain(tokio_stream::pending());
    let mut both = place.client.full_duplex_call(requests).await?.into_inner();
    both.message().await?;
    Ok(())
}

async fn deadline(place: &Place) -> Done {
    let mut request = Request::new(tokio_stream::pending::<StreamingOutputCallRequest>());
    request.set_timeout(Duration::from_millis(50));
    let answers = async { place.client.full_duplex_call(request).await?.into_inner().message().await };
    want(answers.await, Code::DeadlineExceeded)
}

async fn late(place: &Place) -> Done {
    let passed = Deadline::after(Duration::ZERO);
    tokio::time::sleep(Duration::from_millis(2)).await;
    let mut late = Request::new(request(10, 10));
    *late.call_options_mut() = CallOptions::new().deadline(passed);
    want(place.client.unary_call(late).await, Code::DeadlineExceeded)
}

async fn compressed(place: &Place) -> Done {
    let client = place.client.clone().send_compressed(CompressionEncoding::Gzip);
    for size in [10, 100_000] {
        let mut asked = request(size, i32::try_from(size)?);
        asked.response_compressed = Some(BoolValue { value: true });
        want(client.unary_call(asked).await, Code::Ok)?;
    }
    Ok(())
}

async fn retried(place: &Place) -> Done {
    place.refusals.store(1, Ordering::Relaxed);
    want(place.client.unary_call(request(10, 20)).await, Code::Ok)?;
    place.refusals.store(3, Ordering::Relaxed);
    want(place.client.unary_call(request(10, 20)).await, Code::Aborted)
}

async fn unreachable(place: &Place) -> Done {
    want(place.client.unary_call(request(10, 10)).await, Code::Unavailable)
}

/// Makes some of the calls on a server and a channel of their own, and prints what was counted when both are gone.
async fn run(scenario: &str, calls: impl AsyncFnOnce(&Place) -> Done) -> Done {
    let telemetry = Telemetry::builder().build();
    let refusals = Arc::default();
    let service = Flaky { handler: TestServiceHandler::default(), refusals: Arc::clone(&refusals) };
    let mut service = TestServiceServer::new(service);
    if scenario == "compressed" {
        // grpc-go's server answers as it was asked.
        service = service.send_compressed(CompressionEncoding::Gzip);
    }
    let server = Server::builder().telemetry(&telemetry).add_service(service);
    let server = server.bind("127.0.0.1:0").await?;
    let address = server.local_addr().ok_or("the server listens nowhere")?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve_with_shutdown(async {
        let _ = stopped.await;
    }));
    let target = if scenario == "unreachable" { "127.0.0.1:1".to_owned() } else { address.to_string() };
    let endpoint = Channel::builder(format!("dns:///{target}").as_str()).telemetry(&telemetry);
    let channel = endpoint.service_config(SERVICE_CONFIG)?.connect_lazy();
    let place = Place { client: TestServiceClient::new(channel.clone()), channel, refusals };
    tokio::time::timeout(Duration::from_secs(30), calls(&place)).await??;
    drop((place, stop));
    serving.await??;
    print(scenario, &telemetry);
    Ok(())
}

fn print(scenario: &str, telemetry: &Telemetry) {
    let attributes = |attributes: &Attributes| -> Value {
        Value::Object(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect())
    };
    for metric in telemetry.collect() {
        let head = |kind: &str, about: &Attributes| {
            json!({"scenario": scenario, "name": metric.name, "unit": metric.unit, "kind": kind,
                "attributes": attributes(about)})
        };
        match &metric.data {
            MetricData::Sum { points, .. } => {
                for point in points {
                    let mut line = head("sum", &point.attributes);
                    line["sum"] = point.value.into();
                    println!("{line}");
                }
            }
            MetricData::Histogram { bounds, points } => {
                for point in points {
                    let mut line = head("histogram", &point.attributes);
                    line["sum"] = point.sum.into();
                    line["bounds"] = bounds.to_vec().into();
                    line["counts"] = point.counts.clone().into();
                    println!("{line}");
                }
            }
            other => eprintln!("telemetry_calls: {} is {other:?}", metric.name),
        }
    }
}

async fn all() -> Done {
    run("unary", unary).await?;
    run("errors", errors).await?;
    run("streams", streams).await?;
    run("unknown", unknown).await?;
    run("cancelled", cancelled).await?;
    run("deadline", deadline).await?;
    run("late", late).await?;
    run("compressed", compressed).await?;
    run("retried", retried).await?;
    run("unreachable", unreachable).await
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(all()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("telemetry_calls: {error}");
            ExitCode::FAILURE
        }
    }
}
