//! Deadlines, cancellation, and what a call inside a call inherits.

use std::time::Duration;

use seltzer::{Code, Request, Server, StatusOrigin as _};
use tokio::sync::watch;

use crate::support::probe::{Client, Probe, Seen, ask, text};
use crate::support::{Running, endpoint, patiently};

/// Far longer than any call here takes, far shorter than [`crate::support::PATIENCE`].
const SHORT: Duration = Duration::from_millis(100);

async fn probe() -> (Running, Client, watch::Receiver<Seen>) {
    let (probe, seen) = Probe::new();
    let server = Running::start(Server::builder().add_service(probe.server())).await;
    let client = Client::new(server.channel().await);
    (server, client, seen)
}

fn within(timeout: Duration, command: &str) -> Request<seltzer::services::schemas::grpc::testing::SimpleRequest> {
    let mut request = Request::new(ask(command));
    request.set_timeout(timeout);
    request
}

async fn until(seen: &mut watch::Receiver<Seen>, what: impl FnMut(&Seen) -> bool) {
    patiently(seen.wait_for(what)).await.unwrap();
}

#[tokio::test]
async fn a_deadline_ends_the_call_on_both_sides() {
    let (_server, client, mut seen) = probe().await;
    let status = patiently(client.unary_call(within(SHORT, "hang"))).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    until(&mut seen, |seen| seen.hanging == 0 && seen.dropped == 1 && seen.cancelled == 1).await;
}

#[tokio::test]
async fn a_server_answers_deadline_exceeded_itself() {
    use crate::support::raw::{framed, send};
    let (server, _client, mut seen) = probe().await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "50m")];
    let message = prost::Message::encode_to_vec(&ask("hang"));
    let path = "/grpc.testing.BenchmarkService/UnaryCall";
    let answer = patiently(send(server.address, "POST", path, &headers, &framed(0, &message))).await.unwrap();
    assert_eq!(answer.grpc_status(), Some("4"));
    until(&mut seen, |seen| seen.dropped == 1).await;

    // The same once messages have been sent: the status comes in the trailers.
    let message = prost::Message::encode_to_vec(&ask("one-then hang"));
    let path = "/grpc.testing.BenchmarkService/StreamingFromServer";
    let answer = patiently(send(server.address, "POST", path, &headers, &framed(0, &message))).await.unwrap();
    assert_eq!(answer.trailers.get("grpc-status").unwrap(), "4");
    assert!(!answer.body.is_empty());
    until(&mut seen, |seen| seen.dropped == 2).await;
}

#[tokio::test]
async fn a_deadline_covers_the_whole_stream() {
    let (_server, client, mut seen) = probe().await;
    let mut stream = client.streaming_from_server(within(SHORT, "one-then hang")).await.unwrap().into_inner();
    assert_eq!(text(&stream.message().await.unwrap().unwrap()), "one");
    let status = patiently(stream.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    until(&mut seen, |seen| seen.dropped == 1).await;
}

#[tokio::test]
async fn a_deadline_ends_a_stream_that_nobody_reads() {
    let (_server, client, mut seen) = probe().await;
    let stream = client.streaming_from_server(within(Duration::from_millis(300), "endless")).await.unwrap();
    // The windows fill up, then the handler rests. Our side says nothing either, because nobody asks it: what drops the
    // handler's stream when the time is over is the server's own timer.
    until(&mut seen, |seen| seen.made > 100 && seen.hanging == 0 && seen.dropped == 1).await;
    let mut stream = stream.into_inner();
    let status = patiently(async {
        loop {
            if let Err(status) = stream.message().await {
                return status;
            }
        }
    })
    .await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_handler_sees_the_time_that_is_left() {
    let (_server, client, _) = probe().await;
    assert_eq!(text(client.unary_call(ask("deadline")).await.unwrap().get_ref()), "none");
    let left = client.unary_call(within(Duration::from_secs(60), "deadline")).await.unwrap();
    let left: u64 = text(left.get_ref()).parse().unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_servers_own_timeout_holds_for_callers_without_one() {
    let (probe, mut seen) = Probe::new();
    let server = Running::start(Server::builder().timeout(SHORT).add_service(probe.server())).await;
    let client = Client::new(server.channel().await);
    let status = patiently(client.unary_call(ask("hang"))).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.is_from_peer());
    until(&mut seen, |seen| seen.dropped == 1).await;
}

#[tokio::test]
async fn a_channels_timeout_holds_for_calls_without_one() {
    let (server, _, _) = probe().await;
    let channel = endpoint(server.uri()).timeout(SHORT).connect().await.unwrap();
    let client = Client::new(channel);
    assert_eq!(patiently(client.unary_call(ask("hang"))).await.unwrap_err().code(), Code::DeadlineExceeded);
    let left = client.unary_call(within(Duration::from_secs(60), "deadline")).await.unwrap();
    assert!(text(left.get_ref()).parse::<u64>().unwrap() > 50_000, "a call's own timeout goes first");
}

#[tokio::test]
async fn dropping_a_call_drops_its_handler() {
    let (_server, client, mut seen) = probe().await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.unary_call(ask("hang")).await }
    });
    until(&mut seen, |seen| seen.hanging == 1).await;
    call.abort();
    until(&mut seen, |seen| seen.hanging == 0 && seen.dropped == 1 && seen.cancelled == 1).await;

    let mut stream = client.streaming_from_server(ask("one-then hang")).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    until(&mut seen, |seen| seen.hanging == 1).await;
    drop(stream);
    until(&mut seen, |seen| seen.hanging == 0 && seen.dropped == 2).await;
}

#[tokio::test]
async fn connecting_outlives_the_call_that_began_it() {
    // The listener's backlog takes the connection at once, but nothing answers for a while.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = Client::new(endpoint(format!("http://{address}")).connect_lazy());
    for _ in 0..3 {
        let status = patiently(client.unary_call(within(SHORT, "hi"))).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }
    // One connection came, not one a call.
    let _first = listener.accept().await.unwrap();
    let second = tokio::time::timeout(SHORT, listener.accept()).await;
    assert!(second.is_err(), "every call opened a connection of its own");
}

#[tokio::test]
async fn an_endless_stream_waits_for_its_reader_and_stops_with_it() {
    let (_server, client, mut seen) = probe().await;
    let mut stream = client.streaming_from_server(ask("endless")).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    until(&mut seen, |seen| seen.made > 1000).await;
    // 2 MiB of window and some buffers fit about 2,500 messages of 1,000 bytes; ten times that would be no limit.
    let rested = patiently(async {
        loop {
            let before = seen.borrow().made;
            if tokio::time::timeout(SHORT, seen.changed()).await.is_err() {
                return before;
            }
        }
    })
    .await;
    assert!(rested < 25_000, "{rested} messages were made for a reader that does not read");
    drop(stream);
}

#[tokio::test]
async fn a_call_inside_a_handler_inherits_deadline_and_cancellation() {
    let (_inner_server, inner, mut inner_seen) = probe().await;
    let channel = _inner_server.channel().await;
    let (outer, _) = Probe::new();
    let outer = Running::start(Server::builder().add_service(outer.calling(channel).server())).await;
    let client = Client::new(outer.channel().await);

    let left = client.unary_call(within(Duration::from_secs(60), "inherit deadline")).await.unwrap();
    let left: u64 = text(left.get_ref()).parse().unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");

    let status = patiently(client.unary_call(within(SHORT, "inherit hang"))).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    until(&mut inner_seen, |seen| seen.hanging == 0 && seen.dropped == 1).await;

    let call = tokio::spawn(async move { client.unary_call(ask("inherit hang")).await });
    until(&mut inner_seen, |seen| seen.hanging == 1).await;
    call.abort();
    until(&mut inner_seen, |seen| seen.hanging == 0 && seen.dropped == 2).await;
    drop(inner);
}

#[tokio::test]
async fn a_task_in_the_scope_of_a_call_ends_with_it() {
    // The probe's bidirectional handler answers from a task of its own, which it runs in the call's scope.
    let (inner_server, _, mut inner_seen) = probe().await;
    let (outer, _) = Probe::new();
    let outer = outer.calling(inner_server.channel().await);
    let outer = Running::start(Server::builder().add_service(outer.server())).await;
    let client = Client::new(outer.channel().await);
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    requests.send(ask("inherit hang")).await.unwrap();
    let stream = client.streaming_call(tokio_stream::wrappers::ReceiverStream::new(stream)).await.unwrap();
    until(&mut inner_seen, |seen| seen.hanging == 1).await;
    drop(stream);
    until(&mut inner_seen, |seen| seen.hanging == 0 && seen.dropped == 1).await;
}
