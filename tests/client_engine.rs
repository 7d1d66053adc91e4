//! A channel on our own engine against servers that are told frame by frame what to say.

use std::time::Duration;

use prost::Message as _;
use seltzer::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use seltzer::transport::Step;
use seltzer::{Channel, Code, Request, Response, Server, Status, Streaming};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use crate::support::call::{Unary, begin, outcome, say};
use crate::support::peer::{
    ACK, CANCEL, DATA, END_STREAM, Frame, GOAWAY, GOOD, HEADERS, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, NO_ERROR,
    PING, Peer, Place, REFUSED_STREAM, RST_STREAM, WINDOW_UPDATE,
};
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::raw::framed;
use crate::support::{Running, patiently};

const SHORT: Duration = Duration::from_millis(50);

/// Not a multiple of what timers count in.
const TIMEOUT: Duration = Duration::from_micros(20_100);

/// A channel within a layer that does nothing: calls go the general way through it.
#[derive(Clone)]
pub(crate) struct Layered(pub(crate) Channel);

impl tower_service::Service<http::Request<tonic::body::Body>> for Layered {
    type Response = http::Response<tonic::body::Body>;
    type Error = Status;
    type Future = <Channel as tower_service::Service<http::Request<tonic::body::Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Status>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        self.0.call(request)
    }
}

/// Which way unary calls go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Short,
    General,
}

pub(crate) const WAYS: [Way; 2] = [Way::Short, Way::General];

pub(crate) fn begin_by(way: Way, channel: &Channel, command: &str) -> Unary {
    let channel = channel.clone();
    let request = ask(command);
    match way {
        Way::Short => tokio::spawn(async move { Client::new(channel).unary_call(request).await }),
        Way::General => tokio::spawn(async move { Client::new(Layered(channel)).unary_call(request).await }),
    }
}

async fn connected(settings: &[(u16, u32)]) -> (Place, Client, Peer) {
    let (place, channel, peer) = connected_channel(settings).await;
    (place, Client::new(channel), peer)
}

async fn connected_channel(settings: &[(u16, u32)]) -> (Place, Channel, Peer) {
    let place = Place::new().await;
    let channel = Channel::builder(place.uri()).connections_max(1).connect_lazy();
    // Any call opens the connection; this one is over before the test begins.
    let opening = tokio::spawn(async move {
        let answer = Client::new(channel.clone()).unary_call(ask("first")).await;
        (channel, answer)
    });
    let mut peer = place.accept(settings).await;
    let stream = peer.next_call().await;
    peer.answer(stream, &say("first")).await;
    let (channel, answer) = patiently(opening).await.unwrap();
    answer.unwrap();
    (place, channel, peer)
}

/// A call with a stream of requests, the first of which is there.
async fn begin_both(client: &Client) -> (JoinHandle<Result<Streaming<SimpleResponse>, Status>>, Requests) {
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    requests.send(ask("first")).await.unwrap();
    let client = client.clone();
    let call = async move { client.streaming_call(ReceiverStream::new(stream)).await.map(Response::into_inner) };
    (tokio::spawn(call), requests)
}

type Requests = tokio::sync::mpsc::Sender<SimpleRequest>;

async fn assert_cancelled(peer: &mut Peer, stream: u32) {
    let reset = peer.next_of(RST_STREAM).await;
    assert_eq!((reset.stream, reset.number()), (stream, CANCEL));
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_at_once_while_its_requests_go_on() {
    let (_place, client, mut peer) = connected(&[]).await;
    // Before the answer begins.
    let (call, requests) = begin_both(&client).await;
    let stream = peer.next_of(DATA).await.stream;
    call.abort();
    assert_cancelled(&mut peer, stream).await;
    // The caller's stream goes with it.
    patiently(requests.closed()).await;

    // After that.
    let (call, requests) = begin_both(&client).await;
    let stream = peer.next_of(DATA).await.stream;
    peer.headers(stream, GOOD, false).await;
    let messages = patiently(call).await.unwrap().unwrap();
    drop(messages);
    assert_cancelled(&mut peer, stream).await;
    patiently(requests.closed()).await;
}

#[tokio::test]
async fn a_dropped_unary_call_is_cancelled_at_once_and_one_whose_time_is_up_too() {
    let (_place, channel, mut peer) = connected_channel(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    for way in WAYS {
        let call = begin_by(way, &channel, "hi");
        let stream = peer.next_call().await;
        call.abort();
        assert_cancelled(&mut peer, stream).await;

        // Its place is free again, though the server has not said a word. The second call waits
        // behind the first one until its time is up.
        let late = |timeout| {
            let mut request = Request::new(ask("hi"));
            request.set_timeout(timeout);
            let channel = channel.clone();
            match way {
                Way::Short => tokio::spawn(async move { Client::new(channel).unary_call(request).await }),
                Way::General => tokio::spawn(async move { Client::new(Layered(channel)).unary_call(request).await }),
            }
        };
        let calls = [late(SHORT * 2), late(SHORT)];
        let stream = peer.next_call().await;
        assert_cancelled(&mut peer, stream).await;
        for call in calls {
            assert_eq!(outcome(call).await.unwrap_err().0, Code::DeadlineExceeded, "{way:?}");
        }
    }
}

#[tokio::test]
async fn messages_that_are_larger_than_windows_go_through() {
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let channel = Channel::builder(server.uri()).initial_stream_window_size(20_000).connect().await.unwrap();
    for way in WAYS {
        for size in [3_000, 4_000, 30_000, 1_000_000] {
            let answer = outcome(begin_by(way, &channel, &format!("size {size}"))).await.unwrap();
            assert_eq!(answer.len(), size, "{way:?}");
            let answer = outcome(begin_by(way, &channel, &format!("yield {}", "x".repeat(size)))).await.unwrap();
            assert_eq!(answer, "yielded", "{way:?}");
        }
    }
}

#[tokio::test]
async fn requests_go_on_while_nobody_reads_the_answer() {
    let (_place, client, mut peer) = connected(&[]).await;
    let (call, requests) = begin_both(&client).await;
    let stream = peer.next_of(DATA).await.stream;
    requests.send(ask("while waiting for the head")).await.unwrap();
    peer.next_of(DATA).await;
    peer.headers(stream, GOOD, false).await;
    let mut messages = patiently(call).await.unwrap().unwrap();
    requests.send(ask("while nobody does anything")).await.unwrap();
    peer.next_of(DATA).await;
    peer.send(DATA, 0, stream, &framed(0, &say("one"))).await;
    assert_eq!(text(&patiently(messages.message()).await.unwrap().unwrap()), "one");
    drop(requests);
    let end = peer.next_of(DATA).await;
    assert_eq!((end.flags, end.payload.len()), (END_STREAM, 0));
    peer.headers(stream, &[("grpc-status", "0")], true).await;
    assert!(patiently(messages.message()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_call_above_the_last_stream_of_goaway_is_made_again_and_those_below_finish() {
    for way in WAYS {
        calls_around_goaway(way).await;
    }
}

async fn calls_around_goaway(way: Way) {
    let (place, channel, mut peer) = connected_channel(&[]).await;
    let below = begin_by(way, &channel, "below");
    let stream_below = peer.next_call().await;
    let above = begin_by(way, &channel, "above");
    let stream_above = peer.next_call().await;
    assert!(stream_below < stream_above);
    peer.go_away(stream_below, NO_ERROR).await;

    let mut next = place.accept(&[]).await;
    let stream = next.next_call().await;
    next.answer(stream, &say("next")).await;
    assert_eq!(outcome(above).await.unwrap(), "next");

    peer.answer(stream_below, &say("old")).await;
    assert_eq!(outcome(below).await.unwrap(), "old");
    peer.end().await;
}

#[tokio::test]
async fn a_refused_call_is_made_again_once() {
    let (_place, channel, mut peer) = connected_channel(&[]).await;
    let client = Client::new(channel.clone());
    for (way, refusals, is_answered) in WAYS.into_iter().flat_map(|way| [(way, 1, true), (way, 2, false)]) {
        let call = begin_by(way, &channel, "hi");
        for _ in 0..refusals {
            let stream = peer.next_call().await;
            peer.reset(stream, REFUSED_STREAM).await;
        }
        if is_answered {
            let stream = peer.next_call().await;
            peer.answer(stream, &say("at last")).await;
            assert_eq!(outcome(call).await.unwrap(), "at last");
        } else {
            assert_eq!(outcome(call).await.unwrap_err().0, Code::Unavailable);
        }
    }
    // Of requests that are on their way what was sent is kept, and sent again.
    let (call, requests) = begin_both(&client).await;
    let stream = peer.next_of(DATA).await.stream;
    requests.send(ask("second")).await.unwrap();
    peer.next_of(DATA).await;
    peer.reset(stream, REFUSED_STREAM).await;
    let again = peer.next_of(HEADERS).await.stream;
    let expected = ["first", "second"].map(|words| framed(0, &ask(words).encode_to_vec())).concat();
    let mut got = Vec::new();
    while got.len() < expected.len() {
        let frame = peer.next_of(DATA).await;
        assert_eq!(frame.stream, again);
        got.extend(frame.payload);
    }
    assert_eq!(got, expected);
    peer.headers(again, GOOD, false).await;
    drop(patiently(call).await.unwrap().unwrap());
    assert_cancelled(&mut peer, again).await;
    // A stream of requests of which none came yet is as good as new.
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    let again = client.clone();
    let call = tokio::spawn(async move { again.streaming_call(ReceiverStream::new(stream)).await.map(drop) });
    let stream = peer.next_of(HEADERS).await.stream;
    peer.reset(stream, REFUSED_STREAM).await;
    let stream = peer.next_of(HEADERS).await.stream;
    requests.send(ask("late")).await.unwrap();
    assert_eq!(peer.next_of(DATA).await.stream, stream);
    peer.headers(stream, GOOD, false).await;
    patiently(call).await.unwrap().unwrap();
}

#[tokio::test]
async fn calls_wait_in_order_for_the_streams_that_the_server_permits() {
    for way in WAYS {
        ten_calls_of_which_one_may_run(way).await;
    }
}

async fn ten_calls_of_which_one_may_run(way: Way) {
    let (_place, channel, mut peer) = connected_channel(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    let mut calls = Vec::new();
    let first = begin_by(way, &channel, "0");
    let mut stream = peer.next_call().await;
    for number in 1..10 {
        // Polled once, each stands in the queue before the next one is there.
        calls.push((number, begin_by(way, &channel, &number.to_string())));
        tokio::task::yield_now().await;
    }
    // One that gives up leaves the queue.
    calls.remove(4).1.abort();
    peer.answer(stream, &say("0")).await;
    assert_eq!(outcome(first).await.unwrap(), "0");
    for (number, call) in calls {
        let mut open = 0;
        let end = peer
            .until(|frame| {
                open += usize::from(frame.kind == HEADERS);
                frame.kind == DATA && frame.flags & END_STREAM != 0
            })
            .await;
        let asked = SimpleRequest::decode(&end.payload[5..]).unwrap();
        assert_eq!(asked, ask(&number.to_string()), "in their order");
        assert_eq!(open, 1, "one at a time");
        stream = end.stream;
        peer.answer(stream, &say(&number.to_string())).await;
        assert_eq!(outcome(call).await.unwrap(), number.to_string());
    }
}

#[tokio::test]
async fn a_server_that_takes_nothing_slows_its_caller_down_and_hears_of_the_end() {
    let (_place, client, mut peer) = connected(&[]).await;
    peer.settings(&[(INITIAL_WINDOW_SIZE, 0)]).await;
    let made = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&made);
    let endless = tokio_stream::iter(std::iter::from_fn(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Some(ask(&"x".repeat(1000)))
    }));
    let caller = client.clone();
    let call = tokio::spawn(async move { caller.streaming_from_client(endless).await });
    let stream = peer.next_of(HEADERS).await.stream;
    // It has come to rest when it makes no more, for as long as it takes others to do something.
    let mut before = usize::MAX;
    while before != made.load(std::sync::atomic::Ordering::Relaxed) {
        before = made.load(std::sync::atomic::Ordering::Relaxed);
        peer.send(PING, 0, 0, b"question").await;
        peer.next_of(PING).await;
    }
    assert!((1..1000).contains(&before), "{before} messages were made of which none was taken");
    call.abort();
    assert_cancelled(&mut peer, stream).await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_no_server() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = Channel::builder(format!("http://{}", silent.local_addr().unwrap()));
    let silent_error = channel.connect_timeout(Duration::from_millis(100)).connect().await.unwrap_err();
    let said = silent_error.to_string();
    assert_eq!(silent_error.step(), Step::Http2, "{said}");
    assert!(said.contains("does it speak gRPC"), "{said}");
}

#[tokio::test]
async fn a_caller_that_does_not_read_slows_its_server_down() {
    let place = Place::new().await;
    let channel = Channel::builder(place.uri()).initial_stream_window_size(100_000).connect_lazy();
    let client = Client::new(channel);
    let call = tokio::spawn(async move { client.streaming_from_server(ask("much")).await });
    let mut peer = place.accept(&[]).await;
    let stream = peer.next_call().await;
    peer.headers(stream, GOOD, false).await;
    let mut messages = patiently(call).await.unwrap().unwrap().into_inner();
    let chunk = framed(0, &say(&"x".repeat(9000)));
    for _ in 0..10 {
        peer.send(DATA, 0, stream, &chunk).await;
    }
    let is_credit = |frame: &Frame| frame.kind == WINDOW_UPDATE && frame.stream == stream;
    peer.send(PING, 0, 0, b"question").await;
    peer.until(|frame| {
        assert!(!is_credit(frame), "nobody has read yet");
        (frame.kind, frame.flags) == (PING, ACK)
    })
    .await;
    for _ in 0..6 {
        patiently(messages.message()).await.unwrap().unwrap();
    }
    let credit = peer.until(is_credit).await.number();
    assert!((50_000..=60_000).contains(&credit), "{credit}");
}

/// What a server says after the headers of a call came, and what becomes of the call.
type Script = (&'static str, &'static [Line], Result<&'static str, (Code, &'static str)>);

#[derive(Clone, Copy)]
enum Line {
    Headers(&'static [(&'static str, &'static str)]),
    LastHeaders(&'static [(&'static str, &'static str)]),
    Message(&'static str),
    Bytes(&'static [u8]),
    LastBytes(&'static [u8]),
    Reset(u32),
}

const TABLE: &[Script] = {
    use Line::{Bytes, Headers, LastBytes, LastHeaders, Message, Reset};
    const OK: Line = LastHeaders(&[("grpc-status", "0")]);
    const EARLY_STATUS: Line =
        Headers(&[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "9")]);
    const EARLY: Line = Headers(&[(":status", "103"), ("link", "x")]);
    &[
        ("whole", &[Headers(GOOD), Message("yes"), OK], Ok("yes")),
        ("after hints", &[EARLY, EARLY, Headers(GOOD), Message("yes"), OK], Ok("yes")),
        ("complete, and then reset", &[Headers(GOOD), Message("yes"), OK, Reset(NO_ERROR)], Ok("yes")),
        (
            "trailers only",
            &[LastHeaders(&[(":status", "200"), ("grpc-status", "5"), ("grpc-message", "no%20such")])],
            Err((Code::NotFound, "no such")),
        ),
        (
            "trailers after a message",
            &[Headers(GOOD), Message("yes"), LastHeaders(&[("grpc-status", "9"), ("grpc-message", "no")])],
            Err((Code::FailedPrecondition, "no")),
        ),
        ("not gRPC", &[LastHeaders(&[(":status", "503")])], Err((Code::Unavailable, "503"))),
        (
            "not gRPC either",
            &[Headers(&[(":status", "200"), ("content-type", "text/html")]), LastBytes(b"<p>")],
            Err((Code::Unknown, "text/html")),
        ),
        ("no message", &[Headers(GOOD), OK], Err((Code::Unimplemented, "none came"))),
        (
            "two messages",
            &[Headers(GOOD), Message("yes"), Message("no"), OK],
            Err((Code::Unimplemented, "more than one came")),
        ),
        ("no status", &[Headers(GOOD), Message("yes"), LastBytes(b"")], Err((Code::Unknown, "without a status"))),
        ("half a message", &[Headers(GOOD), Bytes(b"\0\0\0\0\x09x"), OK], Err((Code::Internal, "in the middle"))),
        ("a huge message", &[Headers(GOOD), Bytes(b"\0\xff\0\0\0")], Err((Code::ResourceExhausted, "limit"))),
        ("not protobuf", &[Headers(GOOD), Bytes(b"\0\0\0\0\x01\x0a"), OK], Err((Code::Internal, "protobuf"))),
        ("a status before the message", &[EARLY_STATUS, Message("yes"), OK], Ok("yes")),
        (
            "a status before another one",
            &[EARLY_STATUS, LastHeaders(&[("grpc-status", "5")])],
            Err((Code::NotFound, "")),
        ),
        (
            "a status before the message alone",
            &[EARLY_STATUS, Message("yes"), LastBytes(b"")],
            Err((Code::Unknown, "without a status")),
        ),
        ("a status before nothing", &[EARLY_STATUS, LastBytes(b"")], Err((Code::FailedPrecondition, ""))),
        ("reset", &[Headers(GOOD), Message("yes"), Reset(CANCEL)], Err((Code::Cancelled, "CANCEL"))),
        ("reset at once", &[Reset(0xb)], Err((Code::ResourceExhausted, "ENHANCE_YOUR_CALM"))),
        ("reset for no reason", &[Headers(GOOD), Reset(NO_ERROR)], Err((Code::Internal, "NO_ERROR"))),
        (
            "reset amid a message",
            &[Headers(GOOD), Bytes(b"\0\0\0\0\x09half"), Reset(NO_ERROR)],
            Err((Code::Internal, "NO_ERROR")),
        ),
        (
            "reset in place of the trailers",
            &[Headers(GOOD), Message("yes"), Reset(NO_ERROR)],
            Err((Code::Internal, "NO_ERROR")),
        ),
        ("refused too late", &[Headers(GOOD), Reset(REFUSED_STREAM)], Err((Code::Unavailable, "REFUSED_STREAM"))),
        ("malformed", &[Headers(&[("x", "y")])], Err((Code::Internal, "PROTOCOL_ERROR"))),
    ]
};

#[tokio::test]
async fn answers_are_read_as_the_specification_says() {
    let (_place, channel, mut peer) = connected_channel(&[]).await;
    for (way, (name, lines, expected)) in WAYS.into_iter().flat_map(|way| TABLE.iter().map(move |row| (way, row))) {
        let call = begin_by(way, &channel, "hi");
        let stream = peer.next_call().await;
        for line in *lines {
            match *line {
                Line::Headers(fields) => peer.headers(stream, fields, false).await,
                Line::LastHeaders(fields) => peer.headers(stream, fields, true).await,
                Line::Message(words) => peer.send(DATA, 0, stream, &framed(0, &say(words))).await,
                Line::Bytes(bytes) => peer.send(DATA, 0, stream, bytes).await,
                Line::LastBytes(bytes) => peer.send(DATA, END_STREAM, stream, bytes).await,
                Line::Reset(code) => peer.reset(stream, code).await,
            }
        }
        match (outcome(call).await, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, *expected, "{way:?} {name}"),
            (Err((code, words)), Err((expected, part))) => {
                assert!(code == *expected && words.contains(part), "{way:?} {name}: {code:?}, {words}");
            }
            (got, _) => panic!("{way:?} {name}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn a_failure_has_the_metadata_that_came_before_it_too() {
    let (_place, channel, mut peer) = connected_channel(&[]).await;
    for way in WAYS {
        let call = begin_by(way, &channel, "hi");
        let stream = peer.next_call().await;
        peer.headers(stream, &[GOOD[0], GOOD[1], ("x-both", "early"), ("x-early", "1")], false).await;
        peer.headers(stream, &[("grpc-status", "9"), ("x-both", "late"), ("x-late", "2")], true).await;
        let status = patiently(call).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        let metadata = status.metadata();
        assert_eq!(
            (metadata.get("x-early").unwrap(), metadata.get("x-late").unwrap()),
            (&"1".parse().unwrap(), &"2".parse().unwrap())
        );
        assert_eq!(metadata.get_all("x-both").iter().collect::<Vec<_>>(), ["early", "late"]);
    }
}

#[tokio::test]
async fn a_server_that_resets_a_call_whose_time_is_up_does_not_change_its_status() {
    let (_place, channel, mut peer) = connected_channel(&[]).await;
    // Whether its reset or the timer here comes first is up to chance: a few times each will be seen.
    for way in WAYS.into_iter().cycle().take(20) {
        let mut request = Request::new(ask("hi"));
        request.set_timeout(TIMEOUT);
        let caller = channel.clone();
        let call: Unary = match way {
            Way::Short => tokio::spawn(async move { Client::new(caller).unary_call(request).await }),
            Way::General => tokio::spawn(async move { Client::new(Layered(caller)).unary_call(request).await }),
        };
        let stream = peer.next_call().await;
        let deadline = std::time::Instant::now() + TIMEOUT;
        // A timer would be as late as the other one.
        while std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        peer.reset(stream, CANCEL).await;
        assert_eq!(outcome(call).await.unwrap_err().0, Code::DeadlineExceeded, "{way:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_complete_ends_the_request_too() {
    let (_place, client, mut peer) = connected(&[]).await;
    let (call, requests) = begin_both(&client).await;
    let stream = peer.next_of(DATA).await.stream;
    peer.answer(stream, &say("enough")).await;
    let mut messages = patiently(call).await.unwrap().unwrap();
    assert_eq!(text(&patiently(messages.message()).await.unwrap().unwrap()), "enough");
    assert!(patiently(messages.message()).await.unwrap().is_none());
    assert_cancelled(&mut peer, stream).await;
    patiently(requests.closed()).await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_pings_is_given_up() {
    let place = Place::new().await;
    let endpoint = Channel::builder(place.uri()).http2_keep_alive_interval(SHORT).keep_alive_timeout(SHORT);
    let client = Client::new(endpoint.connect_lazy());
    let call = begin(&client, "hi");
    let mut peer = place.accept(&[]).await;
    peer.next_of(PING).await;
    let (code, words) = outcome(call).await.unwrap_err();
    assert!(code == Code::Unavailable && words.contains("keepalive"), "{words}");
    peer.next_of(GOAWAY).await;
    peer.end().await;
}

#[tokio::test]
async fn a_connection_that_is_cut_says_so_and_the_next_call_opens_another() {
    let (place, client, mut peer) = connected(&[]).await;
    let call = begin(&client, "hi");
    let stream = peer.next_call().await;
    peer.headers(stream, GOOD, false).await;
    peer.send(DATA, 0, stream, &framed(0, &say("half"))[..7]).await;
    drop(peer);
    let (code, words) = outcome(call).await.unwrap_err();
    assert!(code == Code::Unavailable && words.contains("the connection broke"), "{words}");
    assert!(words.contains(&place.uri()) && !words.contains("never answered"), "{words}");

    let call = begin(&client, "hi");
    let mut peer = place.accept(&[]).await;
    let stream = peer.next_call().await;
    peer.answer(stream, &say("again")).await;
    assert_eq!(outcome(call).await.unwrap(), "again");
}

#[tokio::test]
async fn a_connection_that_nobody_needs_is_closed_after_its_last_call() {
    let (_place, client, mut peer) = connected(&[]).await;
    let (call, _requests) = begin_both(&client).await;
    let stream = peer.next_of(DATA).await.stream;
    peer.headers(stream, GOOD, false).await;
    let mut messages = patiently(call).await.unwrap().unwrap();
    drop(client);
    peer.answer_rest(stream, &say("last")).await;
    assert_eq!(text(&patiently(messages.message()).await.unwrap().unwrap()), "last");
    assert_eq!(peer.next_of(GOAWAY).await.payload[4..], NO_ERROR.to_be_bytes());
    peer.end().await;
}
