//! Connect, as any HTTP client speaks it: requests and answers byte by byte.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use prost::Message as _;
use seltzer::codec::CompressionEncoding;
use seltzer::connect::Connect;
use seltzer::services::schemas::grpc::testing::SimpleResponse;
use seltzer::web::GrpcWeb;
use seltzer::{Request, Response, Server, Status};
use seltzer_fixtures::nested::options::Item;
use seltzer_fixtures::nested::options::shop_server::{Shop, ShopServer};

use crate::support::Running;
use crate::support::page::{BOTH, Http, frames, request};
use crate::support::probe::{Probe, ask, text};
use crate::support::raw::{Answer, Connection, framed};

const SERVICE: &str = "/grpc.testing.BenchmarkService";
const UNARY: &str = "/grpc.testing.BenchmarkService/UnaryCall";
const PROTO: &str = "application/proto";
const JSON: &str = "application/json";
const STREAM: &str = "application/connect+proto";
const STREAM_JSON: &str = "application/connect+json";

/// Gives items back as they came.
#[derive(Default)]
struct Mirror;

impl Shop for Mirror {
    async fn get(&self, request: Request<Item>) -> Result<Response<Item>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn put(&self, request: Request<Item>) -> Result<Response<Item>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn old(&self, _: Request<Item>) -> Result<Response<Item>, Status> {
        Err(Status::unimplemented("nobody shall use this"))
    }
}

async fn server() -> Running {
    started(Server::builder().max_decoding_message_size(1000)).await
}

async fn started(server: Server) -> Running {
    let server = server.add_service(Probe::new().0.server()).add_service(ShopServer::new(Mirror));
    Running::start(server.speak(Connect::new())).await
}

/// A command of the probe's in JSON.
fn json(command: &str) -> Vec<u8> {
    format!(r#"{{"payload":{{"body":"{}"}}}}"#, STANDARD.encode(command)).into_bytes()
}

/// What the probe said, in whatever form.
fn said(content_type: &str, body: &[u8]) -> String {
    if content_type == JSON || content_type == STREAM_JSON {
        let value: serde_json::Value = serde_json::from_slice(body).unwrap();
        let body = STANDARD.decode(value["payload"]["body"].as_str().unwrap()).unwrap();
        return String::from_utf8(body).unwrap();
    }
    text(&SimpleResponse::decode(body).unwrap())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn unary_calls_are_answered_over_both_https() {
    let server = server().await;
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str, &'a [(&'a str, &'a str)]);
    // (command, headers, status, text of the answer or error, headers of the answer)
    let table: [Row<'_>; 9] = [
        ("hello", &[], 200, "hello", &[]),
        ("hello", &[("connect-protocol-version", "1")], 200, "hello", &[]),
        ("echo", &[("x-echo", "a"), ("x-echo-bin", "AP8")], 200, "echo", &[("x-echo", "a"), ("x-echo-bin", "AP8")]),
        ("trailer seen", &[], 200, "ok", &[("trailer-x-trailer", "seen"), ("trailer-x-trailer-bin", "AP8")]),
        ("early bird", &[], 200, "ok", &[("x-early", "bird")]),
        ("fail not \"now\"", &[], 400, r#"{"code":"failed_precondition","message":"not \"now\""}"#, &[]),
        ("panic", &[], 500, r#"{"code":"internal","message":"the handler panicked"}"#, &[]),
        ("hang", &[("connect-timeout-ms", "20")], 504, r#"{"code":"deadline_exceeded","#, &[]),
        ("peer", &[("user-agent", "a page")], 200, "/grpc.testing.BenchmarkService/UnaryCall", &[]),
    ];
    for http in BOTH {
        for (command, headers, status, expected, answered) in table {
            for (content_type, body) in [(PROTO, ask(command).encode_to_vec()), (JSON, json(command))] {
                let headers = [&[("content-type", content_type)], headers].concat();
                let answer = request(http, server.address, "POST", UNARY, &headers, &body).await;
                let what = format!("{http:?} {content_type} {command}");
                assert_eq!(answer.status, status, "{what}: {answer:?}");
                let told = match status {
                    200 => said(content_type, &answer.body),
                    _ => String::from_utf8(answer.body.to_vec()).unwrap(),
                };
                assert!(told.starts_with(expected), "{what}: {told}");
                let form = if status == 200 { content_type } else { JSON };
                assert_eq!(answer.headers["content-type"], form, "{what}");
                for (name, value) in answered {
                    assert_eq!(answer.headers[*name], value, "{what}");
                }
                assert!(
                    answer.trailers.is_empty() && answer.headers.get("grpc-status").is_none(),
                    "{what}: {answer:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn details_of_errors_can_be_read() {
    let server = server().await;
    let headers = [("content-type", JSON)];
    let answer = request(Http::One, server.address, "POST", UNARY, &headers, &json("detail missing")).await;
    let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, error["code"].as_str()), (400, Some("invalid_argument")));
    let detail = &error["details"][0];
    assert_eq!(detail["type"], "google.rpc.BadRequest");
    assert_eq!(detail["debug"]["fieldViolations"][0]["description"], "missing");
    assert!(!detail["value"].as_str().unwrap().contains('='), "the protocol's base64 is not padded");
}

/// A stream's answer in one line.
fn told(content_type: &str, answer: &Answer) -> String {
    assert_eq!((answer.status, &answer.headers["content-type"]), (200, &content_type.parse().unwrap()), "{answer:?}");
    let frames = frames(&answer.body);
    let words = frames.iter().map(|(flag, payload)| match flag {
        0 => said(content_type, payload),
        2 => String::from_utf8(payload.clone()).unwrap(),
        other => panic!("there is no flag {other}"),
    });
    let told: Vec<_> = words.collect();
    assert_eq!(frames.iter().map(|(flag, _)| *flag).max(), Some(2), "every stream has an end");
    told.join(" | ")
}

#[tokio::test]
async fn streams_are_answered_over_both_https() {
    let server = server().await;
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str], &'a str);
    let table: [Row<'_>; 10] = [
        ("StreamingFromServer", &[], &["count 3"], "0 | 1 | 2 | {}"),
        (
            "StreamingFromServer",
            &[],
            &["trailer a"],
            r#"ok | {"metadata":{"x-trailer":["a"],"x-trailer-bin":["AP8"]}}"#,
        ),
        (
            "StreamingFromServer",
            &[],
            &["one-then fail later"],
            r#"one | {"error":{"code":"failed_precondition","message":"later"}}"#,
        ),
        ("StreamingFromServer", &[("connect-timeout-ms", "20")], &["hang"], r#"{"error":{"code":"deadline_exceeded""#),
        ("StreamingFromServer", &[], &[], r#"{"error":{"code":"unimplemented""#),
        ("StreamingFromServer", &[], &["count 1", "count 2"], r#"{"error":{"code":"unimplemented""#),
        ("StreamingFromClient", &[], &["one", "two"], "one two | {}"),
        ("StreamingFromClient", &[], &[], " | {}"),
        ("StreamingCall", &[], &["one", "two"], "one | two | {}"),
        (
            "StreamingBothWays",
            &[],
            &["x"],
            r#"{"error":{"code":"unimplemented","message":"the probe has no such thing"}}"#,
        ),
    ];
    for http in BOTH {
        for (method, headers, commands, expected) in table {
            for content_type in [STREAM, STREAM_JSON] {
                let framed = |command: &&str| match content_type {
                    STREAM => framed(0, &ask(command).encode_to_vec()),
                    _ => framed(0, &json(command)),
                };
                let body: Vec<u8> = commands.iter().flat_map(framed).collect();
                let headers = [&[("content-type", content_type)], headers].concat();
                let path = format!("{SERVICE}/{method}");
                let answer = request(http, server.address, "POST", &path, &headers, &body).await;
                // An empty answer has no body in JSON.
                if content_type == STREAM_JSON && expected.starts_with(" |") {
                    continue;
                }
                let told = told(content_type, &answer);
                assert!(told.starts_with(expected), "{http:?} {content_type} {method} {commands:?}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn safe_methods_can_be_got() {
    let server = started(Server::builder().send_compressed(CompressionEncoding::Gzip)).await;
    let item = Item { name: "items/1".to_owned(), ..Item::default() };
    let packed = URL_SAFE_NO_PAD.encode(item.encode_to_vec());
    let zipped = URL_SAFE_NO_PAD.encode(gzip(br#"{"name":"items/1"}"#));
    let plain = r#"{"name":"items/1"}"#;
    let table: [(String, u16, &str); 13] = [
        ("Get?connect=v1&encoding=json&message=%7B%22name%22%3A%22items/1%22%7D".into(), 200, plain),
        (format!("Get?connect=v1&encoding=proto&base64=1&message={packed}"), 200, "\n\u{7}items/1"),
        (format!("Get?message={packed}&base64=1&encoding=proto"), 200, "\n\u{7}items/1"),
        (format!("Get?encoding=json&base64=1&compression=gzip&message={zipped}"), 200, plain),
        ("Get?encoding=json&message=%7B%7D&unknown=1".into(), 200, "{}"),
        ("Get?encoding=json&message=%7B".into(), 400, r#"{"code":"invalid_argument""#),
        ("Get?encoding=json&message=%FF".into(), 400, r#"{"code":"invalid_argument""#),
        ("Get?encoding=json&base64=1&message=%21".into(), 400, r#"{"code":"invalid_argument""#),
        ("Get?encoding=json&compression=br&message=%7B%7D".into(), 501, r#"{"code":"unimplemented""#),
        ("Get?encoding=json&compression=gzip&message=%7B%7D".into(), 400, r#"{"code":"invalid_argument""#),
        ("Get?encoding=text&message=x".into(), 400, r#"{"code":"invalid_argument","message":"the parameter encoding"#),
        ("Get?connect=v2&encoding=json&message=%7B%7D".into(), 400, r#"{"code":"invalid_argument""#),
        ("Put?connect=v1&encoding=json&message=%7B%7D".into(), 405, "/options.Shop/Put is called by POST"),
    ];
    for http in BOTH {
        for (path, status, expected) in &table {
            let answer = request(http, server.address, "GET", &format!("/options.Shop/{path}"), &[], b"").await;
            let told = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, *status, "{http:?} {path}: {told}");
            assert!(told.starts_with(expected), "{http:?} {path}: {told}");
            if *status == 200 {
                assert_eq!(answer.headers["vary"], "accept-encoding", "caches keep compressed answers apart");
            }
        }
        let headers = [("accept-encoding", "br, gzip;q=0.5")];
        let answer =
            request(http, server.address, "GET", &format!("/options.Shop/{}", table[0].0), &headers, b"").await;
        assert_eq!(
            (&answer.headers["content-encoding"], &answer.body[..2]),
            (&"gzip".parse().unwrap(), &[0x1f, 0x8b][..])
        );
    }
}

#[tokio::test]
async fn bodies_are_compressed_as_http_has_it_and_streams_as_grpc_does() {
    let server = started(Server::builder().send_compressed(CompressionEncoding::Gzip)).await;
    for http in BOTH {
        let headers = [("content-type", JSON), ("content-encoding", "gzip"), ("accept-encoding", "gzip")];
        let answer = request(http, server.address, "POST", UNARY, &headers, &gzip(&json("hello"))).await;
        assert_eq!((answer.status, &answer.headers["content-encoding"]), (200, &"gzip".parse().unwrap()));
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut plain).unwrap();
        assert_eq!(said(JSON, &plain), "hello");

        for (content_type, message) in [(STREAM, ask("count 2").encode_to_vec()), (STREAM_JSON, json("count 2"))] {
            let headers = [
                ("content-type", content_type),
                ("connect-content-encoding", "gzip"),
                ("connect-accept-encoding", "gzip"),
            ];
            let path = format!("{SERVICE}/StreamingFromServer");
            let answer = request(http, server.address, "POST", &path, &headers, &framed(1, &gzip(&message))).await;
            assert_eq!(answer.headers["connect-content-encoding"], "gzip", "{content_type}");
            let flags: Vec<_> = frames(&answer.body).into_iter().map(|(flag, _)| flag).collect();
            assert_eq!(flags, [1, 1, 2], "{content_type}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let server = server().await;
    let (large, bomb) = (vec![b' '; 2000], gzip(&vec![b' '; 1_000_000]));
    let deep = "{\"payload\":".repeat(80);
    let (json, gzip) = (("content-type", JSON), ("content-encoding", "gzip"));
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a [u8], u16, &'a str);
    // (headers, body, status, what the error has)
    let table: [Row<'_>; 19] = [
        (&[json], b"", 400, "empty"),
        (&[json], b"{", 400, "line 1"),
        (&[json], b"[]", 400, "invalid_argument"),
        (&[json], b"{}{}", 400, "invalid_argument"),
        (&[json], b"\xff\xfe", 400, "UTF-8"),
        (&[json], br#"{"payload":{"body":"!"}}"#, 400, "payload.body"),
        (&[json], br#"{"responseSize":1,"responseSize":2}"#, 400, "responseSize"),
        (&[json], br#"{"responseSize":99999999999}"#, 400, "responseSize"),
        (&[json], deep.as_bytes(), 400, "invalid_argument"),
        (&[json], &large, 429, "larger than 1000 bytes"),
        (&[json, gzip], &bomb[..999], 429, "larger than 1000 bytes"),
        (&[json, gzip], &bomb, 429, "larger than 1000 bytes"),
        (&[json, gzip], b"no gzip", 400, "not valid gzip"),
        (&[json, ("content-encoding", "br")], b"{}", 501, "are not accepted here; identity, gzip"),
        (&[json, ("connect-timeout-ms", "soon")], b"{}", 400, "connect-timeout-ms"),
        (&[json, ("connect-protocol-version", "2")], b"{}", 400, "connect-protocol-version"),
        (&[("content-type", PROTO)], &[0xff], 500, "internal"),
        (&[("content-type", PROTO)], &large, 429, "larger than 1000 bytes"),
        (&[("content-type", "text/xml"), ("connect-protocol-version", "1")], b"{}", 415, "application/json"),
    ];
    for http in BOTH {
        for (headers, body, status, words) in table {
            let answer = request(http, server.address, "POST", UNARY, headers, body).await;
            let told = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, status, "{http:?} {headers:?}: {told}");
            assert!(told.contains(words), "{http:?} {headers:?}: {told}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_stream_is_its_end() {
    let server = server().await;
    let (proto, json) = (("content-type", STREAM), ("content-type", STREAM_JSON));
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a [u8], &'a str);
    let table: [Row<'_>; 12] = [
        (&[proto], &framed(0, &[0; 2000]), "resource_exhausted"),
        (&[proto], &[0, 0xff, 0xff, 0xff, 0xff], "resource_exhausted"),
        (&[proto], &[0, 0, 0, 0, 9, 1], "middle of a message"),
        (&[proto], &framed(2, b"{}"), "flag 2"),
        (&[proto], &framed(1, b"x"), "compressed"),
        (&[proto, ("connect-content-encoding", "br")], b"", "unimplemented"),
        (&[proto, ("connect-timeout-ms", "-1")], b"", "connect-timeout-ms"),
        (&[proto, ("connect-protocol-version", "0")], b"", "connect-protocol-version"),
        (&[json], &framed(0, &[b' '; 2000]), "resource_exhausted"),
        (&[json], &framed(0, b"{"), "line 1"),
        (&[json], &framed(7, b"{}"), "flag 7"),
        (&[json, ("connect-content-encoding", "gzip")], &framed(1, b"{}"), "gzip"),
    ];
    for http in BOTH {
        for (headers, body, words) in table {
            let path = format!("{SERVICE}/StreamingFromClient");
            let answer = request(http, server.address, "POST", &path, headers, body).await;
            let told = told(headers[0].1, &answer);
            assert!(told.starts_with(r#"{"error":{"code":""#) && told.contains(words), "{http:?} {headers:?}: {told}");
        }
    }
}

#[tokio::test]
async fn what_is_no_call_is_refused_in_the_words_of_http() {
    let server = server().await;
    let connect = ("connect-protocol-version", "1");
    let stream = format!("{SERVICE}/StreamingFromServer");
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, (&'a str, &'a str));
    let table: [Row<'_>; 9] = [
        ("DELETE", UNARY, &[("content-type", PROTO), connect], 405, ("allow", "POST")),
        ("GET", UNARY, &[connect], 405, ("allow", "POST")),
        ("PUT", "/options.Shop/Get", &[connect], 405, ("allow", "GET, POST")),
        ("POST", UNARY, &[("content-type", STREAM)], 415, ("accept-post", "application/proto, application/json")),
        ("POST", UNARY, &[connect], 415, ("accept-post", "application/proto, application/json")),
        ("POST", &stream, &[("content-type", JSON), connect], 415, ("accept-post", "application/connect+proto, ")),
        ("POST", &stream, &[("content-type", "application/connect+xml")], 415, ("accept-post", "application/connect+")),
        ("POST", "/grpc.testing.BenchmarkService/No", &[("content-type", PROTO), connect], 404, ("content-type", JSON)),
        ("POST", "/no.Service/No", &[("content-type", PROTO), connect], 404, ("content-type", "text/plain")),
    ];
    for http in BOTH {
        for (method, path, headers, status, (name, value)) in table {
            let answer = request(http, server.address, method, path, headers, b"").await;
            assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
            assert!(answer.headers[name].to_str().unwrap().starts_with(value), "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn whatever_comes_there_is_an_answer() {
    let server = Server::builder().max_decoding_message_size(1000).add_service(Probe::new().0.server());
    let server = Running::start(server.speak(Connect::new()).speak(GrpcWeb::new())).await;
    let connection = Connection::open(server.address).await.unwrap();
    let mut random = fastrand::Rng::with_seed(11);
    let (proto, text) = (ask("hello").encode_to_vec(), json("hello"));
    let seeds = [
        (PROTO, "UnaryCall", proto.clone()),
        (JSON, "UnaryCall", text.clone()),
        (STREAM, "StreamingCall", [framed(0, &proto), framed(0, &proto)].concat()),
        (STREAM_JSON, "StreamingCall", framed(0, &text)),
        ("application/grpc-web", "StreamingFromClient", framed(0, &proto)),
        ("application/grpc-web+json", "UnaryCall", framed(0, &text)),
        ("application/grpc-web-text", "UnaryCall", STANDARD.encode(framed(0, &proto)).into_bytes()),
    ];
    for round in 0..1_500 {
        let (content_type, method, mut body) = seeds[round % seeds.len()].clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..body.len());
            match random.u8(..4) {
                0 => body[at] = random.u8(..),
                1 => body.truncate(at.max(1)),
                2 => body.insert(at, b"{}[]\",:=\0\xff"[random.usize(..10)]),
                _ => body.extend_from_within(at..),
            }
        }
        let encodings = ["identity", "gzip", "zstd", "x"];
        let encoding = encodings[random.usize(..encodings.len())];
        let headers = [
            ("content-type", content_type),
            ("content-encoding", encoding),
            ("connect-content-encoding", encoding),
            ("grpc-encoding", encoding),
            ("grpc-timeout", "5S"),
            ("connect-timeout-ms", "5000"),
        ];
        let answer = connection.send("POST", &format!("{SERVICE}/{method}"), &headers, &body).await;
        let answer = answer.unwrap_or_else(|error| panic!("round {round}, {content_type} {body:?}: {error}"));
        let is_unary = content_type == PROTO || content_type == JSON;
        match answer.status {
            200 if !is_unary => assert!(!answer.body.is_empty(), "round {round}: a stream has an end"),
            200 => {}
            400 | 429 | 500 | 501 if is_unary => {
                let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
                assert!(error["code"].is_string(), "round {round}: {error}");
            }
            other => panic!("round {round}, {content_type} {body:?}: {other}"),
        }
    }
}
