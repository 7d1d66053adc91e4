//! Streams of messages in bodies.

use seltzer::gateway::Gateway;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::gateway::{ask, check, serve};
use crate::support::{patiently, raw};

const LINES: (&str, &str) = ("accept", "application/x-ndjson");
const EVENTS: (&str, &str) = ("accept", "text/event-stream");

#[tokio::test]
async fn replies_are_arrays_lines_or_events() {
    let server = serve(Gateway::new()).await;
    let one = r#"{"name":"shelves/1/books/1"}"#;
    let two = r#"{"name":"shelves/1/books/2"}"#;
    for (accept, size, content_type, expected) in [
        (("accept", "*/*"), 0, "application/json", "[]".to_owned()),
        (("accept", "application/json"), 1, "application/json", format!("[{one}]")),
        (("accept", "application/json"), 2, "application/json", format!("[{one},{two}]")),
        (LINES, 0, "application/x-ndjson", String::new()),
        (LINES, 2, "application/x-ndjson", format!("{one}\n{two}\n")),
        (EVENTS, 0, "text/event-stream", ": open\n\nevent: end\ndata: {}\n\n".to_owned()),
        (
            EVENTS,
            2,
            "text/event-stream",
            format!(": open\n\nid: 1\ndata: {one}\n\nid: 2\ndata: {two}\n\nevent: end\ndata: {{}}\n\n"),
        ),
    ] {
        let request = format!("GET /v1/shelves/1/books:watch?page_size={size}");
        let answer = ask(&server, &request, &[accept], "").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, content_type), "{accept:?}");
        assert_eq!(answer.text(), expected, "{accept:?}");
        assert!(answer.is_whole);
    }
    server.stop().await;
}

#[tokio::test]
async fn what_fails_first_is_an_http_error_and_later_the_last_element() {
    let server = serve(Gateway::new()).await;
    let error = r#"{"code":5,"details":[],"message":"gone"}"#;
    for (accept, after, status, expected) in [
        (("accept", "*/*"), 0, 404, error.to_owned()),
        (LINES, 0, 404, error.to_owned()),
        (EVENTS, 0, 404, error.to_owned()),
        (("accept", "*/*"), 1, 200, format!(r#"[{{"born":1}},{{"error":{error}}}]"#)),
        (LINES, 1, 200, format!("{{\"born\":1}}\n{{\"error\":{error}}}\n")),
        (EVENTS, 1, 200, format!(": open\n\nid: 1\ndata: {{\"born\":1}}\n\nevent: error\ndata: {error}\n\n")),
    ] {
        let body = format!(r#"{{"code":5,"message":"gone","after":{after}}}"#);
        let answer = ask(&server, "POST /v1/fail:later", &[accept], body).await;
        assert_eq!((answer.status, answer.text()), (status, expected), "{accept:?}");
    }
    check(&server, &[("GET /v1/shelves/1/books:watch?page_size=-1", "", "400 ...no such page")]).await;
    server.stop().await;
}

#[tokio::test]
async fn requests_are_arrays_or_lines() {
    let server = serve(Gateway::new()).await;
    check(
        &server,
        &[
            ("POST /v1/books:import", "", "200 {}"),
            ("POST /v1/books:import", "[]", "200 {}"),
            ("POST /v1/books:import", r#"[{"title":"a"},{"title":"b"}]"#, r#"200 {"count":2,"titles":["a","b"]}"#),
            (
                "POST /v1/books:import",
                "{\"title\":\"a\"}\n{\"title\":\"b\"}\n",
                r#"200 {"count":2,"titles":["a","b"]}"#,
            ),
            ("POST /v1/books:import", r#"{"title":"a"}{"title":"b"}"#, r#"200 {"count":2,"titles":["a","b"]}"#),
            ("POST /v1/books:import", r#"[{"title":"a"},{"title":1}]"#, "400 ...message 2: the body: field title"),
            ("POST /v1/books:import", r#"[{"title":"a"}"#, "400 ...the array was not closed"),
            ("POST /v1/books:import", r#"[{"title":"a"},]"#, "400 ...an element"),
            ("POST /v1/books:import", "}", "400 ...a value was expected"),
            ("POST /v1/books:import", "{", "400 ...within a value"),
            ("POST /v1/books:exchange", r#"[{"title":"a"},{"title":"b"}]"#, r#"200 [{"title":"a"},{"title":"b"}]"#),
        ],
    )
    .await;
    server.stop().await;
    let server = serve(Gateway::new().max_body_size(100)).await;
    let long = format!(r#"[{{"title":"a"}},{{"title":"{}"}}]"#, "x".repeat(200));
    let many = format!("[{}]", vec![r#"{"title":"a"}"#; 100].join(","));
    check(
        &server,
        &[
            ("POST /v1/books:import", &long, "400 ...longer than 100 bytes"),
            ("POST /v1/books:import", &many, r#"200 ..."count":100"#),
        ],
    )
    .await;
    server.stop().await;
}

#[tokio::test]
async fn both_sides_talk_in_turn_over_http_2() {
    let server = serve(Gateway::new()).await;
    let connection = raw::Connection::open(server.address).await.unwrap();
    let headers = [("content-type", "application/x-ndjson"), LINES];
    let (response, mut sender) = connection.begin("POST", "/v1/books:exchange", &headers, false).await.unwrap();
    let mut answers = patiently(response).await.unwrap().into_body();
    for number in 1..=3 {
        let line = format!("{{\"title\":\"{number}\"}}\n");
        sender.send_data(line.clone().into(), false).unwrap();
        let said = patiently(answers.data()).await.unwrap().unwrap();
        assert_eq!(said, line);
    }
    sender.send_data(bytes::Bytes::new(), true).unwrap();
    while let Some(rest) = patiently(answers.data()).await {
        assert!(rest.unwrap().is_empty(), "nothing more was asked for");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_answer_begins_before_its_first_message() {
    let server = serve(Gateway::new()).await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/books:exchange HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = String::new();
    patiently(async {
        let mut buffer = [0; 1024];
        while !read.contains(": open") {
            let length = stream.read(&mut buffer).await.unwrap();
            assert!(length > 0, "it ended: {read}");
            read.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
    })
    .await;
    assert!(read.starts_with("HTTP/1.1 200"), "{read}");
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn what_comes_behind_a_stream_is_announced_over_http_1() {
    let server = serve(Gateway::new().announce_trailers(["x-last", "not a name"])).await;
    let request = "GET /v1/shelves/1/books:watch?page_size=1";
    for (headers, announced, last) in [
        (&[("x-last", "seen"), ("te", "trailers")][..], "grpc-trailer-x-last", Some("seen")),
        // Whoever does not say so is not sent any (RFC 9110, section 6.5.1).
        (&[("x-last", "seen")], "grpc-trailer-x-last", None),
    ] {
        let answer = ask(&server, request, headers, "").await;
        assert_eq!((answer.status, answer.header("trailer")), (200, announced), "{headers:?}");
        let got = answer.trailers.get("grpc-trailer-x-last").map(|value| value.to_str().unwrap());
        assert_eq!((got, answer.trailers.get("grpc-trailer-x-other")), (last, None), "{headers:?}");
    }
    // HTTP/2 has all of them.
    let path = "/v1/shelves/1/books:watch?page_size=1";
    let answer = raw::send(server.address, "GET", path, &[("x-last", "seen")], b"").await.unwrap();
    assert_eq!(answer.trailers["grpc-trailer-x-last"], "seen");
    assert_eq!(answer.trailers["grpc-trailer-x-other"], "unannounced");
    server.stop().await;
}
