//! Encodings and message limits, as they show on the wire.

use std::io;

use seltzer::codec::{CompressionEncoding, CompressionSwitch, Compressor, DecompressError, ReceivedCompressed};
use seltzer::{Code, Request, Server};
use tokio_stream::StreamExt as _;

use crate::support::Running;
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::raw::{framed, send};

const UNARY: &str = "/grpc.testing.BenchmarkService/UnaryCall";
const DOWN: &str = "/grpc.testing.BenchmarkService/StreamingFromServer";

fn probe() -> Server {
    Server::builder().add_service(Probe::new().0.server())
}

fn sending(encoding: CompressionEncoding) -> Server {
    Server::builder().send_compressed(encoding).add_service(Probe::new().0.server())
}

/// The flags of the messages in a body.
fn flags(mut body: &[u8]) -> Vec<u8> {
    let mut flags = Vec::new();
    while let [flag, a, b, c, d, rest @ ..] = body {
        flags.push(*flag);
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap();
        body = &rest[length..];
    }
    flags
}

fn message(command: &str) -> Vec<u8> {
    framed(0, &prost::Message::encode_to_vec(&ask(command)))
}

#[tokio::test]
async fn every_encoding_works_both_ways() {
    for encoding in CompressionEncoding::BUILT_IN {
        let server = Running::start(sending(*encoding)).await;
        let client = Client::new(server.channel().await).send_compressed(*encoding);
        let long = "many words ".repeat(1000);
        let answer = client.unary_call(ask(&long)).await.unwrap();
        assert_eq!(text(answer.get_ref()), long, "{encoding:?}");
        assert!(answer.extensions().get::<ReceivedCompressed>().is_some(), "{encoding:?}");
        let up = client.streaming_from_client(tokio_stream::iter(["a", "b"].map(ask))).await.unwrap();
        assert_eq!(text(up.get_ref()), "a b", "{encoding:?}");
        let down = client.streaming_from_server(ask("count 3")).await.unwrap().into_inner();
        assert_eq!(down.map(|m| text(&m.unwrap())).collect::<Vec<_>>().await, ["0", "1", "2"], "{encoding:?}");
    }
}

#[tokio::test]
async fn a_server_compresses_only_for_those_who_accept_it() {
    let server = Running::start(sending(CompressionEncoding::Gzip)).await;
    let cases = [(None, 0), (Some("identity"), 0), (Some("deflate"), 0), (Some("gzip"), 1), (Some("br, gzip"), 1)];
    for (accepts, flag) in cases {
        let mut headers = vec![("content-type", "application/grpc")];
        headers.extend(accepts.map(|accepts| ("grpc-accept-encoding", accepts)));
        let answer = send(server.address, "POST", UNARY, &headers, &message("hi")).await.unwrap();
        assert_eq!(answer.body[0], flag, "{accepts:?}");
        assert_eq!(answer.headers.get("grpc-encoding").is_some(), flag == 1, "{accepts:?}");
    }
}

#[tokio::test]
async fn single_messages_can_stay_plain() {
    let server = Running::start(sending(CompressionEncoding::Gzip)).await;
    let headers = [("content-type", "application/grpc"), ("grpc-accept-encoding", "gzip")];
    let answer = send(server.address, "POST", DOWN, &headers, &message("switch")).await.unwrap();
    assert_eq!(flags(&answer.body), [1, 0, 1]);
}

#[tokio::test]
async fn short_messages_stay_plain_where_a_minimum_is_set() {
    let server = Server::builder()
        .send_compressed(CompressionEncoding::Gzip)
        .compression_minimum_bytes(100)
        .compression_level(9)
        .add_service(Probe::new().0.server());
    let server = Running::start(server).await;
    let headers = [("content-type", "application/grpc"), ("grpc-accept-encoding", "gzip")];
    for (command, flag) in [("size 10", 0), ("size 1000", 1)] {
        let answer = send(server.address, "POST", UNARY, &headers, &message(command)).await.unwrap();
        assert_eq!(flags(&answer.body), [flag], "{command}");
    }
}

#[tokio::test]
async fn a_service_and_a_client_have_settings_of_their_own() {
    let service = Probe::new().0.server().send_compressed(CompressionEncoding::Gzip).compression_minimum_bytes(100);
    let server = Server::builder().compression_minimum_bytes(100_000).add_service(service);
    let server = Running::start(server).await;
    let headers = [("content-type", "application/grpc"), ("grpc-accept-encoding", "gzip")];
    for (command, flag) in [("size 10", 0), ("size 1000", 1)] {
        let answer = send(server.address, "POST", UNARY, &headers, &message(command)).await.unwrap();
        assert_eq!(flags(&answer.body), [flag], "{command}");
    }
    for (minimum, expected) in [(1000, "false"), (10, "true")] {
        let client = Client::new(server.channel().await)
            .send_compressed(CompressionEncoding::Gzip)
            .compression_level(1)
            .compression_minimum_bytes(minimum);
        let answer = client.unary_call(ask("compressed?")).await.unwrap();
        assert_eq!(text(answer.get_ref()), expected, "with a minimum of {minimum} bytes");
    }
}

#[tokio::test]
async fn the_level_of_a_service_counts() {
    let mut sizes = Vec::new();
    for level in [0, 9] {
        let service = Probe::new().0.server().send_compressed(CompressionEncoding::Gzip).compression_level(level);
        let server = Running::start(Server::builder().add_service(service)).await;
        let headers = [("content-type", "application/grpc"), ("grpc-accept-encoding", "gzip")];
        sizes.push(send(server.address, "POST", UNARY, &headers, &message("size 10000")).await.unwrap().body.len());
    }
    assert!(sizes[0] > 10_000 && sizes[1] < 1000, "{sizes:?}");
}

#[tokio::test]
async fn a_handler_can_choose_for_its_answer() {
    let server = Running::start(probe()).await;
    let cases = [("gzip", Some("deflate"), 0), ("deflate", None, 0), ("deflate", Some("gzip, deflate"), 1)];
    for (chosen, accepts, flag) in cases {
        let mut headers = vec![("content-type", "application/grpc")];
        headers.extend(accepts.map(|accepts| ("grpc-accept-encoding", accepts)));
        for path in [UNARY, DOWN] {
            let body = message(&format!("encoding {chosen}"));
            let answer = send(server.address, "POST", path, &headers, &body).await.unwrap();
            assert_eq!(flags(&answer.body), [flag], "{path} {chosen} {accepts:?}");
            let named = answer.headers.get("grpc-encoding").map(|name| name.to_str().unwrap());
            assert_eq!(named, (flag == 1).then_some(chosen), "{path} {chosen} {accepts:?}");
        }
    }
}

#[tokio::test]
async fn one_call_can_choose_for_itself() {
    let server = Running::start(probe()).await;
    let client = Client::new(server.channel().await);
    let plain = Request::new(ask("compressed?"));
    let mut deflated = Request::new(ask("compressed?"));
    deflated.extensions_mut().insert(CompressionEncoding::Deflate);
    let switch = CompressionSwitch::default();
    switch.off();
    let mut switched_off = Request::new(ask("compressed?"));
    switched_off.extensions_mut().insert(CompressionEncoding::Gzip);
    switched_off.extensions_mut().insert(switch);
    for (request, expected) in [(plain, "false"), (deflated, "true"), (switched_off, "false")] {
        assert_eq!(text(client.unary_call(request).await.unwrap().get_ref()), expected);
    }
}

#[tokio::test]
async fn an_encoding_of_ones_own() {
    #[derive(Debug)]
    struct Flip;
    impl Compressor for Flip {
        fn name(&self) -> &'static str {
            "x-flip"
        }
        fn compress(&self, message: &[u8], _: u32, output: &mut Vec<u8>) -> io::Result<()> {
            output.extend(message.iter().map(|byte| !byte));
            Ok(())
        }
        fn decompress(&self, message: &[u8], _: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
            output.extend(message.iter().map(|byte| !byte));
            Ok(())
        }
    }
    static FLIP: Flip = Flip;
    let flip = CompressionEncoding::Custom(&FLIP);
    let server = Server::builder().accept_compressed(flip).send_compressed(flip);
    let server = Running::start(server.add_service(Probe::new().0.server())).await;
    let client = Client::new(server.channel().await).send_compressed(flip).accept_compressed(flip);
    assert_eq!(text(client.unary_call(ask("hi")).await.unwrap().get_ref()), "hi");
    let unaware = Client::new(server.channel().await);
    assert_eq!(text(unaware.unary_call(ask("hi")).await.unwrap().get_ref()), "hi");
    let strange = Client::new(Running::start(probe()).await.channel().await).send_compressed(flip);
    assert_eq!(strange.unary_call(ask("hi")).await.unwrap_err().code(), Code::Unavailable, "that server is gone");
    let server = Running::start(probe()).await;
    let strange = Client::new(server.channel().await).send_compressed(flip);
    assert_eq!(strange.unary_call(ask("hi")).await.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn limits_hold_on_both_sides_and_both_ways() {
    const LIMIT: usize = 1000;
    let small = || Probe::new().0.server();
    let long = "x".repeat(LIMIT);
    let table = [
        (
            small().max_decoding_message_size(LIMIT),
            None,
            None,
            long.clone(),
            "larger than 1000 bytes, the limit for receiving",
        ),
        (
            small().max_encoding_message_size(LIMIT),
            None,
            None,
            "size 1000".into(),
            "larger than 1000 bytes, the limit for sending",
        ),
        (small(), Some(LIMIT), None, long, "larger than 1000 bytes, the limit for sending"),
        (small(), None, Some(LIMIT), "size 1000".into(), "larger than 1000 bytes, the limit for receiving"),
    ];
    for (number, (service, client_sends, client_receives, command, words)) in table.into_iter().enumerate() {
        let server = Running::start(Server::builder().add_service(service)).await;
        let mut client = Client::new(server.channel().await);
        if let Some(limit) = client_sends {
            client = client.max_encoding_message_size(limit);
        }
        if let Some(limit) = client_receives {
            client = client.max_decoding_message_size(limit);
        }
        let status = client.unary_call(ask(&command)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "case {number}: {status:?}");
        assert!(status.message().contains(words), "case {number}: {}", status.message());
        assert_eq!(text(client.unary_call(ask("alive")).await.unwrap().get_ref()), "alive", "case {number}");
    }
}

#[tokio::test]
async fn four_mebibytes_are_received_unless_set_otherwise() {
    let server = Running::start(probe()).await;
    let client = Client::new(server.channel().await);
    let status = client.unary_call(ask(&"x".repeat(4 << 20))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let fits = "x".repeat((4 << 20) - 100);
    assert_eq!(text(client.unary_call(ask(&fits)).await.unwrap().get_ref()).len(), fits.len());
}

#[tokio::test]
async fn a_bomb_is_refused_at_the_limit() {
    let server = Running::start(probe()).await;
    let client = Client::new(server.channel().await).send_compressed(CompressionEncoding::Gzip);
    // A thousand times smaller on the wire than the limit, and four times the limit when unpacked.
    let status = client.unary_call(ask(&"x".repeat(16 << 20))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("when decompressed"), "{}", status.message());
}
