//! Servers that say whether they are well.

use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use super::*;
use crate::support::peer::{DATA, END_STREAM, GOOD, HEADERS, Peer, Place, RST_STREAM};
use crate::support::raw::framed;

/// The service whose health is asked for.
const SERVICE: &str = "seltzer.Test";

/// Three servers with health services, and those who speak for them.
async fn start() -> (Servers, Vec<HealthReporter>) {
    let (gate, watched) = watch::channel(false);
    let mut servers = Servers { running: Vec::new(), addresses: Vec::new(), services: Vec::new(), gate };
    let mut reporters = Vec::new();
    for name in NAMES {
        let service = Named { name, report: None, calls: Arc::default(), gate: watched.clone() };
        let (reporter, health) = health_reporter();
        let running = Running::start(server(service.clone()).add_service(health)).await;
        servers.addresses.push(running.address);
        servers.running.push(Some(running));
        servers.services.push(service);
        reporters.push(reporter);
    }
    (servers, reporters)
}

async fn say(reporter: &HealthReporter, status: ServingStatus) {
    reporter.set_service_status(SERVICE, status).await;
}

#[tokio::test]
async fn only_servers_that_say_they_serve_get_calls() {
    let (servers, reporters) = start().await;
    say(&reporters[0], ServingStatus::Serving).await;
    say(&reporters[1], ServingStatus::NotServing).await;
    // The third does not know the service, until it does.
    // What a service config says goes before what the channel was told.
    let config =
        format!(r#"{{"loadBalancingPolicy": "round_robin", "healthCheckConfig": {{"serviceName": "{SERVICE}"}}}}"#);
    let by_config = servers.endpoint(Balance::default()).health_check("other").service_config(config).unwrap();
    let by_config = by_config.connect().await.unwrap();
    assert_eq!(spread(&by_config, 20).await, BTreeMap::from([("a".to_owned(), 20)]));
    let channel = servers.endpoint(Balance::RoundRobin).health_check(SERVICE).connect().await.unwrap();
    assert_eq!(spread(&channel, 20).await, BTreeMap::from([("a".to_owned(), 20)]));
    say(&reporters[1], ServingStatus::Serving).await;
    until_answered_by(&channel, &["a", "b"]).await;
    say(&reporters[2], ServingStatus::Serving).await;
    until_answered_by(&channel, &NAMES).await;
    say(&reporters[0], ServingStatus::NotServing).await;
    until_answered_by(&channel, &["b", "c"]).await;

    // With none left calls fail, and say why; those that wait go when there is one again.
    say(&reporters[1], ServingStatus::NotServing).await;
    say(&reporters[2], ServingStatus::NotServing).await;
    let mut states = channel.watch_state();
    patiently(states.wait_for(|state| *state == ConnectivityState::TransientFailure)).await.unwrap();
    let refused = call(&channel, "").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("does not serve") && refused.message().contains(SERVICE), "{refused:?}");
    let waiting = tokio::spawn({
        let channel = channel.clone();
        async move { call_for_sure(&channel, "").await }
    });
    say(&reporters[2], ServingStatus::Serving).await;
    assert_eq!(patiently(waiting).await.unwrap().unwrap(), "c");
}

#[tokio::test]
async fn who_has_no_health_service_is_well_and_pick_first_does_not_ask() {
    let servers = Servers::start().await;
    let channel = servers.endpoint(Balance::RoundRobin).health_check(SERVICE).connect().await.unwrap();
    until_answered_by(&channel, &NAMES).await;

    let (servers, reporters) = start().await;
    for reporter in &reporters {
        say(reporter, ServingStatus::NotServing).await;
    }
    let channel = servers.endpoint(Balance::default()).health_check(SERVICE).connect().await.unwrap();
    call(&channel, "").await.unwrap();
}

/// What a scripted server says of its health.
fn health(status: u8) -> Vec<u8> {
    framed(0, &[1 << 3, status])
}

/// Waits for the next watch, and begins to answer it.
async fn watched(peer: &mut Peer) -> u32 {
    let request = peer.until(|frame| frame.kind == DATA && frame.flags & END_STREAM != 0).await;
    assert_eq!(request.payload, framed(0, &[&[0x0a, 12][..], SERVICE.as_bytes()].concat()));
    peer.headers(request.stream, GOOD, false).await;
    request.stream
}

#[tokio::test]
async fn a_watch_that_ends_begins_again_and_an_idle_channel_ends_it() {
    let place = Place::new().await;
    let channel = Channel::builder(place.uri())
        .balance(Balance::RoundRobin)
        .health_check(SERVICE)
        .reconnect_backoff(Duration::from_millis(10), Duration::from_millis(20))
        .idle_timeout(Duration::from_millis(400))
        .connect_lazy();
    // A call that runs keeps the channel from being idle.
    let running = tokio::spawn({
        let channel = channel.clone();
        async move { call(&channel, "").await }
    });
    let mut states = channel.watch_state();
    let mut reach = async |expected| {
        patiently(states.wait_for(|state| *state == expected)).await.unwrap();
    };
    let mut peer = place.accept(&[]).await;
    let stream = watched(&mut peer).await;
    assert_eq!(channel.state(), ConnectivityState::Connecting, "connected is not enough");
    peer.send(DATA, 0, stream, &health(1)).await;
    reach(ConnectivityState::Ready).await;
    let called = peer.next_call().await;
    // It ends without a word, with a status, and by a reset.
    peer.headers(stream, &[("grpc-status", "0")], true).await;
    reach(ConnectivityState::TransientFailure).await;
    let stream = watched(&mut peer).await;
    peer.headers(stream, &[("grpc-status", "13")], true).await;
    let stream = watched(&mut peer).await;
    peer.reset(stream, crate::support::peer::CANCEL).await;
    let stream = watched(&mut peer).await;
    peer.send(DATA, 0, stream, &health(1)).await;
    reach(ConnectivityState::Ready).await;
    // Watching is no reason to stay when nobody calls.
    peer.answer(called, &[]).await;
    patiently(running).await.unwrap().unwrap();
    reach(ConnectivityState::Idle).await;
    let reset = peer.until(|frame| frame.kind == RST_STREAM || frame.kind == HEADERS).await;
    assert_eq!((reset.kind, reset.stream), (RST_STREAM, stream));
    peer.end().await;
}
