//! HTTP/1.1 as strangers speak it: requests whose body is not wanted, heads that are too large, and those that two
//! servers would read differently.

use prost::Message as _;
use seltzer::Server;
use seltzer::connect::Connect;
use seltzer::gateway::Gateway;
use seltzer::web::GrpcWeb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::probe::{Probe, ask};
use crate::support::{Running, http1, patiently};

const UNARY: &str = "/grpc.testing.BenchmarkService/UnaryCall";
/// More than the server takes.
const LARGE: usize = 2000;

async fn server() -> Running {
    let server = Server::builder().max_decoding_message_size(LARGE / 2).add_service(Probe::new().0.server());
    Running::start(server.speak(GrpcWeb::new()).speak(Connect::new()).speak(Gateway::new())).await
}

/// Sends bytes, and reads all that is answered until the connection ends.
async fn until_the_end(server: &Running, request: &[u8]) -> String {
    patiently(async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut read = Vec::new();
        // What is unread when a connection ends may reset it.
        let _ = stream.read_to_end(&mut read).await;
        String::from_utf8_lossy(&read).into_owned()
    })
    .await
}

#[tokio::test]
async fn nobody_is_invited_to_send_what_is_refused() {
    let server = server().await;
    let long = format!("x-long: {}\r\n", "a".repeat(17_000));
    // (path, headers, status)
    let table = [
        ("/nowhere", "", 404),
        ("/", "", 405),
        (UNARY, "content-type: text/xml\r\n", 415),
        (UNARY, "content-type: application/x-www-form-urlencoded\r\n", 413),
        (UNARY, "content-type: application/json\r\n", 429),
        (UNARY, "content-type: application/proto\r\nconnect-protocol-version: 7\r\n", 400),
        ("/no.Such/Method", "content-type: application/grpc-web\r\n", 200),
        (UNARY, "content-type: application/grpc\r\n", 505),
        (UNARY, &long, 431),
    ];
    for (path, headers, status) in table {
        for length in [format!("content-length: {LARGE}"), "transfer-encoding: chunked".to_owned()] {
            // Of what comes in chunks nobody knows how much it is.
            if length.starts_with("transfer") && matches!(status, 413 | 429) {
                continue;
            }
            let request =
                format!("POST {path} HTTP/1.1\r\nhost: a\r\n{headers}{length}\r\nexpect: 100-continue\r\n\r\n");
            let answer = until_the_end(&server, request.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {headers} {length}: {answer}");
            assert!(answer.contains("connection: close\r\n"), "{path} {headers} {length}: {answer}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn whoever_asks_first_is_invited_to_send_what_is_wanted() {
    let server = server().await;
    let body = ask("hello").encode_to_vec();
    let head = format!(
        "POST {UNARY} HTTP/1.1\r\nhost: a\r\ncontent-type: application/proto\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\n\r\n",
        body.len()
    );
    patiently(async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // The connection goes on.
        for _ in 0..2 {
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut invitation = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
            stream.read_exact(&mut invitation).await.unwrap();
            assert_eq!(&invitation, b"HTTP/1.1 100 Continue\r\n\r\n");
            stream.write_all(&body).await.unwrap();
            let mut read = Vec::new();
            while !read.ends_with(b"hello") {
                stream.read_buf(&mut read).await.unwrap();
            }
            let read = String::from_utf8_lossy(&read);
            assert!(read.starts_with("HTTP/1.1 200 ") && !read.contains("connection: close"), "{read}");
        }
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn headers_have_the_limit_of_http_2() {
    let server = server().await;
    let rows = [(1, 15_000, 200), (1, 17_000, 431), (1, 1_000_000, 431), (80, 150, 200), (90, 160, 431), (200, 1, 431)];
    for (count, bytes, status) in rows {
        let headers: String = (0..count).map(|number| format!("x-{number}: {}\r\n", "a".repeat(bytes))).collect();
        let request = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
        let answer = http1::exchange(server.address, request.as_bytes(), false).await;
        assert_eq!(answer.status, status, "{count} of {bytes}: {}", answer.text());
    }
    server.stop().await;
}

#[tokio::test]
async fn what_two_servers_could_read_differently_is_refused() {
    let server = server().await;
    let chunks = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let next = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    // (headers, what follows them)
    let table = [
        ("host: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n", "hello"),
        ("host: a\r\ncontent-length: 5, 6\r\n", "hello"),
        ("host: a\r\ncontent-length: +5\r\n", "hello"),
        ("host: a\r\ncontent-length: -1\r\n", ""),
        ("host: a\r\ncontent-length: 0x5\r\n", "hello"),
        ("host: a\r\ncontent-length: 99999999999999999999\r\n", ""),
        ("host: a\r\ncontent-length : 5\r\n", "hello"),
        ("host: a\r\ntransfer-encoding: identity\r\n", chunks),
        ("host: a\r\ntransfer-encoding: xchunked\r\n", chunks),
        ("host: a\r\ntransfer-encoding: chunked, identity\r\n", chunks),
        ("host: a\r\ntransfer-encoding: gzip, chunked\r\n", chunks),
        ("host: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", chunks),
        ("host: a\r\ntransfer-encoding:\x0bchunked\r\n", chunks),
        ("host: a\r\n x-folded: 1\r\n", next),
        ("host: a\r\nx-folded: 1\r\n content-length: 5\r\n", next),
        ("host: a\r\nx-bare: 1\rcontent-length: 5\r\n", next),
        ("host: a\r\nx-null: \0\r\n", next),
        ("host: a\r\nx name: 1\r\n", next),
        ("host: a\r\n: 1\r\n", next),
        ("host: a\r\nhost: b\r\n", next),
        ("x-no-host: 1\r\n", next),
    ];
    for (headers, rest) in table {
        let request = format!("POST {UNARY} HTTP/1.1\r\ncontent-type: application/json\r\n{headers}\r\n{rest}");
        let answer = until_the_end(&server, request.as_bytes()).await;
        let status: u16 = answer.split(' ').nth(1).unwrap_or_else(|| panic!("{headers:?}: {answer}")).parse().unwrap();
        assert!((400..500).contains(&status) || status == 501, "{headers:?}: {answer}");
        // The connection ended, and what hid in the request was not answered.
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers:?}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_length_beside_chunks_is_refused() {
    let server = server().await;
    let chunk = "2\r\n{}\r\n0\r\n\r\n";
    let (length, chunked) = ("content-length: 4\r\n", "transfer-encoding: chunked\r\n");
    let post = format!("POST {UNARY} HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\n");
    // On a connection that was used before, too.
    for before in [
        String::new(),
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        format!("{post}{length}\r\n{{  }}"),
        format!("{post}{chunked}\r\n{chunk}"),
        "POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n".to_owned()
            + &"content-length\n\n\n\n\n\n".repeat(250),
    ] {
        for headers in [[length, chunked], [chunked, length]] {
            let headers = headers.concat();
            let request = format!("{post}{headers}\r\n{chunk}GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n");
            patiently(async {
                let mut stream = TcpStream::connect(server.address).await.unwrap();
                if !before.is_empty() {
                    stream.write_all(before.as_bytes()).await.unwrap();
                    read_answer(&mut stream).await;
                    // What says nothing of itself is not taken for what was before it.
                    stream.write_all(format!("{post}{chunked}\r\n{chunk}").as_bytes()).await.unwrap();
                    let head = read_answer(&mut stream).await;
                    assert!(head.starts_with("HTTP/1.1 200 "), "{before:?}: {head}");
                }
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut read = Vec::new();
                let _ = stream.read_to_end(&mut read).await;
                let answer = String::from_utf8_lossy(&read);
                assert!(answer.starts_with("HTTP/1.1 400 "), "{before:?} {headers:?}: {answer}");
                assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{before:?} {headers:?}: {answer}");
            })
            .await;
        }
    }
    server.stop().await;
}

/// Reads one answer with a length; gives its head.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{}", String::from_utf8_lossy(&read));
        let said = String::from_utf8_lossy(&read);
        let Some((head, body)) = said.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            return head.to_owned();
        }
    }
}

#[tokio::test]
async fn chunks_that_are_none_end_their_connection() {
    let server = server().await;
    for chunks in [
        "5\nhello\r\n0\r\n\r\n",
        "x\r\n\r\n",
        "-1\r\n\r\n",
        "5\r\nhelloX0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "0x5\r\nhello\r\n",
    ] {
        let request = format!(
            "POST {UNARY} HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n{chunks}\
             GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
        );
        let answer = until_the_end(&server, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunks:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{chunks:?}: {answer}");
    }
    server.stop().await;
}
