//! Limits of how many calls run, and how many begin.

use std::time::Duration;

use seltzer::Code;
use seltzer::server::{ConcurrencyLimit, Interceptors, RateLimit};

use crate::interception::probe;
use crate::support::patiently;
use crate::support::probe::{Client, ask};

const PUSHBACK: &str = "grpc-retry-pushback-ms";

#[tokio::test]
async fn so_many_calls_run_so_many_wait_and_others_are_turned_away() {
    let limit = ConcurrencyLimit::new(1).queue(1).pushback(Duration::from_millis(250));
    let (_server, client, mut seen) = probe(limit).await;
    let hang = || {
        let client = client.clone();
        tokio::spawn(async move { client.unary_call(ask("hang")).await })
    };
    let first = hang();
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    // Two more, of which one waits, whichever comes first.
    let mut two = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let client = client.clone();
        two.spawn(async move { client.unary_call(ask("hang")).await });
    }
    let refused = patiently(two.join_next()).await.unwrap();
    let status = refused.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "this server has too many calls");
    assert_eq!(status.metadata().get(PUSHBACK).unwrap(), "250");
    assert_eq!(seen.borrow().hanging, 1);
    // Its place goes to the one that waits.
    first.abort();
    patiently(seen.wait_for(|seen| seen.dropped == 1 && seen.hanging == 1)).await.unwrap();
    two.abort_all();
    patiently(seen.wait_for(|seen| seen.dropped == 2)).await.unwrap();
    assert!(patiently(client.unary_call(ask("hi"))).await.is_ok());
}

#[tokio::test]
async fn nobody_waits_longer_than_said() {
    let limit = ConcurrencyLimit::new(1).queue(9).queue_timeout(Duration::from_millis(20));
    let (_server, client, mut seen) = probe(limit.shed_with(Code::ResourceExhausted)).await;
    let hanging = tokio::spawn({
        let client = client.clone();
        async move { client.unary_call(ask("hang")).await }
    });
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    let status = patiently(client.unary_call(ask("hi"))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "this server has too many calls: this one waited for 20ms");
    hanging.abort();
}

#[tokio::test]
async fn connections_and_methods_have_limits_of_their_own() {
    for (limit, connections, methods) in [
        (ConcurrencyLimit::new(1).per_connection(), true, false),
        (ConcurrencyLimit::new(1).per_method(), false, true),
        (ConcurrencyLimit::new(1), false, false),
    ] {
        let (server, client, mut seen) = probe(limit).await;
        let other_connection = Client::new(server.channel().await);
        let hanging = tokio::spawn({
            let client = client.clone();
            async move { client.unary_call(ask("hang")).await }
        });
        patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
        assert!(patiently(client.unary_call(ask("hi"))).await.is_err());
        assert_eq!(patiently(other_connection.unary_call(ask("hi"))).await.is_ok(), connections);
        assert_eq!(patiently(client.streaming_from_server(ask("hi"))).await.is_ok(), methods);
        hanging.abort();
    }
}

#[tokio::test]
async fn others_than_those_that_are_meant_pass_by() {
    let table: [(&str, Interceptors); 2] = [
        ("concurrency", ConcurrencyLimit::new(1).only(|call| call.method() == "UnaryCall").into()),
        ("rate", RateLimit::new(0.001, 1).only(|call| call.method() == "UnaryCall").into()),
    ];
    for (what, limit) in table {
        let (_server, client, mut seen) = probe(limit).await;
        let hanging = tokio::spawn({
            let client = client.clone();
            async move { client.unary_call(ask("hang")).await }
        });
        patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
        assert!(patiently(client.unary_call(ask("hi"))).await.is_err(), "{what}");
        for _ in 0..3 {
            assert!(patiently(client.streaming_from_server(ask("hi"))).await.is_ok(), "{what}");
        }
        hanging.abort();
    }
}

#[tokio::test]
async fn a_stream_counts_until_its_end() {
    let (_server, client, _seen) = probe(ConcurrencyLimit::new(1)).await;
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    requests.send(ask("hi")).await.unwrap();
    let mut replies = client.streaming_call(stream).await.unwrap().into_inner();
    assert!(patiently(replies.message()).await.unwrap().is_some());
    assert!(patiently(client.unary_call(ask("hi"))).await.is_err());
    drop(requests);
    assert!(patiently(replies.message()).await.unwrap().is_none());
    patiently(async { while client.unary_call(ask("hi")).await.is_err() {} }).await;
    // One that is dropped in the middle counts no longer, either.
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    requests.send(ask("hang")).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let replies = client.streaming_call(stream).await;
    drop(replies);
    drop(requests);
    patiently(async { while client.unary_call(ask("hi")).await.is_err() {} }).await;
}

#[tokio::test]
async fn callers_begin_so_many_calls() {
    let limit = RateLimit::new(0.001, 2).by(|call| call.metadata().get("x-key")?.to_str().ok().map(str::to_owned));
    let (_server, client, _seen) = probe(Interceptors::from(limit)).await;
    let call = |key: &'static str| {
        let mut request = tonic::Request::new(ask("hi"));
        request.metadata_mut().insert("x-key", key.parse().unwrap());
        patiently(client.unary_call(request))
    };
    for (key, passes) in [("a", true), ("a", true), ("a", false), ("b", true)] {
        let outcome = call(key).await;
        assert_eq!(outcome.is_ok(), passes, "{key}");
        if let Err(status) = outcome {
            assert_eq!(status.code(), Code::ResourceExhausted);
            let pause: u64 = status.metadata().get(PUSHBACK).unwrap().to_str().unwrap().parse().unwrap();
            assert!((900_000..=1_000_000).contains(&pause), "{pause}");
        }
    }
}
