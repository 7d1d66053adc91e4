//! Other protocols than gRPC on a server's port: what they may ask of its handlers, and what stands around that.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use seltzer::server::{
    BeginError, Body, Calls, Logging, Protocol, ProtocolAnswer, ProtocolCall, ProtocolHandler, Served,
};
use seltzer::services::schemas::grpc::testing::SimpleResponse;
use seltzer::{Server, Status};

use crate::support::Running;
use crate::support::probe::{Probe, ask, text};
use crate::support::raw::{Answer, framed, send};

/// `TALK /package.Service/Method`, with what the probe is to do as text: lines of text come back, and the status.
#[derive(Default)]
struct Talk {
    names: Vec<String>,
    methods: usize,
}

impl Protocol for Talk {
    fn begin(&mut self, served: &Served<'_>) -> Result<(), BeginError> {
        self.names = served.names().iter().map(ToString::to_string).collect();
        self.methods = served.services().map(|service| service.methods.len()).sum();
        Ok(())
    }

    fn handler(&self, request: &http::Request<Body>) -> Option<ProtocolHandler> {
        let (names, methods) = (self.names.join(","), self.methods);
        match request.method().as_str() {
            "SERVED" => Some(Box::new(move |_, calls| {
                Box::pin(async move { answer(format!("{names} {methods} {}", calls.peer().remote_addr().is_some())) })
            })),
            "TALK" => Some(Box::new(talk)),
            "FORWARD" => Some(Box::new(|request, calls| Box::pin(async move { calls.forward(request).await }))),
            _ => None,
        }
    }
}

fn answer(text: String) -> http::Response<Body> {
    http::Response::new(Body::new(Full::new(Bytes::from(text))))
}

fn talk(request: http::Request<Body>, calls: Calls) -> ProtocolAnswer {
    Box::pin(async move {
        let (head, body) = request.into_parts();
        let text = body.collect().await.unwrap().to_bytes();
        let messages: Vec<_> = std::str::from_utf8(&text)
            .unwrap()
            .lines()
            .map(|line| match line {
                "break" => Err(Status::data_loss("it broke")),
                line => Ok(Bytes::from(ask(line).encode_to_vec())),
            })
            .collect();
        let path = head.uri.path();
        let mut call = match &messages[..] {
            [Ok(only)] => ProtocolCall::new(path, only.clone()),
            _ => ProtocolCall::streaming(path, tokio_stream::iter(messages)),
        };
        call.metadata = seltzer::metadata::MetadataMap::from_headers(head.headers);
        call.timeout =
            call.metadata.get("patience-ms").map(|ms| Duration::from_millis(ms.to_str().unwrap().parse().unwrap()));
        let mut reply = calls.call(call).await;
        let mut lines = Vec::new();
        let end = loop {
            match reply.messages.next().await {
                Ok(Some(message)) => lines.push(self::text(&SimpleResponse::decode(message).unwrap())),
                Ok(None) => break Ok(reply.messages.take_trailers()),
                Err(status) => break Err(status),
            }
        };
        lines.push(match end {
            Ok(trailers) => format!("OK {:?}", trailers.get("x-trailer")),
            Err(status) => format!("{:?} {}", status.code(), status.message()),
        });
        answer(lines.join("\n"))
    })
}

async fn server(server: Server) -> Running {
    Running::start(server.add_service(Probe::new().0.server()).speak(Talk::default())).await
}

async fn ask_for(server: &Running, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    send(server.address, method, path, headers, body.as_bytes()).await.unwrap()
}

async fn said(server: &Running, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let path = format!("/grpc.testing.BenchmarkService/{path}");
    let answer = ask_for(server, "TALK", &path, headers, body).await;
    assert_eq!(answer.status, 200, "{path}");
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_protocol_reaches_the_handlers() {
    let server = server(Server::builder()).await;
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);
    // (method, headers, messages, lines that come back)
    let table: [Row<'_>; 11] = [
        ("UnaryCall", &[], "hello", "hello\nOK None"),
        ("UnaryCall", &[], "trailer seen", "ok\nOK Some(\"seen\")"),
        ("UnaryCall", &[], "fail not now", "FailedPrecondition not now"),
        ("UnaryCall", &[], "panic", "Internal the handler panicked"),
        ("UnaryCall", &[("patience-ms", "20")], "hang", "DeadlineExceeded "),
        ("UnaryCall", &[], "one\ntwo", "Unimplemented "),
        ("StreamingCall", &[], "one\ntwo", "one\ntwo\nOK None"),
        ("NoSuch", &[], "x", "Unimplemented there is no method"),
        ("StreamingFromClient", &[], "one\ntwo", "one two\nOK None"),
        ("StreamingFromClient", &[], "one\nbreak", "DataLoss it broke"),
        ("StreamingFromServer", &[], "count 3", "0\n1\n2\nOK None"),
    ];
    for (method, headers, messages, lines) in table {
        let said = said(&server, method, headers, messages).await;
        assert!(said.starts_with(lines), "{method} {messages:?}: {said}");
    }
}

#[tokio::test]
async fn it_knows_what_is_served_and_who_asks() {
    let server = server(Server::builder()).await;
    let answer = ask_for(&server, "SERVED", "/", &[], "").await;
    assert_eq!(&answer.body[..], b"grpc.testing.BenchmarkService 5 true");
}

#[tokio::test]
async fn what_is_framed_already_goes_through_as_it_is() {
    let server = server(Server::builder()).await;
    let message = framed(0, &ask("trailer seen").encode_to_vec());
    let path = "/grpc.testing.BenchmarkService/UnaryCall";
    let answer = send(server.address, "FORWARD", path, &[("content-type", "foreign/thing")], &message).await.unwrap();
    assert_eq!(answer.headers.get("content-type").unwrap(), "application/grpc");
    assert_eq!(
        (answer.trailers.get("grpc-status").unwrap(), &answer.body[..5]),
        (&"0".parse().unwrap(), &[0, 0, 0, 0, 6][..])
    );
    assert_eq!(answer.trailers.get("x-trailer").unwrap(), "seen");
}

#[tokio::test]
async fn requests_of_nobody_and_calls_go_where_they_went() {
    let server = server(Server::builder()).await;
    assert_eq!(ask_for(&server, "GET", "/", &[], "").await.status, 200);
    assert_eq!(ask_for(&server, "GET", "/elsewhere", &[], "").await.status, 404);
    let message = framed(0, &ask("hi").encode_to_vec());
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let answer = send(server.address, "POST", "/grpc.testing.BenchmarkService/UnaryCall", &headers, &message).await;
    assert_eq!(answer.unwrap().grpc_status(), Some("0"));
}

/// Counts what passes.
#[derive(Clone, Default)]
struct Passing(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Passing {
    fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn pass(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[tokio::test]
async fn what_stands_around_calls_sees_each_once() {
    let (layer, interceptor) = (Passing::default(), Passing::default());
    let (seen_by_layer, seen_by_interceptor) = (layer.clone(), interceptor.clone());
    let builder = Server::builder()
        .layer(tower::util::MapRequestLayer::new(move |request: http::Request<Body>| {
            seen_by_layer.pass();
            request
        }))
        .intercept(Logging::new())
        .interceptor(move |request| {
            seen_by_interceptor.pass();
            Ok(request)
        });
    let server = server(builder).await;
    for number in 1..=3 {
        assert_eq!(said(&server, "UnaryCall", &[], "hello").await, "hello\nOK None");
        assert_eq!((layer.count(), interceptor.count()), (number, number));
    }
}

#[tokio::test]
async fn a_protocol_that_cannot_begin_keeps_the_server_from_starting() {
    struct Picky;

    impl Protocol for Picky {
        fn begin(&mut self, served: &Served<'_>) -> Result<(), BeginError> {
            Err(format!("{} is not to my taste", served.names().join(",")).into())
        }

        fn handler(&self, _: &http::Request<Body>) -> Option<ProtocolHandler> {
            None
        }
    }

    let server = Server::builder().add_service(Probe::new().0.server()).speak(Picky);
    let error = server.bind("localhost:0").await.expect_err("it must not start");
    assert_eq!(error.to_string(), "grpc.testing.BenchmarkService is not to my taste");
}
