//! Service configs: retry policies (gRFC A6), timeouts, limits, balancers.

use std::time::Duration;

use seltzer::client::resolve::{Resolution, ResolveError, ResolveRequests, ResolvedEndpoint, Resolver};
use seltzer::client::{CallOptions, GrpcService, ServiceConfig, ServiceConfigError};
use seltzer::transport::{Endpoint, Step};
use seltzer::{Channel, Code, Request, Response, Server, Status};
use tokio::sync::watch;
use tokio_stream::StreamExt as _;

use crate::client_engine::{Layered, WAYS, Way, begin_by};
use crate::support::call::{outcome, say};
use crate::support::peer::{DATA, GOOD, HEADERS, Peer, Place, REFUSED_STREAM};
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::scripted::{Attempt, Scripted};
use crate::support::{Running, endpoint, patiently};

/// Far longer than any call here takes, far shorter than [`crate::support::PATIENCE`].
const SHORT: Duration = Duration::from_millis(100);

const KINDS: [Kind; 4] = [Kind::Unary, Kind::FromClient, Kind::FromServer, Kind::Both];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unary,
    FromClient,
    FromServer,
    Both,
}

/// What a call comes to: the text of its answer, or its code.
type Outcome = Result<String, Code>;

/// A policy with short pauses, for all methods.
fn retries(attempts: u32) -> String {
    config(&format!(
        r#""retryPolicy": {{"maxAttempts": {attempts}, "initialBackoff": "0.001s", "maxBackoff": "0.002s",
            "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE", "ABORTED"]}}"#
    ))
}

fn config(of_all_methods: &str) -> String {
    format!(r#"{{"methodConfig": [{{"name": [{{}}], {of_all_methods}}}]}}"#)
}

async fn scripted() -> (Running, watch::Receiver<Vec<Attempt>>) {
    let (service, seen) = Scripted::new();
    (Running::start(Server::builder().add_service(service.server())).await, seen)
}

async fn make<C: GrpcService>(client: Client<C>, kind: Kind, words: Vec<String>) -> Result<String, Status> {
    let first = ask(&words[0]);
    let messages = tokio_stream::iter(words).map(|words| ask(&words));
    let mut answers = match kind {
        Kind::Unary => return client.unary_call(first).await.map(|answer| text(answer.get_ref())),
        Kind::FromClient => return client.streaming_from_client(messages).await.map(|answer| text(answer.get_ref())),
        Kind::FromServer => client.streaming_from_server(first).await?.into_inner(),
        Kind::Both => client.streaming_call(messages).await?.into_inner(),
    };
    let mut texts = Vec::new();
    while let Some(answer) = answers.message().await? {
        texts.push(text(&answer));
    }
    Ok(texts.join(" "))
}

async fn make_by(way: Way, channel: &Channel, kind: Kind, words: &[&str]) -> Result<String, Status> {
    let words = words.iter().map(|words| (*words).to_owned()).collect();
    match way {
        Way::Short => patiently(make(Client::new(channel.clone()), kind, words)).await,
        Way::General => patiently(make(Client::new(Layered(channel.clone())), kind, words)).await,
    }
}

/// What the attempts said about those before them.
fn previous(seen: &watch::Receiver<Vec<Attempt>>) -> Vec<u32> {
    let number = |attempt: &Attempt| attempt.previous.as_ref().map_or(0, |previous| previous.parse().unwrap());
    seen.borrow().iter().map(number).collect()
}

#[tokio::test]
async fn calls_of_all_kinds_are_retried_as_the_policy_says() {
    let (server, seen) = scripted().await;
    let table: [(&str, Outcome, u32); 12] = [
        ("ok", Ok("ok".into()), 1),
        ("UNAVAILABLE|ok", Ok("UNAVAILABLE|ok".into()), 2),
        ("UNAVAILABLE|ABORTED|UNAVAILABLE|ok", Ok("UNAVAILABLE|ABORTED|UNAVAILABLE|ok".into()), 4),
        ("UNAVAILABLE", Err(Code::Unavailable), 4),
        ("UNAVAILABLE|INTERNAL|ok", Err(Code::Internal), 2),
        ("INTERNAL|ok", Err(Code::Internal), 1),
        // What an answer began with cannot be taken back.
        ("late-UNAVAILABLE|ok", Err(Code::Unavailable), 1),
        ("UNAVAILABLE|late-UNAVAILABLE|ok", Err(Code::Unavailable), 2),
        ("UNAVAILABLE+0|UNAVAILABLE+1|ok", Ok("UNAVAILABLE+0|UNAVAILABLE+1|ok".into()), 3),
        ("UNAVAILABLE+-1|ok", Err(Code::Unavailable), 1),
        ("UNAVAILABLE+soon|ok", Err(Code::Unavailable), 1),
        ("INTERNAL+1|ok", Err(Code::Internal), 1),
    ];
    let channel = endpoint(server.uri()).service_config(retries(4)).unwrap().connect().await.unwrap();
    for (way, kind) in WAYS.into_iter().flat_map(|way| KINDS.map(|kind| (way, kind))) {
        for (script, expected, attempts) in &table {
            let begin = seen.borrow().len();
            let got = make_by(way, &channel, kind, &[script]).await;
            let made = previous(&seen)[begin..].to_vec();
            let context = format!("{way:?} {kind:?} {script}: {got:?}");
            assert_eq!(made, (0..*attempts).collect::<Vec<_>>(), "{context}");
            if let Err(status) = &got {
                assert_eq!(status.message(), format!("attempt {}", attempts - 1), "{context}");
            }
            assert_eq!(got.map_err(|status| status.code()), *expected, "{context}");
        }
    }
}

#[tokio::test]
async fn streams_of_requests_are_sent_again_from_their_beginning() {
    let (server, seen) = scripted().await;
    let channel = endpoint(server.uri()).service_config(retries(4)).unwrap().connect().await.unwrap();
    for (way, kind) in WAYS.into_iter().flat_map(|way| [(way, Kind::FromClient), (way, Kind::Both)]) {
        let begin = seen.borrow().len();
        let words = ["UNAVAILABLE@1|UNAVAILABLE@3|UNAVAILABLE@4|ok", "two", "three", "four"];
        let got = make_by(way, &channel, kind, &words).await.unwrap();
        assert_eq!(got, words.join(" "), "{way:?} {kind:?}");
        assert_eq!(previous(&seen)[begin..], [0, 1, 2, 3]);
    }
}

#[tokio::test]
async fn a_server_says_how_long_to_wait() {
    let (server, seen) = scripted().await;
    let channel = endpoint(server.uri()).service_config(retries(3)).unwrap().connect().await.unwrap();
    for way in WAYS {
        let begin = seen.borrow().len();
        make_by(way, &channel, Kind::Unary, &["UNAVAILABLE+100|UNAVAILABLE|ok"]).await.unwrap();
        let at: Vec<_> = seen.borrow()[begin..].iter().map(|attempt| attempt.at).collect();
        assert!(at[1] - at[0] >= SHORT, "{way:?}: {:?}", at[1] - at[0]);
        // After that it begins with the policy's first pause again.
        assert!(at[2] - at[1] < SHORT, "{way:?}: {:?}", at[2] - at[1]);
    }
}

#[tokio::test]
async fn requests_that_are_too_large_to_be_kept_are_not_retried() {
    let (server, seen) = scripted().await;
    let endpoint = endpoint(server.uri()).service_config(retries(3)).unwrap();
    let large = format!("UNAVAILABLE@3|ok {}", "x".repeat(2000));
    let more = "y".repeat(2000);
    let words: [&str; 3] = [&large, &more, "end"];
    let table: [(usize, usize, bool); 4] =
        [(10_000, 100_000, true), (3_000, 100_000, false), (10_000, 3_000, false), (0, 0, false)];
    for (of_call, of_channel, is_retried) in table {
        let channel = endpoint.clone().retry_buffer_limits(of_call, of_channel).connect().await.unwrap();
        for (way, kind) in WAYS.into_iter().flat_map(|way| KINDS.map(|kind| (way, kind))) {
            // The calls with one message are of a size that fits into none but the first.
            let single = format!("UNAVAILABLE|ok {}", "x".repeat(4000));
            let words = if matches!(kind, Kind::Unary | Kind::FromServer) { &[single.as_str()][..] } else { &words };
            let begin = seen.borrow().len();
            let got = make_by(way, &channel, kind, words).await;
            let context = format!("{way:?} {kind:?} {of_call} {of_channel}");
            assert_eq!(got.is_ok(), is_retried, "{context}: {got:?}");
            assert_eq!(seen.borrow().len() - begin, 1 + usize::from(is_retried), "{context}");
        }
    }
}

#[tokio::test]
async fn most_calls_failing_means_no_retries() {
    let (server, seen) = scripted().await;
    let throttled = retries(5).replacen('{', r#"{"retryThrottling": {"maxTokens": 4, "tokenRatio": 0.5},"#, 1);
    for way in WAYS {
        // Every channel has tokens of its own.
        let channel = endpoint(server.uri()).service_config(&throttled).unwrap().connect().await.unwrap();
        let attempts = async |script: &str| {
            let begin = seen.borrow().len();
            let _ = make_by(way, &channel, Kind::Unary, &[script]).await;
            seen.borrow().len() - begin
        };
        assert_eq!(attempts("UNAVAILABLE").await, 2, "{way:?}: 4, 3, and 2 is half");
        assert_eq!(attempts("UNAVAILABLE").await, 1, "{way:?}: 1");
        for _ in 0..2 {
            // What no policy would retry does not count.
            assert_eq!(attempts("INTERNAL").await, 1);
        }
        for _ in 0..5 {
            assert_eq!(attempts("ok").await, 1);
        }
        assert_eq!(attempts("UNAVAILABLE|ok").await, 2, "{way:?}: 3.5, 2.5");
    }
}

#[tokio::test]
async fn a_deadline_covers_all_attempts() {
    let (server, seen) = scripted().await;
    let channel = endpoint(server.uri()).service_config(retries(5)).unwrap().connect().await.unwrap();
    // While it waits for the next attempt, and within an attempt.
    for (way, script) in WAYS.into_iter().flat_map(|way| [(way, "UNAVAILABLE+60000|ok"), (way, "UNAVAILABLE|hang")]) {
        let mut request = Request::new(ask(script));
        request.set_timeout(SHORT);
        let begin = seen.borrow().len();
        let answer = match way {
            Way::Short => patiently(Client::new(channel.clone()).unary_call(request)).await,
            Way::General => patiently(Client::new(Layered(channel.clone())).unary_call(request)).await,
        };
        assert_eq!(answer.unwrap_err().code(), Code::DeadlineExceeded, "{way:?} {script}");
        assert!(seen.borrow()[begin..].iter().all(|attempt| attempt.has_deadline), "{way:?} {script}");
    }
}

#[tokio::test]
async fn policies_can_be_turned_off() {
    let (server, seen) = scripted().await;
    let channel = endpoint(server.uri()).service_config(retries(5)).unwrap().retry(false).connect().await.unwrap();
    for way in WAYS {
        let begin = seen.borrow().len();
        let got = make_by(way, &channel, Kind::Unary, &["UNAVAILABLE|ok"]).await;
        assert_eq!(got.unwrap_err().code(), Code::Unavailable);
        assert_eq!(seen.borrow().len() - begin, 1, "{way:?}");
    }
}

#[tokio::test]
async fn a_failure_to_connect_is_retried_too() {
    // Nobody listens here, until somebody does.
    let place = Place::new().await;
    let uri = place.uri();
    drop(place);
    let patient = r#""retryPolicy": {"maxAttempts": 5, "initialBackoff": "0.05s", "maxBackoff": "1s",
        "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}"#;
    for way in WAYS {
        let endpoint = Channel::builder(uri.as_str()).service_config(config(patient)).unwrap();
        let channel = endpoint.reconnect_backoff(SHORT / 10, SHORT / 10).connect_lazy();
        let call = begin_by(way, &channel, "hi");
        let mut states = channel.watch_state();
        let is_failing =
            |state: &seltzer::client::ConnectivityState| *state == seltzer::client::ConnectivityState::TransientFailure;
        patiently(states.wait_for(is_failing)).await.unwrap();
        let address = uri.trim_start_matches("http://");
        let server = Server::builder().add_service(Probe::new().0.server()).bind(address).await.unwrap();
        let server = Running::run(server);
        assert_eq!(outcome(call).await.unwrap(), "hi", "{way:?}");
        drop(channel);
        server.stop().await;
    }
}

#[tokio::test]
async fn timeouts_are_the_shorter_of_the_methods_and_the_calls() {
    let (probe, mut seen) = Probe::new();
    let server = Running::start(Server::builder().add_service(probe.server())).await;
    // (the method's, the call's, the channel's, what is left), in seconds
    let table = [
        ("20s", None, None, 20),
        ("20s", Some(60), None, 20),
        ("60s", Some(20), None, 20),
        ("20s", None, Some(60), 20),
        ("60s", None, Some(20), 20),
        // The channel's own is for calls without one.
        ("60s", Some(40), Some(20), 40),
        ("100000s", None, None, 100_000),
    ];
    for (way, (of_method, own, of_channel, expected)) in WAYS.into_iter().flat_map(|way| table.map(|row| (way, row))) {
        let mut endpoint =
            endpoint(server.uri()).service_config(config(&format!(r#""timeout": "{of_method}""#))).unwrap();
        if let Some(secs) = of_channel {
            endpoint = endpoint.timeout(Duration::from_secs(secs));
        }
        let channel = endpoint.connect().await.unwrap();
        let mut request = Request::new(ask("deadline"));
        if let Some(secs) = own {
            request.set_timeout(Duration::from_secs(secs));
        }
        let answer = match way {
            Way::Short => Client::new(channel).unary_call(request).await,
            Way::General => Client::new(Layered(channel)).unary_call(request).await,
        };
        let left: u64 = text(answer.unwrap().get_ref()).parse().unwrap();
        let expected = expected * 1000;
        assert!((expected - 15_000..=expected).contains(&left), "{way:?} {of_method} {own:?} {of_channel:?}: {left}");
    }
    // And it ends the call.
    let endpoint = endpoint(server.uri()).service_config(config(r#""timeout": "0.1s""#)).unwrap();
    let channel = endpoint.connect().await.unwrap();
    for way in WAYS {
        let status = make_by(way, &channel, Kind::Unary, &["hang"]).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{way:?}");
    }
    patiently(seen.wait_for(|seen| seen.dropped == 2)).await.unwrap();
}

#[tokio::test]
async fn message_limits_are_the_smaller_of_the_methods_and_the_clients() {
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let limits = config(r#""maxRequestMessageBytes": 1000, "maxResponseMessageBytes": 1000"#);
    let channel = endpoint(server.uri()).service_config(limits).unwrap().connect().await.unwrap();
    let large = "x".repeat(1000);
    for (way, kind) in WAYS.into_iter().flat_map(|way| KINDS.map(|kind| (way, kind))) {
        assert!(make_by(way, &channel, kind, &["hi"]).await.is_ok(), "{way:?} {kind:?}");
        let status = make_by(way, &channel, kind, &[&large, "small"]).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{way:?} {kind:?}: {status}");
        if kind == Kind::Unary {
            let status = make_by(way, &channel, kind, &["size 1000"]).await.unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{way:?} {kind:?}: {status}");
        }
    }
    // A client's own limit stays, if it is the smaller one.
    let client = Client::new(channel).max_decoding_message_size(10);
    let status = client.unary_call(ask("more than ten bytes")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn methods_wait_for_a_server_if_their_config_says_so() {
    let place = Place::new().await;
    let uri = place.uri();
    drop(place);
    let endpoint = Channel::builder(uri.as_str()).service_config(config(r#""waitForReady": true"#)).unwrap();
    for way in WAYS {
        let channel = endpoint.clone().connect_lazy();
        let mut request = Request::new(ask("hi"));
        request.set_timeout(SHORT);
        let mut hasty = Request::new(ask("hi"));
        hasty.extensions_mut().insert(CallOptions::new().wait_for_ready(false));
        let (waited, failed) = match way {
            Way::Short => {
                let client = Client::new(channel);
                (client.unary_call(request).await, client.unary_call(hasty).await)
            }
            Way::General => {
                let client = Client::new(Layered(channel));
                (client.unary_call(request).await, client.unary_call(hasty).await)
            }
        };
        assert_eq!(waited.unwrap_err().code(), Code::DeadlineExceeded, "{way:?}");
        assert_eq!(failed.unwrap_err().code(), Code::Unavailable, "{way:?}: a call may say otherwise");
    }
}

#[tokio::test]
async fn a_wrong_config_is_refused_with_the_name_of_its_field() {
    let wrong = config(r#""retryPolicy": {"maxAttempts": 1}"#);
    let error = Channel::builder("http://127.0.0.1:1").service_config(wrong).unwrap_err();
    assert_eq!(error.step(), Step::ServiceConfig);
    let expected =
        "cannot use the service config: methodConfig[0].retryPolicy.maxAttempts: must be at least 2, and is 1";
    assert_eq!(error.to_string(), expected);
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<ServiceConfigError>());
    assert_eq!(source.unwrap().field(), "methodConfig[0].retryPolicy.maxAttempts");
}

/// A channel whose opening call is over, and the server's end of it.
async fn connected(endpoint: impl FnOnce(Endpoint) -> Endpoint) -> (Place, Channel, Peer) {
    let place = Place::new().await;
    let channel = endpoint(Channel::builder(place.uri()).connections_max(1)).connect_lazy();
    let opening = begin_by(Way::Short, &channel, "first");
    let mut peer = place.accept(&[]).await;
    let stream = peer.next_call().await;
    peer.answer(stream, &say("first")).await;
    assert_eq!(outcome(opening).await.unwrap(), "first");
    (place, channel, peer)
}

#[tokio::test]
async fn a_refused_call_is_retried_once_beside_its_policy() {
    let (_place, channel, mut peer) = connected(|endpoint| endpoint.service_config(retries(2)).unwrap()).await;
    for (way, refusals, is_answered) in
        WAYS.into_iter().flat_map(|way| [(way, 1, true), (way, 2, true), (way, 3, false)])
    {
        let call = begin_by(way, &channel, "hi");
        // One transparent attempt, and two by the policy.
        for _ in 0..refusals {
            let stream = peer.next_call().await;
            peer.reset(stream, REFUSED_STREAM).await;
        }
        if is_answered {
            let stream = peer.next_call().await;
            peer.answer(stream, &say("at last")).await;
            assert_eq!(outcome(call).await.unwrap(), "at last", "{way:?} {refusals}");
        } else {
            assert_eq!(outcome(call).await.unwrap_err().0, Code::Unavailable, "{way:?} {refusals}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_is_not_made_again() {
    let (place, channel, mut peer) = connected(|endpoint| endpoint.service_config(retries(5)).unwrap()).await;
    for way in WAYS {
        let call = begin_by(way, &channel, "hi");
        let stream = peer.next_call().await;
        peer.headers(stream, GOOD, false).await;
        peer.reset(stream, REFUSED_STREAM).await;
        assert_eq!(outcome(call).await.unwrap_err().0, Code::Unavailable, "{way:?}");
        // What something between answers is no beginning.
        let call = begin_by(way, &channel, "hi");
        let stream = peer.next_call().await;
        peer.headers(stream, &[(":status", "503")], true).await;
        let stream = peer.next_call().await;
        peer.answer(stream, &say("again")).await;
        assert_eq!(outcome(call).await.unwrap(), "again", "{way:?}");
    }
    // Nor is a connection that broke before.
    let call = begin_by(Way::Short, &channel, "hi");
    peer.next_call().await;
    drop(peer);
    let mut peer = place.accept(&[]).await;
    let stream = peer.next_call().await;
    peer.answer(stream, &say("elsewhere")).await;
    assert_eq!(outcome(call).await.unwrap(), "elsewhere");
}

#[tokio::test]
async fn a_call_that_is_dropped_between_attempts_is_gone() {
    let (server, seen) = scripted().await;
    let channel = endpoint(server.uri()).service_config(retries(5)).unwrap().connect().await.unwrap();
    for way in WAYS {
        let begin = seen.borrow().len();
        let call = begin_by(way, &channel, "UNAVAILABLE+50|ok");
        let mut watch = seen.clone();
        patiently(watch.wait_for(|seen| seen.len() > begin)).await.unwrap();
        call.abort();
        // Long after the next attempt would have begun, none has.
        assert!(tokio::time::timeout(SHORT, watch.wait_for(|seen| seen.len() > begin + 1)).await.is_err(), "{way:?}");
    }
}

#[tokio::test]
async fn a_streams_call_that_was_refused_is_made_again_without_any_config() {
    let (_place, channel, mut peer) = connected(|endpoint| endpoint.retry(false)).await;
    let client = Client::new(channel);
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    requests.send(ask("first")).await.unwrap();
    let call = tokio::spawn(async move {
        let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
        client.streaming_call(stream).await.map(Response::into_inner)
    });
    let stream = peer.next_of(DATA).await.stream;
    peer.reset(stream, REFUSED_STREAM).await;
    let again = peer.next_of(HEADERS).await.stream;
    assert_eq!(peer.next_of(DATA).await.stream, again);
    // Once only.
    peer.reset(again, REFUSED_STREAM).await;
    assert_eq!(patiently(call).await.unwrap().unwrap_err().code(), Code::Unavailable);
    patiently(requests.closed()).await;
}

/// Finds two servers, and what it is told.
struct Told {
    addresses: Option<Vec<ResolvedEndpoint>>,
    config: &'static str,
}

impl Resolver for Told {
    async fn next(&mut self, _: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
        let Some(addresses) = self.addresses.take() else { return std::future::pending().await };
        Ok(Resolution::new(addresses).service_config(ServiceConfig::from_json(self.config)))
    }
}

#[tokio::test]
async fn a_resolvers_config_is_in_force_from_the_first_call_on() {
    let servers = [scripted().await, scripted().await];
    let own = r#"{"loadBalancingConfig": [{"pick_first": {}}], "methodConfig": [{"name": [{}], "timeout": "60s"}]}"#;
    // (what the resolver says, whether calls are spread, whether they have a deadline)
    let table = [
        (r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#, true, false),
        ("{}", false, false),
        (r#"{"loadBalancingConfig": [{"no_such_policy": {}}]}"#, false, true),
    ];
    for (way, (config, spreads, has_deadline)) in WAYS.into_iter().flat_map(|way| table.map(|row| (way, row))) {
        let addresses: Vec<_> = servers.iter().map(|(server, _)| ResolvedEndpoint::new(server.address)).collect();
        let make = move |_: &str| Told { addresses: Some(addresses.clone()), config };
        let channel = endpoint("told:///both").resolver(make).service_config(own).unwrap().connect_lazy();
        let before = servers.each_ref().map(|(_, seen)| seen.borrow().len());
        let reached = || servers.each_ref().map(|(_, seen)| seen.borrow().len());
        let both = || reached().iter().zip(before).all(|(now, before)| *now > before);
        let mut calls = 0;
        // A server may connect later than the other one.
        while calls < 20 || (spreads && !both() && calls < 10_000) {
            make_by(way, &channel, Kind::Unary, &["ok"]).await.unwrap();
            calls += 1;
        }
        assert_eq!(both(), spreads, "{way:?} {config}");
        for ((_, seen), before) in servers.iter().zip(before) {
            let seen = seen.borrow();
            assert!(seen[before..].iter().all(|attempt| attempt.has_deadline == has_deadline), "{way:?} {config}");
        }
    }
}

/// Finds nothing, or never ends.
struct Lost {
    fails: bool,
}

impl Resolver for Lost {
    async fn next(&mut self, _: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
        if self.fails { Err("no such name".into()) } else { std::future::pending().await }
    }
}

#[tokio::test]
async fn the_channels_own_config_holds_before_anything_is_resolved() {
    // (the config, whether resolving fails)
    let table = [(r#""timeout": "0.1s""#, false), (r#""timeout": "0.1s", "waitForReady": true"#, true)];
    for (way, (of_all, fails)) in WAYS.into_iter().flat_map(|way| table.map(|row| (way, row))) {
        let endpoint = endpoint("lost:///it").resolver(move |_| Lost { fails });
        let channel = endpoint.service_config(config(of_all)).unwrap().connect_lazy();
        let status = make_by(way, &channel, Kind::Unary, &["ok"]).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{way:?} {of_all}: {status:?}");
    }
}
