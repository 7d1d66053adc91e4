//! Calls that are made several times at once (gRFC A6).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use seltzer::services::schemas::grpc::testing::SimpleResponse;
use seltzer::{Channel, Code, Request, Response, Server, Status, Streaming};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::client_engine::{WAYS, Way, begin_by};
use crate::support::call::{outcome, say};
use crate::support::peer::{CANCEL, DATA, END_STREAM, HEADERS, Peer, Place, RST_STREAM};
use crate::support::probe::{Client, ask, text};
use crate::support::scripted::{Attempt, Scripted};
use crate::support::{Running, endpoint, patiently};

/// A policy for all methods.
fn hedged(attempts: u32, delay: &str) -> String {
    format!(
        r#"{{"methodConfig": [{{"name": [{{}}], "hedgingPolicy": {{"maxAttempts": {attempts},
            "hedgingDelay": "{delay}", "nonFatalStatusCodes": ["UNAVAILABLE"]}}}}]}}"#
    )
}

/// As good as never.
const NEVER: &str = "3600s";

async fn scripted() -> (Running, watch::Receiver<Vec<Attempt>>) {
    let (service, seen) = Scripted::new();
    (Running::start(Server::builder().add_service(service.server())).await, seen)
}

/// A channel whose opening call is over, and the server's end of it.
async fn connected(config: &str) -> (Place, Channel, Peer) {
    let place = Place::new().await;
    let endpoint = Channel::builder(place.uri()).connections_max(1).service_config(config).unwrap();
    let channel = endpoint.retry_buffer_limits(20_000, 1_000_000).connect_lazy();
    let opening = begin_by(Way::Short, &channel, "first");
    let mut peer = place.accept(&[]).await;
    let stream = peer.next_call().await;
    peer.answer(stream, &say("first")).await;
    assert_eq!(outcome(opening).await.unwrap(), "first");
    (place, channel, peer)
}

#[tokio::test]
async fn the_first_answer_wins_and_the_others_are_cancelled_at_once() {
    // The delay is long enough for the opening call to be over, whatever else the machine does.
    let (_place, channel, mut peer) = connected(&hedged(3, "0.3s")).await;
    for (way, winner) in WAYS.into_iter().flat_map(|way| [(way, 0), (way, 1), (way, 2)]) {
        let call = begin_by(way, &channel, "hi");
        let mut streams = Vec::new();
        while streams.len() < 3 {
            streams.push(peer.next_call().await);
        }
        let won = streams.remove(winner);
        peer.answer(won, &say(&format!("{winner}"))).await;
        assert_eq!(outcome(call).await.unwrap(), winner.to_string(), "{way:?}");
        let mut cancelled = Vec::new();
        while cancelled.len() < 2 {
            let reset = peer.next_of(RST_STREAM).await;
            assert_eq!(reset.number(), CANCEL);
            cancelled.push(reset.stream);
        }
        cancelled.sort_unstable();
        assert_eq!(cancelled, streams, "{way:?}");
    }
}

#[tokio::test]
async fn attempts_say_how_many_went_before_and_the_delay_lies_between_them() {
    let (server, seen) = scripted().await;
    let channel = endpoint(server.uri()).service_config(hedged(3, "0.05s")).unwrap().connect().await.unwrap();
    for way in WAYS {
        let begin = seen.borrow().len();
        let call = begin_by(way, &channel, "hang|hang|ok");
        assert_eq!(outcome(call).await.unwrap(), "hang|hang|ok", "{way:?}");
        let attempts = seen.borrow()[begin..].to_vec();
        let previous: Vec<_> = attempts.iter().map(|attempt| attempt.previous.as_deref()).collect();
        assert_eq!(previous, [None, Some("1"), Some("2")], "{way:?}");
        for pair in attempts.windows(2) {
            assert!(pair[1].at - pair[0].at > Duration::from_millis(35), "{way:?}: {:?}", pair[1].at - pair[0].at);
        }
    }
}

#[tokio::test]
async fn what_ends_an_attempt_may_end_the_call_or_begin_the_next() {
    let (server, seen) = scripted().await;
    // (script, attempts at most, what comes of it, attempts made)
    let table: [(&str, u32, Result<&str, Code>, usize); 9] = [
        ("ok", 5, Ok("ok"), 1),
        ("INTERNAL|ok", 5, Err(Code::Internal), 1),
        ("UNAVAILABLE|ok", 5, Ok("UNAVAILABLE|ok"), 2),
        ("UNAVAILABLE|UNAVAILABLE|INTERNAL|ok", 5, Err(Code::Internal), 3),
        ("UNAVAILABLE", 3, Err(Code::Unavailable), 3),
        ("UNAVAILABLE", 100, Err(Code::Unavailable), 5),
        ("UNAVAILABLE+-1|ok", 5, Err(Code::Unavailable), 1),
        ("UNAVAILABLE+what|ok", 5, Err(Code::Unavailable), 1),
        ("UNAVAILABLE+20|ok", 5, Ok("UNAVAILABLE+20|ok"), 2),
    ];
    for (way, (script, attempts_max, expected, attempts)) in
        WAYS.into_iter().flat_map(|way| table.map(|row| (way, row)))
    {
        let endpoint = endpoint(server.uri()).service_config(hedged(attempts_max, NEVER)).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let begin = seen.borrow().len();
        let got = outcome(begin_by(way, &channel, script)).await;
        let seen = seen.borrow()[begin..].to_vec();
        assert_eq!(got.map_err(|(code, _)| code), expected.map(str::to_owned), "{way:?} {script}");
        assert_eq!(seen.len(), attempts, "{way:?} {script}");
        if script.contains("+20") {
            assert!(seen[1].at - seen[0].at >= Duration::from_millis(20), "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_fatal_status_ends_all_attempts() {
    let (_place, channel, mut peer) = connected(&hedged(2, "0.3s")).await;
    for way in WAYS {
        let call = begin_by(way, &channel, "hi");
        let streams = [peer.next_call().await, peer.next_call().await];
        peer.headers(streams[1], &[(":status", "200"), ("grpc-status", "9")], true).await;
        assert_eq!(outcome(call).await.unwrap_err().0, Code::FailedPrecondition, "{way:?}");
        let reset = peer.next_of(RST_STREAM).await;
        assert_eq!((reset.stream, reset.number()), (streams[0], CANCEL), "{way:?}");
    }
}

#[tokio::test]
async fn one_that_failed_does_not_end_the_others() {
    let (_place, channel, mut peer) = connected(&hedged(2, "0.3s")).await;
    for way in WAYS {
        let call = begin_by(way, &channel, "hi");
        let streams = [peer.next_call().await, peer.next_call().await];
        peer.headers(streams[0], &[(":status", "200"), ("grpc-status", "14")], true).await;
        peer.answer(streams[1], &say("second")).await;
        assert_eq!(outcome(call).await.unwrap(), "second", "{way:?}");
    }
}

#[tokio::test]
async fn most_calls_failing_means_no_hedges() {
    let (server, seen) = scripted().await;
    let throttled = hedged(5, NEVER).replacen('{', r#"{"retryThrottling": {"maxTokens": 4, "tokenRatio": 1},"#, 1);
    let channel = endpoint(server.uri()).service_config(throttled).unwrap().connect().await.unwrap();
    let attempts = async |script: &str| {
        let begin = seen.borrow().len();
        let _ = outcome(begin_by(Way::Short, &channel, script)).await;
        seen.borrow().len() - begin
    };
    assert_eq!(attempts("UNAVAILABLE").await, 2, "4, 3, and 2 is half");
    assert_eq!(attempts("UNAVAILABLE|ok").await, 1, "1");
    for _ in 0..3 {
        assert_eq!(attempts("ok").await, 1);
    }
    assert_eq!(attempts("UNAVAILABLE|ok").await, 2, "4, 3");
}

#[tokio::test]
async fn a_deadline_and_a_caller_that_is_gone_end_all_attempts() {
    let (_place, channel, mut peer) = connected(&hedged(2, "0.3s")).await;
    let client = Client::new(channel.clone());
    let mut request = Request::new(ask("hi"));
    request.set_timeout(Duration::from_millis(500));
    let call = tokio::spawn(async move { client.unary_call(request).await });
    let streams = [peer.next_call().await, peer.next_call().await];
    assert_eq!(outcome(call).await.unwrap_err().0, Code::DeadlineExceeded);
    assert_cancelled(&mut peer, streams).await;

    let call = begin_by(Way::Short, &channel, "hi");
    let streams = [peer.next_call().await, peer.next_call().await];
    call.abort();
    assert_cancelled(&mut peer, streams).await;
}

async fn assert_cancelled(peer: &mut Peer, streams: [u32; 2]) {
    let mut cancelled = [0; 2];
    for stream in &mut cancelled {
        let reset = peer.next_of(RST_STREAM).await;
        assert_eq!(reset.number(), CANCEL);
        *stream = reset.stream;
    }
    cancelled.sort_unstable();
    assert_eq!(cancelled, streams);
}

type Both = JoinHandle<Result<Streaming<SimpleResponse>, Status>>;

fn begin_both(channel: &Channel) -> (Both, tokio::sync::mpsc::Sender<String>) {
    let (requests, stream) = tokio::sync::mpsc::channel::<String>(1);
    let client = Client::new(channel.clone());
    let stream = ReceiverStream::new(stream).map(|words| ask(&words));
    let call = async move { client.streaming_call(stream).await.map(Response::into_inner) };
    (tokio::spawn(call), requests)
}

#[tokio::test]
async fn all_attempts_get_all_requests() {
    let (_place, channel, mut peer) = connected(&hedged(2, "0.1s")).await;
    let (call, requests) = begin_both(&channel);
    requests.send("before".into()).await.unwrap();
    let first = peer.next_of(DATA).await.stream;
    let second = peer.next_of(HEADERS).await.stream;
    assert_eq!(peer.next_of(DATA).await.stream, second, "what came before");
    requests.send("between".into()).await.unwrap();
    let mut got = [peer.next_of(DATA).await.stream, peer.next_of(DATA).await.stream];
    got.sort_unstable();
    assert_eq!(got, [first, second]);
    peer.answer(second, &say("yes")).await;
    let mut answers = patiently(call).await.unwrap().unwrap();
    assert_eq!(text(&patiently(answers.message()).await.unwrap().unwrap()), "yes");
    let reset = peer.until(|frame| frame.kind == RST_STREAM && frame.stream == first).await;
    assert_eq!(reset.number(), CANCEL);
}

#[tokio::test]
async fn the_requests_of_the_winner_go_on() {
    let (_place, channel, mut peer) = connected(&hedged(2, "0.1s")).await;
    let (call, requests) = begin_both(&channel);
    requests.send("before".into()).await.unwrap();
    let first = peer.next_of(DATA).await.stream;
    peer.next_of(HEADERS).await;
    peer.headers(first, crate::support::peer::GOOD, false).await;
    let mut answers = patiently(call).await.unwrap().unwrap();
    // Far more than is kept of a request.
    for _ in 0..10 {
        requests.send("x".repeat(5_000)).await.unwrap();
        peer.until(|frame| (frame.kind, frame.stream) == (DATA, first)).await;
    }
    drop(requests);
    peer.until(|frame| (frame.kind, frame.stream, frame.flags) == (DATA, first, END_STREAM)).await;
    peer.answer_rest(first, &say("all")).await;
    assert_eq!(text(&patiently(answers.message()).await.unwrap().unwrap()), "all");
    assert!(patiently(answers.message()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_request_that_outgrows_what_is_kept_goes_on_alone() {
    let (_place, channel, mut peer) = connected(&hedged(3, "0.1s")).await;
    let (call, requests) = begin_both(&channel);
    requests.send("before".into()).await.unwrap();
    let first = peer.next_of(DATA).await.stream;
    let second = peer.next_of(HEADERS).await.stream;
    let sender = tokio::spawn(async move {
        for _ in 0..10 {
            requests.send("x".repeat(5_000)).await.unwrap();
        }
        requests
    });
    let reset = peer.next_of(RST_STREAM).await;
    assert!([first, second].contains(&reset.stream), "{}", reset.stream);
    let left = if reset.stream == first { second } else { first };
    let requests = patiently(sender).await.unwrap();
    drop(requests);
    peer.until(|frame| (frame.kind, frame.stream, frame.flags) == (DATA, left, END_STREAM)).await;
    peer.answer(left, &say("alone")).await;
    let mut answers = patiently(call).await.unwrap().unwrap();
    assert_eq!(text(&patiently(answers.message()).await.unwrap().unwrap()), "alone");
}

/// So slow that whatever else a machine does is quick beside it.
const SLOW: Duration = Duration::from_millis(500);

/// A service of which one call in a hundred is slow.
#[derive(Clone, Default)]
struct Slow {
    calls: Arc<AtomicUsize>,
}

impl seltzer::services::schemas::grpc::testing::benchmark_service_server::BenchmarkService for Slow {
    async fn unary_call(
        &self,
        _: Request<seltzer::services::schemas::grpc::testing::SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        if self.calls.fetch_add(1, Ordering::Relaxed) % 100 == 50 {
            tokio::time::sleep(SLOW).await;
        }
        Ok(Response::new(SimpleResponse::default()))
    }

    type StreamingCallStream = tokio_stream::Empty<Result<SimpleResponse, Status>>;

    async fn streaming_call(
        &self,
        _: Request<Streaming<seltzer::services::schemas::grpc::testing::SimpleRequest>>,
    ) -> Result<Response<Self::StreamingCallStream>, Status> {
        Err(Status::unimplemented("not called here"))
    }

    async fn streaming_from_client(
        &self,
        _: Request<Streaming<seltzer::services::schemas::grpc::testing::SimpleRequest>>,
    ) -> Result<Response<SimpleResponse>, Status> {
        Err(Status::unimplemented("not called here"))
    }

    type StreamingFromServerStream = tokio_stream::Empty<Result<SimpleResponse, Status>>;

    async fn streaming_from_server(
        &self,
        _: Request<seltzer::services::schemas::grpc::testing::SimpleRequest>,
    ) -> Result<Response<Self::StreamingFromServerStream>, Status> {
        Err(Status::unimplemented("not called here"))
    }

    type StreamingBothWaysStream = tokio_stream::Empty<Result<SimpleResponse, Status>>;

    async fn streaming_both_ways(
        &self,
        _: Request<Streaming<seltzer::services::schemas::grpc::testing::SimpleRequest>>,
    ) -> Result<Response<Self::StreamingBothWaysStream>, Status> {
        Err(Status::unimplemented("not called here"))
    }
}

#[tokio::test]
async fn hedging_cuts_the_tail_off() {
    const CALLS: usize = 400;
    let service = Slow::default();
    let calls = Arc::clone(&service.calls);
    let server =
        seltzer::services::schemas::grpc::testing::benchmark_service_server::BenchmarkServiceServer::new(service);
    let server = Running::start(Server::builder().add_service(server)).await;
    let mut tails = Vec::new();
    for config in ["{}".to_owned(), hedged(2, "0.005s")] {
        calls.store(0, Ordering::Relaxed);
        let channel = endpoint(server.uri()).service_config(config).unwrap().connect().await.unwrap();
        let client = Client::new(channel);
        let mut times = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let begin = tokio::time::Instant::now();
            client.unary_call(ask("")).await.unwrap();
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        tails.push((times[CALLS * 995 / 1000], calls.load(Ordering::Relaxed)));
    }
    let [(plain, _), (hedged, made)] = tails[..] else { panic!() };
    println!("p99.5 {plain:?} without, {hedged:?} with hedging, {made} attempts for {CALLS} calls");
    assert!(plain >= SLOW && hedged * 5 <= plain, "{plain:?} without, {hedged:?} with");
    assert!(made < CALLS * 3 / 2, "{made} attempts for {CALLS} calls");
}
