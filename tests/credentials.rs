//! Call credentials: what is sent where, and what a failure becomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use seltzer::client::{AccessToken, BearerToken, CallCredentials, CallInfo, CompositeCredentials, GrpcService};
use seltzer::metadata::MetadataMap;
use seltzer::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};
use seltzer::{CallOptionsExt as _, Channel, Code, Endpoint, Request, Response, Server, Status};

use crate::support::kinds::{KINDS, Kind, call, general};
use crate::support::mirror::Mirror;
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, endpoint};

fn pem(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/support/tls/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A server under TLS whose probe answers only to those who bear one of the tokens, and an endpoint for it.
async fn secure() -> (Running, Endpoint) {
    let config = ServerTlsConfig::new().identity(Identity::from_pem(pem("rsa.pem"), pem("rsa.key")));
    let service = seltzer::codegen::Intercepted::new(Probe::new().0.server(), check_tokens);
    let server = Server::builder().tls_config(config).unwrap().add_service(service);
    let server = Running::start(server).await;
    let trusting = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem("rsa.pem")));
    let target = format!("https://localhost:{}", server.address.port());
    let endpoint = endpoint(target).tls_config(trusting).unwrap();
    (server, endpoint)
}

/// Lets only those pass who bear tokens, and says which.
fn check_tokens(request: Request<()>) -> Result<Request<()>, Status> {
    let tokens: Vec<_> =
        request.metadata().get_all("authorization").iter().map(|token| token.to_str().unwrap()).collect();
    match &*tokens.join(", ") {
        "Bearer channel" | "Bearer call" | "Bearer channel, Bearer call" => Ok(request),
        other => Err(Status::unauthenticated(format!("got {other:?}"))),
    }
}

fn bearer(token: &str) -> BearerToken {
    BearerToken::fixed(token).unwrap()
}

fn own(token: &str) -> impl FnOnce(Request<()>) -> Request<()> {
    let token = bearer(token);
    |mut request| {
        request.set_call_credentials(token);
        request
    }
}

fn as_it_is(request: Request<()>) -> Request<()> {
    request
}

#[tokio::test]
async fn a_channels_credentials_and_a_calls_own_are_sent_under_tls() {
    async fn check<C: GrpcService>(bare: Client<C>, with: Client<C>, kind: Kind) {
        let status = call(&bare, kind, "hi", as_it_is).await.unwrap_err();
        assert_eq!(status.message(), "got \"\"", "{kind:?}");
        assert_eq!(call(&bare, kind, "hi", own("call")).await.unwrap(), "hi", "{kind:?}");
        assert_eq!(call(&with, kind, "hi", as_it_is).await.unwrap(), "hi", "{kind:?}");
        assert_eq!(call(&with, kind, "hi", own("call")).await.unwrap(), "hi", "{kind:?}");
        let status = call(&with, kind, "hi", own("other")).await.unwrap_err();
        assert_eq!(status.message(), "got \"Bearer channel, Bearer other\"", "{kind:?}");
    }
    let (_server, endpoint) = secure().await;
    let bare = endpoint.connect().await.unwrap();
    let with = endpoint.call_credentials(bearer("channel")).connect().await.unwrap();
    for kind in KINDS {
        check(Client::new(bare.clone()), Client::new(with.clone()), kind).await;
        check(general(bare.clone()), general(with.clone()), kind).await;
    }
}

#[tokio::test]
async fn nothing_secret_goes_over_connections_without_tls() {
    async fn check<C: GrpcService>(bare: Client<C>, with: Client<C>, kind: Kind) {
        for answer in [call(&with, kind, "hi", as_it_is).await, call(&bare, kind, "hi", own("call")).await] {
            let status = answer.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{kind:?}");
            assert!(status.message().contains("without TLS"), "{kind:?} {}", status.message());
            assert!(status.message().contains("http://127.0.0.1:"), "{kind:?} {}", status.message());
        }
        let allowed = |mut request: Request<()>| {
            request.set_call_credentials(bearer("call").allow_plaintext());
            request
        };
        let seen = call(&bare, kind, "hi", allowed).await.unwrap();
        assert!(seen.contains("authorization: Bearer call\n"), "{kind:?} {seen}");
        // One of two that may not is enough.
        let both = CompositeCredentials::new().with(bearer("a").allow_plaintext()).with(bearer("b"));
        let both = |mut request: Request<()>| {
            request.set_call_credentials(both);
            request
        };
        assert_eq!(call(&bare, kind, "hi", both).await.unwrap_err().code(), Code::Unauthenticated, "{kind:?}");
    }
    let mirror = Mirror::start().await;
    let endpoint = endpoint(mirror.uri());
    let bare = endpoint.connect().await.unwrap();
    let with = endpoint.call_credentials(bearer("channel")).connect().await.unwrap();
    for kind in KINDS {
        check(Client::new(bare.clone()), Client::new(with.clone()), kind).await;
        check(general(bare.clone()), general(with.clone()), kind).await;
    }
}

#[tokio::test]
async fn what_stays_in_the_process_need_not_be_encrypted() {
    let service = seltzer::codegen::Intercepted::new(Probe::new().0.server(), check_tokens);
    let server = Server::builder().add_service(service).serve_in_process().unwrap();
    let channel = Channel::in_process(&server);
    for kind in KINDS {
        assert_eq!(call(&Client::new(channel.clone()), kind, "hi", own("call")).await.unwrap(), "hi", "{kind:?}");
        assert_eq!(call(&general(channel.clone()), kind, "hi", own("call")).await.unwrap(), "hi", "{kind:?}");
    }
}

/// Says what it was asked for.
struct Curious;

impl CallCredentials for Curious {
    async fn metadata(&self, call: &CallInfo<'_>) -> Result<MetadataMap, Status> {
        tokio::task::yield_now().await;
        let mut metadata = MetadataMap::new();
        metadata.insert("x-asked-for", format!("{} {}", call.service_url(), call.method()).parse().unwrap());
        metadata.insert("x-two", "1".parse().unwrap());
        metadata.append("x-two", "2".parse().unwrap());
        // Belongs to the protocol, and is left out.
        metadata.insert("grpc-timeout", "1n".parse().unwrap());
        Ok(metadata)
    }
}

#[tokio::test]
async fn credentials_learn_which_call_they_are_for() {
    let mirror = Mirror::start().await;
    let credentials = CompositeCredentials::new().with(Curious.allow_plaintext()).with(bearer("b").allow_plaintext());
    let channel = endpoint(mirror.uri()).call_credentials(credentials).connect().await.unwrap();
    for (kind, method) in
        KINDS.into_iter().zip(["UnaryCall", "StreamingFromClient", "StreamingFromServer", "StreamingCall"])
    {
        let prepare = |mut request: Request<()>| {
            request.metadata_mut().insert("x-two", "0".parse().unwrap());
            request.set_authority("shop.example.com:443".parse().unwrap());
            request
        };
        for seen in [
            call(&Client::new(channel.clone()), kind, "hi", prepare).await.unwrap(),
            call(&general(channel.clone()), kind, "hi", prepare).await.unwrap(),
        ] {
            let asked = format!("x-asked-for: https://shop.example.com/grpc.testing.BenchmarkService {method}\n");
            assert!(seen.contains(&asked), "{kind:?} {seen}");
            assert!(seen.contains("x-two: 0\nx-two: 1\nx-two: 2\n"), "{kind:?} {seen}");
            assert!(seen.contains("authorization: Bearer b\n"), "{kind:?} {seen}");
            assert!(!seen.contains("grpc-timeout"), "{kind:?} {seen}");
        }
    }
}

/// Fails as it is told, or never has an answer.
struct Failing(Option<Code>);

impl CallCredentials for Failing {
    async fn metadata(&self, _: &CallInfo<'_>) -> Result<MetadataMap, Status> {
        match self.0 {
            Some(code) => Err(Status::new(code, "as told")),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn a_failure_of_credentials_is_the_calls() {
    let (_server, endpoint) = secure().await;
    let table = [
        (Code::Unavailable, Code::Unavailable),
        (Code::Unauthenticated, Code::Unauthenticated),
        (Code::PermissionDenied, Code::PermissionDenied),
        (Code::NotFound, Code::Internal),
        (Code::DataLoss, Code::Internal),
    ];
    for (code, expected) in table {
        let channel = endpoint.clone().call_credentials(Failing(Some(code))).connect().await.unwrap();
        for kind in KINDS {
            let status = call(&Client::new(channel.clone()), kind, "hi", as_it_is).await.unwrap_err();
            assert_eq!(status.code(), expected, "{kind:?} {status:?}");
            assert!(status.message().contains("as told"), "{kind:?} {status:?}");
            let status = call(&general(channel.clone()), kind, "hi", as_it_is).await.unwrap_err();
            assert_eq!(status.code(), expected, "{kind:?} {status:?}");
        }
    }
}

#[tokio::test]
async fn a_deadline_covers_the_time_that_credentials_take() {
    let (_server, endpoint) = secure().await;
    let channel = endpoint.call_credentials(Failing(None)).connect().await.unwrap();
    let prepare = |mut request: Request<()>| {
        request.set_timeout(Duration::from_millis(50));
        request
    };
    for kind in KINDS {
        let status = call(&Client::new(channel.clone()), kind, "hi", prepare).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?} {status:?}");
        let status = call(&general(channel.clone()), kind, "hi", prepare).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?} {status:?}");
    }
}

#[tokio::test]
async fn many_calls_share_one_fetched_token() {
    let (_server, endpoint) = secure().await;
    let fetched = Arc::new(AtomicUsize::new(0));
    let token = BearerToken::refreshed({
        let fetched = Arc::clone(&fetched);
        move || {
            fetched.fetch_add(1, Ordering::SeqCst);
            async { Ok(AccessToken::new("channel").expires_in(Duration::from_secs(3600))) }
        }
    });
    let client = Client::new(endpoint.call_credentials(token).connect().await.unwrap());
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.unary_call(ask("hi")).await.map(Response::into_inner) })
        })
        .collect();
    for call in calls {
        assert_eq!(text(&call.await.unwrap().unwrap()), "hi");
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
}
