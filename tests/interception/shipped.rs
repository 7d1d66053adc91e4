//! The interceptors that come with the library.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fmt;
use std::num::ParseIntError;
use std::time::Duration;

use seltzer::client::BearerToken;
use seltzer::error_details::StatusExt as _;
use seltzer::server::{
    Authentication, Authenticator, BearerTokens, CallHead, ErrorTable, Interceptors, Logging, Next, RequestId,
    RequestIds, ServerCall, StaticTokens, TimeoutPolicy, Validate, Validation, Violations,
};
use seltzer::services::schemas::grpc::testing::SimpleRequest;
use seltzer::{Code, OrStatus as _, Request, Status, context};
use tokio_stream::StreamExt as _;

use crate::interception::{Diary, as_it_is, probe, say};
use crate::support::PATIENCE;
use crate::support::kinds::{KINDS, Kind, call};
use crate::support::probe::{Client, ask, body, text};

fn with_header(name: &'static str, value: &str) -> impl FnOnce(Request<()>) -> Request<()> {
    let value = value.parse().unwrap();
    move |mut request| {
        request.metadata_mut().insert(name, value);
        request
    }
}

/// Writes down the events of one target.
struct Events(Diary);

impl tracing::Subscriber for Events {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "seltzer::server"
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl tracing::field::Visit for Line {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
                match field.name() {
                    // They are other ones each time.
                    "duration_ms" | "peer" => self.0 += &format!(" {field}"),
                    _ => self.0 += &format!(" {field}={value:?}"),
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
    let (_server, client, _) = probe(Interceptors::new().with(RequestIds::new()).with(Logging::new())).await;
    let id = || with_header("x-request-id", "id-7");
    call(&client, Kind::Unary, "secret", id()).await.unwrap();
    call(&client, Kind::ServerStreaming, "count 3", id()).await.unwrap();
    call(&client, Kind::Unary, "fail because", id()).await.unwrap_err();
    let line = |level, head, method, code, counts, tail| {
        format!(
            "{level}{head} method=\"/grpc.testing.BenchmarkService/{method}\" peer code={code:?} {counts} duration_ms \
             request_id=\"id-7\"{tail}"
        )
    };
    let expected = [
        line("INFO", " message=call", "UnaryCall", "OK", "requests=1 request_bytes=10 replies=1 reply_bytes=10", ""),
        line(
            "INFO",
            " message=call",
            "StreamingFromServer",
            "OK",
            "requests=1 request_bytes=11 replies=3 reply_bytes=15",
            "",
        ),
        line(
            "WARN",
            "",
            "UnaryCall",
            "FAILED_PRECONDITION",
            "requests=1 request_bytes=16 replies=0 reply_bytes=0",
            " message=\"because\"",
        ),
    ];
    assert_eq!(diary.take(), expected);
}

#[cfg(feature = "telemetry")]
#[tokio::test]
async fn a_line_of_the_log_leads_to_its_trace() {
    use seltzer::telemetry::{Telemetry, Tracing};

    let telemetry = Telemetry::builder().tracing(Tracing::new()).build();
    let diary = Diary::default();
    let _default = tracing::subscriber::set_default(Events(diary.clone()));
    let service = crate::support::probe::Probe::new().0.server();
    let server = seltzer::Server::builder().telemetry(&telemetry).intercept(Logging::new()).add_service(service);
    let running = crate::support::Running::start(server).await;
    Client::new(running.channel().await).unary_call(ask("hello")).await.unwrap();
    running.stop().await;
    let trace = telemetry.take_spans(1).remove(0).context;
    let expected = format!(" trace_id=\"{}\" span_id=\"{}\"", trace.trace_id(), trace.span_id());
    let lines = diary.take();
    assert!(lines.len() == 1 && lines[0].contains(&expected), "{lines:?} do not end in {expected}");
}

/// Answers with who the caller is, as handlers and those that they call find it.
fn telling_identity(interceptors: Interceptors) -> Interceptors {
    interceptors.with(async |call: ServerCall, _: Next| {
        let (beside, current) = (call.extensions().get::<String>().cloned(), context::current().extension::<String>());
        assert_eq!(beside, current);
        Ok::<_, Status>(seltzer::server::ServerReply::new(say(&beside.unwrap_or("stranger".to_owned()))))
    })
}

#[derive(Clone)]
struct ByAddress;

impl Authenticator for ByAddress {
    type Identity = String;

    async fn authenticate(&self, call: CallHead<'_>) -> Result<String, Status> {
        tokio::task::yield_now().await;
        let address = call.peer().and_then(context::Peer::remote_addr).unwrap();
        match (call.method(), address.ip().is_loopback()) {
            ("UnaryCall", true) => Ok("neighbour".to_owned()),
            _ => Err(Status::permission_denied("only neighbours, and only one method")),
        }
    }
}

#[tokio::test]
async fn callers_are_known_by_their_tokens() {
    let tokens = StaticTokens::new().with("token123", "alice".to_owned()).with("token456", "bob".to_owned());
    let asked = BearerTokens::verified_by(|token: String| async move {
        tokio::task::yield_now().await;
        match token.strip_prefix("token") {
            Some("123") => Ok("alice".to_owned()),
            Some("456") => Ok("bob".to_owned()),
            Some("down") => Err(Status::unavailable("nobody can tell")),
            _ => Err(Status::unauthenticated("who is that?")),
        }
    });
    for interceptors in [Interceptors::from(Authentication::new(tokens)), Authentication::new(asked).into()] {
        let (_server, client, _) = probe(telling_identity(interceptors)).await;
        for kind in KINDS {
            let table = [
                ("Bearer token123", Ok("alice")),
                ("bearer  token456", Ok("bob")),
                ("Bearer token12", Err(Code::Unauthenticated)),
                ("Bearer", Err(Code::Unauthenticated)),
                ("Bearer ", Err(Code::Unauthenticated)),
                ("Basic token123", Err(Code::Unauthenticated)),
                ("token123", Err(Code::Unauthenticated)),
            ];
            for (header, expected) in table {
                let answer = call(&client, kind, "hi", with_header("authorization", header)).await;
                let answer = answer.as_deref().map_err(Status::code);
                assert_eq!(answer, expected, "{kind:?} {header:?}");
            }
            let two = |mut request: Request<()>| {
                for token in ["Bearer token123", "Bearer token456"] {
                    request.metadata_mut().append("authorization", token.parse().unwrap());
                }
                request
            };
            assert_eq!(call(&client, kind, "hi", two).await.unwrap_err().code(), Code::Unauthenticated);
            let status = call(&client, kind, "hi", as_it_is).await.unwrap_err();
            assert!(status.message().contains("authorization: Bearer"), "{status:?}");
        }
    }
}

#[tokio::test]
async fn both_sides_of_authentication_fit() {
    let tokens = StaticTokens::new().with("token123", "alice".to_owned());
    let (server, stranger, _) = probe(telling_identity(Authentication::new(tokens).into())).await;
    let channel = server.channel().await;
    let client = Client::new(channel.intercept(BearerToken::fixed("token123").unwrap()));
    assert_eq!(text(client.unary_call(ask("hi")).await.unwrap().get_ref()), "alice");
    // Nothing is waited for before a stranger is sent away.
    let never = tokio_stream::pending::<SimpleRequest>();
    let status = crate::support::patiently(stranger.streaming_from_client(never)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn authentication_may_look_at_anything_and_leave_some_calls_alone() {
    let (_server, client, _) = probe(telling_identity(Authentication::new(ByAddress).into())).await;
    assert_eq!(call(&client, Kind::Unary, "hi", as_it_is).await.unwrap(), "neighbour");
    assert_eq!(call(&client, Kind::BidiStreaming, "hi", as_it_is).await.unwrap_err().code(), Code::PermissionDenied);
    for open in ["grpc.testing.BenchmarkService", "/grpc.testing.BenchmarkService/StreamingCall"] {
        let authentication = Authentication::new(ByAddress).allow_anyone(open);
        let (_server, client, _) = probe(telling_identity(authentication.into())).await;
        assert_eq!(call(&client, Kind::BidiStreaming, "hi", as_it_is).await.unwrap(), "stranger");
    }
}

/// Fails with errors of its own, as handlers do, where the message says so.
fn failing(table: ErrorTable) -> Interceptors {
    Interceptors::from(table).with(async |mut call: ServerCall, next: Next| {
        let command = match call.message().await? {
            Some(message) => body(message.downcast_ref::<SimpleRequest>().unwrap()),
            None => String::new(),
        };
        let mut status = match command.as_str() {
            "number" => "seven".parse::<u32>().map(drop).or_status().unwrap_err(),
            "file" => Err::<(), _>(std::io::Error::from(std::io::ErrorKind::NotFound)).or_status().unwrap_err(),
            "inside" => Err::<(), _>(Outer("seven".parse::<u32>().unwrap_err())).or_status().unwrap_err(),
            "status" => Err::<(), _>(Status::already_exists("a status")).or_status().unwrap_err(),
            "words" => Err::<(), _>("only words").or_status().unwrap_err(),
            _ => return next.run(call).await,
        };
        status.metadata_mut().insert("x-kept", "1".parse().unwrap());
        match call.kind() {
            seltzer::MethodKind::Unary => Err(status),
            // In the middle of a stream.
            _ => Ok(seltzer::server::ServerReply::from_stream(
                tokio_stream::iter(vec![Ok(say("one")), Err(status)]),
                Default::default(),
            )),
        }
    })
}

#[derive(Debug)]
struct Outer(ParseIntError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something went wrong inside")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn errors_become_statuses_by_a_table() {
    let table = ErrorTable::new()
        .map(|error: &ParseIntError| Status::invalid_argument(format!("no number: {error}")))
        .map(|error: &std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Status::not_found("no such file"),
            _ => Status::internal("the disk is broken"),
        });
    let (_server, client, _) = probe(failing(table)).await;
    let table = [
        ("number", Code::InvalidArgument, "no number: invalid digit found in string"),
        ("file", Code::NotFound, "no such file"),
        ("inside", Code::InvalidArgument, "no number: invalid digit found in string"),
        ("status", Code::AlreadyExists, "a status"),
        ("words", Code::Unknown, "only words"),
    ];
    for (command, code, words) in table {
        for kind in [Kind::Unary, Kind::ServerStreaming] {
            let status = call(&client, kind, command, as_it_is).await.unwrap_err();
            assert_eq!((status.code(), status.message()), (code, words), "{command} {kind:?}");
            assert_eq!(status.metadata().get("x-kept").unwrap(), "1", "{command} {kind:?}");
        }
    }
    assert_eq!(call(&client, Kind::Unary, "hi", as_it_is).await.unwrap(), "hi");
    assert!(ErrorTable::new().status(Status::aborted("as it is")).source().is_none());
}

#[tokio::test]
async fn calls_have_names() {
    let telling = |ids: RequestIds| {
        Interceptors::from(ids).with(async |call: ServerCall, next: Next| {
            let id = context::current().extension::<RequestId>().unwrap();
            assert_eq!(call.extensions().get::<RequestId>(), Some(&id));
            assert!(call.metadata().iter().count() > 0);
            let reply = next.run(call).await?;
            reply.map_end(move |end| {
                let mut trailers = end?;
                trailers.insert("x-seen", id.as_str().parse().unwrap());
                Ok(trailers)
            })
        })
    };
    // What is told, what is sent, and what comes of it: the same, or 32 digits.
    let long = "x".repeat(129);
    let table = [
        (RequestIds::new(), "x-request-id", Some("id-7"), Some("id-7")),
        (RequestIds::new(), "x-request-id", None, None),
        (RequestIds::new(), "x-request-id", Some("has spaces"), None),
        (RequestIds::new(), "x-request-id", Some(&*long), None),
        (RequestIds::new().always_new(), "x-request-id", Some("id-7"), None),
        (RequestIds::new().with_header("x-trace").unwrap(), "x-trace", Some("id-7"), Some("id-7")),
    ];
    let mut made = BTreeSet::new();
    for (ids, name, sent, expected) in table {
        let (_server, client, _) = probe(telling(ids)).await;
        let request = |command| {
            let mut request = Request::new(ask(command));
            if let Some(sent) = sent {
                request.metadata_mut().insert(name, sent.parse().unwrap());
            }
            request
        };
        let answer = client.unary_call(request("hi")).await.unwrap();
        let id = answer.metadata().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(answer.metadata().get("x-seen").unwrap(), &*id);
        match expected {
            Some(expected) => assert_eq!(id, expected),
            None => assert!(id.len() == 32 && made.insert(id.clone()), "{id}"),
        }
        // Failures have names, too.
        let status = client.unary_call(request("fail no")).await.unwrap_err();
        assert!(status.metadata().get(name).is_some_and(|id| expected.is_none_or(|expected| id == expected)));
    }
    assert!(RequestIds::new().with_header("no good").is_err());
    assert!(RequestIds::new().with_header("bytes-bin").is_err());
}

#[tokio::test]
async fn deadlines_follow_a_policy() {
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    let policy = TimeoutPolicy::new().minimum(Duration::from_secs(1)).default_timeout(MINUTE).maximum(HOUR);
    let (_server, client, _) = probe(policy).await;
    let table =
        [(None, MINUTE), (Some(2 * MINUTE), 2 * MINUTE), (Some(2 * HOUR), HOUR), (Some(MINUTE / 2), MINUTE / 2)];
    for (timeout, expected) in table {
        let mut request = Request::new(ask("deadline"));
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let left: u64 = text(client.unary_call(request).await.unwrap().get_ref()).parse().unwrap();
        let left = Duration::from_millis(left);
        assert!(left <= expected && left + PATIENCE >= expected, "{timeout:?}: {left:?}");
    }
    for kind in KINDS {
        let short = |mut request: Request<()>| {
            request.set_timeout(Duration::from_millis(900));
            request
        };
        let status = call(&client, kind, "hi", short).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?}");
        assert!(status.message().contains("begins nothing"), "{kind:?} {status:?}");
    }
    // A policy that says nothing changes nothing.
    let (_server, client, _) = probe(TimeoutPolicy::new()).await;
    assert_eq!(call(&client, Kind::Unary, "deadline", as_it_is).await.unwrap(), "none");
    // One that is kept.
    let (_server, client, _) = probe(TimeoutPolicy::new().default_timeout(Duration::from_millis(50))).await;
    for (kind, command) in [(Kind::Unary, "hang"), (Kind::ServerStreaming, "one-then hang")] {
        let status = call(&client, kind, command, as_it_is).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?}");
    }
}

/// A message that knows what it must be like.
impl Validate for Named<'_> {
    fn validate(&self, violations: &mut Violations) {
        violations.require(!self.0.is_empty(), "name", "must not be empty");
    }
}

struct Named<'a>(&'a str);

#[tokio::test]
async fn requests_are_checked() {
    let validation = Validation::new()
        .check(|request: &SimpleRequest, violations| {
            let text = body(request);
            violations.require(!text.is_empty(), "payload.body", "must not be empty");
            if text.contains('!') {
                violations.add("payload.body", "must not shout");
            }
        })
        .check(|request: &SimpleRequest, violations| {
            violations.require(body(request) != "bad!", "payload", "must not be bad");
        })
        .check(|_: &String, _| panic!("there are no such messages"))
        .of::<Named<'static>>();
    let (_server, client, _) = probe(validation).await;
    let table: [(&str, &[&str], &str); 4] = [
        ("good", &[], ""),
        ("", &["payload.body"], "payload.body: must not be empty"),
        ("what!", &["payload.body"], "payload.body: must not shout"),
        ("bad!", &["payload.body", "payload"], "payload.body: must not shout (and 1 more)"),
    ];
    for (command, fields, words) in table {
        for kind in KINDS {
            let answer = call(&client, kind, command, as_it_is).await;
            if fields.is_empty() {
                assert_eq!(answer.unwrap(), command, "{kind:?}");
                continue;
            }
            let status = answer.unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::InvalidArgument, words), "{kind:?}");
            let details = status.get_details_bad_request().unwrap();
            let named: Vec<_> = details.field_violations.iter().map(|violation| &*violation.field).collect();
            assert_eq!(named, fields, "{kind:?}");
        }
    }
    // After good ones.
    let both = client.streaming_call(tokio_stream::iter(["a", "b!", "c"].map(ask))).await.unwrap().into_inner();
    let answers: Vec<_> = both.map(|answer| answer.map(|it| text(&it)).map_err(|status| status.code())).collect().await;
    assert_eq!(answers, [Ok("a".to_owned()), Err(Code::InvalidArgument)]);
}

#[tokio::test]
async fn a_wrong_request_ends_its_call_whatever_is_made_of_it() {
    let validation = Validation::new().check(|request: &SimpleRequest, violations| {
        violations.require(body(request) != "bad", "payload", "must not be bad");
    });
    // What a handler does that takes no error for an answer.
    let careless = async |call: ServerCall, next: Next| {
        let is_unary = call.kind() == seltzer::MethodKind::Unary;
        match next.run(call).await {
            Ok(reply) => reply.map_end(|_| Ok(Default::default())),
            Err(_) if is_unary => Err(Status::aborted("something was wrong")),
            Err(_) => Ok(seltzer::server::ServerReply::new(say("never mind"))),
        }
    };
    let (_server, client, _) = probe(Interceptors::from(validation).with(careless)).await;
    for kind in KINDS {
        let status = call(&client, kind, "bad", as_it_is).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{kind:?}");
        assert_eq!(call(&client, kind, "good", as_it_is).await.unwrap(), "good", "{kind:?}");
    }
}
