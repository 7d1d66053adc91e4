//! Messages that do not come to their end: how much of them a server keeps, on a connection and on all of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use seltzer::connect::Connect;
use seltzer::gateway::Gateway;
use seltzer::transport::Carrier;
use seltzer::web::GrpcWeb;
use seltzer::{Request, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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

/// A request of another protocol than gRPC, whose body is one large message.
struct Other {
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    /// What its answer says if it had to go.
    gone: &'static str,
}

/// All of them, with bodies of so many bytes at least.
fn others(bytes: usize) -> Vec<Other> {
    let mut message = prost::Message::encode_to_vec(&ask("hi"));
    prost::encoding::bytes::encode(100, &vec![0; bytes], &mut message);
    let json = format!(r#"{{"payload":{{"body":"{}"}}}}"#, "QUFB".repeat(bytes / 4)).into_bytes();
    let frames = framed(0, &message);
    let array = [b"[", &json[..], b"]"].concat();
    let text = STANDARD.encode(&frames).into_bytes();
    let (form, rest) = ("application/x-www-form-urlencoded", r#""code":8"#);
    let connect = "resource_exhausted";
    let web = "grpc-status: 8";
    let row = |path, content_type, body: &[u8], gone| Other { path, content_type, body: body.to_vec(), gone };
    vec![
        row(UNARY, form, &json, rest),
        row(UP, form, &array, rest),
        row(UNARY, "application/proto", &message, connect),
        row(UNARY, "application/json", &json, connect),
        row(UP, "application/connect+proto", &frames, connect),
        row(UP, "application/connect+json", &framed(0, &json), connect),
        row(UP, "application/grpc-web+proto", &frames, web),
        row(UNARY, "application/grpc-web+proto", &frames, web),
        row(UP, "application/grpc-web+json", &framed(0, &json), web),
        // Its answer is base64 too.
        row(UP, "application/grpc-web-text", &text, ""),
    ]
}

fn speaking(server: Server) -> Server {
    server.speak(GrpcWeb::new()).speak(Connect::new()).speak(Gateway::new())
}

#[tokio::test]
async fn messages_of_other_protocols_count_as_those_of_grpc() {
    if is_other_carrier() {
        return;
    }
    let server = Running::start(speaking(probes().connection_memory_budget(1000 * KIB))).await;
    for other in others(1400 * KIB) {
        let connection = Connection::open(server.address).await.unwrap();
        let headers = [("content-type", other.content_type)];
        let (response, mut sender) = connection.begin("POST", other.path, &headers, false).await.unwrap();
        let mut body = Bytes::from(other.body);
        // Base64 counts as what it means.
        let (much, more) = if other.content_type.contains("text") { (1240, 400) } else { (930, 300) };
        sender.send_data(body.split_to(much * KIB), false).unwrap();
        call_until(&connection, true).await;
        sender.send_data(body.split_to(more * KIB), false).unwrap();
        let answer = patiently(read(response)).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body);
        assert!(text.contains(other.gone), "{} {}: {text}", other.path, other.content_type);
        call_until(&connection, false).await;
    }
}

#[tokio::test]
async fn what_other_protocols_have_read_is_given_back() {
    if is_other_carrier() {
        return;
    }
    let server =
        Running::start(speaking(probes().connection_memory_budget(1000 * KIB).memory_budget(1000 * KIB))).await;
    let connection = Connection::open(server.address).await.unwrap();
    for _ in 0..3 {
        for other in others(600 * KIB) {
            let headers = [("content-type", other.content_type)];
            let answer = patiently(connection.send("POST", other.path, &headers, &other.body)).await.unwrap();
            let text = String::from_utf8_lossy(&answer.body);
            assert_eq!(answer.status, 200, "{} {}: {text}", other.path, other.content_type);
        }
    }
}

/// A request over HTTP/1.1 whose body is not all there.
async fn begin_http1(server: &Running, other: &Other, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let (path, content_type, length) = (other.path, other.content_type, other.body.len());
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&other.body[..sent]).await.unwrap();
    stream
}

/// Reads until an answer says this.
async fn read_until(stream: &mut TcpStream, what: &str) {
    let mut read = Vec::new();
    patiently(async {
        while !String::from_utf8_lossy(&read).contains(what) {
            let count = stream.read_buf(&mut read).await.unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&read));
        }
    })
    .await;
}

#[tokio::test]
async fn messages_over_http1_count_too() {
    let server = Running::start(speaking(probes().connection_memory_budget(300 * KIB))).await;
    for other in others(600 * KIB) {
        let mut stream = begin_http1(&server, &other, 500 * KIB).await;
        read_until(&mut stream, if other.gone.is_empty() { "200 OK" } else { other.gone }).await;
    }
}

#[tokio::test]
async fn messages_over_http1_share_the_servers_memory() {
    if is_other_carrier() {
        return;
    }
    for other in others(600 * KIB).into_iter().filter(|other| !other.gone.is_empty()) {
        let server = Running::start(speaking(probes().memory_budget(400 * KIB))).await;
        let mut stream = begin_http1(&server, &other, 380 * KIB).await;
        let small = Connection::open(server.address).await.unwrap();
        call_until(&small, true).await;
        drop(stream);
        call_until(&small, false).await;

        // It sleeps while others take more than there is.
        stream = begin_http1(&server, &other, 300 * KIB).await;
        let (response, mut sender) = small.begin("POST", UNARY, GRPC, false).await.unwrap();
        let (most, last) = cut(150 * KIB);
        sender.send_data(most, false).unwrap();
        read_until(&mut stream, other.gone).await;
        sender.send_data(last, true).unwrap();
        let answer = patiently(read(response)).await.unwrap();
        assert_eq!(answer.grpc_status(), Some("0"), "{}: {}", other.content_type, answer.grpc_message());
    }
}
