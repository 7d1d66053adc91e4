//! What channels count, call by call and attempt by attempt.

use std::collections::BTreeMap;
use std::time::Duration;

use seltzer::client::GrpcService;
use seltzer::telemetry::{MetricData, Telemetry};
use seltzer::{Channel, Code, Server, Status};
use seltzer_fixtures::tonic_style::echo::{Message, echo_client::EchoClient};

use crate::client_engine::{Layered, WAYS, Way, begin_by};
use crate::support::call::{outcome, say};
use crate::support::kinds::{KINDS, Kind, call};
use crate::support::peer::{Place, REFUSED_STREAM};
use crate::support::probe::{Client, Probe, ask};
use crate::support::scripted::Scripted;
use crate::support::{Running, endpoint, patiently};
use crate::telemetry::{counted, eventually, expected, numbers, size};

const CALLS: &str = "grpc.client.call.duration";
const STARTED: &str = "grpc.client.attempt.started";
const ATTEMPTS: &str = "grpc.client.attempt.duration";
const SENT: &str = "grpc.client.attempt.sent_total_compressed_message_size";
const RECEIVED: &str = "grpc.client.attempt.rcvd_total_compressed_message_size";

fn method(kind: Kind) -> &'static str {
    match kind {
        Kind::Unary => "grpc.testing.BenchmarkService/UnaryCall",
        Kind::ClientStreaming => "grpc.testing.BenchmarkService/StreamingFromClient",
        Kind::ServerStreaming => "grpc.testing.BenchmarkService/StreamingFromServer",
        Kind::BidiStreaming => "grpc.testing.BenchmarkService/StreamingCall",
    }
}

fn labels(kind: Kind, code: Code) -> String {
    format!("{} {}", method(kind), seltzer::status::code_name(code))
}

async fn call_by(way: Way, channel: &Channel, kind: Kind, command: &str, timeout: Duration) -> Result<String, Status> {
    async fn timed<C: GrpcService>(
        client: &Client<C>,
        kind: Kind,
        command: &str,
        timeout: Duration,
    ) -> Result<String, Status> {
        let timed = |mut request: seltzer::Request<()>| {
            request.set_timeout(timeout);
            request
        };
        call(client, kind, command, timed).await
    }
    match way {
        Way::Short => timed(&Client::new(channel.clone()), kind, command, timeout).await,
        Way::General => timed(&Client::new(Layered(channel.clone())), kind, command, timeout).await,
    }
}

const FAR: Duration = Duration::from_secs(60);

#[tokio::test]
async fn calls_of_all_kinds_are_counted_with_how_they_ended() {
    let running = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    for (way, kind) in WAYS.into_iter().flat_map(|way| KINDS.map(|kind| (way, kind))) {
        let telemetry = Telemetry::builder().build();
        let channel = endpoint(running.uri()).telemetry(&telemetry).connect_lazy();
        let table: &[(&str, Code, Duration)] = match kind {
            Kind::ClientStreaming => &[("one", Code::Ok, FAR), ("two", Code::Ok, FAR)],
            _ => &[
                ("one", Code::Ok, FAR),
                ("yield", Code::Ok, FAR),
                ("fail not now", Code::FailedPrecondition, FAR),
                ("hang", Code::DeadlineExceeded, Duration::from_millis(50)),
            ],
        };
        let (mut sent, mut ended) = (0, BTreeMap::new());
        for (command, code, timeout) in table {
            let answer = call_by(way, &channel, kind, command, *timeout).await;
            let answered = answer.map_or_else(|status| status.code(), |_| Code::Ok);
            assert_eq!(answered, *code, "{way:?} {kind:?} {command}");
            sent += size(&ask(command));
            *ended.entry(labels(kind, *code)).or_insert(0) += 1;
        }
        let context = format!("{way:?} {kind:?}");
        assert_eq!(numbers(&telemetry, STARTED), expected([(method(kind), table.len() as u64)]), "{context}");
        for metric in [CALLS, ATTEMPTS, SENT, RECEIVED] {
            assert_eq!(numbers(&telemetry, metric), ended, "{context} {metric}");
        }
        let sum = |metric| counted(&telemetry, metric).values().map(|(_, sum)| sum).sum::<u64>();
        assert_eq!(sum(SENT), sent, "{context}");
        let answers = table.iter().filter(|(_, code, _)| *code == Code::Ok);
        let said = answers.map(|(command, ..)| if *command == "yield" { "yielded" } else { command });
        assert_eq!(sum(RECEIVED), said.map(|said| size(&ask(said))).sum::<u64>(), "{context}");
    }
}

#[tokio::test]
async fn clients_of_tonic_are_counted_by_name_and_what_nobody_names_is_other() {
    let running = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let telemetry = Telemetry::builder().build();
    let channel = endpoint(running.uri()).telemetry(&telemetry).connect_lazy();
    let mut theirs = EchoClient::new(channel.clone());
    assert_eq!(theirs.unary(Message::default()).await.unwrap_err().code(), Code::Unimplemented);
    let mut request = http::Request::new(tonic::body::Body::empty());
    *request.uri_mut() = "/made.up/Path".parse().unwrap();
    drop(channel.send(request).await.unwrap());
    let ended = expected([("echo.Echo/Unary UNIMPLEMENTED", 1), ("other UNIMPLEMENTED", 1)]);
    assert_eq!(numbers(&telemetry, CALLS), ended);
    assert_eq!(numbers(&telemetry, ATTEMPTS), ended);
}

#[tokio::test]
async fn targets_are_named_as_grpc_names_them() {
    let table = [
        ("http://127.0.0.1:1", "dns:///127.0.0.1:1"),
        ("http://[::1]:1", "dns:///[::1]:1"),
        ("127.0.0.1:1", "dns:///127.0.0.1:1"),
        ("dns:///127.0.0.1:1", "dns:///127.0.0.1:1"),
        ("dns:127.0.0.1:1", "dns:///127.0.0.1:1"),
        ("ipv4:127.0.0.1:1", "ipv4:127.0.0.1:1"),
        ("unix:/nobody/listens/here", "unix:/nobody/listens/here"),
    ];
    for (target, name) in table {
        let telemetry = Telemetry::builder().build();
        let channel = Channel::builder(target).telemetry(&telemetry).connect_lazy();
        let failed = patiently(Client::new(channel).unary_call(ask("hi"))).await.unwrap_err();
        assert_eq!(failed.code(), Code::Unavailable, "{target}");
        let metrics = telemetry.collect();
        let metric = metrics.iter().find(|metric| metric.name == CALLS).unwrap();
        let MetricData::Histogram { points, .. } = &metric.data else { panic!("{metric:?}") };
        let targets: Vec<_> = points.iter().map(|point| point.attributes.last().unwrap()).collect();
        assert_eq!(targets, [&("grpc.target", name.to_owned())], "{target}");
        assert_eq!(numbers(&telemetry, ATTEMPTS), expected([(&labels(Kind::Unary, Code::Unavailable), 1)]), "{target}");
    }
}

#[tokio::test]
async fn calls_that_are_given_up_are_cancelled() {
    for (way, kind) in WAYS.into_iter().flat_map(|way| KINDS.map(|kind| (way, kind))) {
        let telemetry = Telemetry::builder().build();
        let (service, mut seen) = Probe::new();
        let running = Running::start(Server::builder().add_service(service.server())).await;
        let channel = endpoint(running.uri()).telemetry(&telemetry).connect_lazy();
        if kind == Kind::ClientStreaming {
            let endless = tokio_stream::StreamExt::chain(tokio_stream::once(ask("one")), tokio_stream::pending());
            let client = Client::new(channel);
            let call = client.streaming_from_client(endless);
            // Its only request has come, or its time is up: either way nobody waits for an answer any more.
            assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
        } else {
            let hangs = async { seen.wait_for(|seen| seen.hanging == 1).await.map(drop) };
            tokio::select! {
                answer = call_by(way, &channel, kind, "hang", FAR) => panic!("{answer:?}"),
                hangs = patiently(hangs) => hangs.unwrap(),
            }
        }
        let cancelled = expected([(&labels(kind, Code::Cancelled), 1)]);
        for metric in [CALLS, ATTEMPTS] {
            eventually(&format!("{way:?} {kind:?}"), cancelled.clone(), || numbers(&telemetry, metric)).await;
        }
    }
}

/// A policy with short pauses, for all methods.
const RETRIES: &str = r#"{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.001s",
    "maxBackoff": "0.002s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE", "ABORTED"]}}]}"#;

/// A policy of attempts side by side, all at once as soon as one fails.
const HEDGES: &str = r#"{"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "3600s",
    "nonFatalStatusCodes": ["UNAVAILABLE", "ABORTED"]}}]}"#;

#[tokio::test]
async fn each_attempt_is_counted_and_how_many_there_were() {
    let running = Running::start(Server::builder().add_service(Scripted::new().0.server())).await;
    let policies = [(RETRIES, "grpc.client.call.retries"), (HEDGES, "grpc.client.call.hedges")];
    let all = policies.into_iter().flat_map(|policy| WAYS.map(|way| (policy, way)));
    for (((config, made_again), way), kind) in all.flat_map(|one| KINDS.map(|kind| (one, kind))) {
        let telemetry = Telemetry::builder().retry_metrics(true).build();
        let settings = endpoint(running.uri()).telemetry(&telemetry).service_config(config).unwrap();
        let channel = settings.connect_lazy();
        let context = format!("{made_again} {way:?} {kind:?}");
        let command = "UNAVAILABLE|ABORTED|ok";
        assert_eq!(call_by(way, &channel, kind, command, FAR).await.unwrap(), command, "{context}");
        let attempts = expected([
            (&labels(kind, Code::Unavailable), 1),
            (&labels(kind, Code::Aborted), 1),
            (&labels(kind, Code::Ok), 1),
        ]);
        let calls = expected([(&labels(kind, Code::Ok), 1)]);
        assert_eq!(numbers(&telemetry, CALLS), calls, "{context}");
        assert_eq!(numbers(&telemetry, ATTEMPTS), attempts, "{context}");
        assert_eq!(numbers(&telemetry, STARTED), expected([(method(kind), 3)]), "{context}");
        let bytes = size(&ask(command));
        assert!(counted(&telemetry, SENT).values().all(|(_, sum)| *sum == bytes), "{context}");
        assert_eq!(counted(&telemetry, made_again), [(method(kind).to_owned(), (1, 2))].into(), "{context}");
        let delays = numbers(&telemetry, "grpc.client.call.retry_delay");
        assert_eq!(delays.len(), usize::from(config == RETRIES), "{context}: {delays:?}");
        // None of that is shown unless it is asked for.
        assert_eq!(call_by(way, &channel, kind, "ok", FAR).await.unwrap(), "ok", "{context}");
        assert_eq!(numbers(&telemetry, made_again), expected([(method(kind), 1)]), "{context}");
    }
}

#[tokio::test]
async fn what_the_server_refused_is_a_transparent_retry() {
    for way in WAYS {
        let telemetry = Telemetry::builder().retry_metrics(true).build();
        let place = Place::new().await;
        let channel = Channel::builder(place.uri()).connections_max(1).telemetry(&telemetry).connect_lazy();
        let call = begin_by(way, &channel, "hi");
        let mut peer = place.accept(&[]).await;
        let stream = peer.next_call().await;
        peer.reset(stream, REFUSED_STREAM).await;
        let stream = peer.next_call().await;
        peer.answer(stream, &say("hello")).await;
        assert_eq!(outcome(call).await.unwrap(), "hello");
        let unary = Kind::Unary;
        let attempts = expected([(&labels(unary, Code::Unavailable), 1), (&labels(unary, Code::Ok), 1)]);
        assert_eq!(numbers(&telemetry, ATTEMPTS), attempts, "{way:?}");
        let again = counted(&telemetry, "grpc.client.call.transparent_retries");
        assert_eq!(again, [(method(unary).to_owned(), (1, 1))].into(), "{way:?}");
        assert_eq!(numbers(&telemetry, "grpc.client.call.retries"), expected([]), "{way:?}");
    }
}
