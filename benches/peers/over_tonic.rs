//! The measured service and its client, generated and carried by tonic.

use seltzer::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};

use self::generated::benchmark_service_client::BenchmarkServiceClient;
use self::generated::benchmark_service_server::{BenchmarkService, BenchmarkServiceServer};
use crate::load::Client;
use crate::server::Running;
use crate::service::{Answers, Repeat, answer, answer_many, tally};

/// What tonic-prost-build generated.
#[allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated")]
mod generated {
    tonic::include_proto!("grpc.testing");
}

/// Serves on a free port of the loopback, with tonic's default settings.
pub(crate) fn serve() -> Running {
    Running::start(async |ready, stopped| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        ready.at(listener.local_addr().expect("it listens"));
        // What tonic sets on the sockets of `serve(address)`.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let stopped = async { drop(stopped.await) };
        let server = Server::builder().add_service(BenchmarkServiceServer::new(Handler));
        server.serve_with_incoming_shutdown(incoming, stopped).await.expect("the server ends well");
    })
}

/// Connects with tonic's default settings.
pub(crate) async fn connect(server: &Running) -> BenchmarkServiceClient<Channel> {
    BenchmarkServiceClient::connect(server.uri()).await.expect("the server listens")
}

impl Client for BenchmarkServiceClient<Channel> {
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

#[tonic::async_trait]
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
