//! `grpc.testing.BenchmarkService` and `grpc.testing.WorkerService`: what benchmarks call and command.

use std::thread::available_parallelism;

use seltzer::services::Settings;
use seltzer::services::schemas::grpc::testing::benchmark_service_client::BenchmarkServiceClient;
use seltzer::services::schemas::grpc::testing::worker_service_client::WorkerServiceClient;
use seltzer::services::schemas::grpc::testing::{
    ClientArgs, ClientConfig, CoreRequest, Mark, Payload, RpcType, ServerArgs, ServerConfig, SimpleRequest,
    SimpleResponse, Void, client_args, server_args,
};
use seltzer::{Channel, Code};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::services::carriers::{CARRIERS, Demo, next, over_both, refused};
use crate::support::patiently;

fn request(response_size: i32) -> SimpleRequest {
    SimpleRequest { response_size, ..SimpleRequest::default() }
}

fn response(size: usize) -> SimpleResponse {
    let payload = (size > 0).then(|| Payload { body: vec![0; size], ..Payload::default() });
    SimpleResponse { payload, ..SimpleResponse::default() }
}

#[tokio::test]
async fn unary_calls_have_payloads_of_the_size_asked_for() {
    over_both(async |demo| {
        let client = BenchmarkServiceClient::new(demo.channel.clone());
        for (asked, size) in [(0, 0), (1, 1), (1 << 20, 1 << 20)] {
            assert_eq!(client.unary_call(request(asked)).await.unwrap().into_inner(), response(size));
        }
        refused(client.unary_call(request(-1)).await, Code::InvalidArgument);
    })
    .await;
}

#[tokio::test]
async fn messages_bounce_to_and_fro() {
    over_both(async |demo| {
        let client = BenchmarkServiceClient::new(demo.channel.clone());
        let (sender, requests) = mpsc::channel(1);
        let mut responses = client.streaming_call(ReceiverStream::new(requests)).await.unwrap().into_inner();
        for (asked, size) in [(3, 3), (0, 0), (70_000, 70_000)] {
            patiently(sender.send(request(asked))).await.unwrap();
            assert_eq!(next(&mut responses).await, response(size));
        }
        drop(sender);
        assert!(patiently(responses.message()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_answered_by_its_last_request() {
    over_both(async |demo| {
        let client = BenchmarkServiceClient::new(demo.channel.clone());
        for (asked, size) in [(vec![], 0), (vec![5], 5), (vec![1, 2, 3], 3)] {
            let requests = tokio_stream::iter(asked.into_iter().map(request));
            assert_eq!(client.streaming_from_client(requests).await.unwrap().into_inner(), response(size));
        }
    })
    .await;
}

#[tokio::test]
async fn a_download_goes_on_until_the_caller_leaves() {
    over_both(async |mut demo| {
        let client = BenchmarkServiceClient::new(demo.channel.clone());
        let mut responses = client.streaming_from_server(request(1000)).await.unwrap().into_inner();
        let call = demo.call().await;
        for _ in 0..5_000 {
            assert_eq!(next(&mut responses).await, response(1000));
        }
        assert!(!call.is_cancelled());
        drop(responses);
        patiently(call.cancelled()).await;
    })
    .await;
}

#[tokio::test]
async fn both_ways_sends_while_it_takes_in_and_ends_with_the_requests() {
    over_both(async |demo| {
        let client = BenchmarkServiceClient::new(demo.channel.clone());
        let (sender, requests) = mpsc::channel(1);
        let response_to_both = client.streaming_both_ways(ReceiverStream::new(requests)).await.unwrap();
        patiently(sender.send(request(2))).await.unwrap();
        let mut responses = response_to_both.into_inner();
        // Many for one request, and the first request's size whatever comes after it.
        for _ in 0..100 {
            assert_eq!(next(&mut responses).await, response(2));
        }
        patiently(sender.send(request(7))).await.unwrap();
        drop(sender);
        while let Some(message) = patiently(responses.message()).await.unwrap() {
            assert_eq!(message, response(2));
        }
    })
    .await;
}

#[tokio::test]
async fn the_worker_counts_its_cores() {
    let cores = i32::try_from(available_parallelism().unwrap().get()).unwrap();
    over_both(async |demo| {
        let worker = WorkerServiceClient::new(demo.channel.clone());
        assert_eq!(worker.core_count(CoreRequest {}).await.unwrap().get_ref().cores, cores);
    })
    .await;
}

#[tokio::test]
async fn the_worker_quits_where_somebody_acts_on_it() {
    for carrier in CARRIERS {
        let demo = Demo::start(carrier, &Settings::default()).await;
        let worker = WorkerServiceClient::new(demo.channel.clone());
        refused(worker.quit_worker(Void {}).await, Code::FailedPrecondition);

        let quit = CancellationToken::new();
        let mut settings = Settings::default();
        settings.quit = Some(quit.clone());
        let demo = Demo::start(carrier, &settings).await;
        let worker = WorkerServiceClient::new(demo.channel.clone());
        assert!(!quit.is_cancelled());
        worker.quit_worker(Void {}).await.unwrap();
        assert!(quit.is_cancelled(), "{carrier:?}");
    }
}

#[tokio::test]
async fn the_worker_runs_a_server_and_a_client() {
    over_both(async |demo| {
        let worker = WorkerServiceClient::new(demo.channel.clone());
        let (server_orders, orders) = mpsc::channel(1);
        server_orders.send(to_server(server_args::Argtype::Setup(ServerConfig::default()))).await.unwrap();
        let mut servers = worker.run_server(ReceiverStream::new(orders)).await.unwrap().into_inner();
        let address = format!("127.0.0.1:{}", next(&mut servers).await.port);
        let benchmark = BenchmarkServiceClient::new(Channel::connect(format!("http://{address}")).await.unwrap());
        assert_eq!(benchmark.unary_call(request(3)).await.unwrap().into_inner(), response(3));

        let (client_orders, orders) = mpsc::channel(1);
        let config = ClientConfig {
            server_targets: vec![address],
            client_channels: 1,
            outstanding_rpcs_per_channel: 2,
            rpc_type: RpcType::Unary.into(),
            ..ClientConfig::default()
        };
        client_orders.send(to_client(client_args::Argtype::Setup(config))).await.unwrap();
        let mut clients = worker.run_client(ReceiverStream::new(orders)).await.unwrap().into_inner();
        let mut stats = next(&mut clients).await.stats.unwrap();
        while stats.latencies.as_ref().unwrap().count < 10.0 {
            client_orders.send(to_client(client_args::Argtype::Mark(Mark { reset: false }))).await.unwrap();
            stats = next(&mut clients).await.stats.unwrap();
        }
        let codes: Vec<_> = stats.request_results.iter().map(|result| result.status_code).collect();
        assert_eq!(codes, [Code::Ok as i32]);
        drop(client_orders);
        assert!(patiently(clients.message()).await.unwrap().is_none());

        server_orders.send(to_server(server_args::Argtype::Mark(Mark { reset: true }))).await.unwrap();
        assert!(next(&mut servers).await.stats.unwrap().time_elapsed > 0.0);
        drop(server_orders);
        assert!(patiently(servers.message()).await.unwrap().is_none());
        refused(worker.run_server(tokio_stream::empty()).await, Code::InvalidArgument);
    })
    .await;
}

fn to_server(order: server_args::Argtype) -> ServerArgs {
    ServerArgs { argtype: Some(order) }
}

fn to_client(order: client_args::Argtype) -> ClientArgs {
    ClientArgs { argtype: Some(order) }
}
