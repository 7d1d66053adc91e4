//! The four kinds of call, metadata, trailers, errors with their details.

use std::time::Duration;

use seltzer::client::CallOptions;
use seltzer::error_details::StatusExt as _;
use seltzer::{Code, Request, Server, Status, StatusOrigin as _};
use tokio_stream::StreamExt as _;

use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, endpoint, patiently};

async fn probe() -> (Running, Client) {
    let (probe, _) = Probe::new();
    let server = Running::start(Server::builder().add_service(probe.server())).await;
    let client = Client::new(server.channel().await);
    (server, client)
}

#[tokio::test]
async fn the_four_kinds_of_call() {
    let (_server, client) = probe().await;
    let unary = client.unary_call(ask("hello")).await.unwrap();
    assert_eq!(text(unary.get_ref()), "hello");

    let down = client.streaming_from_server(ask("count 1000")).await.unwrap().into_inner();
    let numbers: Vec<_> = down.map(|message| text(&message.unwrap())).collect().await;
    assert_eq!(numbers, (0..1000).map(|n| n.to_string()).collect::<Vec<_>>());

    let up = client.streaming_from_client(tokio_stream::iter(["a", "b", "c"].map(ask))).await.unwrap();
    assert_eq!(text(up.get_ref()), "a b c");

    // Strictly in turn: the next request is sent only after the answer to the one before.
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    requests.send(ask("0")).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let mut both = client.streaming_call(stream).await.unwrap().into_inner();
    for n in 0..10 {
        assert_eq!(text(&patiently(both.message()).await.unwrap().unwrap()), n.to_string());
        requests.send(ask(&(n + 1).to_string())).await.unwrap();
    }
    drop(requests);
    assert_eq!(text(&both.message().await.unwrap().unwrap()), "10");
    assert!(both.message().await.unwrap().is_none());
}

#[tokio::test]
async fn empty_streams_are_streams() {
    let (_server, client) = probe().await;
    assert_eq!(text(client.streaming_from_client(tokio_stream::empty()).await.unwrap().get_ref()), "");
    let mut both = client.streaming_call(tokio_stream::empty()).await.unwrap().into_inner();
    assert!(both.message().await.unwrap().is_none());
    let mut down = client.streaming_from_server(ask("count 0")).await.unwrap().into_inner();
    assert!(down.message().await.unwrap().is_none());
    assert!(down.trailers().await.unwrap().is_some());
}

#[tokio::test]
async fn metadata_travels_both_ways_text_and_bytes() {
    let (_server, client) = probe().await;
    let mut request = Request::new(ask("hello"));
    request.metadata_mut().insert("x-echo", "text".parse().unwrap());
    for bytes in [&b"\0\xff"[..], b"", b"two"] {
        request.metadata_mut().append_bin("x-echo-bin", seltzer::metadata::MetadataValue::from_bytes(bytes));
    }
    let response = client.unary_call(request).await.unwrap();
    assert_eq!(response.metadata().get("x-echo").unwrap(), "text");
    let bytes: Vec<_> =
        response.metadata().get_all_bin("x-echo-bin").iter().map(|value| value.to_bytes().unwrap().to_vec()).collect();
    assert_eq!(bytes, [&b"\0\xff"[..], b"", b"two"]);
    for reserved in ["content-type", "grpc-encoding", "grpc-accept-encoding", "grpc-status"] {
        assert!(response.metadata().get(reserved).is_none(), "{reserved} belongs to the protocol");
    }
}

#[tokio::test]
async fn success_can_have_trailing_metadata() {
    let (_server, client) = probe().await;
    let response = client.unary_call(ask("trailer value")).await.unwrap();
    assert_eq!(response.metadata().get("x-trailer").unwrap(), "value");
    assert_eq!(&response.metadata().get_bin("x-trailer-bin").unwrap().to_bytes().unwrap()[..], [0, 255]);

    let mut stream = client.streaming_from_server(ask("trailer value")).await.unwrap().into_inner();
    let trailers = stream.trailers().await.unwrap().unwrap();
    assert_eq!(trailers.get("x-trailer").unwrap(), "value");
    assert!(trailers.get("grpc-status").is_none());
}

#[tokio::test]
async fn initial_metadata_can_go_ahead_of_the_answer() {
    let (_server, client) = probe().await;
    let response = client.unary_call(ask("early")).await.unwrap();
    assert_eq!(response.metadata().get("x-early").unwrap(), "bird");
    // The head arrives although no message ever will.
    let response = patiently(client.streaming_from_server(ask("early then-hang"))).await.unwrap();
    assert_eq!(response.metadata().get("x-early").unwrap(), "bird");
}

#[tokio::test]
async fn errors_keep_their_words_and_details() {
    let (_server, client) = probe().await;
    for words in ["plain", "除数不能为零！", "50% of\r\nlines \u{1f980}", ""] {
        let status = client.unary_call(ask(&format!("fail {words}"))).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, words));
        assert!(status.is_from_peer());
        assert!(status.metadata().is_empty(), "the protocol's own headers are not metadata: {:?}", status.metadata());
    }
    let status = client.unary_call(ask("detail is empty")).await.unwrap_err();
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!((&*violations[0].field, &*violations[0].description), ("name", "is empty"));
}

#[tokio::test]
async fn an_error_after_messages_comes_after_them() {
    let (_server, client) = probe().await;
    let mut stream = client.streaming_from_server(ask("one-then fail late")).await.unwrap().into_inner();
    assert_eq!(text(&stream.message().await.unwrap().unwrap()), "one");
    let status = stream.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "late"));
    assert!(stream.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_panic_is_internal_and_the_connection_lives_on() {
    let (_server, client) = probe().await;
    let status = client.unary_call(ask("panic")).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    let mut stream = client.streaming_from_server(ask("one-then panic")).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Internal);
    assert_eq!(text(client.unary_call(ask("alive")).await.unwrap().get_ref()), "alive");
}

#[tokio::test]
async fn a_handler_knows_who_calls_what() {
    let (_server, client) = probe().await;
    let told = text(client.unary_call(ask("peer")).await.unwrap().get_ref());
    assert!(told.starts_with("/grpc.testing.BenchmarkService/UnaryCall Some(127.0.0.1:"), "{told}");
    assert!(told.contains("grpc-rust-seltzer/"), "{told}");
}

#[tokio::test]
async fn an_interceptor_sees_calls_first_on_either_side() {
    fn token(request: Request<()>) -> Result<Request<()>, Status> {
        match request.metadata().get("authorization") {
            Some(token) if token == "Bearer token123" => Ok(request),
            _ => Err(Status::unauthenticated("no token")),
        }
    }
    fn add_token(mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", "Bearer token123".parse().unwrap());
        Ok(request)
    }
    use seltzer::services::schemas::grpc::testing::benchmark_service_server::BenchmarkServiceServer;

    let of_service = Server::builder().add_service(BenchmarkServiceServer::with_interceptor(Probe::new().0, token));
    let of_server = Server::builder().interceptor(token).add_service(Probe::new().0.server());
    for server in [of_service, of_server] {
        let server = Running::start(server).await;
        let bare = Client::new(server.channel().await);
        let status = bare.unary_call(ask("hi")).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "no token"));
        let with_token = Client::with_interceptor(server.channel().await, add_token);
        assert_eq!(text(with_token.unary_call(ask("hi")).await.unwrap().get_ref()), "hi");
    }
}

#[tokio::test]
async fn an_interceptor_that_panics_ends_its_own_call_only() {
    fn careless(request: Request<()>) -> Result<Request<()>, Status> {
        let _ = request.metadata().get("x-needed").expect("everybody sends it");
        Ok(request)
    }
    let server = Server::builder().interceptor(careless).add_service(Probe::new().0.server());
    let server = Running::start(server).await;
    let client = Client::new(server.channel().await);
    let with_header = || {
        let mut request = Request::new(ask("hi"));
        request.metadata_mut().insert("x-needed", "1".parse().unwrap());
        request
    };
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    let mut both = Request::new(tokio_stream::wrappers::ReceiverStream::new(stream));
    both.metadata_mut().insert("x-needed", "1".parse().unwrap());
    let mut both = client.streaming_call(both).await.unwrap().into_inner();
    assert_eq!(client.unary_call(ask("hi")).await.unwrap_err().code(), Code::Internal);
    requests.send(ask("still here")).await.unwrap();
    assert_eq!(text(&patiently(both.message()).await.unwrap().unwrap()), "still here");
    assert!(client.unary_call(with_header()).await.is_ok());
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_says_so_even_after_the_answer_began() {
    let (_server, client) = probe().await;
    let client = client.max_encoding_message_size(1000);
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    requests.send(ask("first")).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let mut both = client.streaming_call(stream).await.unwrap().into_inner();
    assert_eq!(text(&both.message().await.unwrap().unwrap()), "first");
    requests.send(ask(&"x".repeat(1000))).await.unwrap();
    let status = patiently(both.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(!status.is_from_peer());
}

#[tokio::test]
async fn a_clients_own_interceptor_is_not_the_peer() {
    let (server, _) = probe().await;
    let refusing = Client::with_interceptor(server.channel().await, |_: Request<()>| Err(Status::aborted("not today")));
    let status = refusing.unary_call(ask("hi")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "not today"));
    assert!(!status.is_from_peer());
}

#[tokio::test]
async fn many_calls_share_a_channel() {
    let (_server, client) = probe().await;
    let calls = (0..500).map(|n| {
        let client = client.clone();
        tokio::spawn(async move { text(client.unary_call(ask(&n.to_string())).await.unwrap().get_ref()) })
    });
    for (n, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(patiently(call).await.unwrap(), n.to_string());
    }
}

#[tokio::test]
async fn a_lazy_channel_connects_with_its_first_call_and_again_after_a_loss() {
    let (first, _) = Probe::new();
    let server = Running::start(Server::builder().add_service(first.server())).await;
    let address = server.address;
    let endpoint = endpoint(server.uri()).reconnect_backoff(Duration::from_millis(10), Duration::from_millis(50));
    let client = Client::new(endpoint.connect_lazy());
    assert!(client.unary_call(ask("one")).await.is_ok());
    server.stop().await;
    let status = client.unary_call(ask("two")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(!status.is_from_peer());
    assert!(status.message().contains(&address.to_string()), "{}", status.message());

    let server = Server::builder().add_service(Probe::new().0.server()).bind(address).await.unwrap();
    let _server = Running::run(server);
    let mut patient = Request::new(ask("three"));
    patient.extensions_mut().insert(CallOptions::new().wait_for_ready(true));
    assert!(client.unary_call(patient).await.is_ok());
    assert!(client.unary_call(ask("four")).await.is_ok());
}
