//! Messages that do not come to their end: how much of them a server keeps, on a connection and on all of them.

use bytes::Bytes;
use seltzer::transport::Carrier;
use seltzer::{Request, Server};

use crate::support::probe::{Client, Probe, ask};
use crate::support::raw::{Connection, framed, read};
use crate::support::{Running, carrier, patiently};

const UNARY: &str = "/grpc.testing.BenchmarkService/UnaryCall";
const UP: &str = "/grpc.testing.BenchmarkService/StreamingFromClient";
/// The same call the general way: its content type is one that is seldom seen.
const SELDOM: &[(&str, &str)] = &[("content-type", "application/grpc;v=1"), ("te", "trailers")];
const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("te", "trailers")];
const KIB: usize = 1024;

fn is_other_carrier() -> bool {
    carrier() != Carrier::Engine
}

fn probes() -> Server {
    Server::builder().add_service(Probe::new().0.server())
}

/// A message of so many bytes and some, cut before its last byte.
fn cut(bytes: usize) -> (Bytes, Bytes) {
    let mut large = prost::Message::encode_to_vec(&ask("hi"));
    // A field that the schema does not know.
    prost::encoding::bytes::encode(100, &vec![0; bytes], &mut large);
    let mut whole = Bytes::from(framed(0, &large));
    let last = whole.split_off(whole.len() - 1);
    (whole, last)
}

/// Calls until it is refused, or until it is not.
async fn call_until(connection: &Connection, is_refused: bool) {
    let small = framed(0, &prost::Message::encode_to_vec(&ask("hi")));
    patiently(async {
        loop {
            let answer = connection.send("POST", UNARY, GRPC, &small).await;
            let was_refused = match answer {
                Ok(answer) => {
                    assert_eq!(answer.grpc_status(), Some("0"), "{}", answer.grpc_message());
                    false
                }
                Err(error) => {
                    assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM), "{error}");
                    true
                }
            };
            if was_refused == is_refused {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn before_memory_is_used_up_new_streams_are_refused() {
    if is_other_carrier() {
        return;
    }
    for (path, headers) in [(UNARY, GRPC), (UNARY, SELDOM), (UP, GRPC)] {
        let server = Running::start(probes().connection_memory_budget(1024 * KIB)).await;
        let connection = Connection::open(server.address).await.unwrap();
        let (response, mut sender) = connection.begin("POST", path, headers, false).await.unwrap();
        let (most, last) = cut(950 * KIB);
        sender.send_data(most, false).unwrap();
        call_until(&connection, true).await;
        // It has begun, so it may end.
        sender.send_data(last, true).unwrap();
        let answer = patiently(read(response)).await.unwrap();
        assert_eq!(answer.grpc_status(), Some("0"), "{path}: {}", answer.grpc_message());
        call_until(&connection, false).await;
    }
}

#[tokio::test]
async fn the_largest_call_goes_when_a_connection_has_used_up_its_memory() {
    if is_other_carrier() {
        return;
    }
    for (path, headers) in [(UNARY, GRPC), (UNARY, SELDOM), (UP, GRPC)] {
        let server = Running::start(probes().connection_memory_budget(1000 * KIB)).await;
        let connection = Connection::open(server.address).await.unwrap();
        let mut calls = Vec::new();
        for _ in 0..3 {
            calls.push(connection.begin("POST", path, headers, false).await.unwrap());
        }
        let sizes = [300, 500, 400].map(|kib| cut(kib * KIB));
        for ((_, sender), (most, _)) in calls.iter_mut().zip(&sizes) {
            sender.send_data(most.clone(), false).unwrap();
        }
        // Bytes of all three come side by side, so which is the largest at that moment is one of two.
        let [first, second, third] = calls.try_into().ok().unwrap();
        let (_, last) = &sizes[0];
        let (large, other) =
            tokio::join!(patiently(read_with_end(second, last)), patiently(read_with_end(third, last)));
        let mut statuses = [large, other];
        statuses.sort();
        assert_eq!(statuses, ["0", "8"], "{path}");
        assert_eq!(patiently(read_with_end(first, last)).await, "0", "{path}");
        call_until(&connection, false).await;
    }
}

/// Ends a request as soon as its bytes are out, and reads the status of its answer.
async fn read_with_end(
    (response, mut sender): (h2::client::ResponseFuture, h2::SendStream<Bytes>),
    last: &Bytes,
) -> String {
    // A stream that was broken off takes no more.
    let _ = sender.send_data(last.clone(), true);
    let answer = read(response).await.unwrap();
    answer.grpc_status().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_largest_call_of_all_connections_goes_when_the_server_has_used_up_its_memory() {
    if is_other_carrier() {
        return;
    }
    for (path, headers) in [(UNARY, GRPC), (UNARY, SELDOM), (UP, GRPC)] {
        let server = Running::start(probes().memory_budget(1600 * KIB)).await;
        let large = Connection::open(server.address).await.unwrap();
        let small = Connection::open(server.address).await.unwrap();
        let (response, mut sender) = large.begin("POST", path, headers, false).await.unwrap();
        let (most, _) = cut(1450 * KIB);
        sender.send_data(most, false).unwrap();
        // It is there, and the other connection hears of it too.
        call_until(&large, true).await;
        call_until(&small, true).await;
        drop(small);
        drop((response, sender));
        call_until(&large, false).await;

        let (response, mut sender) = large.begin("POST", path, headers, false).await.unwrap();
        let small = Connection::open(server.address).await.unwrap();
        let (other_response, mut other_sender) = small.begin("POST", path, headers, false).await.unwrap();
        let (most, _) = cut(1300 * KIB);
        sender.send_data(most, false).unwrap();
        let (most, last) = cut(400 * KIB);
        other_sender.send_data(most, false).unwrap();
        // The large one sleeps, or sends; it is the small one's bytes or its own that are too many.
        let answer = patiently(read(response)).await.unwrap();
        assert_eq!(answer.grpc_status(), Some("8"), "{path}: {}", answer.grpc_message());
        other_sender.send_data(last, true).unwrap();
        let answer = patiently(read(other_response)).await.unwrap();
        assert_eq!(answer.grpc_status(), Some("0"), "{path}: {}", answer.grpc_message());
    }
}

#[tokio::test]
async fn what_complete_messages_occupied_is_given_back() {
    if is_other_carrier() {
        return;
    }
    let server = Running::start(probes().connection_memory_budget(300 * KIB).memory_budget(300 * KIB)).await;
    let client = Client::new(server.channel().await);
    for _ in 0..20 {
        let [large, part] = [240, 80].map(|kib| {
            let mut large = ask("hi");
            large.payload.as_mut().unwrap().body.resize(kib * KIB, b' ');
            large
        });
        patiently(client.unary_call(large)).await.unwrap();
        let stream = tokio_stream::iter(vec![part; 3]);
        patiently(client.streaming_from_client(Request::new(stream))).await.unwrap();
    }
}
