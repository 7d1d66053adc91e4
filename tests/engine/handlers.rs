//! Where handlers run, and when they are gone.

use std::time::Duration;

use bytes::Bytes;
use seltzer::codec::CompressionEncoding;
use seltzer::{Channel, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::engine::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, frame, request_block};
use crate::engine::{DOWN, GRPC, Place, UNARY, WAYS, Way, assert_alive, is_other_carrier, message};
use crate::support::patiently;
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::raw::Connection;

#[tokio::test]
async fn a_method_that_proved_long_still_names_its_encoding() {
    if is_other_carrier() {
        return;
    }
    for way in WAYS {
        let server = Server::builder().send_compressed(CompressionEncoding::Gzip).add_service(Probe::new().0.server());
        let place = Place::start(server).await;
        let headers = [GRPC, &[("grpc-accept-encoding", "gzip")]].concat();
        let connection = place.open(way).await;
        for number in 0..20 {
            let answer = patiently(connection.send("POST", UNARY, &headers, &message("long"))).await.unwrap();
            assert_eq!(answer.grpc_status(), Some("0"), "{way:?}: call {number}");
            assert_eq!(answer.body[0], 1, "{way:?}: call {number} is compressed");
            assert_eq!(answer.headers.get("grpc-encoding").unwrap(), "gzip", "{way:?}: call {number}");
        }
    }
}

#[tokio::test]
async fn what_handlers_spawn_under_workers_goes_to_the_pool() {
    if is_other_carrier() {
        return;
    }
    let place = Place::start(Server::builder().workers(2).add_service(Probe::new().0.server())).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::new(place.server.channel().await));
        let path = format!("unix:{}", place.folder.path().join("socket").display());
        clients.push(Client::new(Channel::connect(path).await.unwrap()));
    }
    for client in &clients {
        let answer = patiently(client.unary_call(ask("spawn"))).await.unwrap();
        assert_eq!(text(answer.get_ref()), "seltzer-handlers");
        let mut stream = client.streaming_from_server(ask("count 100")).await.unwrap().into_inner();
        for number in 0..100 {
            let answer = patiently(stream.message()).await.unwrap().unwrap();
            assert_eq!(text(&answer), number.to_string());
        }
    }
    drop(clients);
    place.server.stop().await;
}

#[tokio::test]
async fn handlers_are_gone_when_a_drained_connection_says_goodbye() {
    if is_other_carrier() {
        return;
    }
    let (probe, mut seen) = Probe::new();
    let server = Server::builder().drain_grace(Duration::from_millis(1)).add_service(probe.server());
    let mut place = Place::start(server).await;
    let mut stream = place.unix().await;
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, b""));
    bytes.extend(frame(HEADERS, END_HEADERS, 1, &request_block(UNARY)));
    bytes.extend(frame(DATA, END_STREAM, 1, &message("hang")));
    stream.write_all(&bytes).await.unwrap();
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    place.server.begin_stop();
    // The server closes its side, and waits for ours.
    patiently(stream.read_to_end(&mut bytes)).await.unwrap();
    assert_eq!((seen.borrow().hanging, seen.borrow().dropped), (0, 1));
    drop(stream);
    place.server.ended().await;
}

#[tokio::test]
async fn a_client_may_cancel_thousands_of_calls() {
    if is_other_carrier() {
        return;
    }
    const AT_ONCE: usize = 200;
    let (probe, mut seen) = Probe::new();
    let place = Place::start(Server::builder().add_service(probe.server())).await;
    let connection = place.open(Way::Short).await;
    for round in 1..=25 {
        let mut calls = Vec::new();
        for _ in 0..AT_ONCE {
            let (response, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
            sender.send_data(message("early then-hang").into(), true).unwrap();
            calls.push(response);
        }
        let mut bodies = Vec::new();
        for response in calls {
            let response = patiently(response).await;
            bodies.push(response.unwrap_or_else(|error| panic!("round {round}: {error}")).into_body());
        }
        // The next calls follow at once, and their places must be free when they arrive.
        drop(bodies);
    }
    patiently(seen.wait_for(|seen| seen.hanging == 0)).await.unwrap();
    assert_alive(&connection, UNARY).await;
}

#[tokio::test]
async fn a_deadline_resets_a_stream_of_which_nothing_is_taken() {
    if is_other_carrier() {
        return;
    }
    let (probe, mut seen) = Probe::new();
    let place = Place::start(Server::builder().max_concurrent_streams(1).add_service(probe.server())).await;
    let mut settings = h2::client::Builder::new();
    let connection = Connection::with(settings.initial_window_size(0), place.unix().await).await.unwrap();
    let headers = [GRPC, &[("grpc-timeout", "100m")]].concat();
    let (response, mut sender) = connection.begin("POST", DOWN, &headers, false).await.unwrap();
    sender.send_data(Bytes::from(message("endless")), true).unwrap();
    let mut body = patiently(response).await.unwrap().into_body();
    let reset = patiently(body.data()).await.unwrap().unwrap_err();
    assert_eq!(reset.reason(), Some(h2::Reason::CANCEL));
    patiently(seen.wait_for(|seen| seen.dropped == 1)).await.unwrap();
    // Its place is free again: there is only one.
    let answer = patiently(connection.send("POST", UNARY, GRPC, &message("fail told"))).await.unwrap();
    assert_eq!(answer.grpc_message(), "told");
}

#[tokio::test]
async fn handlers_may_block_in_place_under_workers() {
    let place = Place::start(Server::builder().workers(1).add_service(Probe::new().0.server())).await;
    let client = Client::new(place.server.channel().await);
    for _ in 0..3 {
        let answer = patiently(client.unary_call(ask("block"))).await.unwrap();
        assert_eq!(text(answer.get_ref()), "blocked");
    }
    drop(client);
    place.server.stop().await;
}
