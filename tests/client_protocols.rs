//! Channels that speak gRPC-Web and Connect: the same calls as in gRPC, and what of them is seen on the wire.

use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use seltzer::client::ClientProtocol;
use seltzer::codec::CompressionEncoding;
use seltzer::connect::{Connect, ConnectClient};
use seltzer::error_details::StatusExt as _;
use seltzer::health::HealthReporter;
use seltzer::metadata::BinaryMetadataValue;
use seltzer::services::schemas::grpc::testing::benchmark_service_descriptor::SERVICE;
use seltzer::web::{GrpcWeb, GrpcWebClient};
use seltzer::{Channel, Code, Endpoint, Request, Server, Status, StatusOrigin as _};
use seltzer_fixtures::nested::options::Item;
use seltzer_fixtures::nested::options::shop_client::ShopClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tonic_health::pb::health_client::HealthClient;

use crate::support::kinds::{KINDS, Kind, call};
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::scripted::Scripted;
use crate::support::{Running, patiently};

/// What a channel of a test speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    GrpcWeb,
    Connect,
    ConnectJson,
}

const SPOKEN: [Spoken; 3] = [Spoken::GrpcWeb, Spoken::Connect, Spoken::ConnectJson];

impl Spoken {
    fn protocol(self) -> ClientProtocol {
        match self {
            Spoken::GrpcWeb => GrpcWebClient::new().into(),
            Spoken::Connect => ConnectClient::new().into(),
            Spoken::ConnectJson => ConnectClient::new().json(true).schemas(SERVICE.file_descriptor_set).unwrap().into(),
        }
    }
}

/// Every way to speak to a server, and its name.
fn ways(server: &Running) -> Vec<(String, Endpoint)> {
    let mut ways = Vec::new();
    for spoken in SPOKEN {
        let endpoint = crate::support::endpoint(server.uri()).speak(spoken.protocol());
        ways.push((format!("{spoken:?} over HTTP/2"), endpoint.clone()));
        ways.push((format!("{spoken:?} over HTTP/1.1"), endpoint.http1_only()));
    }
    ways
}

async fn serving(server: Server) -> Running {
    Running::start(server.speak(GrpcWeb::new()).speak(Connect::new())).await
}

async fn probe() -> Running {
    serving(Server::builder().add_service(Probe::new().0.server())).await
}

#[tokio::test]
async fn calls_of_all_kinds_are_what_they_are_in_grpc() {
    let server = probe().await;
    type Row<'a> = (&'a str, Result<&'a str, (Code, &'a str)>);
    let table: [Row<'_>; 4] = [
        ("hello", Ok("hello")),
        ("", Ok("")),
        ("fail 100% \u{9664}", Err((Code::FailedPrecondition, "100% \u{9664}"))),
        ("count 3", Ok("0 1 2")),
    ];
    for (way, endpoint) in ways(&server) {
        let client = Client::new(endpoint.connect().await.unwrap());
        for (command, expected) in table {
            for kind in KINDS {
                // Only one kind counts, and one listens to no command.
                let expected = match (command, kind) {
                    ("count 3", Kind::ServerStreaming) => expected,
                    ("count 3", _) => Ok("count 3"),
                    (_, Kind::ClientStreaming) => Ok(command),
                    _ => expected,
                };
                let came = call(&client, kind, command, |request| request).await;
                let came = came.as_deref().map_err(|status| (status.code(), status.message()));
                assert_eq!(came, expected, "{way}: {kind:?} {command}");
            }
        }
    }
}

#[tokio::test]
async fn metadata_details_and_origins_arrive() {
    let server = probe().await;
    for (way, endpoint) in ways(&server) {
        let client = Client::new(endpoint.connect().await.unwrap());
        let mut request = Request::new(ask("trailer seen"));
        request.metadata_mut().insert("x-echo", "a".parse().unwrap());
        request.metadata_mut().insert_bin("x-echo-bin", BinaryMetadataValue::from_bytes(&[0, 255]));
        let answer = patiently(client.unary_call(request)).await.unwrap();
        let metadata = answer.metadata();
        assert_eq!(metadata.get("x-echo").unwrap(), "a", "{way}");
        assert_eq!(metadata.get("x-trailer").unwrap(), "seen", "{way}");
        for name in ["x-echo-bin", "x-trailer-bin"] {
            assert_eq!(*metadata.get_bin(name).unwrap().to_bytes().unwrap(), [0, 255], "{way}: {name}");
        }
        let unlike_metadata = |name: &str| name.starts_with("connect-") || name.starts_with("trailer-");
        let names: Vec<_> = metadata.as_ref().keys().filter(|name| unlike_metadata(name.as_str())).collect();
        assert!(names.is_empty(), "{way}: {names:?}");

        let mut answers = patiently(client.streaming_from_server(ask("trailer end"))).await.unwrap().into_inner();
        assert_eq!(text(&answers.message().await.unwrap().unwrap()), "ok", "{way}");
        assert_eq!(answers.trailers().await.unwrap().unwrap().get("x-trailer").unwrap(), "end", "{way}");

        for kind in [Kind::Unary, Kind::ServerStreaming] {
            let status = call(&client, kind, "detail must not be empty", |request| request).await.unwrap_err();
            let violations = status.get_details_bad_request().unwrap().field_violations;
            assert_eq!(violations[0].description, "must not be empty", "{way}: {kind:?}");
            assert!(status.is_from_peer(), "{way}: {kind:?}");
        }
    }
}

#[tokio::test]
async fn messages_are_compressed_both_ways() {
    let server = Server::builder().send_compressed(CompressionEncoding::Gzip).add_service(Probe::new().0.server());
    let server = serving(server).await;
    for (way, endpoint) in ways(&server) {
        let client = Client::new(endpoint.connect().await.unwrap()).send_compressed(CompressionEncoding::Gzip);
        for kind in KINDS {
            let came = call(&client, kind, "hello", |request| request).await.unwrap();
            assert_eq!(came, "hello", "{way}: {kind:?}");
        }
        // Of a unary request in Connect its handler does not hear how it came.
        if way.contains("GrpcWeb") {
            assert_eq!(call(&client, Kind::Unary, "compressed?", |request| request).await.unwrap(), "true", "{way}");
        }
    }
}

#[tokio::test]
async fn answers_have_the_clients_limit() {
    let server = probe().await;
    for (way, endpoint) in ways(&server) {
        let client = Client::new(endpoint.connect().await.unwrap()).max_decoding_message_size(1000);
        for kind in [Kind::Unary, Kind::ServerStreaming] {
            let status = call(&client, kind, "size 2000", |request| request).await.unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{way}: {kind:?}: {status}");
            assert!(call(&client, kind, "size 500", |request| request).await.is_ok(), "{way}: {kind:?}");
        }
    }
}

#[tokio::test]
async fn calls_have_their_deadlines_on_both_sides() {
    let server = probe().await;
    for (way, endpoint) in ways(&server) {
        let client = Client::new(endpoint.connect().await.unwrap());
        for kind in [Kind::Unary, Kind::ServerStreaming] {
            let within = |timeout| {
                move |mut request: Request<()>| {
                    request.set_timeout(timeout);
                    request
                }
            };
            let left = call(&client, kind, "deadline", within(Duration::from_secs(60))).await.unwrap();
            let left: u64 = left.parse().unwrap();
            assert!((30_000..=60_000).contains(&left), "{way}: {kind:?}: {left}");
            let status = call(&client, kind, "hang", within(Duration::from_millis(50))).await.unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded, "{way}: {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_at_the_server() {
    for spoken in SPOKEN {
        for is_http1 in [false, true] {
            let (probe, mut seen) = Probe::new();
            let server = serving(Server::builder().add_service(probe.server())).await;
            let endpoint = crate::support::endpoint(server.uri()).speak(spoken.protocol());
            let endpoint = if is_http1 { endpoint.http1_only() } else { endpoint };
            let client = Client::new(endpoint.connect().await.unwrap());
            let hanging = tokio::spawn({
                let client = client.clone();
                async move { client.unary_call(ask("hang")).await }
            });
            patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
            hanging.abort();
            patiently(seen.wait_for(|seen| seen.dropped == 1)).await.unwrap();
            assert_eq!(call(&client, Kind::Unary, "hello", |request| request).await.unwrap(), "hello", "{spoken:?}");
        }
    }
}

#[tokio::test]
async fn attempts_are_made_as_a_policy_says() {
    let table: [(&str, Result<&str, Code>, usize); 5] = [
        ("ok", Ok("ok"), 1),
        ("UNAVAILABLE|UNAVAILABLE|ok", Ok("UNAVAILABLE|UNAVAILABLE|ok"), 3),
        ("UNAVAILABLE", Err(Code::Unavailable), 4),
        ("UNAVAILABLE|INTERNAL|ok", Err(Code::Internal), 2),
        ("UNAVAILABLE+-1|ok", Err(Code::Unavailable), 1),
    ];
    let policy = r#"{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.001s",
        "maxBackoff": "0.002s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}"#;
    let (service, seen) = Scripted::new();
    let server = serving(Server::builder().add_service(service.server())).await;
    for (way, endpoint) in ways(&server) {
        let client = Client::new(endpoint.service_config(policy).unwrap().connect().await.unwrap());
        for (steps, expected, attempts) in table {
            for kind in KINDS {
                let before = seen.borrow().len();
                let came = call(&client, kind, steps, |request| request).await;
                assert_eq!(came.as_deref().map_err(Status::code), expected, "{way}: {kind:?} {steps}");
                assert_eq!(seen.borrow().len() - before, attempts, "{way}: {kind:?} {steps}");
            }
        }
    }
}

#[tokio::test]
async fn calls_at_once_over_http1_have_a_connection_each() {
    let (probe, mut seen) = Probe::new();
    let server = serving(Server::builder().add_service(probe.server())).await;
    let endpoint = crate::support::endpoint(server.uri()).speak(Spoken::Connect.protocol()).http1_only();
    let client = Client::new(endpoint.connections_max(3).connect().await.unwrap());
    let hang = || {
        tokio::spawn({
            let client = client.clone();
            async move { client.unary_call(ask("hang")).await.map(drop) }
        })
    };
    let hanging = [hang(), hang(), hang()];
    patiently(seen.wait_for(|seen| seen.hanging == 3)).await.unwrap();
    let waiting = hang();
    let mut soon = Request::new(ask("hello"));
    soon.set_timeout(Duration::from_millis(50));
    assert_eq!(client.unary_call(soon).await.unwrap_err().code(), Code::DeadlineExceeded, "all are taken");
    hanging[0].abort();
    // Its connection goes with it, and the call that waited gets another.
    patiently(seen.wait_for(|seen| seen.dropped >= 1 && seen.hanging == 3)).await.unwrap();
    waiting.abort();
}

#[tokio::test]
async fn clients_that_tonic_generated_speak_them_too() {
    let health = HealthReporter::new();
    let server = serving(Server::builder().add_service(health.service())).await;
    let connect = ConnectClient::new().schemas(tonic_health::pb::FILE_DESCRIPTOR_SET).unwrap();
    for protocol in [ClientProtocol::from(GrpcWebClient::new()), connect.into()] {
        let channel = crate::support::endpoint(server.uri()).speak(protocol).connect().await.unwrap();
        let mut client = HealthClient::new(channel);
        let request = || tonic_health::pb::HealthCheckRequest { service: String::new() };
        let answer = patiently(client.check(request())).await.unwrap();
        assert_eq!(answer.get_ref().status, 1);
        let mut answers = patiently(client.watch(request())).await.unwrap().into_inner();
        assert_eq!(patiently(answers.message()).await.unwrap().unwrap().status, 1);
    }
    let channel = crate::support::endpoint(server.uri()).speak(ConnectClient::new()).connect().await.unwrap();
    let request = tonic_health::pb::HealthCheckRequest { service: String::new() };
    let status = HealthClient::new(channel).check(request).await.unwrap_err();
    assert!(status.message().contains("ConnectClient::schemas"), "{status}");
}

#[tokio::test]
async fn what_cannot_work_says_so() {
    let server = probe().await;
    let grpc = crate::support::endpoint(server.uri()).http1_only();
    let error = grpc.connect().await.unwrap_err();
    assert!(error.to_string().contains("gRPC needs HTTP/2"), "{error}");
    let json = crate::support::endpoint(server.uri()).speak(ConnectClient::new().json(true));
    let client = Client::new(json.connect().await.unwrap());
    let status = call(&client, Kind::Unary, "hello", |request| request).await.unwrap_err();
    assert!(status.message().contains("ConnectClient::schemas"), "{status}");
    assert!(ConnectClient::new().schemas(b"\xff").is_err());
    // A server that speaks gRPC alone.
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    for (way, endpoint) in ways(&server) {
        let client = Client::new(endpoint.connect().await.unwrap());
        for kind in KINDS {
            let status = call(&client, kind, "hello", |request| request).await.unwrap_err();
            assert!(matches!(status.code(), Code::Unknown | Code::Unimplemented), "{way}: {kind:?}: {status}");
            assert!(!status.is_from_peer(), "{way}: {kind:?}: {status}");
        }
    }
}

/// A request as it came over HTTP/1.1.
#[derive(Debug)]
struct Seen {
    head: String,
    body: Vec<u8>,
}

impl Seen {
    fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| line.split_once(": ")).find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }
}

/// A server of HTTP/1.1 that gives one answer to everything, and tells what it was asked.
async fn answering(answer: Vec<u8>) -> (SocketAddr, mpsc::UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, answer.clone(), told.clone()));
        }
    });
    (address, seen)
}

async fn converse(mut stream: TcpStream, answer: Vec<u8>, told: mpsc::UnboundedSender<Seen>) {
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8(read.drain(..end).collect()).unwrap();
        let mut seen = Seen { head, body: Vec::new() };
        let is_chunked = seen.header("transfer-encoding") == Some("chunked");
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        let is_whole = |read: &[u8]| if is_chunked { read.ends_with(b"0\r\n\r\n") } else { read.len() >= length };
        while !is_whole(&read) {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        }
        seen.body = std::mem::take(&mut read);
        let _ = told.send(seen);
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn http(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        answer += header;
        answer += "\r\n";
    }
    [answer.as_bytes(), b"\r\n", body].concat()
}

fn frame(flag: u8, payload: &[u8]) -> Vec<u8> {
    [&[flag], &u32::try_from(payload.len()).unwrap().to_be_bytes()[..], payload].concat()
}

#[tokio::test]
async fn requests_look_as_their_protocols_say() {
    let message = prost::Message::encode_to_vec(&ask("hello"));
    let chunked = |bytes: &[u8]| [format!("{:X}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n0\r\n\r\n"].concat();
    let framed = chunked(&frame(0, &message));
    let json = br#"{"payload":{"body":"aGVsbG8="}}"#.to_vec();
    let json_framed = chunked(&frame(0, &json));
    type Row<'a> = (Spoken, Kind, &'a str, &'a [u8], &'a [(&'a str, Option<&'a str>)]);
    let table: [Row<'_>; 5] = [
        (
            Spoken::GrpcWeb,
            Kind::Unary,
            "application/grpc-web+proto",
            &framed,
            &[("x-grpc-web", Some("1")), ("grpc-timeout", Some("")), ("connect-timeout-ms", None)],
        ),
        (
            Spoken::Connect,
            Kind::Unary,
            "application/proto",
            &message,
            &[
                ("connect-protocol-version", Some("1")),
                ("connect-timeout-ms", Some("")),
                ("accept-encoding", Some("identity,gzip,deflate...")),
                ("content-encoding", None),
            ],
        ),
        (Spoken::ConnectJson, Kind::Unary, "application/json", &json, &[("connect-protocol-version", Some("1"))]),
        (
            Spoken::Connect,
            Kind::BidiStreaming,
            "application/connect+proto",
            &framed,
            &[("connect-accept-encoding", Some("identity,gzip,deflate...")), ("connect-content-encoding", None)],
        ),
        (Spoken::ConnectJson, Kind::ServerStreaming, "application/connect+json", &json_framed, &[]),
    ];
    let (address, mut seen) = answering(http("503 Service Unavailable", &[], b"")).await;
    for (spoken, kind, content_type, body, headers) in table {
        let what = format!("{spoken:?} {kind:?}");
        let endpoint = Channel::builder(format!("http://{address}")).speak(spoken.protocol()).http1_only();
        let client = Client::new(endpoint.timeout(Duration::from_secs(60)).connect_lazy());
        let status = call(&client, kind, "hello", |request| request).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{what}: {status}");
        let seen = seen.recv().await.unwrap();
        let method = match kind {
            Kind::Unary => "UnaryCall",
            Kind::BidiStreaming => "StreamingCall",
            _ => "StreamingFromServer",
        };
        let line = format!("POST /grpc.testing.BenchmarkService/{method} HTTP/1.1");
        assert_eq!(seen.first_line(), line, "{what}");
        assert_eq!(seen.header("content-type"), Some(content_type), "{what}");
        assert_eq!(seen.header("host"), Some(&*address.to_string()), "{what}");
        for grpc in ["te", "grpc-status"] {
            assert_eq!(seen.header(grpc), None, "{what}: {grpc}");
        }
        assert_eq!(spoken == Spoken::GrpcWeb, seen.header("grpc-accept-encoding").is_some(), "{what}");
        for (name, expected) in headers {
            match expected {
                Some("") => assert!(seen.header(name).is_some(), "{what}: {name}"),
                // What else there is depends on the features.
                Some(list) if list.ends_with("...") => {
                    assert!(seen.header(name).unwrap().starts_with(list.trim_end_matches('.')), "{what}: {name}");
                }
                expected => assert_eq!(seen.header(name), *expected, "{what}: {name}"),
            }
        }
        assert_eq!(String::from_utf8_lossy(&seen.body), String::from_utf8_lossy(body), "{what}");
    }
}

#[tokio::test]
async fn methods_without_side_effects_are_called_by_get_where_that_is_wanted() {
    let long = "x".repeat(10_000);
    let table = [
        (true, "a", "GET /nested.options.Shop/Get?connect=v1&encoding=proto&base64=1&message=CgFh HTTP/1.1"),
        (false, "a", "POST /nested.options.Shop/Get HTTP/1.1"),
        (true, &*long, "POST /nested.options.Shop/Get HTTP/1.1"),
    ];
    let (address, mut seen) = answering(http("200 OK", &["content-type: application/proto"], b"\x0a\x01b")).await;
    for (use_get, name, first_line) in table {
        let endpoint = Channel::builder(format!("http://{address}")).http1_only();
        let channel = endpoint.speak(ConnectClient::new().use_get(use_get)).connect_lazy();
        let client = ShopClient::new(channel);
        let item = Item { name: name.to_owned(), ..Item::default() };
        let answer = patiently(client.get(item.clone())).await.unwrap();
        assert_eq!(answer.get_ref().name, "b");
        let asked = seen.recv().await.unwrap();
        let path = |line: &str| line.split(' ').nth(1).map(str::to_owned).unwrap_or_default();
        let own: Uri = path(asked.first_line()).parse().unwrap();
        let expected: Uri = path(first_line).parse().unwrap();
        assert_eq!(asked.first_line().split(' ').next(), first_line.split(' ').next());
        assert_eq!(own.query(), expected.query());
        let is_get = first_line.starts_with("GET");
        assert_eq!(asked.header("content-type").is_none() && asked.body.is_empty(), is_get, "{asked:?}");
        assert_eq!(asked.header("connect-protocol-version").is_none(), is_get, "{asked:?}");
        // This one may change something.
        patiently(client.put(item)).await.unwrap();
        assert!(seen.recv().await.unwrap().first_line().starts_with("POST "));
    }
}

#[tokio::test]
async fn answers_are_read_as_their_protocols_say() {
    const WEB: &str = "content-type: application/grpc-web+proto";
    const PROTO: &str = "content-type: application/proto";
    const JSON: &str = "content-type: application/json";
    const STREAM: &str = "content-type: application/connect+proto";
    let answer = prost::Message::encode_to_vec(&seltzer::services::schemas::grpc::testing::SimpleResponse::default());
    let message = frame(0, &answer);
    let ok = frame(0x80, b"grpc-status: 0\r\n");
    let end = frame(2, b"{}");
    let (web, connect) = (Spoken::GrpcWeb, Spoken::Connect);
    let (one, many) = (Kind::Unary, Kind::ServerStreaming);
    type Row = (Spoken, Kind, Vec<u8>, Result<(), Code>);
    let table: Vec<Row> = vec![
        (web, one, http("200 OK", &[WEB], &[&message[..], &ok].concat()), Ok(())),
        (web, one, http("200 OK", &[WEB], &message), Err(Code::Internal)),
        (web, one, http("200 OK", &[WEB], &message[..3]), Err(Code::Internal)),
        (web, one, http("200 OK", &[WEB], &[&message[..], &ok, &message].concat()), Err(Code::Internal)),
        (web, one, http("200 OK", &[WEB], &frame(0x80, b"GRPC-Status:5\n")), Err(Code::NotFound)),
        (web, one, http("200 OK", &[WEB], &frame(0x80, b"grpc status\r\n")), Err(Code::Internal)),
        (web, many, http("200 OK", &[WEB], &[&message[..], &frame(0x80, b"")].concat()), Err(Code::Unknown)),
        (web, many, http("200 OK", &[WEB, "grpc-status: 7"], b""), Err(Code::PermissionDenied)),
        (web, one, http("200 OK", &[WEB, "grpc-status: 7"], b""), Err(Code::PermissionDenied)),
        (web, many, http("200 OK", &[WEB], &[0x80, 0xff, 0xff, 0xff, 0xff]), Err(Code::ResourceExhausted)),
        (web, one, http("200 OK", &["content-type: text/html"], b"<html>"), Err(Code::Unknown)),
        (web, one, http("200 OK", &["content-type: application/grpc"], &message), Err(Code::Unknown)),
        (web, one, http("429 Slow Down", &[], b""), Err(Code::Unavailable)),
        (connect, one, http("200 OK", &[PROTO], &answer), Ok(())),
        (connect, one, http("200 OK", &[JSON], b"{}"), Err(Code::Internal)),
        (connect, one, http("200 OK", &["content-type: text/html"], b"<html>"), Err(Code::Unknown)),
        (connect, one, http("200 OK", &[PROTO, "content-encoding: br"], b"x"), Err(Code::Internal)),
        (connect, one, http("404 Not Found", &[JSON], br#"{"code":"not_found"}"#), Err(Code::NotFound)),
        (connect, one, http("404 Not Found", &[JSON], b"{}"), Err(Code::Unimplemented)),
        (connect, one, http("404 Not Found", &[JSON], b"not JSON"), Err(Code::Unimplemented)),
        (connect, one, http("503 Gone", &["content-type: text/html"], b"<html>"), Err(Code::Unavailable)),
        (connect, one, http("304 Not Modified", &[], b""), Err(Code::Unknown)),
        (connect, many, http("200 OK", &[STREAM], &[&message[..], &end].concat()), Ok(())),
        (connect, many, http("200 OK", &[STREAM], &message), Err(Code::Internal)),
        (connect, many, http("200 OK", &[STREAM], &frame(2, b"[]")), Err(Code::Internal)),
        (connect, many, http("200 OK", &[STREAM], &frame(2, br#"{"error":{"code":"aborted"}}"#)), Err(Code::Aborted)),
        (connect, many, http("200 OK", &[STREAM], &frame(3, b"{}")), Err(Code::Internal)),
        (connect, many, http("200 OK", &[PROTO], &answer), Err(Code::Unknown)),
        (connect, many, http("401 Who", &[], b""), Err(Code::Unauthenticated)),
    ];
    for (number, (spoken, kind, answer, expected)) in table.into_iter().enumerate() {
        let (address, _seen) = answering(answer.clone()).await;
        let endpoint = Channel::builder(format!("http://{address}")).speak(spoken.protocol()).http1_only();
        let came = call(&Client::new(endpoint.connect_lazy()), kind, "hello", |request| request).await;
        let what = format!("{number}: {spoken:?} {kind:?} {:?}: {came:?}", String::from_utf8_lossy(&answer));
        assert_eq!(came.map(drop).map_err(|status| status.code()), expected, "{what}");
    }
}

#[tokio::test]
async fn how_an_answer_is_cut_changes_nothing() {
    let server = probe().await;
    for (way, endpoint) in ways(&server) {
        let client = Client::new(endpoint.connect().await.unwrap());
        for bytes in [0, 1, 4, 5, 6, 16_383, 16_384, 16_385, 100_000] {
            for kind in [Kind::Unary, Kind::ServerStreaming] {
                let came = call(&client, kind, &format!("size {bytes}"), |request| request).await.unwrap();
                assert_eq!(came.len(), bytes, "{way}: {kind:?} {bytes}");
            }
        }
        let came = call(&client, Kind::ServerStreaming, "count 5000", |request| request).await.unwrap();
        assert_eq!(came.split(' ').count(), 5000, "{way}");
    }
}
