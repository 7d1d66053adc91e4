//! Deadlines, cancellation, and what a call inside a call inherits.

use std::time::Duration;

use seltzer::services::schemas::hello::greeter_client::GreeterClient;
use seltzer::services::schemas::hello::greeter_server::GreeterServer;
use seltzer::services::schemas::hello::{HelloReply, HelloRequest};
use seltzer::transport::Carrier;
use seltzer::{CallOptionsExt as _, Channel, Code, Request, Server, StatusOrigin as _};
use tokio::sync::watch;

use crate::support::kinds::{KINDS, Kind, call, general};
use crate::support::mirror::Mirror;
use crate::support::probe::{Client, Probe, Seen, ask, text};
use crate::support::{Running, carrier, endpoint, patiently};

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

/// Makes calls of all kinds by both ways, and looks at what they say when their time is up.
async fn assert_late(channel: &Channel, command: &str, kinds: &[Kind], words: &str) {
    let prepare = |mut request: Request<()>| {
        request.set_timeout(SHORT);
        request.set_wait_for_ready(true);
        request
    };
    for kind in kinds {
        for answer in [
            call(&Client::new(channel.clone()), *kind, command, prepare).await,
            call(&general(channel.clone()), *kind, command, prepare).await,
        ] {
            let status = answer.unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?} {status:?}");
            assert!(status.message().contains(words), "{kind:?}: {words:?} is not in {:?}", status.message());
        }
    }
}

#[tokio::test]
async fn a_late_call_says_what_it_waited_for() {
    // A port that was free a moment ago.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let refused = endpoint(format!("http://{address}")).connect_lazy();
    let words = format!("a connection to http://{address} (last failure: cannot connect to ");
    assert_late(&refused, "hi", &KINDS, &words).await;

    // One whose backlog takes connections, and nobody answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = endpoint(format!("http://{}", listener.local_addr().unwrap())).connect_lazy();
    if carrier() == Carrier::Engine {
        // hyper takes it for open before the server has said a word.
        assert_late(&silent, "hi", &KINDS, "a connection to http://127.0.0.1:").await;
    }

    let (server, _client, _) = probe().await;
    let streams = [Kind::Unary, Kind::ServerStreaming, Kind::BidiStreaming];
    assert_late(&server.channel().await, "hang", &streams[..2], "the server's answer").await;
    assert_late(&server.channel().await, "hang", &streams[2..], "answer").await;
    assert_late(&server.channel().await, "one-then hang", &streams[1..2], "the rest of the server's answer").await;

    // A server that permits one call at a time, which is there already.
    let (probe, mut busy) = Probe::new();
    let limited = Server::builder().max_concurrent_streams(1).add_service(probe.server());
    let limited = Running::start(limited).await;
    let channel = endpoint(limited.uri()).connections_max(1).connect().await.unwrap();
    let first = Client::new(channel.clone());
    let first = tokio::spawn(async move { first.unary_call(ask("hang")).await });
    until(&mut busy, |seen| seen.hanging == 1).await;
    if carrier() == Carrier::Engine {
        assert_late(&channel, "hi", &KINDS, "a place on a connection to http://127.0.0.1:").await;
    }
    first.abort();
}

#[tokio::test]
async fn a_call_without_time_does_not_begin() {
    let (server, _, seen) = probe().await;
    let channel = server.channel().await;
    let late = |mut request: Request<()>| {
        request.set_timeout(Duration::ZERO);
        request
    };
    for kind in KINDS {
        for answer in [
            call(&Client::new(channel.clone()), kind, "hang", late).await,
            call(&general(channel.clone()), kind, "hang", late).await,
        ] {
            let status = answer.unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?}");
            assert_eq!(status.message(), "the deadline passed before the call began", "{kind:?}");
        }
    }
    assert_eq!(seen.borrow().hanging + seen.borrow().dropped, 0);
}

#[tokio::test]
async fn calls_of_all_kinds_inherit_a_handlers_deadline() {
    /// Calls the next server, by each kind and way, and says how each call ended.
    struct Caller(Channel);

    impl seltzer::services::schemas::hello::greeter_server::Greeter for Caller {
        async fn say_hello(&self, _: Request<HelloRequest>) -> Result<seltzer::Response<HelloReply>, seltzer::Status> {
            let mut words = Vec::new();
            for kind in KINDS {
                for seen in [
                    call(&Client::new(self.0.clone()), kind, "hi", |request| request).await?,
                    call(&general(self.0.clone()), kind, "hi", |request| request).await?,
                ] {
                    words.push(seen.contains("grpc-timeout: ").to_string());
                }
            }
            Ok(seltzer::Response::new(HelloReply { message: words.join(" ") }))
        }
    }
    let mirror = Mirror::start().await;
    let next = endpoint(mirror.uri()).connect().await.unwrap();
    let server = Running::start(Server::builder().add_service(GreeterServer::new(Caller(next)))).await;
    let client = GreeterClient::new(server.channel().await);
    let mut request = Request::new(HelloRequest { name: "Alice".into() });
    request.set_timeout(Duration::from_secs(60));
    let message = client.say_hello(request).await.unwrap().into_inner().message;
    assert_eq!(message, ["true"; 8].join(" "));
    let message = client.say_hello(HelloRequest { name: "Alice".into() }).await.unwrap().into_inner().message;
    assert_eq!(message, ["false"; 8].join(" "));
}
