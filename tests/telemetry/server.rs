//! What servers count.

use std::time::Duration;

use prost::Message as _;
use seltzer::server::{Next, ServerCall};
use seltzer::telemetry::Telemetry;
use seltzer::{Code, Request, Response, Server, Status};
use seltzer_fixtures::tonic_style::echo::echo_server::{Echo, EchoServer};
use seltzer_fixtures::tonic_style::echo::{Message, echo_client::EchoClient};

use crate::support::kinds::{KINDS, Kind, call};
use crate::support::probe::{Client, Probe, ask};
use crate::support::{Running, patiently, raw};
use crate::telemetry::{counted, eventually, expected, numbers, size};

const STARTED: &str = "grpc.server.call.started";
const DURATION: &str = "grpc.server.call.duration";
const SENT: &str = "grpc.server.call.sent_total_compressed_message_size";
const RECEIVED: &str = "grpc.server.call.rcvd_total_compressed_message_size";

fn method(kind: Kind) -> &'static str {
    match kind {
        Kind::Unary => "grpc.testing.BenchmarkService/UnaryCall",
        Kind::ClientStreaming => "grpc.testing.BenchmarkService/StreamingFromClient",
        Kind::ServerStreaming => "grpc.testing.BenchmarkService/StreamingFromServer",
        Kind::BidiStreaming => "grpc.testing.BenchmarkService/StreamingCall",
    }
}

/// How a server's calls get to their handlers.
#[derive(Debug, Clone, Copy)]
enum Around {
    Nothing,
    Interceptor,
    TonicsInterceptor,
}

fn server(telemetry: &Telemetry, around: Around) -> Server {
    let server = Server::builder().telemetry(telemetry).add_service(Probe::new().0.server());
    match around {
        Around::Nothing => server,
        Around::Interceptor => server.intercept(async |call: ServerCall, next: Next| next.run(call).await),
        Around::TonicsInterceptor => server.interceptor(Ok),
    }
}

#[tokio::test]
async fn calls_of_all_kinds_are_counted_with_how_they_ended() {
    for around in [Around::Nothing, Around::Interceptor, Around::TonicsInterceptor] {
        for kind in KINDS {
            let telemetry = Telemetry::builder().build();
            let running = Running::start(server(&telemetry, around)).await;
            let client = Client::new(running.channel().await);
            // A stream of requests is answered with their words, whatever they say; and what panics where both sides
            // stream is a task of the probe's.
            let table: &[(&str, Code)] = match kind {
                Kind::ClientStreaming => &[("one", Code::Ok), ("two", Code::Ok)],
                Kind::BidiStreaming => &[("one", Code::Ok), ("fail not now", Code::FailedPrecondition)],
                Kind::Unary | Kind::ServerStreaming => &[
                    ("one", Code::Ok),
                    ("yield", Code::Ok),
                    ("fail not now", Code::FailedPrecondition),
                    ("panic", Code::Internal),
                ],
            };
            let (mut received, mut ended) = (0, std::collections::BTreeMap::new());
            for (command, code) in table {
                let answer = call(&client, kind, command, |request| request).await;
                let answered = answer.map_or_else(|status| status.code(), |_| Code::Ok);
                assert_eq!(answered, *code, "{around:?} {kind:?} {command}");
                received += size(&ask(command));
                *ended.entry(format!("{} {}", method(kind), seltzer::status::code_name(*code))).or_insert(0) += 1;
            }
            let what = format!("{around:?} {kind:?}");
            let all = table.len() as u64;
            eventually(&what, expected([(method(kind), all)]), || numbers(&telemetry, STARTED)).await;
            for metric in [DURATION, SENT, RECEIVED] {
                eventually(&what, ended.clone(), || numbers(&telemetry, metric)).await;
            }
            let sum = |metric| counted(&telemetry, metric).values().map(|(_, sum)| sum).sum::<u64>();
            assert_eq!(sum(RECEIVED), received, "{what}");
            // Each good answer says what the request said, or `yielded`.
            let answers = table.iter().filter(|(_, code)| *code == Code::Ok);
            let said = answers.map(|(command, _)| if *command == "yield" { "yielded" } else { command });
            assert_eq!(sum(SENT), said.map(|said| size(&ask(said))).sum::<u64>(), "{what}");
        }
    }
}

#[tokio::test]
async fn calls_whose_time_is_up_are_counted_as_such() {
    let telemetry = Telemetry::builder().build();
    let running = Running::start(server(&telemetry, Around::Nothing)).await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "30m")];
    let message = raw::framed(0, &ask("hang").encode_to_vec());
    // One whose message never comes, too.
    for (kind, body) in [
        (Kind::Unary, &message[..]),
        (Kind::Unary, &message[..7]),
        (Kind::ServerStreaming, &message),
        (Kind::BidiStreaming, &message),
    ] {
        let connection = raw::Connection::open(running.address).await.unwrap();
        let path = format!("/{}", method(kind));
        let (response, mut sender) = connection.begin("POST", &path, &headers, false).await.unwrap();
        sender.send_data(body.to_vec().into(), body.len() == message.len()).unwrap();
        let answer = patiently(raw::read(response)).await.unwrap();
        assert_eq!(answer.grpc_status(), Some("4"), "{kind:?}");
    }
    let late = |kind| format!("{} DEADLINE_EXCEEDED", method(kind));
    let [unary, down, both] = [Kind::Unary, Kind::ServerStreaming, Kind::BidiStreaming].map(late);
    let ended = expected([(&unary, 2), (&down, 1), (&both, 1)]);
    eventually("calls", ended, || numbers(&telemetry, DURATION)).await;
    let received = counted(&telemetry, RECEIVED);
    assert_eq!(received[&unary].1, size(&ask("hang")), "what is not whole is no message");
}

#[tokio::test]
async fn what_compresses_is_counted_as_it_travels() {
    let telemetry = Telemetry::builder().build();
    let service = Probe::new().0.server().send_compressed(seltzer::codec::CompressionEncoding::Gzip);
    let running = Running::start(Server::builder().telemetry(&telemetry).add_service(service)).await;
    let client = Client::new(running.channel().await).send_compressed(seltzer::codec::CompressionEncoding::Gzip);
    let command = format!("say {}", "x".repeat(100_000));
    for kind in KINDS {
        call(&client, kind, &command, |request| request).await.unwrap();
        let labels = format!("{} OK", method(kind));
        for metric in [SENT, RECEIVED] {
            eventually("one", Some(1), || numbers(&telemetry, metric).get(&labels).copied()).await;
            let (_, sum) = counted(&telemetry, metric)[&labels];
            assert!((10..1_000).contains(&sum), "{kind:?}: {sum} bytes of {metric}");
        }
    }
}

#[tokio::test]
async fn what_callers_make_up_gets_no_name() {
    let telemetry = Telemetry::builder().build();
    let running = Running::start(server(&telemetry, Around::Nothing)).await;
    for path in ["/no.Service/Method", "/grpc.testing.BenchmarkService/Nothing", "/nothing", "/a/b/c"] {
        assert_eq!(status_of(&running, path).await, "12", "{path}");
    }
    eventually("calls", expected([("other", 4)]), || numbers(&telemetry, STARTED)).await;
    assert_eq!(numbers(&telemetry, DURATION), expected([("other UNIMPLEMENTED", 4)]));
}

/// How a call of this method ends, with an empty message.
async fn status_of(running: &Running, path: &str) -> String {
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let answer = raw::send(running.address, "POST", path, &headers, &raw::framed(0, b"")).await.unwrap();
    answer.grpc_status().unwrap().to_owned()
}

/// A service of tonic's kind.
struct Theirs;

#[tonic::async_trait]
impl Echo for Theirs {
    async fn unary(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        match request.get_ref().text.as_str() {
            "fail" => Err(Status::failed_precondition("as told")),
            "panic" => panic!("as told"),
            _ => Ok(Response::new(request.into_inner())),
        }
    }

    type ServerStreamStream = tokio_stream::Iter<std::vec::IntoIter<Result<Message, Status>>>;

    async fn server_stream(&self, request: Request<Message>) -> Result<Response<Self::ServerStreamStream>, Status> {
        Ok(Response::new(tokio_stream::iter(vec![Ok(request.get_ref().clone()), Ok(request.into_inner())])))
    }

    async fn client_stream(&self, request: Request<tonic::Streaming<Message>>) -> Result<Response<Message>, Status> {
        let mut messages = request.into_inner();
        let mut text = String::new();
        while let Some(message) = messages.message().await? {
            text += &message.text;
        }
        Ok(Response::new(Message { text }))
    }

    type BidiStream = tonic::Streaming<Message>;

    async fn bidi(&self, request: Request<tonic::Streaming<Message>>) -> Result<Response<Self::BidiStream>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

fn message(text: &str) -> Message {
    Message { text: text.to_owned() }
}

#[tokio::test]
async fn services_of_tonic_get_names_as_they_answer() {
    for around in [Around::Nothing, Around::Interceptor] {
        let telemetry = Telemetry::builder().build();
        let server = server(&telemetry, around).add_service(EchoServer::new(Theirs));
        let running = Running::start(server).await;
        let mut client = EchoClient::new(running.channel().await);
        let path = <EchoServer<Theirs> as tonic::server::NamedService>::NAME;
        let name = |method: &str| format!("{path}/{method}");
        for _ in 0..2 {
            client.unary(message("hello")).await.unwrap();
        }
        client.unary(message("fail")).await.unwrap_err();
        client.client_stream(tokio_stream::iter(["one", "two"].map(message))).await.unwrap();
        let mut stream = client.server_stream(message("hello")).await.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
        let mut stream = client.bidi(tokio_stream::iter(["one", "two"].map(message))).await.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
        assert_eq!(status_of(&running, &format!("/{path}/MadeUp")).await, "12");
        let (unary, up, down, both) = (name("Unary"), name("ClientStream"), name("ServerStream"), name("Bidi"));
        let started = expected([(&unary, 3), (&up, 1), (&down, 1), (&both, 1), ("other", 1)]);
        eventually(&format!("{around:?}"), started, || numbers(&telemetry, STARTED)).await;
        let ok = |method: &String| format!("{method} OK");
        let received = [
            (ok(&unary), (2, 14)),
            (format!("{unary} FAILED_PRECONDITION"), (1, 6)),
            (ok(&up), (1, 10)),
            (ok(&down), (1, 7)),
            (ok(&both), (1, 10)),
            ("other UNIMPLEMENTED".to_owned(), (1, 0)),
        ];
        let context = format!("{around:?}");
        eventually(&context, received.clone().into(), || counted(&telemetry, RECEIVED)).await;
        let mut sent = received;
        sent[1].1.1 = 0;
        sent[2].1.1 = 8;
        sent[3].1.1 = 14;
        assert_eq!(counted(&telemetry, SENT), sent.into(), "{context}");
    }
}

#[tokio::test]
async fn calls_that_their_callers_give_up_are_cancelled() {
    for kind in KINDS {
        let telemetry = Telemetry::builder().build();
        let (probe, mut seen) = Probe::new();
        let running = Running::start(Server::builder().telemetry(&telemetry).add_service(probe.server())).await;
        let client = Client::new(running.channel().await);
        if kind == Kind::ClientStreaming {
            // It reads on and never answers.
            let endless = tokio_stream::StreamExt::chain(tokio_stream::once(ask("one")), tokio_stream::pending());
            let given_up = tokio::time::timeout(Duration::from_millis(50), client.streaming_from_client(endless));
            assert!(given_up.await.is_err());
        } else {
            let running = call(&client, kind, "hang", |request| request);
            let hangs = async { seen.wait_for(|seen| seen.hanging == 1).await.map(drop) };
            tokio::select! {
                answer = running => panic!("{answer:?}"),
                hangs = patiently(hangs) => hangs.unwrap(),
            }
        }
        let labels = format!("{} CANCELLED", method(kind));
        eventually(&format!("{kind:?}"), expected([(&labels, 1)]), || numbers(&telemetry, DURATION)).await;
        assert_eq!(numbers(&telemetry, STARTED), expected([(method(kind), 1)]), "{kind:?}");
    }
}
