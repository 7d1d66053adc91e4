//! The service `grpc.testing.WorkerService`: what a benchmark's driver commands.

use std::future::Future;
use std::thread::available_parallelism;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};

use crate::codec::Streaming;
use crate::context;
use crate::services::schemas::grpc::testing::worker_service_server::WorkerService;
use crate::services::schemas::grpc::testing::{
    ClientArgs, ClientStatus, CoreRequest, CoreResponse, Mark, ServerArgs, ServerStatus, Void,
};
use crate::services::testing::worker_client::WorkerClient;
use crate::services::testing::worker_server::WorkerServer;
use crate::status::Status;

/// A benchmark's worker: runs servers and closed-loop clients, without TLS.
///
/// It obeys callers on the same machine only, because what it is told to do costs processor time and opens ports.
#[derive(Debug, Clone, Default)]
pub struct WorkerServiceHandler {
    quit: Option<CancellationToken>,
}

impl WorkerServiceHandler {
    /// A worker that cancels this token when it is told to quit. Without one it refuses to.
    #[must_use]
    pub fn new(quit: Option<CancellationToken>) -> Self {
        WorkerServiceHandler { quit }
    }
}

impl WorkerService for WorkerServiceHandler {
    type RunServerStream = ReceiverStream<Result<ServerStatus, Status>>;

    async fn run_server(
        &self,
        request: Request<Streaming<ServerArgs>>,
    ) -> Result<Response<Self::RunServerStream>, Status> {
        run::<WorkerServer>(request.into_inner()).await
    }

    type RunClientStream = ReceiverStream<Result<ClientStatus, Status>>;

    async fn run_client(
        &self,
        request: Request<Streaming<ClientArgs>>,
    ) -> Result<Response<Self::RunClientStream>, Status> {
        run::<WorkerClient>(request.into_inner()).await
    }

    async fn core_count(&self, _: Request<CoreRequest>) -> Result<Response<CoreResponse>, Status> {
        Ok(Response::new(CoreResponse { cores: core_count() }))
    }

    async fn quit_worker(&self, _: Request<Void>) -> Result<Response<Void>, Status> {
        caller_is_on_this_machine()?;
        let quit = self.quit.as_ref().ok_or_else(|| {
            Status::failed_precondition("this server does not end at a caller's word: stop its process instead")
        })?;
        quit.cancel();
        Ok(Response::new(Void {}))
    }
}

/// Something that a driver sets up, asks for its numbers, and ends.
pub(crate) trait Work: Sized + Send + 'static {
    type Arguments: Send + 'static;
    type Setup: Send;
    type Report: Send + 'static;

    /// What a message of the driver orders, if anything.
    fn order(arguments: Self::Arguments) -> Option<Order<Self::Setup>>;

    fn start(setup: Self::Setup) -> impl Future<Output = Result<Self, Status>> + Send;

    /// The numbers since the start or the last reset.
    fn report(&mut self, reset: bool) -> Self::Report;

    fn stop(self) -> impl Future<Output = ()> + Send;
}

/// What a driver orders.
#[derive(Debug)]
pub(crate) enum Order<S> {
    Setup(S),
    Mark(Mark),
}

/// How many processors this process may use; 1 where the system does not say.
pub(crate) fn core_count() -> i32 {
    available_parallelism().map_or(1, |cores| i32::try_from(cores.get()).unwrap_or(i32::MAX))
}

type Reports<W> = ReceiverStream<Result<<W as Work>::Report, Status>>;

async fn run<W: Work>(mut orders: Streaming<W::Arguments>) -> Result<Response<Reports<W>>, Status> {
    caller_is_on_this_machine()?;
    let Some(Order::Setup(setup)) = orders.message().await?.and_then(W::order) else {
        return Err(Status::invalid_argument("the first message must be a setup"));
    };
    let work = W::start(setup).await?;
    let (reports, receiver) = mpsc::channel(1);
    tokio::spawn(obey(work, orders, reports));
    Ok(Response::new(ReceiverStream::new(receiver)))
}

/// Answers the setup and each mark, and ends the work when the driver has no more to order, or leaves.
async fn obey<W: Work>(
    mut work: W,
    mut orders: Streaming<W::Arguments>,
    reports: mpsc::Sender<Result<W::Report, Status>>,
) {
    let mut report = Ok(work.report(false));
    loop {
        let is_over = report.is_err();
        if reports.send(report).await.is_err() || is_over {
            break;
        }
        let order = tokio::select! {
            order = orders.message() => order,
            () = reports.closed() => break,
        };
        report = match order.map(|arguments| arguments.map(W::order)) {
            Ok(None) => break,
            Ok(Some(Some(Order::Mark(mark)))) => Ok(work.report(mark.reset)),
            Ok(Some(_)) => Err(Status::invalid_argument("after the setup there are only marks")),
            Err(status) => Err(status),
        };
    }
    work.stop().await;
}

/// # Errors
/// PERMISSION_DENIED to everybody else.
fn caller_is_on_this_machine() -> Result<(), Status> {
    // No address means a unix socket or the same process.
    let address = context::current().peer().and_then(context::Peer::remote_addr);
    if address.is_none_or(|address| address.ip().to_canonical().is_loopback()) {
        return Ok(());
    }
    Err(Status::permission_denied("this worker obeys callers on its own machine only"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use super::*;
    use crate::client::Channel;
    use crate::server::Server;
    use crate::services::schemas::grpc::testing::worker_service_client::WorkerServiceClient;
    use crate::services::schemas::grpc::testing::worker_service_server::WorkerServiceServer;
    use crate::services::schemas::grpc::testing::{
        ClientConfig, HistogramParams, PayloadConfig, RpcType, SecurityParams, ServerConfig, ServerType,
        SimpleProtoParams, client_args, payload_config, server_args,
    };
    use crate::status::Code;

    fn worker(quit: Option<CancellationToken>) -> WorkerServiceClient {
        let service = WorkerServiceServer::new(WorkerServiceHandler::new(quit));
        let server = Server::builder().add_service(service).serve_in_process().unwrap();
        WorkerServiceClient::new(Channel::in_process(&server))
    }

    fn server_setup(config: ServerConfig) -> ServerArgs {
        ServerArgs { argtype: Some(server_args::Argtype::Setup(config)) }
    }

    fn client_setup(config: ClientConfig) -> ClientArgs {
        ClientArgs { argtype: Some(client_args::Argtype::Setup(config)) }
    }

    fn mark(reset: bool) -> Mark {
        Mark { reset }
    }

    /// Runs a client of one kind against a server, both ordered from one worker, until calls have ended well.
    async fn benchmark(kind: RpcType) {
        let worker = worker(None);
        let (server_orders, orders) = mpsc::channel(1);
        server_orders.send(server_setup(ServerConfig::default())).await.unwrap();
        let mut servers = worker.run_server(ReceiverStream::new(orders)).await.unwrap().into_inner();
        let port = servers.message().await.unwrap().unwrap().port;

        let (client_orders, orders) = mpsc::channel(1);
        let sizes = SimpleProtoParams { req_size: 10, resp_size: 20 };
        let config = ClientConfig {
            server_targets: vec![format!("127.0.0.1:{port}")],
            client_channels: 2,
            outstanding_rpcs_per_channel: 3,
            rpc_type: kind.into(),
            messages_per_stream: 5,
            payload_config: Some(PayloadConfig { payload: Some(payload_config::Payload::SimpleParams(sizes)) }),
            histogram_params: Some(HistogramParams { resolution: 0.01, max_possible: 60e9 }),
            ..ClientConfig::default()
        };
        client_orders.send(client_setup(config)).await.unwrap();
        let mut clients = worker.run_client(ReceiverStream::new(orders)).await.unwrap().into_inner();
        let mut stats = clients.message().await.unwrap().unwrap().stats.unwrap();
        while stats.latencies.as_ref().unwrap().count < 100.0 {
            client_orders.send(ClientArgs { argtype: Some(client_args::Argtype::Mark(mark(false))) }).await.unwrap();
            stats = clients.message().await.unwrap().unwrap().stats.unwrap();
        }
        let codes: Vec<_> = stats.request_results.iter().map(|result| result.status_code).collect();
        assert_eq!(codes, [0], "{kind:?}: some calls failed");

        drop(client_orders);
        while clients.message().await.unwrap().is_some() {}
        server_orders.send(ServerArgs { argtype: Some(server_args::Argtype::Mark(mark(true))) }).await.unwrap();
        assert!(servers.message().await.unwrap().unwrap().stats.unwrap().time_elapsed > 0.0);
        drop(server_orders);
        assert!(servers.message().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn unary_calls_are_measured() {
        benchmark(RpcType::Unary).await;
    }

    #[tokio::test]
    async fn streams_are_measured() {
        benchmark(RpcType::Streaming).await;
    }

    #[tokio::test]
    async fn what_this_worker_cannot_do_is_refused() {
        let worker = worker(None);
        let table = [
            (ServerConfig { port: -1, ..ServerConfig::default() }, Code::InvalidArgument),
            (
                ServerConfig { security_params: Some(SecurityParams::default()), ..ServerConfig::default() },
                Code::Unimplemented,
            ),
            (
                ServerConfig { server_type: ServerType::AsyncGenericServer.into(), ..ServerConfig::default() },
                Code::Unimplemented,
            ),
        ];
        for (config, code) in table {
            let error = worker.run_server(tokio_stream::once(server_setup(config.clone()))).await.unwrap_err();
            assert_eq!(error.code(), code, "{config:?}");
        }
        let here = || ClientConfig { server_targets: vec!["127.0.0.1:1".to_owned()], ..ClientConfig::default() };
        let table = [
            (ClientConfig::default(), Code::InvalidArgument),
            (ClientConfig { client_channels: 1_001, ..here() }, Code::InvalidArgument),
            (ClientConfig { rpc_type: RpcType::StreamingFromServer.into(), ..here() }, Code::Unimplemented),
            (here(), Code::Unavailable),
        ];
        for (config, code) in table {
            let error = worker.run_client(tokio_stream::once(client_setup(config.clone()))).await.unwrap_err();
            assert_eq!(error.code(), code, "{config:?}");
        }
        let error = worker.run_server(tokio_stream::empty()).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }

    #[tokio::test]
    async fn quitting_needs_somebody_who_listens() {
        let error = worker(None).quit_worker(Void {}).await.unwrap_err();
        assert_eq!(error.code(), Code::FailedPrecondition);
        let quit = CancellationToken::new();
        worker(Some(quit.clone())).quit_worker(Void {}).await.unwrap();
        assert!(quit.is_cancelled());
        assert!(worker(None).core_count(CoreRequest {}).await.unwrap().get_ref().cores >= 1);
    }
}
