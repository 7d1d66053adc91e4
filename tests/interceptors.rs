//! Interceptors of clients: what they see, what they may change, and that calls end as they say.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seltzer::client::{
    BearerToken, CallEnd, CallMetrics, ClientCall, ClientInterceptor, ClientReply, InterceptedChannel, Interceptors,
    Logging, Message, Metrics, Next,
};
use seltzer::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use seltzer::{CallOptionsExt as _, Channel, Code, MethodKind, Request, Server, Status};
use tokio::sync::watch;
use tokio_stream::StreamExt as _;

use crate::support::kinds::{KINDS, Kind, call};
use crate::support::mirror::Mirror;
use crate::support::probe::{Client, Probe, Seen, ask, text};
use crate::support::{Running, endpoint, patiently};

const SHORT: Duration = Duration::from_millis(50);

async fn probe() -> (Running, Channel, watch::Receiver<Seen>) {
    let (probe, seen) = Probe::new();
    let server = Running::start(Server::builder().add_service(probe.server())).await;
    let channel = server.channel().await;
    (server, channel, seen)
}

fn intercepted(channel: Channel, interceptor: impl ClientInterceptor) -> Client<InterceptedChannel<Channel>> {
    Client::with_interceptors(channel, interceptor)
}

fn as_it_is(request: Request<()>) -> Request<()> {
    request
}

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

/// Notes when it sees a call and when it sees the answer.
struct Noting {
    name: &'static str,
    diary: Diary,
}

impl ClientInterceptor for Noting {
    async fn intercept(&self, mut call: ClientCall, next: Next) -> Result<ClientReply, Status> {
        self.diary.note(format_args!("{} sees {}", self.name, call.method()));
        call.metadata_mut().append("x-passed", self.name.parse().unwrap());
        let reply = next.run(call).await;
        self.diary.note(format_args!("{} sees {}", self.name, if reply.is_ok() { "an answer" } else { "a failure" }));
        reply
    }
}

#[tokio::test]
async fn interceptors_stand_around_calls_of_all_kinds_in_order() {
    let mirror = Mirror::start().await;
    let channel = endpoint(mirror.uri()).connect().await.unwrap();
    let diary = Diary::default();
    let noting = |name| Noting { name, diary: diary.clone() };
    let inner = channel.intercept(Interceptors::new().with(noting("second")).with(noting("third")));
    // Those of a client stand around those of its channel.
    let client = Client::with_interceptors(inner, noting("first"));
    for kind in KINDS {
        let seen = call(&client, kind, "hi", as_it_is).await.unwrap();
        assert!(seen.contains("x-passed: first\nx-passed: second\nx-passed: third\n"), "{kind:?} {seen}");
        let notes = diary.take();
        assert_eq!(notes.len(), 6, "{kind:?} {notes:?}");
        let order: Vec<_> = notes.iter().map(|note| note.split(' ').next().unwrap()).collect();
        assert_eq!(order, ["first", "second", "third", "third", "second", "first"], "{kind:?}");
        assert_eq!(notes[5], "first sees an answer");
    }
}

/// Changes every message there and back.
struct Shouting;

impl ClientInterceptor for Shouting {
    async fn intercept(&self, call: ClientCall, next: Next) -> Result<ClientReply, Status> {
        let call = call.map_requests(|mut message| {
            let request = message.downcast_mut::<SimpleRequest>().expect("this service has no other requests");
            request.payload.as_mut().unwrap().body.make_ascii_uppercase();
            message
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
    let (_server, channel, _) = probe().await;
    let client = intercepted(channel, Shouting);
    for kind in KINDS {
        assert_eq!(call(&client, kind, "hi", as_it_is).await.unwrap(), "HI!", "{kind:?}");
    }
    // A stream is changed message by message.
    let down = client.streaming_from_server(ask("hi")).await.unwrap().into_inner();
    assert_eq!(down.map(|answer| text(&answer.unwrap())).collect::<Vec<_>>().await, ["HI!"]);
    let up = client.streaming_from_client(tokio_stream::iter(["a", "b"].map(ask))).await.unwrap();
    assert_eq!(text(up.get_ref()), "A B!");
}

#[tokio::test]
async fn metadata_and_trailers_are_apart_and_may_be_changed() {
    let (_server, channel, _) = probe().await;
    let client = intercepted(channel, async |call: ClientCall, next: Next| {
        let mut reply = next.run(call).await?;
        assert!(reply.metadata().get("x-trailer").is_none());
        if let Some(trailers) = reply.trailers() {
            assert_eq!(trailers.get("x-trailer").unwrap(), "seven");
        }
        reply.metadata_mut().insert("x-added", "1".parse().unwrap());
        reply.map_end(|end| {
            let mut trailers = end?;
            trailers.remove("x-trailer");
            trailers.insert("x-other", "eight".parse().unwrap());
            Ok(trailers)
        })
    });
    let answer = client.unary_call(ask("trailer seven")).await.unwrap();
    assert_eq!(answer.metadata().get("x-added").unwrap(), "1");
    assert_eq!(answer.metadata().get("x-other").unwrap(), "eight");
    assert!(answer.metadata().get("x-trailer").is_none());
    let stream = client.streaming_from_server(ask("trailer seven")).await.unwrap();
    assert_eq!(stream.metadata().get("x-added").unwrap(), "1");
    let trailers = stream.into_inner().trailers().await.unwrap().unwrap();
    assert_eq!((trailers.get("x-other").unwrap(), trailers.get("x-trailer")), (&"eight".parse().unwrap(), None));
}

#[tokio::test]
async fn statuses_may_be_changed_wherever_they_come() {
    let (_server, channel, _) = probe().await;
    let client = intercepted(channel, async |call: ClientCall, next: Next| {
        let better = |status: Status| Status::not_found(format!("was: {}", status.message()));
        next.run(call).await.map_err(better)?.map_end(move |end| end.map_err(better))
    });
    for kind in [Kind::Unary, Kind::ServerStreaming, Kind::BidiStreaming] {
        let status = call(&client, kind, "fail no", as_it_is).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "was: no"), "{kind:?}");
    }
    // After messages that came.
    let mut stream = client.streaming_from_server(ask("one-then fail no")).await.unwrap().into_inner();
    assert_eq!(text(&stream.message().await.unwrap().unwrap()), "one");
    assert_eq!(stream.message().await.unwrap_err().message(), "was: no");
    assert!(stream.message().await.unwrap().is_none());
}

#[tokio::test]
async fn an_answer_may_come_without_a_call() {
    let nobody = Channel::builder("http://127.0.0.1:1").connect_lazy();
    let client = intercepted(nobody, async |call: ClientCall, _next: Next| {
        let answer = |words: &str| Message::new(SimpleResponse { payload: ask(words).payload, ..Default::default() });
        Ok(match call.kind() {
            MethodKind::Unary | MethodKind::ClientStreaming => ClientReply::new(answer("one")),
            MethodKind::ServerStreaming => {
                let messages = vec![Ok(answer("one")), Ok(answer("two"))];
                ClientReply::from_stream(tokio_stream::iter(messages), Default::default())
            }
            // One answer is a stream, too.
            MethodKind::BidiStreaming => ClientReply::new(answer("alone")),
        })
    });
    for (kind, expected) in KINDS.into_iter().zip(["one", "one", "one two", "alone"]) {
        assert_eq!(call(&client, kind, "hi", as_it_is).await.unwrap(), expected, "{kind:?}");
    }
}

#[tokio::test]
async fn what_an_interceptor_gets_wrong_ends_the_call_alone() {
    let (_server, channel, _) = probe().await;
    type Change = fn(ClientCall) -> ClientCall;
    let table: [(Change, Option<ClientReply>, &str); 3] = [
        (|call| call.map_requests(|_| Message::new(7_u32)), None, "u32 where a request"),
        (|call| call, Some(ClientReply::new(Message::new("text"))), "&str where an answer"),
        (|call| call, Some(ClientReply::from_stream(tokio_stream::empty(), Default::default())), "none came"),
    ];
    for (change, reply, words) in table {
        let reply = Mutex::new(reply);
        let client = intercepted(channel.clone(), move |call, next: Next| {
            let (call, reply) = (change(call), reply.lock().unwrap().take());
            async move {
                match reply {
                    Some(reply) => Ok(reply),
                    None => next.run(call).await,
                }
            }
        });
        let status = client.unary_call(ask("hi")).await.unwrap_err();
        assert!(status.message().contains(words), "{words}: {status:?}");
    }
    let failing = intercepted(channel.clone(), async |_: ClientCall, _: Next| Err(Status::ok("nonsense")));
    for kind in KINDS {
        assert_eq!(call(&failing, kind, "hi", as_it_is).await.unwrap_err().code(), Code::Internal, "{kind:?}");
    }
    assert_eq!(text(Client::new(channel).unary_call(ask("alive")).await.unwrap().get_ref()), "alive");
}

/// Fails the first calls, after having made them.
struct Flaky(AtomicUsize);

impl ClientInterceptor for Flaky {
    async fn intercept(&self, call: ClientCall, next: Next) -> Result<ClientReply, Status> {
        let reply = next.run(call).await?;
        match self.0.fetch_sub(1, Ordering::SeqCst) {
            0 => Ok(reply),
            left => Err(Status::unavailable(format!("{left} failures are left"))),
        }
    }
}

#[tokio::test]
async fn calls_are_repeated_and_put_off_within_their_deadline() {
    let (_server, channel, _) = probe().await;
    let again = async |call: ClientCall, next: Next| loop {
        let Some(attempt) = call.try_clone() else { return next.run(call).await };
        match next.clone().run(attempt).await {
            Err(status) if status.code() == Code::Unavailable => tokio::time::sleep(Duration::from_millis(1)).await,
            answer => return answer,
        }
    };
    let interceptors = |failures| Interceptors::new().with(again).with(Flaky(AtomicUsize::new(failures)));
    for kind in [Kind::Unary, Kind::ServerStreaming] {
        let client = Client::with_interceptors(channel.clone(), interceptors(3));
        assert_eq!(call(&client, kind, "hi", as_it_is).await.unwrap(), "hi", "{kind:?}");
    }
    // Streams of requests can be sent only once.
    let client = Client::with_interceptors(channel.clone(), interceptors(3));
    let status = call(&client, Kind::ClientStreaming, "hi", as_it_is).await.unwrap_err();
    assert_eq!(status.message(), "3 failures are left");

    // However often it is tried, the time is the same.
    let client = Client::with_interceptors(channel.clone(), interceptors(usize::MAX));
    let within = |mut request: Request<()>| {
        request.set_timeout(SHORT);
        request
    };
    let status = call(&client, Kind::Unary, "hi", within).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    let sleeping = intercepted(channel, async |call: ClientCall, next: Next| {
        assert!(call.deadline().is_some());
        std::future::pending::<()>().await;
        next.run(call).await
    });
    for kind in KINDS {
        let status = call(&sleeping, kind, "hi", within).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?} {status:?}");
        assert!(status.message().contains("interceptors"), "{kind:?} {status:?}");
    }
}

#[tokio::test]
async fn options_pass_and_may_be_changed() {
    let mirror = Mirror::start().await;
    let channel = endpoint(mirror.uri()).connect().await.unwrap();
    let client = intercepted(channel, async |mut call: ClientCall, next: Next| {
        let options = call.options_mut().clone().authority("changed.example.com".parse().unwrap());
        *call.options_mut() = options;
        next.run(call).await
    });
    for kind in KINDS {
        let prepare = |mut request: Request<()>| {
            request.set_compression(seltzer::codec::CompressionEncoding::Gzip);
            request.set_timeout(Duration::from_secs(60));
            request
        };
        let seen = call(&client, kind, "hi", prepare).await.unwrap();
        assert!(seen.starts_with("POST http://changed.example.com/"), "{kind:?} {seen}");
        assert!(seen.contains("grpc-encoding: gzip\n") && seen.ends_with("flag: 1"), "{kind:?} {seen}");
        assert!(seen.contains("grpc-timeout: "), "{kind:?} {seen}");
    }
}

#[tokio::test]
async fn every_end_is_seen_once() {
    let (_server, channel, mut seen) = probe().await;
    let diary = Diary::default();
    let client = intercepted(channel, {
        let diary = diary.clone();
        move |call: ClientCall, next: Next| {
            let diary = diary.clone();
            let note = move |end: &CallEnd| {
                diary.note(format_args!("{:?} {} {}", end.code(), end.requests(), end.replies()));
            };
            async move { next.run_watched(call, note).await }
        }
    });
    for kind in KINDS {
        call(&client, kind, "hi", as_it_is).await.unwrap();
        assert_eq!(diary.take(), ["Ok 1 1"], "{kind:?}");
    }
    client.unary_call(ask("fail no")).await.unwrap_err();
    assert_eq!(diary.take(), ["FailedPrecondition 1 0"]);
    let mut stream = client.streaming_from_server(ask("one-then fail no")).await.unwrap().into_inner();
    while let Ok(Some(_)) = stream.message().await {}
    assert_eq!(diary.take(), ["FailedPrecondition 1 1"]);

    // Dropped by the caller: while the handler is at work, and while the stream is read.
    let hanging = tokio::spawn({
        let client = client.clone();
        async move { client.unary_call(ask("hang")).await }
    });
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    hanging.abort();
    patiently(seen.wait_for(|seen| seen.dropped == 1)).await.unwrap();
    assert_eq!(diary.take(), ["Cancelled 1 0"]);
    let mut stream = client.streaming_from_server(ask("one-then hang")).await.unwrap().into_inner();
    stream.message().await.unwrap();
    drop(stream);
    assert_eq!(diary.take(), ["Cancelled 1 1"]);
    patiently(seen.wait_for(|seen| seen.dropped == 2)).await.unwrap();
}

#[tokio::test]
async fn metrics_count_by_method_and_code() {
    #[derive(Default)]
    struct Own(Diary);
    impl CallMetrics for Own {
        fn began(&self, path: &str) {
            self.0.note(path);
        }
        fn ended(&self, path: &str, end: &CallEnd) {
            self.0.note(format_args!("{path} {:?}", end.code()));
        }
    }
    let (_server, channel, _) = probe().await;
    let (metrics, own) = (Metrics::new(), Metrics::reporting_to(Own::default()));
    let client = Client::new(channel.intercept(metrics.clone()).intercept(own.clone()));
    for _ in 0..3 {
        client.unary_call(ask("hi")).await.unwrap();
    }
    client.unary_call(ask("fail no")).await.unwrap_err();
    let path = "/grpc.testing.BenchmarkService/UnaryCall";
    let counts = metrics.counts().snapshot();
    let table: Vec<_> = counts.iter().map(|one| (&*one.path, one.code, one.calls, one.requests, one.replies)).collect();
    assert_eq!(table, [(path, Code::Ok, 3, 3, 3), (path, Code::FailedPrecondition, 1, 1, 0)]);
    assert!(counts.iter().all(|one| one.duration_max <= one.duration_total && !one.duration_max.is_zero()));
    let notes = own.counts().0.take();
    assert_eq!(notes.len(), 8);
    assert_eq!(notes[6..], [path.to_owned(), format!("{path} FailedPrecondition")]);
}

#[tokio::test]
async fn a_bearer_token_is_put_into_each_call() {
    let mirror = Mirror::start().await;
    let channel = endpoint(mirror.uri()).connect().await.unwrap();
    let client = intercepted(channel, BearerToken::fixed("token123").unwrap());
    for kind in KINDS {
        let seen = call(&client, kind, "hi", as_it_is).await.unwrap();
        assert!(seen.contains("authorization: Bearer token123\n"), "{kind:?} {seen}");
    }
}

/// Writes down the events of one target.
struct Events(Diary);

impl tracing::Subscriber for Events {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "seltzer::client"
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl tracing::field::Visit for Line {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
                if field.name() != "duration_ms" {
                    self.0 += &format!(" {field}={value:?}");
                }
            }
        }
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.note(line.0);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn calls_are_logged_without_what_they_carry() {
    let diary = Diary::default();
    let _default = tracing::subscriber::set_default(Events(diary.clone()));
    let (_server, channel, _) = probe().await;
    let client = intercepted(channel, Logging::new());
    client.unary_call(ask("a secret")).await.unwrap();
    client.unary_call(ask("fail because")).await.unwrap_err();
    let path = "/grpc.testing.BenchmarkService/UnaryCall";
    let expected = [
        format!("INFO message=call method={path:?} code=\"OK\" requests=1 replies=1"),
        format!("WARN method={path:?} code=\"FAILED_PRECONDITION\" requests=1 replies=0 message=\"because\""),
    ];
    assert_eq!(diary.take(), expected);
}
