//! `grpc.health.v1.Health`, as its contract says.

use std::time::{Duration, Instant};

use seltzer::health::pb::health_check_response::ServingStatus as Answered;
use seltzer::health::pb::health_client::HealthClient;
use seltzer::health::pb::{HealthCheckRequest, HealthCheckResponse, HealthListRequest};
use seltzer::health::{HealthReporter, SERVICES_LISTED_MAX, ServingStatus};
use seltzer::services::hello::GreeterHandler;
use seltzer::services::schemas::hello::greeter_server::GreeterServer;
use seltzer::{Channel, Code, Server, Streaming};

use crate::support::{Running, patiently};

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

/// A client of a server within this process that serves what `health` says.
fn client(health: &HealthReporter) -> HealthClient {
    let server = Server::builder().add_service(health.service()).serve_in_process().unwrap();
    HealthClient::new(Channel::in_process(&server))
}

async fn next(answers: &mut Streaming<HealthCheckResponse>) -> Answered {
    patiently(answers.message()).await.unwrap().expect("it has not ended").status()
}

#[tokio::test]
async fn check_says_what_was_reported() {
    let health = HealthReporter::new();
    let client = client(&health);
    health.set_status("a.Serving", ServingStatus::Serving);
    health.set_status("a.NotServing", ServingStatus::NotServing);
    health.set_status("a.Unknown", ServingStatus::Unknown);
    health.set_serving::<GreeterServer<GreeterHandler>>();
    health.set_status("a.Forgotten", ServingStatus::Serving);
    health.clear("a.Forgotten");
    let table = [
        ("", Ok(Answered::Serving)),
        ("a.Serving", Ok(Answered::Serving)),
        ("a.NotServing", Ok(Answered::NotServing)),
        ("a.Unknown", Ok(Answered::Unknown)),
        ("hello.Greeter", Ok(Answered::Serving)),
        ("a.Forgotten", Err(Code::NotFound)),
        ("a.Nobody", Err(Code::NotFound)),
        ("/a.Serving", Err(Code::NotFound)),
    ];
    for (service, expected) in table {
        let answer = client.check(of(service)).await;
        assert_eq!(
            answer.map(|answer| answer.get_ref().status()).map_err(|status| status.code()),
            expected,
            "{service}"
        );
    }
    health.set_not_serving::<GreeterServer<GreeterHandler>>();
    assert_eq!(client.check(of("hello.Greeter")).await.unwrap().get_ref().status(), Answered::NotServing);
}

#[tokio::test]
async fn watch_tells_of_changes_and_of_services_that_become_known() {
    let health = HealthReporter::new();
    let client = client(&health);
    let mut watch = client.watch(of("a.B")).await.unwrap().into_inner();
    assert_eq!(next(&mut watch).await, Answered::ServiceUnknown);
    for (status, expected) in
        [(ServingStatus::NotServing, Answered::NotServing), (ServingStatus::Serving, Answered::Serving)]
    {
        health.set_status("a.B", status);
        assert_eq!(next(&mut watch).await, expected);
    }
    health.clear("a.B");
    assert_eq!(next(&mut watch).await, Answered::ServiceUnknown);
    let mut second = client.watch(of("")).await.unwrap().into_inner();
    assert_eq!(next(&mut second).await, Answered::Serving);
    health.shutdown();
    assert_eq!(next(&mut second).await, Answered::NotServing);
    health.resume();
    assert_eq!(next(&mut second).await, Answered::Serving);
}

#[tokio::test]
async fn a_list_has_all_services_up_to_a_hundred() {
    let health = HealthReporter::new();
    let client = client(&health);
    // The server as a whole is one of them.
    for number in 1..SERVICES_LISTED_MAX {
        let status = if number % 2 == 0 { ServingStatus::Serving } else { ServingStatus::NotServing };
        health.set_status(format!("a.S{number}"), status);
    }
    let statuses = client.list(HealthListRequest {}).await.unwrap().into_inner().statuses;
    assert_eq!(statuses.len(), SERVICES_LISTED_MAX);
    for (service, expected) in [("", Answered::Serving), ("a.S2", Answered::Serving), ("a.S3", Answered::NotServing)] {
        assert_eq!(statuses[service].status(), expected, "{service:?}");
    }
    health.set_status("a.OneMore", ServingStatus::Serving);
    let refused = client.list(HealthListRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    health.clear("a.S1");
    assert_eq!(client.list(HealthListRequest {}).await.unwrap().get_ref().statuses.len(), SERVICES_LISTED_MAX);
}

#[tokio::test]
async fn a_server_reports_its_services_and_its_end() {
    let health = HealthReporter::new();
    health.set_status("hello.Greeter", ServingStatus::NotServing);
    let server = Server::builder()
        .health(&health)
        .add_service(GreeterServer::new(GreeterHandler))
        .drain_grace(Duration::from_secs(3600));
    let mut server = Running::start(server).await;
    let client = HealthClient::new(server.channel().await);
    let mut services = client.list(HealthListRequest {}).await.unwrap().into_inner().statuses;
    assert_eq!(services.remove("hello.Greeter").unwrap().status(), Answered::NotServing, "what was said before holds");
    let mut others: Vec<_> = services.into_iter().map(|(service, answer)| (service, answer.status())).collect();
    others.sort();
    let expected = ["", "grpc.health.v1.Health"].map(|service| (service.to_owned(), Answered::Serving));
    assert_eq!(others, expected);

    let mut whole = client.watch(of("")).await.unwrap().into_inner();
    let mut unknown = client.watch(of("a.Nobody")).await.unwrap().into_inner();
    assert_eq!(next(&mut whole).await, Answered::Serving);
    assert_eq!(next(&mut unknown).await, Answered::ServiceUnknown);
    let start = Instant::now();
    server.begin_stop();
    assert_eq!(next(&mut whole).await, Answered::NotServing);
    for mut watch in [whole, unknown] {
        let end = patiently(watch.message()).await.unwrap_err();
        assert_eq!((end.code(), end.message()), (Code::Unavailable, "the server is shutting down"));
    }
    server.ended().await;
    assert!(start.elapsed() < Duration::from_secs(10), "watchers hold up the end");
    assert_eq!(health.status("grpc.health.v1.Health"), Some(ServingStatus::NotServing));

    // The same reporter speaks for the next server.
    health.resume();
    let server = Running::start(Server::builder().health(&health)).await;
    let client = HealthClient::new(server.channel().await);
    assert_eq!(client.check(of("")).await.unwrap().get_ref().status(), Answered::Serving);
}

#[tokio::test]
async fn tonics_client_is_answered() {
    use tonic_health::pb::health_check_response::ServingStatus as Theirs;
    let health = HealthReporter::new();
    let server = Running::start(Server::builder().health(&health)).await;
    let mut client = tonic_health::pb::health_client::HealthClient::new(server.channel().await);
    let request = || tonic_health::pb::HealthCheckRequest { service: "a.B".to_owned() };
    assert_eq!(client.check(request()).await.unwrap_err().code(), Code::NotFound);
    let mut watch = client.watch(request()).await.unwrap().into_inner();
    assert_eq!(patiently(watch.message()).await.unwrap().unwrap().status(), Theirs::ServiceUnknown);
    health.set_status("a.B", ServingStatus::Serving);
    assert_eq!(patiently(watch.message()).await.unwrap().unwrap().status(), Theirs::Serving);
}
