//! What a server answers to requests that no proper client sends, and what it puts on the wire.

use seltzer::Server;
use seltzer::codec::CompressionEncoding;

use crate::support::Running;
use crate::support::probe::{Probe, ask};
use crate::support::raw::{Answer, framed, send};

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

const UNARY: &str = "/grpc.testing.BenchmarkService/UnaryCall";
const GRPC: Headers<'_> = &[("content-type", "application/grpc"), ("te", "trailers")];

fn accepted_encodings() -> String {
    let names: Vec<_> = CompressionEncoding::BUILT_IN.iter().map(|encoding| encoding.name()).collect();
    format!("identity,{}", names.join(","))
}

async fn server() -> Running {
    Running::start(Server::builder().add_service(Probe::new().0.server())).await
}

fn message(command: &str) -> Vec<u8> {
    framed(0, &prost::Message::encode_to_vec(&ask(command)))
}

async fn post(server: &Running, path: &str, headers: Headers<'_>, body: &[u8]) -> Answer {
    send(server.address, "POST", path, headers, body).await.unwrap()
}

#[tokio::test]
async fn a_good_call_is_headers_data_trailers() {
    let answer = post(&server().await, UNARY, GRPC, &message("hi")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers.get("content-type").unwrap(), "application/grpc");
    assert_eq!(answer.headers.get("grpc-accept-encoding").unwrap(), &accepted_encodings());
    assert!(answer.headers.get("grpc-status").is_none());
    assert_eq!(answer.trailers.get("grpc-status").unwrap(), "0");
    assert_eq!(&answer.body[..5], [0, 0, 0, 0, 6]);
}

#[tokio::test]
async fn what_cannot_be_found_is_unimplemented() {
    let server = server().await;
    let table = [
        ("/no.Such/Method", "there is no service \"no.Such\" here"),
        ("/grpc.testing.BenchmarkService/NoSuch", "there is no method /grpc.testing.BenchmarkService/NoSuch"),
        ("/grpc.testing.BenchmarkService/unarycall", "there is no method"),
        ("//grpc.testing.BenchmarkService/UnaryCall", "is not of the form /service/method"),
        ("/grpc.testing.BenchmarkService/UnaryCall/", "is not of the form /service/method"),
        ("/grpc.testing.BenchmarkService//UnaryCall", "is not of the form /service/method"),
        ("/grpc.testing.BenchmarkService/UnaryCall?x=1", "is not of the form /service/method"),
        ("/grpc.testing.BenchmarkService/Unary%43all", "there is no method"),
        ("/grpc.testing.BenchmarkService", "is not of the form /service/method"),
        ("/", "is not of the form /service/method"),
    ];
    for (path, words) in table {
        let answer = post(&server, path, GRPC, &message("hi")).await;
        assert_eq!((answer.status, answer.grpc_status()), (200, Some("12")), "{path}");
        let said = percent_decoded(answer.grpc_message());
        assert!(said.contains(words), "{path}: {said}");
        assert!(answer.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_number_of_messages_must_be_right() {
    let server = server().await;
    for (body, words) in [(Vec::new(), "none came"), ([message("a"), message("b")].concat(), "more than one came")] {
        let answer = post(&server, UNARY, GRPC, &body).await;
        assert_eq!(answer.grpc_status(), Some("12"), "{words}");
        let said = percent_decoded(answer.grpc_message());
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn broken_messages_have_their_statuses() {
    let server = server().await;
    let gzip = [GRPC, &[("grpc-encoding", "gzip")]].concat();
    let unknown = [GRPC, &[("grpc-encoding", "snappy")]].concat();
    let too_long = [0, 0xff, 0xff, 0xff, 0xff, 1];
    let cases: [(&str, Headers<'_>, &[u8], &str); 8] = [
        ("no protobuf", GRPC, &framed(0, b"\xff\xff\xff"), "13"),
        ("half a prefix", GRPC, &[0, 0, 0], "13"),
        ("half a message", GRPC, &[0, 0, 0, 0, 9, 1], "13"),
        ("an unknown flag", GRPC, &framed(7, b""), "13"),
        ("compressed without an encoding", GRPC, &framed(1, b"x"), "13"),
        ("not gzip at all", &gzip, &framed(1, b"x"), "13"),
        ("an encoding nobody knows", &unknown, &framed(1, b"x"), "12"),
        ("a claim over the limit", GRPC, &too_long, "8"),
    ];
    for (name, headers, body, status) in cases {
        let answer = post(&server, UNARY, headers, body).await;
        assert_eq!((answer.status, answer.grpc_status()), (200, Some(status)), "{name}: {}", answer.grpc_message());
        if status == "12" {
            let accepted = answer.headers.get("grpc-accept-encoding").unwrap();
            assert_eq!(accepted, &accepted_encodings(), "{name}");
        }
    }
}

#[tokio::test]
async fn half_an_upload_is_no_upload() {
    use bytes::Bytes;
    let server = server().await;
    for reason in [h2::Reason::NO_ERROR, h2::Reason::CANCEL] {
        let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let driver = tokio::spawn(connection);
        let path = "/grpc.testing.BenchmarkService/StreamingFromClient";
        let request = http::Request::builder().method("POST").uri(format!("http://{}{path}", server.address));
        let request = request.header("content-type", "application/grpc").body(()).unwrap();
        let (response, mut sender) = client.ready().await.unwrap().send_request(request, false).unwrap();
        sender.send_data(Bytes::from(message("half")), false).unwrap();
        sender.send_reset(reason);
        // No answer says that the upload was taken.
        if let Ok(response) = response.await {
            assert_ne!(response.headers().get("grpc-status").map(http::HeaderValue::as_bytes), None, "{reason:?}");
        }
        driver.abort();
    }
}

#[tokio::test]
async fn http_around_the_call_must_fit() {
    let server = server().await;
    let cases: [(&str, &str, Headers<'_>, u16, Option<&str>); 9] = [
        ("POST", UNARY, &[("content-type", "application/grpc+proto")], 200, Some("0")),
        ("POST", UNARY, &[("content-type", "application/grpc;charset=utf-8")], 200, Some("0")),
        ("POST", UNARY, &[("content-type", "application/grpc")], 200, Some("0")),
        ("POST", UNARY, &[("content-type", "application/json")], 415, None),
        ("POST", UNARY, &[("content-type", "application/grpc-web")], 415, None),
        ("POST", UNARY, &[], 415, None),
        ("PUT", UNARY, GRPC, 405, None),
        ("POST", "/elsewhere", &[("content-type", "text/plain")], 404, None),
        ("POST", UNARY, &[("content-type", "application/grpc"), ("grpc-timeout", "soon")], 200, Some("13")),
    ];
    for (method, path, headers, status, grpc_status) in cases {
        let answer = send(server.address, method, path, headers, &message("hi")).await.unwrap();
        assert_eq!((answer.status, answer.grpc_status()), (status, grpc_status), "{method} {path} {headers:?}");
    }
}

#[tokio::test]
async fn a_wrong_te_shows_a_proxy_that_drops_trailers() {
    use tower_service::Service as _;
    // HTTP/2 stacks refuse to send such a request, so it is handed over without one.
    for (te, status) in [(Some("gzip"), "13"), (Some("trailers"), "0"), (None, "0")] {
        let mut request = http::Request::builder()
            .method("POST")
            .version(http::Version::HTTP_2)
            .uri(UNARY)
            .header("content-type", "application/grpc");
        if let Some(te) = te {
            request = request.header("te", te);
        }
        let body = http_body_util::Full::new(bytes::Bytes::from(message("hi")));
        let response = Probe::new().0.server().into_tower().call(request.body(body).unwrap()).await.unwrap();
        let in_headers = response.headers().get("grpc-status").cloned();
        let collected = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        let in_trailers = collected.trailers().and_then(|trailers| trailers.get("grpc-status")).cloned();
        assert_eq!(in_headers.or(in_trailers).unwrap(), status, "{te:?}");
    }
}

#[tokio::test]
async fn a_subtype_comes_back_in_the_answer() {
    let server = server().await;
    for content_type in ["application/grpc", "application/grpc+proto"] {
        let answer = post(&server, UNARY, &[("content-type", content_type)], &message("hi")).await;
        assert_eq!(answer.headers.get("content-type").unwrap(), content_type);
    }
}

#[tokio::test]
async fn the_page_lists_what_is_served_over_either_http() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = server().await;
    for (method, status, says) in [("GET", 200, "grpc.testing.BenchmarkService"), ("POST", 405, "GET it")] {
        let answer = send(server.address, method, "/", &[], b"").await.unwrap();
        assert_eq!(answer.status, status);
        assert!(String::from_utf8_lossy(&answer.body).contains(says));
    }
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("grpc.testing.BenchmarkService"), "{answer}");
}

#[tokio::test]
async fn grpc_over_http_1_is_told_so() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = server().await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "POST {UNARY} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 505"), "{answer}");
    assert!(answer.contains("gRPC needs HTTP/2"), "{answer}");
}

#[tokio::test]
async fn a_fallback_answers_what_is_not_grpc() {
    #[derive(Clone)]
    struct Teapot;
    impl tower_service::Service<http::Request<tonic::body::Body>> for Teapot {
        type Response = http::Response<String>;
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
            let mut response = http::Response::new(format!("no coffee at {}", request.uri().path()));
            *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
            std::future::ready(Ok(response))
        }
    }
    let server = Server::builder().add_service(Probe::new().0.server()).fallback(Teapot);
    let server = Running::start(server).await;
    let answer = send(server.address, "GET", "/pot", &[], b"").await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (418, &b"no coffee at /pot"[..]));
    assert_eq!(post(&server, UNARY, GRPC, &message("hi")).await.grpc_status(), Some("0"));
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let hex = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}
