//! Spans of calls (gRFC A72), and how they find each other.

use std::collections::BTreeMap;

use prost::Message as _;
use seltzer::client::ServiceConfig;
use seltzer::codec::CompressionEncoding;
use seltzer::context::{self, TraceContext};
use seltzer::server::{Next, ServerCall};
use seltzer::telemetry::{AttributeValue, Propagation, Sampler, Span, SpanKind, Telemetry, Tracing};
use seltzer::{Channel, Code, Request, Server, Status};

use crate::support::kinds::{KINDS, Kind, call, general};
use crate::support::probe::{Client, Probe, ask};
use crate::support::scripted::Scripted;
use crate::support::{Running, endpoint, patiently};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn traced(tracing: Tracing) -> Telemetry {
    Telemetry::builder().service_name("test").tracing(tracing).build()
}

/// A probe and a channel to it, both of which are traced.
async fn probe(telemetry: &Telemetry) -> (Running, Channel) {
    let server = Server::builder().telemetry(telemetry).add_service(Probe::new().0.server());
    let server = Running::start(server).await;
    let channel = endpoint(server.uri()).telemetry(telemetry).connect().await.unwrap();
    (server, channel)
}

/// So many spans, in the order of their names and of their beginnings; a server's may end after its caller has gone on.
async fn spans(telemetry: &Telemetry, count: usize) -> Vec<Span> {
    let mut spans = Vec::new();
    patiently(async {
        while spans.len() < count {
            spans.extend(telemetry.take_spans(100));
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(spans.len(), count, "{:?}", spans.iter().map(words).collect::<Vec<_>>());
    spans.sort_by(|one, other| (&one.name, one.start).cmp(&(&other.name, other.start)));
    spans
}

/// What a span says, in few words.
fn words(span: &Span) -> String {
    let name = span.name.replace(".grpc.testing.BenchmarkService.", " ");
    let events: Vec<_> =
        span.events.iter().map(|event| format!("{}{:?}", event.name, values(&event.attributes))).collect();
    format!("{name} {:?} {:?} {:?} {events:?}", span.kind, span.code, values(&span.attributes))
}

fn values(attributes: &[seltzer::telemetry::SpanAttribute]) -> Vec<String> {
    let value = |value: &AttributeValue| match value {
        AttributeValue::Int(number) => number.to_string(),
        AttributeValue::Bool(is) => is.to_string(),
        AttributeValue::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|(key, it)| format!("{key}={}", value(it))).collect()
}

fn is_child(child: &Span, parent: &Span, is_remote: bool) -> bool {
    child.parent == Some(parent.context.span_id())
        && child.has_remote_parent == is_remote
        && child.context.trace_id() == parent.context.trace_id()
}

fn method(kind: Kind) -> &'static str {
    match kind {
        Kind::Unary => "UnaryCall",
        Kind::ClientStreaming => "StreamingFromClient",
        Kind::ServerStreaming => "StreamingFromServer",
        Kind::BidiStreaming => "StreamingCall",
    }
}

#[tokio::test]
async fn every_call_is_a_call_an_attempt_and_an_answer() {
    let telemetry = traced(Tracing::new());
    let (_server, channel) = probe(&telemetry).await;
    for kind in KINDS {
        for way in ["short", "general"] {
            let answer = match way {
                "short" => call(&Client::new(channel.clone()), kind, "hello", |request| request).await,
                _ => call(&general(channel.clone()), kind, "hello", |request| request).await,
            };
            assert_eq!(answer.unwrap(), "hello");
            let spans = spans(&telemetry, 3).await;
            let (size, method) = (ask("hello").encoded_len(), method(kind));
            let message =
                |direction| format!("\"{direction} message[\\\"sequence-number=0\\\", \\\"message-size={size}\\\"]\"");
            let (inbound, outbound) = (message("Inbound"), message("Outbound"));
            let tries = r#"["previous-rpc-attempts=0", "transparent-retry=false"]"#;
            let expected = [
                format!("Attempt {method} Internal Ok {tries} [{outbound}, {inbound}]"),
                format!("Recv {method} Server Ok [] [{inbound}, {outbound}]"),
                format!("Sent {method} Client Ok [] []"),
            ];
            assert_eq!(spans.iter().map(words).collect::<Vec<_>>(), expected, "{kind:?}, the {way} way");
            let [attempt, received, sent] = &spans[..] else { unreachable!("there are three") };
            assert_eq!(sent.parent, None);
            assert!(is_child(attempt, sent, false) && is_child(received, attempt, true), "{spans:?}");
            for span in &spans {
                assert!(span.context.is_sampled() && span.end >= span.start, "{span:?}");
            }
        }
    }
}

#[tokio::test]
async fn compressed_messages_have_two_sizes() {
    let telemetry = traced(Tracing::new());
    let (_server, channel) = probe(&telemetry).await;
    let text = "encoding gzip".to_owned() + &" ".repeat(500);
    let (size, padded) = (ask(&text).encoded_len(), text.trim().to_owned());
    for way in ["short", "general"] {
        for command in [&text, &padded] {
            let answer = match way {
                "short" => {
                    let client = Client::new(channel.clone()).send_compressed(CompressionEncoding::Gzip);
                    call(&client, Kind::Unary, command, |request| request).await
                }
                _ => {
                    let client = general(channel.clone()).send_compressed(CompressionEncoding::Gzip);
                    call(&client, Kind::Unary, command, |request| request).await
                }
            };
            assert_eq!(answer.unwrap(), **command);
            for span in &spans(&telemetry, 3).await[..2] {
                for event in &span.events {
                    let values: BTreeMap<_, _> =
                        event.attributes.iter().map(|(key, value)| (&**key, value.clone())).collect();
                    let plain = ask(command).encoded_len();
                    assert_eq!(
                        values["message-size"],
                        AttributeValue::Int(plain.try_into().unwrap()),
                        "{way} {span:?}"
                    );
                    // The probe compresses what it answers to the shorter command alone.
                    let is_plain = event.name == plain_direction(span) && plain == size;
                    assert_eq!(values.contains_key("message-size-compressed"), !is_plain, "{way} {span:?}");
                }
            }
        }
    }
}

/// Which way the probe's answer goes, seen from a span.
fn plain_direction(span: &Span) -> &'static str {
    if span.kind == SpanKind::Server { "Outbound message" } else { "Inbound message" }
}

#[tokio::test]
async fn a_span_ends_as_its_call_does() {
    let telemetry = traced(Tracing::new());
    let (_server, channel) = probe(&telemetry).await;
    let table = [
        ("fail because I say so", Code::FailedPrecondition, "because I say so"),
        ("panic", Code::Internal, "the handler panicked"),
        ("yield", Code::Ok, ""),
        ("long", Code::Ok, ""),
    ];
    for (command, code, message) in table {
        for kind in [Kind::Unary, Kind::ServerStreaming] {
            let result = call(&Client::new(channel.clone()), kind, command, |request| request).await;
            assert_eq!(result.map_or_else(|status| status.code(), |_| Code::Ok), code);
            for span in spans(&telemetry, 3).await {
                assert_eq!((span.code, &*span.message), (code, message), "{command}: {}", words(&span));
            }
        }
    }
}

#[tokio::test]
async fn what_is_given_up_ends_too() {
    let telemetry = traced(Tracing::new());
    let (probe, mut seen) = Probe::new();
    let server = Running::start(Server::builder().telemetry(&telemetry).add_service(probe.server())).await;
    let channel = endpoint(server.uri()).telemetry(&telemetry).connect().await.unwrap();
    for kind in [Kind::Unary, Kind::ServerStreaming] {
        let client = Client::new(channel.clone());
        let calling = tokio::spawn(async move { call(&client, kind, "hang", |request| request).await.map(drop) });
        patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
        calling.abort();
        for span in spans(&telemetry, 3).await {
            assert_eq!(span.code, Code::Cancelled, "{}", words(&span));
        }
    }
    let client = Client::new(channel);
    let late = call(&client, Kind::Unary, "hang", |mut request| {
        request.set_timeout(std::time::Duration::from_millis(50));
        request
    });
    assert_eq!(late.await.unwrap_err().code(), Code::DeadlineExceeded);
    for span in spans(&telemetry, 3).await {
        assert_eq!(span.code, Code::DeadlineExceeded, "{}", words(&span));
    }
}

#[tokio::test]
async fn what_a_handler_calls_is_part_of_its_call() {
    let telemetry = traced(Tracing::new());
    let (_inner, channel) = probe(&telemetry).await;
    let server = Server::builder().telemetry(&telemetry).add_service(Probe::new().0.calling(channel).server());
    let outer = Running::start(server).await;
    for (kind, method) in [(Kind::Unary, "UnaryCall"), (Kind::BidiStreaming, "StreamingCall")] {
        let client = Client::new(outer.channel().await);
        let answer = call(&client, kind, "inherit hello", |mut request| {
            request.metadata_mut().insert("traceparent", PARENT.parse().unwrap());
            request.metadata_mut().insert("tracestate", "shop=1".parse().unwrap());
            request
        });
        assert_eq!(answer.await.unwrap(), "hello");
        let spans = spans(&telemetry, 4).await;
        let [attempt, one, other, sent] = &spans[..] else { unreachable!("there are four") };
        let is_outer = |span: &Span| span.parent.is_some_and(|parent| parent.to_string() == "b7ad6b7169203331");
        let (received, answered) = if is_outer(one) { (one, other) } else { (other, one) };
        assert!(is_outer(received) && received.has_remote_parent, "{kind:?}: {spans:?}");
        assert_eq!(received.name, format!("Recv.grpc.testing.BenchmarkService.{method}"));
        assert!(is_child(sent, received, false) && is_child(attempt, sent, false), "{kind:?}: {spans:?}");
        assert!(is_child(answered, attempt, true), "{kind:?}: {spans:?}");
        for span in &spans {
            assert_eq!((&*span.context.trace_id().to_string(), span.context.trace_state()), (TRACE, "shop=1"));
        }
    }
}

type Headers<'a> = &'a [(&'static str, &'a str)];

/// What a handler learns of its call's trace: of the server's own span.
async fn told(server: &Telemetry, client: Option<&Telemetry>, headers: Headers<'_>) -> Option<TraceContext> {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let listen = move |call: ServerCall, next: Next| {
        tell.send(context::current().trace()).unwrap();
        next.run(call)
    };
    let probe = Server::builder().telemetry(server).intercept(listen).add_service(Probe::new().0.server());
    let running = Running::start(probe).await;
    let mut settings = endpoint(running.uri());
    if let Some(client) = client {
        settings = settings.telemetry(client);
    }
    let client = Client::new(settings.connect().await.unwrap());
    let mut request = Request::new(ask("hello"));
    for (name, value) in headers {
        if name.ends_with("-bin") {
            let bytes = TraceContext::from_traceparent(value).unwrap().to_bytes();
            let value = seltzer::metadata::MetadataValue::from_bytes(&bytes);
            request.metadata_mut().insert_bin(*name, value);
        } else {
            request.metadata_mut().append(*name, value.parse().unwrap());
        }
    }
    client.unary_call(request).await.unwrap();
    patiently(told.recv()).await.unwrap()
}

#[tokio::test]
async fn traces_pass_through_whoever_records_nothing() {
    let unsampled = PARENT.replace("-01", "-00");
    let table = [
        ("all", Sampler::default(), Sampler::default(), PARENT, (true, true)),
        ("the caller wants none", Sampler::default(), Sampler::default(), &*unsampled, (false, false)),
        ("the client records none", Sampler::never(), Sampler::default(), PARENT, (false, false)),
        ("the server records none", Sampler::default(), Sampler::never(), PARENT, (true, false)),
        ("the server records all", Sampler::never(), Sampler::always(), &*unsampled, (false, true)),
    ];
    for (name, client, server, parent, (by_client, by_server)) in table {
        let [client, server] = [client, server].map(|sampler| traced(Tracing::new().sampler(sampler)));
        let trace = told(&server, Some(&client), &[("traceparent", parent)]).await.unwrap();
        assert_eq!(trace.trace_id().to_string(), TRACE, "{name}");
        assert_eq!(trace.is_sampled(), by_server, "{name}");
        assert_ne!(trace.span_id().to_string(), "b7ad6b7169203331", "{name}: it is the server's own span");
        assert_eq!(spans(&client, if by_client { 2 } else { 0 }).await.len(), if by_client { 2 } else { 0 }, "{name}");
        assert_eq!(spans(&server, usize::from(by_server)).await.len(), usize::from(by_server), "{name}");
    }
}

#[tokio::test]
async fn traces_travel_by_the_headers_that_were_asked_for() {
    use Propagation::{Both, GrpcTraceBin, TraceContext as W3c};
    const BIN: &str = "grpc-trace-bin";
    let other = PARENT.replace("0af7", "1111");
    let table: &[(Propagation, Headers<'_>, Option<&str>)] = &[
        (W3c, &[("traceparent", PARENT)], Some(PARENT)),
        (W3c, &[(BIN, PARENT)], None),
        (W3c, &[("traceparent", PARENT), ("traceparent", PARENT)], None),
        (W3c, &[("traceparent", "nonsense")], None),
        (GrpcTraceBin, &[(BIN, PARENT)], Some(PARENT)),
        (GrpcTraceBin, &[("traceparent", PARENT)], None),
        (Both, &[("traceparent", PARENT), (BIN, &other)], Some(PARENT)),
        (Both, &[(BIN, PARENT)], Some(PARENT)),
    ];
    for (propagation, headers, expected) in table {
        let server = traced(Tracing::new().propagation(*propagation));
        let trace = told(&server, None, headers).await.unwrap();
        let expected = expected.map(|parent| TraceContext::from_traceparent(parent).unwrap());
        let span = spans(&server, 1).await.remove(0);
        assert_eq!(span.parent, expected.as_ref().map(TraceContext::span_id), "{propagation:?} {headers:?}");
        assert_eq!(span.has_remote_parent, expected.is_some());
        let is_same = expected.is_some_and(|parent| parent.trace_id() == trace.trace_id());
        assert_eq!(is_same, span.parent.is_some(), "{propagation:?} {headers:?}");
    }
    // What a client sends its server reads.
    for propagation in [W3c, GrpcTraceBin, Both] {
        let [client, server] = [(); 2].map(|()| traced(Tracing::new().propagation(propagation)));
        let trace = told(&server, Some(&client), &[]).await.unwrap();
        let sent = spans(&client, 2).await;
        assert_eq!(sent[0].context.trace_id(), trace.trace_id(), "{propagation:?}");
        assert_eq!(spans(&server, 1).await[0].parent, Some(sent[0].context.span_id()), "{propagation:?}");
    }
}

#[tokio::test]
async fn each_attempt_is_a_span_of_its_own() {
    let telemetry = traced(Tracing::new());
    let (service, _seen) = Scripted::new();
    let server = Running::start(Server::builder().add_service(service.server())).await;
    let policy = r#"{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.001s",
        "maxBackoff": "0.002s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}"#;
    let config = ServiceConfig::from_json(policy).unwrap();
    let channel = endpoint(server.uri()).telemetry(&telemetry).service_config(config).unwrap().connect().await.unwrap();
    let table = [
        ("UNAVAILABLE|ok", Code::Ok, &[Code::Unavailable, Code::Ok][..]),
        ("UNAVAILABLE|UNAVAILABLE|UNAVAILABLE", Code::Unavailable, &[Code::Unavailable; 3]),
        ("ABORTED|ok", Code::Aborted, &[Code::Aborted]),
    ];
    for (script, code, codes) in table {
        for kind in KINDS {
            let client = Client::new(channel.clone());
            let result = call(&client, kind, script, |request| request).await;
            assert_eq!(result.map_or_else(|status| status.code(), |_| Code::Ok), code, "{script} {kind:?}");
            let spans = spans(&telemetry, codes.len() + 1).await;
            let (sent, attempts) = spans.split_last().unwrap();
            assert_eq!((sent.code, sent.kind), (code, SpanKind::Client), "{script} {kind:?}");
            for (number, (attempt, code)) in attempts.iter().zip(codes).enumerate() {
                let expected = [format!("previous-rpc-attempts={number}"), "transparent-retry=false".into()];
                assert_eq!((attempt.code, values(&attempt.attributes)), (*code, expected.into()), "{script} {kind:?}");
                assert!(is_child(attempt, sent, false), "{script} {kind:?}");
                let out = attempt.events.iter().filter(|event| event.name == "Outbound message").count();
                assert_eq!(out, 1, "{script} {kind:?} {attempt:?}");
            }
        }
    }
}

#[tokio::test]
async fn waiting_for_a_name_and_for_a_connection_shows() {
    let telemetry = traced(Tracing::new());
    let (server, _channel) = probe(&traced(Tracing::new())).await;
    for kind in KINDS {
        let channel = endpoint(server.uri()).telemetry(&telemetry).connect_lazy();
        call(&Client::new(channel), kind, "hello", |request| request).await.unwrap();
        let spans = spans(&telemetry, 2).await;
        let names = |span: &Span| span.events.iter().map(|event| event.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&spans[0])[0], "Delayed LB pick complete", "{kind:?}");
        assert_eq!(names(&spans[1]), ["Delayed name resolution complete"], "{kind:?}");
    }
}

#[tokio::test]
async fn a_handler_may_add_to_its_span() {
    let telemetry = traced(Tracing::new());
    let describe = async |call: ServerCall, next: Next| {
        let context = context::current();
        context.set_span_attribute("shop.order", 4711);
        context.set_span_attribute("shop.order", "the last word");
        context.add_span_event("paid");
        next.run(call).await
    };
    let server = Server::builder().telemetry(&telemetry).intercept(describe).add_service(Probe::new().0.server());
    let server = Running::start(server).await;
    Client::new(server.channel().await).unary_call(ask("hello")).await.unwrap();
    let span = spans(&telemetry, 1).await.remove(0);
    assert_eq!(values(&span.attributes), ["shop.order=the last word"]);
    assert!(span.events.iter().any(|event| event.name == "paid"), "{span:?}");
    assert!(context::current().trace().is_none());
}

#[tokio::test]
async fn spans_that_find_no_room_are_counted() {
    let telemetry = traced(Tracing::new().queued_spans_max(2));
    let server = Server::builder().telemetry(&telemetry).add_service(Probe::new().0.server());
    let server = Running::start(server).await;
    let client = Client::new(server.channel().await);
    for _ in 0..5 {
        client.unary_call(ask("hello")).await.unwrap();
    }
    patiently(async {
        while telemetry.dropped_spans() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((telemetry.take_spans(100).len(), telemetry.dropped_spans()), (2, 3));
}

#[tokio::test]
async fn nothing_is_recorded_unless_it_was_asked_for() {
    let telemetry = Telemetry::builder().build();
    let (_server, channel) = probe(&telemetry).await;
    Client::new(channel).unary_call(ask("hello")).await.unwrap();
    assert!(telemetry.take_spans(1).is_empty());
    assert_eq!(told(&telemetry, None, &[("traceparent", PARENT)]).await, None);
}

#[tokio::test]
async fn what_is_refused_is_recorded_by_its_path() {
    let telemetry = traced(Tracing::new());
    let server = Running::start(Server::builder().telemetry(&telemetry)).await;
    let status: Status = Client::new(server.channel().await).unary_call(ask("hello")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let span = spans(&telemetry, 1).await.remove(0);
    assert_eq!((&*span.name, span.code), ("Recv.grpc.testing.BenchmarkService.UnaryCall", Code::Unimplemented));
    assert_eq!(span.message, status.message());
}
