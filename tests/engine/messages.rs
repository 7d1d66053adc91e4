//! What a connection collects of messages that are not complete.

use std::task::Poll;

use bytes::Bytes;
use seltzer::Server;

use crate::engine::{GRPC, Place, UNARY, Way, assert_alive, is_other_carrier};
use crate::support::patiently;
use crate::support::probe::{Probe, ask};
use crate::support::raw::{framed, read};
/// A server whose windows invite to less than what a connection collects anyway.
fn bounded_server(message_bytes_max: usize) -> Server {
    Server::builder()
        .max_concurrent_streams(8)
        .max_decoding_message_size(message_bytes_max)
        .add_service(Probe::new().0.server())
}

#[tokio::test]
async fn what_windows_invite_to_is_never_too_much() {
    if is_other_carrier() {
        return;
    }
    /// A hundred of these are more than a connection collects at least.
    const MESSAGE_BYTES: usize = 1 << 20;
    let place = Place::start(Server::builder().add_service(Probe::new().0.server())).await;
    let connection = place.open(Way::Short).await;
    let mut large = prost::Message::encode_to_vec(&ask("hi"));
    prost::encoding::bytes::encode(100, &vec![0; MESSAGE_BYTES], &mut large);
    let mut whole = Bytes::from(framed(0, &large));
    let last = whole.split_off(whole.len() - 1);
    let mut calls = Vec::new();
    for _ in 0..100 {
        let (response, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
        sender.send_data(whole.clone(), false).unwrap();
        calls.push((response, sender));
    }
    for (_, sender) in &mut calls {
        sender.send_data(last.clone(), true).unwrap();
    }
    for (response, _) in calls {
        let answer = patiently(read(response)).await.unwrap();
        assert_eq!(answer.grpc_status(), Some("0"), "{}", answer.grpc_message());
    }
}

#[tokio::test]
async fn what_is_collected_of_messages_is_bounded() {
    if is_other_carrier() {
        return;
    }
    /// Three of these are more than a connection collects, two are not.
    const MESSAGE_BYTES: usize = 30 << 20;
    let server = bounded_server(64 << 20);
    let place = Place::start(server).await;
    let connection = place.open(Way::Short).await;
    // A field that the schema does not know: 100, of so many bytes.
    let mut large = prost::Message::encode_to_vec(&ask("hi"));
    prost::encoding::bytes::encode(100, &vec![0; MESSAGE_BYTES], &mut large);
    let mut whole = Bytes::from(framed(0, &large));
    let last = whole.split_off(whole.len() - 1);
    let mut calls = Vec::new();
    for _ in 0..3 {
        let (response, sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
        calls.push((Box::pin(read(response)), sender));
    }
    for (_, sender) in &mut calls {
        sender.send_data(whole.clone(), false).unwrap();
    }
    // Which of them is the largest then is chance, but it is one.
    let (index, refused) = patiently(std::future::poll_fn(|cx| {
        let ended = calls.iter_mut().enumerate().find_map(|(index, (answer, _))| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Some((index, answer)),
            Poll::Pending => None,
        });
        ended.map_or(Poll::Pending, Poll::Ready)
    }))
    .await;
    let refused = refused.unwrap();
    assert_eq!(refused.grpc_status(), Some("8"), "{}", refused.grpc_message());
    assert!(refused.grpc_message().contains("on%20this%20connection"), "{}", refused.grpc_message());
    drop(calls.remove(index));
    for (answer, mut sender) in calls {
        sender.send_data(last.clone(), true).unwrap();
        let answer = patiently(answer).await.unwrap();
        assert_eq!(answer.grpc_status(), Some("0"), "{}", answer.grpc_message());
    }
    // Nothing of them is counted any more.
    for _ in 0..2 {
        let (response, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
        sender.send_data(whole.clone(), false).unwrap();
        sender.send_data(last.clone(), true).unwrap();
        assert_eq!(patiently(read(response)).await.unwrap().grpc_status(), Some("0"));
    }
}

#[tokio::test]
async fn one_message_alone_can_be_more_than_a_connection_collects() {
    if is_other_carrier() {
        return;
    }
    let server = bounded_server(128 << 20);
    let place = Place::start(server).await;
    let connection = place.open(Way::Short).await;
    let (response, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
    sender.send_data(framed(0, &vec![0; 65 << 20]).into(), true).unwrap();
    let answer = patiently(read(response)).await.unwrap();
    assert_eq!(answer.grpc_status(), Some("8"), "{}", answer.grpc_message());
    assert_alive(&connection, UNARY).await;
}
