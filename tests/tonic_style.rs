//! tonic's ecosystem on our server and channel: its health and reflection crates, its interceptors, its clients.
//!
//! Unmodified output of tonic's generator for all four kinds of call is tested in `tests/fixtures`.

use std::time::Duration;

use seltzer::{Code, Request, Response, Server, Status};
use seltzer_fixtures::tonic_style::echo::echo_server::{Echo, EchoServer};
use seltzer_fixtures::tonic_style::echo::{Message, echo_client::EchoClient};
use tonic::service::interceptor::InterceptedService;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_response::MessageResponse};

use crate::support::probe::Probe;
use crate::support::{Running, patiently};

/// A service written for tonic, `async_trait` and all.
struct Theirs;

type Messages = tokio_stream::Iter<std::vec::IntoIter<Result<Message, Status>>>;

#[tonic::async_trait]
impl Echo for Theirs {
    async fn unary(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        let text = match request.get_ref().text.as_str() {
            "panic" => panic!("as told"),
            "hang" => std::future::pending().await,
            "trailer" => {
                seltzer::context::current().set_trailing_metadata("x-trailer", "theirs")?;
                "set".to_owned()
            }
            "deadline" => format!("{:?}", seltzer::context::current().deadline().is_some()),
            "user" => format!("{:?}", request.metadata().get("x-user")),
            "address" => format!("{:?}", request.remote_addr().map(|address| address.ip())),
            other => other.to_owned(),
        };
        Ok(Response::new(Message { text }))
    }

    type ServerStreamStream = Messages;

    async fn server_stream(&self, request: Request<Message>) -> Result<Response<Messages>, Status> {
        Ok(Response::new(tokio_stream::iter(vec![Ok(request.into_inner())])))
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

fn sign(mut request: Request<()>) -> Result<Request<()>, Status> {
    request.metadata_mut().insert("x-user", "alice".parse().unwrap());
    Ok(request)
}

#[tokio::test]
async fn both_kinds_of_service_share_a_server() {
    let server = Server::builder().add_service(EchoServer::new(Theirs)).add_service(Probe::new().0.server());
    let server = Running::start(server).await;
    let mut theirs = EchoClient::new(server.channel().await);
    assert_eq!(theirs.unary(message("hi")).await.unwrap().get_ref().text, "hi");
    let up = theirs.client_stream(tokio_stream::iter(["a", "b"].map(message))).await.unwrap();
    assert_eq!(up.get_ref().text, "ab");
    let mut both = theirs.bidi(tokio_stream::iter(["a", "b"].map(message))).await.unwrap().into_inner();
    assert_eq!(both.message().await.unwrap().unwrap().text, "a");
    assert_eq!(theirs.unary(message("address")).await.unwrap().get_ref().text, "Some(127.0.0.1)");
}

#[tokio::test]
async fn interceptors_of_tonic_work_on_both_sides() {
    let service = InterceptedService::new(EchoServer::new(Theirs), |request: Request<()>| {
        match request.metadata().get("x-user") {
            Some(_) => Ok(request),
            None => Err(Status::unauthenticated("who are you?")),
        }
    });
    let server = Running::start(Server::builder().add_service(service)).await;
    let mut stranger = EchoClient::new(server.channel().await);
    assert_eq!(stranger.unary(message("hi")).await.unwrap_err().code(), Code::Unauthenticated);
    let mut alice = EchoClient::new(InterceptedService::new(server.channel().await, sign));
    assert_eq!(alice.unary(message("user")).await.unwrap().get_ref().text, "Some(\"alice\")");
}

#[tokio::test]
async fn a_servers_own_interceptors_see_tonics_services_too() {
    let server = Server::builder().interceptor(sign).add_service(EchoServer::new(Theirs));
    let server = Running::start(server).await;
    let mut client = EchoClient::new(server.channel().await);
    assert_eq!(client.unary(message("user")).await.unwrap().get_ref().text, "Some(\"alice\")");
}

#[tokio::test]
async fn deadlines_and_panics_are_ours_to_keep() {
    let server = Running::start(Server::builder().add_service(EchoServer::new(Theirs))).await;
    let mut client = EchoClient::new(server.channel().await);
    assert_eq!(client.unary(message("panic")).await.unwrap_err().code(), Code::Internal);
    let mut request = Request::new(message("hang"));
    request.set_timeout(Duration::from_millis(100));
    assert_eq!(patiently(client.unary(request)).await.unwrap_err().code(), Code::DeadlineExceeded);
    let mut request = Request::new(message("deadline"));
    request.set_timeout(Duration::from_secs(60));
    assert_eq!(client.unary(request).await.unwrap().get_ref().text, "true");
}

#[tokio::test]
async fn trailing_metadata_of_a_tonic_service_arrives() {
    let server = Running::start(Server::builder().add_service(EchoServer::new(Theirs))).await;
    let mut client = EchoClient::new(server.channel().await);
    let answer = client.unary(message("trailer")).await.unwrap();
    assert_eq!(answer.metadata().get("x-trailer").unwrap(), "theirs");
}

#[tokio::test]
async fn tonic_health_is_served_and_asked() {
    let (reporter, service) = tonic_health::server::health_reporter();
    // Our generated services carry tonic's `NamedService`.
    type Ours = seltzer::services::schemas::grpc::testing::benchmark_service_server::BenchmarkServiceServer<Probe>;
    reporter.set_serving::<Ours>().await;
    let server = Running::start(Server::builder().add_service(service)).await;
    let mut client = HealthClient::new(server.channel().await);
    let request = HealthCheckRequest { service: "grpc.testing.BenchmarkService".to_owned() };
    assert_eq!(client.check(request.clone()).await.unwrap().get_ref().status(), ServingStatus::Serving);
    let mut watch = client.watch(request).await.unwrap().into_inner();
    assert_eq!(patiently(watch.message()).await.unwrap().unwrap().status(), ServingStatus::Serving);
    reporter.set_not_serving::<Ours>().await;
    assert_eq!(patiently(watch.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
}

#[tokio::test]
async fn tonic_reflection_serves_the_embedded_descriptors() {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(seltzer::services::schemas::hello::FILE_DESCRIPTOR_SET)
        .build_v1()
        .unwrap();
    let server = Running::start(Server::builder().add_service(reflection)).await;
    let mut client = ServerReflectionClient::new(server.channel().await);
    let ask = |what| ServerReflectionRequest { host: String::new(), message_request: Some(what) };
    let requests = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("hello.HelloRequest".to_owned())),
    ];
    let mut answers = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let mut next = async || patiently(answers.message()).await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = next().await else { panic!("a list was asked for") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"hello.Greeter"), "{names:?}");
    let MessageResponse::FileDescriptorResponse(files) = next().await else { panic!("a file was asked for") };
    assert_eq!(files.file_descriptor_proto.len(), 1);
}
