//! Interceptors of servers: what they see, what they may change, and that calls end as they say.

mod ends;
mod layers;
mod limits;
mod shipped;
mod theirs;

use std::fmt;
use std::sync::{Arc, Mutex};

use seltzer::metadata::MetadataMap;
use seltzer::server::{Interceptors, Message, Next, ServerCall, ServerInterceptor, ServerReply};
use seltzer::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use seltzer::{CallOptionsExt as _, Code, MethodKind, Request, Server, Status};
use tokio::sync::watch;
use tokio_stream::StreamExt as _;

use crate::support::kinds::{KINDS, Kind, call};
use crate::support::probe::{Client, Probe, Seen, ask, text};
use crate::support::{Running, patiently};

/// What happened, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, what: impl fmt::Display) {
        self.0.lock().unwrap().push(what.to_string());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The probe behind interceptors, and a client.
async fn probe(interceptors: impl Into<Interceptors>) -> (Running, Client, watch::Receiver<Seen>) {
    let (probe, seen) = Probe::new();
    let server = Running::start(Server::builder().intercept(interceptors).add_service(probe.server())).await;
    let client = Client::new(server.channel().await);
    (server, client, seen)
}

fn as_it_is(request: Request<()>) -> Request<()> {
    request
}

fn say(words: &str) -> Message {
    Message::new(SimpleResponse { payload: ask(words).payload, ..SimpleResponse::default() })
}

/// Notes when it sees a call and when it sees the answer.
struct Noting {
    name: &'static str,
    diary: Diary,
}

impl ServerInterceptor for Noting {
    async fn intercept(&self, call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        self.diary.note(format_args!("{} sees {}/{}", self.name, call.service(), call.method()));
        let reply = next.run(call).await;
        self.diary.note(format_args!("{} sees {}", self.name, if reply.is_ok() { "an answer" } else { "a failure" }));
        reply
    }
}

#[tokio::test]
async fn interceptors_stand_around_calls_of_all_kinds_in_order() {
    let diary = Diary::default();
    let noting = |name| Noting { name, diary: diary.clone() };
    let gate = |name: &'static str| {
        let diary = diary.clone();
        move |request: Request<()>| {
            diary.note(name);
            Ok(request)
        }
    };
    let server = Server::builder()
        .interceptor(gate("gate one"))
        .intercept(Interceptors::new().with(noting("two")).with(noting("three")))
        .interceptor(gate("gate four"))
        .add_service(Probe::new().0.server().intercept(noting("five")).intercept(noting("six")));
    let server = Running::start(server).await;
    let client = Client::new(server.channel().await);
    let methods = ["UnaryCall", "StreamingFromClient", "StreamingFromServer", "StreamingCall"];
    for (kind, method) in KINDS.into_iter().zip(methods) {
        assert_eq!(call(&client, kind, "hi", as_it_is).await.unwrap(), "hi", "{kind:?}");
        let sees = |name| format!("{name} sees grpc.testing.BenchmarkService/{method}");
        let answer = |name| format!("{name} sees an answer");
        let expected = [
            "gate one".to_owned(),
            sees("two"),
            sees("three"),
            "gate four".to_owned(),
            sees("five"),
            sees("six"),
            answer("six"),
            answer("five"),
            answer("three"),
            answer("two"),
        ];
        assert_eq!(diary.take(), expected, "{kind:?}");
    }
}

#[tokio::test]
async fn a_call_is_described() {
    let (server, client, _) = probe(async |call: ServerCall, next: Next| {
        let _ = next;
        let (peer, own) = (call.peer().unwrap(), seltzer::context::current());
        assert_eq!(own.method(), call.path());
        let descriptor = call.descriptor().unwrap();
        Ok::<_, Status>(ServerReply::new(say(&format!(
            "{:?} {} {} {} {}",
            call.kind(),
            descriptor.input,
            call.metadata().get("x-user").unwrap().to_str().unwrap(),
            peer.remote_addr().is_some(),
            call.deadline().is_some(),
        ))))
    })
    .await;
    for (kind, name) in KINDS.into_iter().zip(["Unary", "ClientStreaming", "ServerStreaming", "BidiStreaming"]) {
        let prepare = |mut request: Request<()>| {
            request.metadata_mut().insert("x-user", "alice".parse().unwrap());
            request.set_timeout(crate::support::PATIENCE);
            request
        };
        let expected = format!("{name} grpc.testing.SimpleRequest alice true true");
        assert_eq!(call(&client, kind, "hi", prepare).await.unwrap(), expected);
    }
    drop(server);
}

/// Changes every message there and back.
struct Shouting;

impl ServerInterceptor for Shouting {
    async fn intercept(&self, call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        let call = call.map_requests(|mut message| {
            let request = message.downcast_mut::<SimpleRequest>().expect("this service has no other requests");
            request.payload.as_mut().unwrap().body.make_ascii_uppercase();
            Ok(message)
        });
        next.run(call).await?.map_messages(|mut message| {
            let answer = message.downcast_mut::<SimpleResponse>().expect("this service has no other answers");
            answer.payload.as_mut().unwrap().body.push(b'!');
            Ok(message)
        })
    }
}

#[tokio::test]
async fn messages_are_seen_and_changed_both_ways() {
    let (_server, client, _) = probe(Shouting).await;
    for kind in KINDS {
        assert_eq!(call(&client, kind, "hi", as_it_is).await.unwrap(), "HI!", "{kind:?}");
    }
    // Streams are changed message by message.
    let up = client.streaming_from_client(tokio_stream::iter(["a", "b"].map(ask))).await.unwrap();
    assert_eq!(text(up.get_ref()), "A B!");
    let both = client.streaming_call(tokio_stream::iter(["a", "b"].map(ask))).await.unwrap().into_inner();
    assert_eq!(both.map(|answer| text(&answer.unwrap())).collect::<Vec<_>>().await, ["A!", "B!"]);
}

#[tokio::test]
async fn a_single_message_may_be_read_and_a_stream_replaced() {
    let (_server, client, _) = probe(async |mut call: ServerCall, next: Next| {
        match call.message().await? {
            Some(message) => *message = Message::new(ask("replaced")),
            None => {
                let more = call.take_requests().chain(tokio_stream::once(Ok(Message::new(ask("more")))));
                call = call.with_requests(more);
            }
        }
        next.run(call).await
    })
    .await;
    for (kind, expected) in KINDS.into_iter().zip(["replaced", "hi more", "replaced", "hi more"]) {
        assert_eq!(call(&client, kind, "hi", as_it_is).await.unwrap(), expected, "{kind:?}");
    }
}

#[tokio::test]
async fn metadata_and_trailers_are_apart_and_may_be_changed() {
    let (_server, client, _) = probe(async |mut call: ServerCall, next: Next| {
        call.metadata_mut().insert("x-echo", "from the interceptor".parse().unwrap());
        let mut reply = next.run(call).await?;
        assert!(reply.metadata().get("x-trailer").is_none());
        if let Some(trailers) = reply.trailers() {
            assert_eq!(trailers.get("x-trailer").unwrap(), "seven");
        }
        reply.metadata_mut().insert("x-added", "1".parse().unwrap());
        reply.map_end(|end| {
            let mut trailers = end?;
            assert_eq!(trailers.remove("x-trailer").unwrap(), "seven");
            trailers.insert("x-other", "eight".parse().unwrap());
            Ok(trailers)
        })
    })
    .await;
    let answer = client.unary_call(ask("trailer seven")).await.unwrap();
    assert_eq!(answer.metadata().get("x-echo").unwrap(), "from the interceptor");
    assert_eq!(answer.metadata().get("x-added").unwrap(), "1");
    assert_eq!(answer.metadata().get("x-other").unwrap(), "eight");
    assert!(answer.metadata().get("x-trailer").is_none());
    let down = client.streaming_from_server(ask("trailer seven")).await.unwrap();
    let both = client.streaming_call(tokio_stream::iter([ask("trailer seven")])).await.unwrap();
    for stream in [down, both] {
        assert_eq!(stream.metadata().get("x-added").unwrap(), "1");
        let trailers = stream.into_inner().trailers().await.unwrap().unwrap();
        assert_eq!((trailers.get("x-other").unwrap(), trailers.get("x-trailer")), (&"eight".parse().unwrap(), None));
    }
}

#[tokio::test]
async fn metadata_that_a_handler_sends_ahead_arrives_ahead() {
    let (_server, client, mut seen) = probe(async |call: ServerCall, next: Next| {
        let mut reply = next.run(call).await?;
        reply.metadata_mut().insert("x-late", "1".parse().unwrap());
        Ok(reply)
    })
    .await;
    // The handler never answers, but what it sent arrives.
    let stream = patiently(client.streaming_from_server(ask("early then-hang"))).await.unwrap();
    assert_eq!(stream.metadata().get("x-early").unwrap(), "bird");
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    drop(stream);
    patiently(seen.wait_for(|seen| seen.dropped == 1)).await.unwrap();
    // What comes too late for the headers is among the trailers.
    let mut stream = client.streaming_from_server(ask("early")).await.unwrap().into_inner();
    let trailers = stream.trailers().await.unwrap().unwrap();
    assert!(trailers.get("x-late").is_some() || trailers.is_empty(), "{trailers:?}");
}

#[tokio::test]
async fn statuses_may_be_changed_wherever_they_come() {
    let (_server, client, _) = probe(async |call: ServerCall, next: Next| {
        let better = |status: Status| Status::not_found(format!("was: {}", status.message()));
        next.run(call).await.map_err(better)?.map_end(move |end| end.map_err(better))
    })
    .await;
    for kind in [Kind::Unary, Kind::ServerStreaming, Kind::BidiStreaming] {
        let status = call(&client, kind, "fail no", as_it_is).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "was: no"), "{kind:?}");
    }
    // After messages that came.
    let mut stream = client.streaming_from_server(ask("one-then fail no")).await.unwrap().into_inner();
    assert_eq!(text(&stream.message().await.unwrap().unwrap()), "one");
    assert_eq!(stream.message().await.unwrap_err().message(), "was: no");
    // A good end may be made a bad one, and the other way round, after the last message.
    let (_server, client, _) = probe(async |call: ServerCall, next: Next| {
        next.run(call).await?.map_end(|end| match end {
            Ok(_) => Err(Status::data_loss("on second thoughts")),
            Err(_) => Ok(MetadataMap::new()),
        })
    })
    .await;
    let status = call(&client, Kind::ServerStreaming, "hi", as_it_is).await.unwrap_err();
    assert_eq!(status.code(), Code::DataLoss);
    assert_eq!(call(&client, Kind::ServerStreaming, "one-then fail no", as_it_is).await.unwrap(), "one");
    assert_eq!(call(&client, Kind::Unary, "hi", as_it_is).await.unwrap_err().code(), Code::DataLoss);
}

#[tokio::test]
async fn an_answer_may_come_without_the_handler_and_before_the_request() {
    let (_server, client, _) = probe(async |call: ServerCall, _next: Next| {
        Ok::<_, Status>(match call.kind() {
            MethodKind::Unary | MethodKind::ClientStreaming => ServerReply::new(say("one")),
            MethodKind::ServerStreaming => {
                let messages = vec![Ok(say("one")), Ok(say("two"))];
                ServerReply::from_stream(tokio_stream::iter(messages), MetadataMap::new())
            }
            // One answer is a stream, too.
            MethodKind::BidiStreaming => ServerReply::new(say("alone")),
        })
    })
    .await;
    for (kind, expected) in KINDS.into_iter().zip(["one", "one", "one two", "alone"]) {
        assert_eq!(call(&client, kind, "panic", as_it_is).await.unwrap(), expected, "{kind:?}");
    }
    // Nobody waits for requests that never come.
    let never = tokio_stream::pending::<SimpleRequest>;
    assert_eq!(text(patiently(client.streaming_from_client(never())).await.unwrap().get_ref()), "one");
    let (_server, client, _) =
        probe(async |_: ServerCall, _: Next| Err::<ServerReply, _>(Status::permission_denied("closed"))).await;
    for kind in KINDS {
        let status = call(&client, kind, "panic", as_it_is).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "closed"), "{kind:?}");
    }
    let refused = patiently(client.streaming_call(never())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn what_an_interceptor_gets_wrong_ends_the_call_alone() {
    type Change = fn(ServerCall) -> ServerCall;
    type Reply = fn() -> Option<Result<ServerReply, Status>>;
    let table: [(Change, Reply, Kind, &str); 7] = [
        (|call| call.map_requests(|_| Ok(Message::new(7_u32))), || None, Kind::Unary, "u32 where a request"),
        (|call| call.map_requests(|_| Ok(Message::new(7_u32))), || None, Kind::BidiStreaming, "u32 where a request"),
        (|call| call.with_requests(tokio_stream::empty()), || None, Kind::Unary, "none came"),
        (|call| call, || Some(Ok(ServerReply::new(Message::new("text")))), Kind::Unary, "&str where an answer"),
        (
            |call| call,
            || Some(Ok(ServerReply::new(Message::new("text")))),
            Kind::ServerStreaming,
            "&str where an answer",
        ),
        (|call| call, || Some(Ok(nothing())), Kind::ClientStreaming, "none came"),
        (|call| call, || Some(Err(Status::ok("nonsense"))), Kind::Unary, "the status OK"),
    ];
    for (change, reply, kind, words) in table {
        let (_server, client, _) = probe(move |call: ServerCall, next: Next| async move {
            match reply() {
                Some(reply) => reply,
                None => next.run(change(call)).await,
            }
        })
        .await;
        let status = call(&client, kind, "hi", as_it_is).await.unwrap_err();
        assert!(status.message().contains(words), "{words}: {status:?}");
    }
}

fn nothing() -> ServerReply {
    ServerReply::from_stream(tokio_stream::empty(), MetadataMap::new())
}

#[tokio::test]
async fn a_request_that_is_refused_while_it_comes_reaches_the_handler_as_an_error() {
    let (_server, client, _) = probe(async |call: ServerCall, next: Next| {
        let mut left = 2;
        let call = call.map_requests(move |message| {
            left -= 1;
            if left == 0 { Err(Status::resource_exhausted("that was one too many")) } else { Ok(message) }
        });
        next.run(call).await
    })
    .await;
    let requests = || tokio_stream::iter(["a", "b", "c"].map(ask));
    let status = client.streaming_from_client(requests()).await.unwrap_err();
    assert_eq!(status.message(), "that was one too many");
    let mut both = client.streaming_call(requests()).await.unwrap().into_inner();
    assert_eq!(text(&both.message().await.unwrap().unwrap()), "a");
    assert_eq!(both.message().await.unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn compression_passes() {
    use seltzer::codec::CompressionEncoding;

    let (_server, client, _) = probe(Shouting).await;
    let gzip = |mut request: Request<()>| {
        request.set_compression(CompressionEncoding::Gzip);
        request
    };
    // The interceptor shouts, the probe does not know that command and says it again.
    assert_eq!(call(&client, Kind::Unary, "compressed!", gzip).await.unwrap(), "COMPRESSED!!");
    let (_server, client, _) = probe(async |call: ServerCall, next: Next| next.run(call).await).await;
    assert_eq!(call(&client, Kind::Unary, "compressed?", gzip).await.unwrap(), "true");
    assert_eq!(call(&client, Kind::Unary, "compressed?", as_it_is).await.unwrap(), "false");
    let answer = client.unary_call(ask("encoding gzip")).await.unwrap();
    assert!(answer.extensions().get::<seltzer::codec::ReceivedCompressed>().is_some());
    let mut stream = client.streaming_from_server(ask("encoding gzip")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    assert!(stream.last_was_compressed());
}

#[tokio::test]
async fn a_service_under_another_server_has_them_too() {
    // Ours again, which takes it for a service of somebody else's.
    let service = Probe::new().0.server().into_tower().intercept(Shouting);
    let server = Running::start(Server::builder().add_service(service)).await;
    let client = Client::new(server.channel().await);
    for kind in KINDS {
        assert_eq!(call(&client, kind, "hi", as_it_is).await.unwrap(), "HI!", "{kind:?}");
    }
}
