//! gRPC-Web, as pages speak it: requests and answers byte by byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use seltzer::Server;
use seltzer::codec::CompressionEncoding;
use seltzer::server::Body;
use seltzer::services::schemas::grpc::testing::SimpleResponse;
use seltzer::web::GrpcWeb;

use crate::support::page::{BOTH, Http, frames, request};
use crate::support::probe::{Probe, ask, text};
use crate::support::raw::{Answer, framed};
use crate::support::{Running, patiently};

const SERVICE: &str = "/grpc.testing.BenchmarkService";
const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text";

async fn server() -> Running {
    let server = Server::builder().max_decoding_message_size(1000).add_service(Probe::new().0.server());
    Running::start(server.speak(GrpcWeb::new())).await
}

/// An answer in one line: its messages, and behind a bar each its trailers.
fn told(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let content_type = answer.headers["content-type"].to_str().unwrap();
    let body = match content_type.contains("-text") {
        true => answer
            .body
            .chunk_by(|before, after| *before != b'=' || *after == b'=')
            .flat_map(|part| STANDARD.decode(part).unwrap())
            .collect(),
        false => answer.body.to_vec(),
    };
    let mut words = Vec::new();
    for (flag, payload) in frames(&body) {
        match flag {
            0 if content_type.ends_with("json") => words.push(String::from_utf8(payload).unwrap()),
            0 => words.push(text(&SimpleResponse::decode(&payload[..]).unwrap())),
            1 => words.push("compressed".to_owned()),
            0x80 => {
                let trailers = String::from_utf8(payload).unwrap();
                let mut lines: Vec<_> = trailers.strip_suffix("\r\n").unwrap().split("\r\n").collect();
                lines.sort_unstable();
                words.push(lines.join(" | "));
            }
            other => panic!("there is no flag {other}"),
        }
    }
    words.join(" | ")
}

fn messages(commands: &[&str]) -> Vec<u8> {
    commands.iter().flat_map(|command| framed(0, &ask(command).encode_to_vec())).collect()
}

#[tokio::test]
async fn calls_of_all_kinds_are_answered_over_both_https() {
    let server = server().await;
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str], &'a str);
    // (method, headers, messages, answer)
    let table: [Row<'_>; 14] = [
        ("UnaryCall", &[], &["hello"], "hello | grpc-status: 0"),
        ("UnaryCall", &[], &["trailer seen"], "ok | grpc-status: 0 | x-trailer-bin: AP8 | x-trailer: seen"),
        ("UnaryCall", &[], &["fail not now"], "grpc-message: not now | grpc-status: 9"),
        ("UnaryCall", &[], &["fail 100% \u{e9}"], "grpc-message: 100%25%20%C3%A9 | grpc-status: 9"),
        ("UnaryCall", &[], &["panic"], "grpc-message: the handler panicked | grpc-status: 13"),
        (
            "UnaryCall",
            &[("grpc-timeout", "20m")],
            &["hang"],
            "grpc-message: the deadline passed before the call was over | grpc-status: 4",
        ),
        (
            "UnaryCall",
            &[("x-user-agent", "grpc-web-javascript/0.1")],
            &["peer"],
            "/grpc.testing.BenchmarkService/UnaryCall",
        ),
        ("UnaryCall", &[], &[], "grpc-message: /grpc.testing"),
        ("UnaryCall", &[], &["one", "two"], "grpc-message: /grpc.testing"),
        ("StreamingFromServer", &[], &["count 3"], "0 | 1 | 2 | grpc-status: 0"),
        ("StreamingFromServer", &[], &["one-then fail later"], "one | grpc-message: later | grpc-status: 9"),
        ("StreamingFromClient", &[], &["one", "two"], "one two | grpc-status: 0"),
        ("StreamingCall", &[], &["one", "two"], "one | two | grpc-status: 0"),
        (
            "NoSuch",
            &[],
            &["x"],
            "grpc-message: there is no method /grpc.testing.BenchmarkService/NoSuch | grpc-status: 12",
        ),
    ];
    for http in BOTH {
        for (method, headers, commands, expected) in table {
            for content_type in [BINARY, TEXT] {
                let body = messages(commands);
                let body = if content_type == TEXT { STANDARD.encode(body).into_bytes() } else { body };
                let headers = [&[("content-type", content_type), ("x-grpc-web", "1")], headers].concat();
                let path = format!("{SERVICE}/{method}");
                let answer = request(http, server.address, "POST", &path, &headers, &body).await;
                let told = told(&answer).replace("%20", " ");
                let expected = expected.replace("%20", " ");
                assert!(told.starts_with(&expected), "{http:?} {content_type} {method} {commands:?}: {told}");
                assert!(answer.trailers.is_empty(), "browsers cannot read trailers");
            }
        }
    }
}

#[tokio::test]
async fn the_forms_of_content_types_are_answered_in_kind() {
    let server = server().await;
    let json = r#"{"payload":{"body":"aGVsbG8="}}"#;
    let json_body = framed(0, json.as_bytes());
    let proto = messages(&["hello"]);
    let table = [
        ("application/grpc-web", &proto, BINARY, "hello | grpc-status: 0"),
        ("application/grpc-web+proto; charset=utf-8", &proto, BINARY, "hello | grpc-status: 0"),
        (
            "application/grpc-web+json",
            &json_body,
            "application/grpc-web+json",
            r#"{"payload":{"body":"aGVsbG8="}} | grpc-status: 0"#,
        ),
    ];
    for http in BOTH {
        for (content_type, body, answered, expected) in table {
            let headers = [("content-type", content_type)];
            let answer = request(http, server.address, "POST", &format!("{SERVICE}/UnaryCall"), &headers, body).await;
            assert_eq!(answer.headers["content-type"], answered, "{content_type}");
            assert_eq!(told(&answer), expected, "{content_type}");
        }
    }
}

#[tokio::test]
async fn messages_are_compressed_as_in_grpc() {
    let server = Server::builder().send_compressed(CompressionEncoding::Gzip).add_service(Probe::new().0.server());
    let server = Running::start(server.speak(GrpcWeb::new())).await;
    let mut zipped = Vec::new();
    let message = ask("compressed?").encode_to_vec();
    {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(&mut zipped, flate2::Compression::default());
        encoder.write_all(&message).unwrap();
    }
    let headers = [("content-type", BINARY), ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")];
    for http in BOTH {
        let path = format!("{SERVICE}/UnaryCall");
        let answer = request(http, server.address, "POST", &path, &headers, &framed(1, &zipped)).await;
        assert_eq!(answer.headers["grpc-encoding"], "gzip");
        let (flag, payload) = frames(&answer.body).swap_remove(0);
        assert_eq!(flag, 1);
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&payload[..]), &mut plain).unwrap();
        assert_eq!(text(&SimpleResponse::decode(&plain[..]).unwrap()), "true");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let server = server().await;
    let large = vec![b'x'; 2000];
    let json = "application/grpc-web+json";
    type Row<'a> = (&'a str, &'a [u8], &'a str, &'a str);
    // (content type, body, code, what the message has)
    let deep = format!("{{\"payload\":{}", "{\"payload\":".repeat(300));
    let table: [Row<'_>; 16] = [
        (BINARY, &framed(0, &large), "8", "larger than 1000 bytes"),
        (BINARY, &[0, 0xff, 0xff, 0xff, 0xff], "8", "larger than 1000 bytes"),
        (BINARY, &[0, 0, 0, 0, 9, 1], "13", "in the middle of a message"),
        (BINARY, &[0, 0], "13", "in the middle of a message"),
        (BINARY, &framed(2, b""), "13", "flag 2"),
        (BINARY, &framed(0x80, b"x: y\r\n"), "13", "flag 128"),
        (BINARY, &framed(1, b"x"), "13", "compressed"),
        (BINARY, &framed(0, &[0xff]), "13", ""),
        (TEXT, b"!!!!", "3", "not base64"),
        (TEXT, b"AAAAAA", "3", "middle of a group"),
        (TEXT, b"AAAA AAAA", "3", "not base64"),
        (json, &framed(0, b"{"), "3", "line 1"),
        (json, &framed(0, b"\xff"), "3", "UTF-8"),
        (json, &framed(0, b""), "3", "empty"),
        (json, &framed(0, br#"{"payload":{"body":7}}"#), "3", "payload.body"),
        (json, &framed(0, &deep.as_bytes()[..990]), "3", ""),
    ];
    for http in BOTH {
        for (content_type, body, code, words) in table {
            let headers = [("content-type", content_type)];
            let answer = request(http, server.address, "POST", &format!("{SERVICE}/UnaryCall"), &headers, body).await;
            let told = told(&answer).replace("%20", " ");
            assert!(told.contains(&format!("grpc-status: {code}")), "{http:?} {content_type} {body:?}: {told}");
            assert!(told.contains(words), "{http:?} {content_type} {body:?}: {told}");
        }
    }
}

#[tokio::test]
async fn what_is_no_call_is_refused_in_the_words_of_http() {
    let server = server().await;
    let unary = format!("{SERVICE}/UnaryCall");
    type Row<'a> = (&'a str, &'a str, u16, (&'a str, &'a str));
    let table: [Row<'_>; 4] = [
        ("GET", BINARY, 405, ("allow", "POST")),
        ("DELETE", TEXT, 405, ("allow", "POST")),
        ("POST", "application/grpc-web+thrift", 415, ("accept-post", "application/grpc-web, ")),
        ("POST", "image/jpeg", 415, ("accept-post", "application/grpc, application/grpc-web, ")),
    ];
    for http in BOTH {
        for (method, content_type, status, (name, value)) in table {
            let headers = [("content-type", content_type)];
            let answer = request(http, server.address, method, &unary, &headers, b"").await;
            assert_eq!(answer.status, status, "{method} {content_type}");
            assert!(answer.headers[name].to_str().unwrap().starts_with(value), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_page_that_goes_away_ends_its_call() {
    let (probe, mut seen) = Probe::new();
    let server = Running::start(Server::builder().add_service(probe.server()).speak(GrpcWeb::new())).await;
    let call = tokio::spawn({
        let (address, path) = (server.address, format!("{SERVICE}/UnaryCall"));
        async move { request(Http::One, address, "POST", &path, &[("content-type", BINARY)], &messages(&["hang"])).await }
    });
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    call.abort();
    patiently(seen.wait_for(|seen| seen.dropped == 1 && seen.cancelled == 1)).await.unwrap();
}

#[tokio::test]
async fn an_answer_before_the_end_of_a_request_arrives_over_http1() {
    // More than fits into the buffers on the way: the client is still sending when it is answered.
    let server = server().await;
    let body = framed(0, &vec![0; 8 << 20]);
    for _ in 0..4 {
        let path = format!("{SERVICE}/UnaryCall");
        let answer = request(Http::One, server.address, "POST", &path, &[("content-type", BINARY)], &body).await;
        assert!(told(&answer).contains("grpc-status: 8"), "{answer:?}");
    }
}

#[tokio::test]
async fn what_a_layer_answers_stays_as_it_is() {
    let layer = tower::util::MapResponseLayer::new(|mut response: http::Response<Body>| {
        *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
        response
    });
    let server = Server::builder().layer(layer).add_service(Probe::new().0.server()).speak(GrpcWeb::new());
    let server = Running::start(server).await;
    let path = format!("{SERVICE}/UnaryCall");
    let answer =
        request(Http::One, server.address, "POST", &path, &[("content-type", BINARY)], &messages(&["x"])).await;
    assert_eq!(answer.status, 418);
}

#[tokio::test]
async fn an_answer_is_text_or_binary_as_it_is_accepted() {
    let server = server().await;
    let binary = messages(&["hello"]);
    let text = STANDARD.encode(&binary).into_bytes();
    let path = format!("{SERVICE}/UnaryCall");
    // (content type, accept, body, content type of the answer)
    let table = [
        (BINARY, "application/grpc-web-text", &binary, "application/grpc-web-text+proto"),
        (TEXT, "application/grpc-web+proto", &text, "application/grpc-web+proto"),
        (TEXT, "*/*", &text, "application/grpc-web-text+proto"),
        (BINARY, "application/json", &binary, "application/grpc-web+proto"),
    ];
    for http in BOTH {
        for (content_type, accept, body, expected) in table {
            let headers = [("content-type", content_type), ("accept", accept)];
            let answer = request(http, server.address, "POST", &path, &headers, body).await;
            assert_eq!(answer.headers["content-type"], expected, "{content_type} {accept}");
            assert_eq!(told(&answer), "hello | grpc-status: 0", "{content_type} {accept}");
        }
        let json = framed(0, format!(r#"{{"payload":{{"body":"{}"}}}}"#, STANDARD.encode("hello")).as_bytes());
        let headers = [("content-type", "application/grpc-web+json"), ("accept", "application/grpc-web-text+json")];
        let answer = request(http, server.address, "POST", &path, &headers, &json).await;
        assert_eq!(answer.headers["content-type"], "application/grpc-web-text+json");
        assert!(told(&answer).ends_with("| grpc-status: 0"), "{}", told(&answer));
    }
}
