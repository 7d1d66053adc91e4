//! A panic ends its call alone.

use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use seltzer::codec::Codec;
use seltzer::codegen::{
    MethodDescriptor, MethodKind, ReplyFuture, ServerCall, Service, ServiceConfig, ServiceDescriptor, UnaryCall,
    UnaryReply,
};
use seltzer::services::schemas::grpc::testing::benchmark_service_server::BenchmarkServiceServer;
use seltzer::{Request, Response, Server, Status};

use crate::engine::{DOWN, GRPC, Place, UNARY, WAYS, assert_alive, is_other_carrier, is_pending, message};
use crate::support::patiently;
use crate::support::probe::Probe;
use crate::support::raw::framed;
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
