//! The service `grpc.testing.WorkerService`: what a benchmark's driver commands.

use std::thread::available_parallelism;

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};

use crate::codec::Streaming;
use crate::services::schemas::grpc::testing::worker_service_server::WorkerService;
use crate::services::schemas::grpc::testing::{
    ClientArgs, ClientStatus, CoreRequest, CoreResponse, ServerArgs, ServerStatus, Void,
};
use crate::status::Status;

/// A benchmark's worker.
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
    type RunServerStream = tokio_stream::Empty<Result<ServerStatus, Status>>;

    async fn run_server(&self, _: Request<Streaming<ServerArgs>>) -> Result<Response<Self::RunServerStream>, Status> {
        Err(Status::unimplemented("this worker runs no servers: point the driver at a server that runs already"))
    }

    type RunClientStream = tokio_stream::Empty<Result<ClientStatus, Status>>;

    async fn run_client(&self, _: Request<Streaming<ClientArgs>>) -> Result<Response<Self::RunClientStream>, Status> {
        Err(Status::unimplemented("this worker runs no clients"))
    }

    async fn core_count(&self, _: Request<CoreRequest>) -> Result<Response<CoreResponse>, Status> {
        Ok(Response::new(CoreResponse { cores: core_count() }))
    }

    async fn quit_worker(&self, _: Request<Void>) -> Result<Response<Void>, Status> {
        let quit = self.quit.as_ref().ok_or_else(|| {
            Status::failed_precondition("this server does not end at a caller's word: stop its process instead")
        })?;
        quit.cancel();
        Ok(Response::new(Void {}))
    }
}

/// How many processors this process may use; 1 where the system does not say.
fn core_count() -> i32 {
    available_parallelism().map_or(1, |cores| i32::try_from(cores.get()).unwrap_or(i32::MAX))
}
