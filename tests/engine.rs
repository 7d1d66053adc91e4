//! Connections of our own engine under strain: what one call does must not reach the others, nor outlive itself.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use seltzer::codec::{Codec, CompressionEncoding};
use seltzer::codegen::{
    MethodDescriptor, MethodKind, ReplyFuture, ServerCall, Service, ServiceConfig, ServiceDescriptor, UnaryCall,
    UnaryReply,
};
use seltzer::services::schemas::grpc::testing::benchmark_service_server::BenchmarkServiceServer;
use seltzer::transport::Carrier;
use seltzer::{Channel, Request, Response, Server, Status};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::support::probe::{Client, Probe, ask, text};
use crate::support::raw::{Answer, Connection, framed, read};
use crate::support::{Running, carrier, patiently};

const UNARY: &str = "/grpc.testing.BenchmarkService/UnaryCall";
const BOTH: &str = "/grpc.testing.BenchmarkService/StreamingCall";
const UP: &str = "/grpc.testing.BenchmarkService/StreamingFromClient";
const DOWN: &str = "/grpc.testing.BenchmarkService/StreamingFromServer";
const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("te", "trailers")];

/// More fields than a header block may have.
const FIELDS: usize = 129;

fn is_other_carrier() -> bool {
    carrier() != Carrier::Engine
}

fn message(command: &str) -> Vec<u8> {
    framed(0, &prost::Message::encode_to_vec(&ask(command)))
}

fn large_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for _ in 0..FIELDS {
        trailers.append("x", http::HeaderValue::from_static("y"));
    }
    trailers
}

/// Whether something that could be there by now is not.
fn is_pending<F: Future>(future: F) -> bool {
    matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}

/// Which way a server takes unary calls.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// The short one.
    Short,
    /// The general one: that of content types that are seldom seen.
    General,
}

const WAYS: [Way; 2] = [Way::Short, Way::General];

/// A server that listens on TCP and on a unix socket.
struct Place {
    server: Running,
    folder: tempfile::TempDir,
}

impl Place {
    async fn start(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("unix:{}", folder.path().join("socket").display());
        let server = server.bind("127.0.0.1:0").await.unwrap().bind_also(path.as_str()).await.unwrap();
        Place { server: Running::run(server), folder }
    }

    async fn unix(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("socket")).await.unwrap()
    }

    async fn open(&self, way: Way) -> Connection {
        match way {
            Way::Short => Connection::over(self.unix().await).await.unwrap(),
            Way::General => Connection::over(self.unix().await).await.unwrap().speaking("application/grpc;v=1"),
        }
    }
}

/// A call that is answered shows that the connection has seen all that was sent before, and that it lives.
async fn assert_alive(connection: &Connection, path: &str) -> Answer {
    let answer = patiently(connection.send("POST", path, GRPC, &message("hi"))).await.unwrap();
    assert_eq!(answer.grpc_status(), Some("0"), "{}", answer.grpc_message());
    answer
}

#[tokio::test]
async fn trailers_that_are_too_large_end_their_request() {
    if is_other_carrier() {
        return;
    }
    let place = Place::start(Server::builder().add_service(Probe::new().0.server())).await;
    for (way, path) in [(Way::Short, UNARY), (Way::General, UNARY), (Way::General, UP)] {
        let connection = place.open(way).await;
        let (response, mut sender) = connection.begin("POST", path, GRPC, false).await.unwrap();
        // In pieces, so that a unary call's message has to be collected.
        for byte in message("hi") {
            sender.send_data(Bytes::from(vec![byte]), false).unwrap();
        }
        sender.send_trailers(large_trailers()).unwrap();
        let answer = patiently(read(response)).await.unwrap();
        assert_eq!((answer.status, answer.grpc_status()), (200, Some("0")), "{way:?} {path}");
        assert_eq!(answer.body[answer.body.len() - 2..], *b"hi", "{way:?} {path}");
    }
}

#[tokio::test]
async fn trailers_that_are_too_large_free_no_place() {
    if is_other_carrier() {
        return;
    }
    const STREAMS: usize = 4;
    let (probe, mut seen) = Probe::new();
    // One more place for the call that shows how far the connection has come.
    let server = Server::builder().max_concurrent_streams(STREAMS as u32 + 1).add_service(probe.server());
    let server = Running::start(server).await;
    let connection = Connection::open(server.address).await.unwrap();
    let mut bodies = Vec::new();
    for _ in 0..STREAMS {
        let (response, mut sender) = connection.begin("POST", BOTH, GRPC, false).await.unwrap();
        sender.send_data(message("hang").into(), false).unwrap();
        bodies.push((patiently(response).await.unwrap().into_body(), sender));
    }
    patiently(seen.wait_for(|seen| seen.hanging == STREAMS)).await.unwrap();
    for (_, sender) in &mut bodies {
        sender.send_trailers(large_trailers()).unwrap();
    }
    assert_alive(&connection, UNARY).await;
    for (body, _) in &mut bodies {
        assert!(is_pending(body.data()), "its handler still runs");
    }
    assert_eq!((seen.borrow().hanging, seen.borrow().dropped), (STREAMS, 0));
    drop(bodies);
    patiently(seen.wait_for(|seen| seen.cancelled == STREAMS)).await.unwrap();
}

#[tokio::test]
async fn a_connection_goes_on_after_a_burst_of_settings() {
    if is_other_carrier() {
        return;
    }
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, b""));
    stream.write_all(&bytes).await.unwrap();
    // The connection is past its beginning, so that the burst comes in one read.
    while patiently(next_frame(&mut stream)).await != (SETTINGS, ACK) {}
    stream.write_all(&frame(SETTINGS, 0, 0, b"").repeat(1002)).await.unwrap();
    let mut acknowledged = 0;
    while acknowledged < 1002 {
        acknowledged += usize::from(patiently(next_frame(&mut stream)).await == (SETTINGS, ACK));
    }
    stream.write_all(&frame(PING, 0, 0, b"question")).await.unwrap();
    while patiently(next_frame(&mut stream)).await != (PING, ACK) {}
}

#[tokio::test]
async fn a_panic_in_an_interceptor_ends_its_call_alone() {
    if is_other_carrier() {
        return;
    }
    for way in WAYS {
        let (probe, mut seen) = Probe::new();
        let service = BenchmarkServiceServer::with_interceptor(probe, |request: Request<()>| {
            assert!(!request.metadata().contains_key("x-panic"), "as told");
            Ok(request)
        });
        let place = Place::start(Server::builder().add_service(service)).await;
        let connection = place.open(way).await;
        let (mut hanging, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
        sender.send_data(message("hang").into(), true).unwrap();
        patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();

        let headers = [GRPC, &[("x-panic", "1")]].concat();
        for path in [UNARY, DOWN] {
            let answer = patiently(connection.send("POST", path, &headers, &message("hi"))).await.unwrap();
            assert_eq!((answer.status, answer.grpc_status()), (200, Some("13")), "{way:?} {path}");
        }
        assert_alive(&connection, UNARY).await;
        assert!(is_pending(&mut hanging), "{way:?}: the other call is not concerned");
        assert_eq!(seen.borrow().hanging, 1);
    }
}

#[tokio::test]
async fn a_panic_in_a_fallback_ends_its_request_alone() {
    #[derive(Clone)]
    struct Panicking;
    impl tower_service::Service<http::Request<tonic::body::Body>> for Panicking {
        type Response = http::Response<String>;
        type Error = std::convert::Infallible;
        type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
            assert!(request.uri().path() != "/at-once", "as told");
            Box::pin(async move {
                if request.uri().path() == "/later" {
                    tokio::task::yield_now().await;
                }
                panic!("as told")
            })
        }
    }
    if is_other_carrier() {
        return;
    }
    for way in WAYS {
        let (probe, mut seen) = Probe::new();
        let place = Place::start(Server::builder().add_service(probe.server()).fallback(Panicking)).await;
        let connection = place.open(way).await;
        let (mut hanging, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
        sender.send_data(message("hang").into(), true).unwrap();
        patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
        for path in ["/at-once", "/polled", "/later"] {
            let error = patiently(connection.send("GET", path, &[], b"")).await.unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR), "{way:?} {path}: {error}");
            assert!(error.is_reset(), "{way:?} {path}: {error}");
        }
        assert_alive(&connection, UNARY).await;
        assert!(is_pending(&mut hanging), "{way:?}: the other call is not concerned");
    }
}

/// A service whose codec panics: `Decode` where it reads, `Encode` where it writes.
#[derive(Default)]
struct Broken(ServiceConfig);

const BROKEN: ServiceDescriptor = ServiceDescriptor::new(
    "test.Broken",
    &[
        MethodDescriptor::new("/test.Broken/Decode", MethodKind::Unary),
        MethodDescriptor::new("/test.Broken/Encode", MethodKind::Unary),
        MethodDescriptor::new("/test.Broken/Neither", MethodKind::Unary),
    ],
    &[],
);

#[derive(Clone)]
struct BrokenCodec(usize);

impl Codec for BrokenCodec {
    type Encode = Bytes;
    type Decode = Bytes;

    fn encode(&mut self, message: &Bytes, buffer: &mut BytesMut) -> Result<(), Status> {
        buffer.put_slice(message);
        assert!(self.0 != 1, "half of a message is written");
        Ok(())
    }

    fn decode(&mut self, message: Bytes) -> Result<Bytes, Status> {
        assert!(self.0 != 0, "as told");
        Ok(message)
    }
}

async fn echo(request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
    Ok(Response::new(request.into_inner()))
}

impl Service for Broken {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &BROKEN
    }

    fn config(&self) -> &ServiceConfig {
        &self.0
    }

    fn call(&self, method: usize, call: ServerCall) -> ReplyFuture {
        call.unary(BrokenCodec(method), echo)
    }

    fn call_unary(&self, method: usize, call: UnaryCall<'_>) -> UnaryReply {
        call.answer(BrokenCodec(method), echo)
    }
}

#[tokio::test]
async fn a_panic_in_a_codec_ends_its_call_alone() {
    if is_other_carrier() {
        return;
    }
    for way in WAYS {
        let (probe, mut seen) = Probe::new();
        let server = Server::builder().add_service(probe.server()).add_service(Broken::default());
        let place = Place::start(server).await;
        let connection = place.open(way).await;
        let (mut hanging, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
        sender.send_data(message("hang").into(), true).unwrap();
        patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
        for path in ["/test.Broken/Decode", "/test.Broken/Encode"] {
            let answer = patiently(connection.send("POST", path, GRPC, &framed(0, b"hi"))).await.unwrap();
            assert_eq!((answer.status, answer.grpc_status()), (200, Some("13")), "{way:?} {path}");
            assert!(answer.body.is_empty(), "{way:?} {path}: nothing of a message that broke off");
        }
        let answer = assert_alive(&connection, "/test.Broken/Neither").await;
        assert_eq!(answer.body, message("hi"));
        assert!(is_pending(&mut hanging), "{way:?}: the other call is not concerned");
    }
}

#[tokio::test]
async fn a_method_that_proved_long_still_names_its_encoding() {
    if is_other_carrier() {
        return;
    }
    for way in WAYS {
        let server = Server::builder().send_compressed(CompressionEncoding::Gzip).add_service(Probe::new().0.server());
        let place = Place::start(server).await;
        let headers = [GRPC, &[("grpc-accept-encoding", "gzip")]].concat();
        let connection = place.open(way).await;
        for number in 0..20 {
            let answer = patiently(connection.send("POST", UNARY, &headers, &message("long"))).await.unwrap();
            assert_eq!(answer.grpc_status(), Some("0"), "{way:?}: call {number}");
            assert_eq!(answer.body[0], 1, "{way:?}: call {number} is compressed");
            assert_eq!(answer.headers.get("grpc-encoding").unwrap(), "gzip", "{way:?}: call {number}");
        }
    }
}

/// A server whose windows invite to less than what a connection collects anyway.
fn bounded_server(message_bytes_max: usize) -> Server {
    Server::builder()
        .max_concurrent_streams(8)
        .max_decoding_message_size(message_bytes_max)
        .add_service(Probe::new().0.server())
}

#[tokio::test]
async fn what_windows_invite_to_is_never_too_much() {
    if is_other_carrier() {
        return;
    }
    /// A hundred of these are more than a connection collects at least.
    const MESSAGE_BYTES: usize = 1 << 20;
    let place = Place::start(Server::builder().add_service(Probe::new().0.server())).await;
    let connection = place.open(Way::Short).await;
    let mut large = prost::Message::encode_to_vec(&ask("hi"));
    prost::encoding::bytes::encode(100, &vec![0; MESSAGE_BYTES], &mut large);
    let mut whole = Bytes::from(framed(0, &large));
    let last = whole.split_off(whole.len() - 1);
    let mut calls = Vec::new();
    for _ in 0..100 {
        let (response, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
        sender.send_data(whole.clone(), false).unwrap();
        calls.push((response, sender));
    }
    for (_, sender) in &mut calls {
        sender.send_data(last.clone(), true).unwrap();
    }
    for (response, _) in calls {
        let answer = patiently(read(response)).await.unwrap();
        assert_eq!(answer.grpc_status(), Some("0"), "{}", answer.grpc_message());
    }
}

#[tokio::test]
async fn what_is_collected_of_messages_is_bounded() {
    if is_other_carrier() {
        return;
    }
    /// Three of these are more than a connection collects, two are not.
    const MESSAGE_BYTES: usize = 30 << 20;
    let server = bounded_server(64 << 20);
    let place = Place::start(server).await;
    let connection = place.open(Way::Short).await;
    // A field that the schema does not know: 100, of so many bytes.
    let mut large = prost::Message::encode_to_vec(&ask("hi"));
    prost::encoding::bytes::encode(100, &vec![0; MESSAGE_BYTES], &mut large);
    let mut whole = Bytes::from(framed(0, &large));
    let last = whole.split_off(whole.len() - 1);
    let mut calls = Vec::new();
    for _ in 0..3 {
        let (response, sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
        calls.push((Box::pin(read(response)), sender));
    }
    for (_, sender) in &mut calls {
        sender.send_data(whole.clone(), false).unwrap();
    }
    // Which of them is the largest then is chance, but it is one.
    let (index, refused) = patiently(std::future::poll_fn(|cx| {
        let ended = calls.iter_mut().enumerate().find_map(|(index, (answer, _))| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Some((index, answer)),
            Poll::Pending => None,
        });
        ended.map_or(Poll::Pending, Poll::Ready)
    }))
    .await;
    let refused = refused.unwrap();
    assert_eq!(refused.grpc_status(), Some("8"), "{}", refused.grpc_message());
    assert!(refused.grpc_message().contains("on%20this%20connection"), "{}", refused.grpc_message());
    drop(calls.remove(index));
    for (answer, mut sender) in calls {
        sender.send_data(last.clone(), true).unwrap();
        let answer = patiently(answer).await.unwrap();
        assert_eq!(answer.grpc_status(), Some("0"), "{}", answer.grpc_message());
    }
    // Nothing of them is counted any more.
    for _ in 0..2 {
        let (response, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
        sender.send_data(whole.clone(), false).unwrap();
        sender.send_data(last.clone(), true).unwrap();
        assert_eq!(patiently(read(response)).await.unwrap().grpc_status(), Some("0"));
    }
}

#[tokio::test]
async fn one_message_alone_can_be_more_than_a_connection_collects() {
    if is_other_carrier() {
        return;
    }
    let server = bounded_server(128 << 20);
    let place = Place::start(server).await;
    let connection = place.open(Way::Short).await;
    let (response, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
    sender.send_data(framed(0, &vec![0; 65 << 20]).into(), true).unwrap();
    let answer = patiently(read(response)).await.unwrap();
    assert_eq!(answer.grpc_status(), Some("8"), "{}", answer.grpc_message());
    assert_alive(&connection, UNARY).await;
}

#[tokio::test]
async fn what_handlers_spawn_under_workers_goes_to_the_pool() {
    if is_other_carrier() {
        return;
    }
    let place = Place::start(Server::builder().workers(2).add_service(Probe::new().0.server())).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::new(place.server.channel().await));
        let path = format!("unix:{}", place.folder.path().join("socket").display());
        clients.push(Client::new(Channel::connect(path).await.unwrap()));
    }
    for client in &clients {
        let answer = patiently(client.unary_call(ask("spawn"))).await.unwrap();
        assert_eq!(text(answer.get_ref()), "seltzer-handlers");
        let mut stream = client.streaming_from_server(ask("count 100")).await.unwrap().into_inner();
        for number in 0..100 {
            let answer = patiently(stream.message()).await.unwrap().unwrap();
            assert_eq!(text(&answer), number.to_string());
        }
    }
    drop(clients);
    place.server.stop().await;
}

#[tokio::test]
async fn handlers_may_block_in_place_under_workers() {
    let place = Place::start(Server::builder().workers(1).add_service(Probe::new().0.server())).await;
    let client = Client::new(place.server.channel().await);
    for _ in 0..3 {
        let answer = patiently(client.unary_call(ask("block"))).await.unwrap();
        assert_eq!(text(answer.get_ref()), "blocked");
    }
    drop(client);
    place.server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn congestion_control_is_chosen_by_name() {
    let known = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_allowed_congestion_control").unwrap_or_default();
    let serve = async |algorithm: &str| {
        let server = Server::builder().tcp_congestion(algorithm).add_service(Probe::new().0.server());
        server.bind("127.0.0.1:0").await.unwrap().serve_with_shutdown(async {}).await
    };
    for algorithm in ["cubic", "reno"].into_iter().filter(|name| known.split_whitespace().any(|it| it == *name)) {
        patiently(serve(algorithm)).await.unwrap();
    }
    let said = patiently(serve("no-such")).await.unwrap_err().to_string();
    assert!(said.contains("\"no-such\""), "{said}");
}

#[tokio::test]
async fn handlers_are_gone_when_a_drained_connection_says_goodbye() {
    if is_other_carrier() {
        return;
    }
    let (probe, mut seen) = Probe::new();
    let server = Server::builder().drain_grace(Duration::from_millis(1)).add_service(probe.server());
    let mut place = Place::start(server).await;
    let mut stream = place.unix().await;
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, b""));
    bytes.extend(frame(HEADERS, END_HEADERS, 1, &request_block(UNARY)));
    bytes.extend(frame(DATA, END_STREAM, 1, &message("hang")));
    stream.write_all(&bytes).await.unwrap();
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    place.server.begin_stop();
    // The server closes its side, and waits for ours.
    patiently(stream.read_to_end(&mut bytes)).await.unwrap();
    assert_eq!((seen.borrow().hanging, seen.borrow().dropped), (0, 1));
    drop(stream);
    place.server.ended().await;
}

#[tokio::test]
async fn a_client_may_cancel_thousands_of_calls() {
    if is_other_carrier() {
        return;
    }
    const AT_ONCE: usize = 200;
    let (probe, mut seen) = Probe::new();
    let place = Place::start(Server::builder().add_service(probe.server())).await;
    let connection = place.open(Way::Short).await;
    for round in 1..=25 {
        let mut calls = Vec::new();
        for _ in 0..AT_ONCE {
            let (response, mut sender) = connection.begin("POST", UNARY, GRPC, false).await.unwrap();
            sender.send_data(message("early then-hang").into(), true).unwrap();
            calls.push(response);
        }
        let mut bodies = Vec::new();
        for response in calls {
            let response = patiently(response).await;
            bodies.push(response.unwrap_or_else(|error| panic!("round {round}: {error}")).into_body());
        }
        // The next calls follow at once, and their places must be free when they arrive.
        drop(bodies);
    }
    patiently(seen.wait_for(|seen| seen.hanging == 0)).await.unwrap();
    assert_alive(&connection, UNARY).await;
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The header block of a call, without any compression.
fn request_block(path: &str) -> Vec<u8> {
    let fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost")];
    let mut block = Vec::new();
    for (name, value) in fields.iter().chain(GRPC) {
        block.push(0);
        for part in [name, value] {
            block.push(u8::try_from(part.len()).unwrap());
            block.extend(part.as_bytes());
        }
    }
    block
}

/// The type and the flags of the next frame.
async fn next_frame(stream: &mut TcpStream) -> (u8, u8) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap()];
    stream.read_exact(&mut payload).await.unwrap();
    (head[3], head[4])
}

#[tokio::test]
async fn a_deadline_resets_a_stream_of_which_nothing_is_taken() {
    if is_other_carrier() {
        return;
    }
    let (probe, mut seen) = Probe::new();
    let place = Place::start(Server::builder().max_concurrent_streams(1).add_service(probe.server())).await;
    let mut settings = h2::client::Builder::new();
    let connection = Connection::with(settings.initial_window_size(0), place.unix().await).await.unwrap();
    let headers = [GRPC, &[("grpc-timeout", "100m")]].concat();
    let (response, mut sender) = connection.begin("POST", DOWN, &headers, false).await.unwrap();
    sender.send_data(Bytes::from(message("endless")), true).unwrap();
    let mut body = patiently(response).await.unwrap().into_body();
    let reset = patiently(body.data()).await.unwrap().unwrap_err();
    assert_eq!(reset.reason(), Some(h2::Reason::CANCEL));
    patiently(seen.wait_for(|seen| seen.dropped == 1)).await.unwrap();
    // Its place is free again: there is only one.
    let answer = patiently(connection.send("POST", UNARY, GRPC, &message("fail told"))).await.unwrap();
    assert_eq!(answer.grpc_message(), "told");
}
