//! The measured service and its client, generated and carried by this library.

use seltzer::services::schemas::grpc::testing::benchmark_service_client::BenchmarkServiceClient;
use seltzer::services::schemas::grpc::testing::benchmark_service_server::{BenchmarkService, BenchmarkServiceServer};
use seltzer::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use seltzer::{Channel, Request, Response, Server, Status, Streaming};
use tokio_stream::Stream;

use crate::load::Client;
use crate::server::Running;
use crate::service::{Answers, Repeat, answer, answer_many, tally};

/// Serves on a free port of the loopback, with the library's default settings.
pub(crate) fn serve() -> Running {
    Running::start(async |ready, stopped| {
        let server = Server::builder().add_service(BenchmarkServiceServer::new(Handler));
        let server = server.bind("127.0.0.1:0").await.expect("there is a free port");
        ready.at(server.local_addr().expect("it listens on TCP"));
        let stopped = async { drop(stopped.await) };
        server.serve_with_shutdown(stopped).await.expect("the server ends well");
    })
}

/// Connects with the library's default settings.
pub(crate) async fn connect(server: &Running) -> BenchmarkServiceClient {
    BenchmarkServiceClient::new(Channel::connect(server.uri()).await.expect("the server listens"))
}

impl Client for BenchmarkServiceClient {
    type Responses = Streaming<SimpleResponse>;

    async fn unary(&mut self, request: SimpleRequest) -> Result<SimpleResponse, Status> {
        self.unary_call(request).await.map(Response::into_inner)
    }

    async fn stream_down(&mut self, request: SimpleRequest) -> Result<Self::Responses, Status> {
        self.streaming_from_server(request).await.map(Response::into_inner)
    }

    async fn stream_up<S>(&mut self, requests: S) -> Result<SimpleResponse, Status>
    where
        S: Stream<Item = SimpleRequest> + Send + 'static,
    {
        self.streaming_from_client(requests).await.map(Response::into_inner)
    }

    async fn both_ways<S>(&mut self, requests: S) -> Result<Self::Responses, Status>
    where
        S: Stream<Item = SimpleRequest> + Send + 'static,
    {
        self.streaming_call(requests).await.map(Response::into_inner)
    }
}

#[derive(Debug)]
struct Handler;

impl BenchmarkService for Handler {
    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        Ok(Response::new(answer(request.into_inner())))
    }

    type StreamingCallStream = Answers<Streaming<SimpleRequest>>;

    async fn streaming_call(
        &self,
        request: Request<Streaming<SimpleRequest>>,
    ) -> Result<Response<Self::StreamingCallStream>, Status> {
        Ok(Response::new(Answers(request.into_inner())))
    }

    async fn streaming_from_client(
        &self,
        request: Request<Streaming<SimpleRequest>>,
    ) -> Result<Response<SimpleResponse>, Status> {
        tally(request.into_inner()).await.map(Response::new)
    }

    type StreamingFromServerStream = Repeat<Result<SimpleResponse, Status>>;

    async fn streaming_from_server(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<Self::StreamingFromServerStream>, Status> {
        answer_many(request.into_inner()).map(Response::new)
    }

    type StreamingBothWaysStream = Self::StreamingCallStream;

    async fn streaming_both_ways(
        &self,
        request: Request<Streaming<SimpleRequest>>,
    ) -> Result<Response<Self::StreamingBothWaysStream>, Status> {
        self.streaming_call(request).await
    }
}
