//! Layers of tower around everything that a server answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use seltzer::context::{Context, Peer};
use seltzer::server::{ErrorTable, Logging, ServerService};
use seltzer::{Code, Request, Server, Status};
use seltzer_fixtures::tonic_style::echo::echo_client::EchoClient;
use tonic::body::Body;
use tower::{Layer, Service, ServiceBuilder};

use crate::interception::{Diary, Noting, as_it_is};
use crate::support::kinds::{KINDS, Kind, call};
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, patiently};

/// Does something with each request on its way.
#[derive(Clone)]
struct Around<F>(F);

#[derive(Clone)]
struct AroundService<S, F> {
    inner: S,
    change: F,
}

impl<S, F: Clone> Layer<S> for Around<F> {
    type Service = AroundService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService { inner, change: self.0.clone() }
    }
}

impl<S, F> Service<http::Request<Body>> for AroundService<S, F>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
    F: Fn(&mut http::Request<Body>),
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> S::Future {
        (self.change)(&mut request);
        self.inner.call(request)
    }
}

fn around<F: Fn(&mut http::Request<Body>) + Clone>(change: F) -> Around<F> {
    Around(change)
}

async fn start(server: Server) -> (Running, Client) {
    let server = Running::start(server.add_service(Probe::new().0.server())).await;
    let client = Client::new(server.channel().await);
    (server, client)
}

#[tokio::test]
async fn layers_stand_around_all_calls_in_order() {
    let diary = Diary::default();
    let noting = |name: &'static str| {
        let diary = diary.clone();
        around(move |request: &mut http::Request<Body>| {
            let peer = request.extensions().get::<Peer>().unwrap();
            assert!(peer.remote_addr().is_some());
            let context = request.extensions().get::<Context>().unwrap();
            assert_eq!(context.method(), request.uri().path());
            diary.note(name);
        })
    };
    let server = Server::builder()
        .layer(noting("one"))
        .intercept(Noting { name: "interceptor", diary: diary.clone() })
        .interceptor({
            let diary = diary.clone();
            move |request: Request<()>| {
                diary.note("gate");
                Ok(request)
            }
        })
        .layer(ServiceBuilder::new().layer(noting("two")).layer(noting("three")))
        .intercept(Logging::new());
    let (_server, client) = start(server).await;
    for kind in KINDS {
        assert_eq!(call(&client, kind, "hi", as_it_is).await.unwrap(), "hi", "{kind:?}");
        let seen = diary.take();
        let names: Vec<_> = seen.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(names, ["one", "two", "three", "interceptor", "gate", "interceptor"], "{kind:?}");
    }
    // Metadata, trailers and statuses pass.
    let answer = client.unary_call(ask("trailer seven")).await.unwrap();
    assert_eq!(answer.metadata().get("x-trailer").unwrap(), "seven");
    assert_eq!(answer.metadata().get_all("x-trailer").iter().count(), 1);
    let status = client.unary_call(ask("fail no")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "no"));
    let mut stream = client.streaming_from_server(ask("one-then fail no")).await.unwrap().into_inner();
    assert_eq!(text(&stream.message().await.unwrap().unwrap()), "one");
    assert_eq!(stream.message().await.unwrap_err().message(), "no");
}

#[tokio::test]
async fn layers_see_what_leads_nowhere_and_may_lead_it_elsewhere() {
    let diary = Diary::default();
    let leading = around({
        let diary = diary.clone();
        move |request: &mut http::Request<Body>| {
            diary.note(request.uri().path());
            if request.uri().path() == "/echo.Echo/Unary" {
                *request.uri_mut() = "/grpc.testing.BenchmarkService/UnaryCall".parse().unwrap();
            }
        }
    });
    let (server, _) = start(Server::builder().layer(leading)).await;
    let mut elsewhere = EchoClient::new(server.channel().await);
    // An empty message is one of any type.
    assert_eq!(
        elsewhere.unary(seltzer_fixtures::tonic_style::echo::Message::default()).await.unwrap().get_ref().text,
        ""
    );
    let nowhere = seltzer_fixtures::tonic_style::echo::Message::default();
    let status = elsewhere.server_stream(nowhere).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    assert_eq!(diary.take(), ["/echo.Echo/Unary", "/echo.Echo/ServerStream"]);
    // What is no gRPC comes by as well.
    let answer = plain_request(server.address, "/page").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert_eq!(diary.take(), ["/page"]);
}

/// What a server answers to a plain request.
async fn plain_request(address: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    patiently(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn load_is_shed() {
    use tower::load_shed::error::Overloaded;

    let (probe, mut seen) = Probe::new();
    let shedding = ServiceBuilder::new().load_shed().concurrency_limit(2);
    let server = Server::builder()
        .layer(shedding)
        .layer_errors(ErrorTable::new().map(|_: &Overloaded| Status::resource_exhausted("too many at once")))
        .add_service(probe.server());
    let server = Running::start(server).await;
    let client = Client::new(server.channel().await);
    let hang = || {
        let client = client.clone();
        tokio::spawn(async move { client.unary_call(ask("hang")).await })
    };
    let hanging = [hang(), hang()];
    patiently(seen.wait_for(|seen| seen.hanging == 2)).await.unwrap();
    for kind in KINDS {
        let status = call(&client, kind, "hi", as_it_is).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "too many at once"), "{kind:?}");
    }
    let answer = plain_request(server.address, "/page").await;
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    // Places come back with calls that are cancelled.
    for hanging in hanging {
        hanging.abort();
    }
    patiently(seen.wait_for(|seen| seen.dropped == 2)).await.unwrap();
    patiently(async {
        while call(&client, Kind::Unary, "hi", as_it_is).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_deadline_covers_the_wait_for_a_place() {
    let (probe, mut seen) = Probe::new();
    let server = Server::builder().layer(ServiceBuilder::new().concurrency_limit(1)).add_service(probe.server());
    let server = Running::start(server).await;
    let client = Client::new(server.channel().await);
    let hanging = tokio::spawn({
        let client = client.clone();
        async move { client.unary_call(ask("hang")).await }
    });
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    let mut request = Request::new(ask("hi"));
    request.set_timeout(Duration::from_millis(50));
    assert_eq!(patiently(client.unary_call(request)).await.unwrap_err().code(), Code::DeadlineExceeded);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.unary_call(ask("hi")).await }
    });
    hanging.abort();
    assert_eq!(text(patiently(waiting).await.unwrap().unwrap().get_ref()), "hi");
}

#[tokio::test]
async fn errors_of_layers_are_statuses() {
    let (_server, client) = start(
        Server::builder()
            .layer(ServiceBuilder::new().timeout(Duration::from_millis(20)))
            .layer_errors(ErrorTable::new().map(|_: &tower::timeout::error::Elapsed| Status::aborted("too slow"))),
    )
    .await;
    let status = client.unary_call(ask("hang")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "too slow"));
    let (_server, client) =
        start(Server::builder().layer(ServiceBuilder::new().timeout(Duration::from_millis(20)))).await;
    let status = client.unary_call(ask("hang")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unknown, "request timed out"));

    /// Fails everything with a status, as an error of any type.
    #[derive(Clone)]
    struct Failing;
    type BoxError = Box<dyn std::error::Error + Send + Sync>;
    impl Service<http::Request<Body>> for Failing {
        type Response = http::Response<Body>;
        type Error = BoxError;
        type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, BoxError>> + Send>>;
        fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: http::Request<Body>) -> Self::Future {
            Box::pin(async { Err(Status::permission_denied("not today").into()) })
        }
    }
    let failing = tower::layer::layer_fn(|_: ServerService| Failing);
    let (server, client) = start(Server::builder().layer(failing)).await;
    for kind in KINDS {
        let status = call(&client, kind, "hi", as_it_is).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "not today"), "{kind:?}");
    }
    assert!(plain_request(server.address, "/").await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn a_layer_that_panics_ends_its_own_call_only() {
    let careless = around(|request: &mut http::Request<Body>| {
        assert!(!request.headers().contains_key("x-careless"), "as told");
    });
    let (_server, client) = start(Server::builder().layer(careless)).await;
    let panic = |mut request: Request<()>| {
        request.metadata_mut().insert("x-careless", "1".parse().unwrap());
        request
    };
    for kind in KINDS {
        assert_eq!(call(&client, kind, "hi", panic).await.unwrap_err().code(), Code::Internal, "{kind:?}");
        assert_eq!(call(&client, kind, "hi", as_it_is).await.unwrap(), "hi", "{kind:?}");
    }
    assert_eq!(call(&client, Kind::Unary, "panic", as_it_is).await.unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn a_call_that_is_cancelled_leaves_its_layers() {
    struct Gone(Arc<tokio::sync::Notify>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let gone = Arc::new(tokio::sync::Notify::new());
    let notify = Arc::clone(&gone);
    let holding = tower::layer::layer_fn(move |inner: ServerService| {
        let notify = Arc::clone(&notify);
        tower::service_fn(move |request| {
            let (mut inner, gone) = (inner.clone(), Gone(Arc::clone(&notify)));
            async move {
                let answer = inner.call(request).await;
                drop(gone);
                answer
            }
        })
    });
    let (probe, mut seen) = Probe::new();
    let server = Running::start(Server::builder().layer(holding).add_service(probe.server())).await;
    let client = Client::new(server.channel().await);
    let hanging = tokio::spawn(async move { client.unary_call(ask("hang")).await });
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    hanging.abort();
    patiently(gone.notified()).await;
    patiently(seen.wait_for(|seen| seen.dropped == 1)).await.unwrap();
}
