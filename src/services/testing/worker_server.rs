//! A server that a benchmark's driver asked for.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::server::Server;
use crate::services::schemas::grpc::testing::benchmark_service_server::BenchmarkServiceServer;
use crate::services::schemas::grpc::testing::{
    ServerArgs, ServerConfig, ServerStats, ServerStatus, ServerType, server_args,
};
use crate::services::testing::benchmark_service::BenchmarkServiceHandler;
use crate::services::testing::payload::MESSAGE_BYTES_MAX;
use crate::services::testing::stopwatch::Stopwatch;
use crate::services::testing::worker_service::{Order, Work, core_count};
use crate::status::Status;

/// How long calls may go on when the driver ends the server: its clients have ended before.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// Serves the benchmark service on a port of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct WorkerServer {
    port: u16,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    stopwatch: Stopwatch,
}

impl Work for WorkerServer {
    type Arguments = ServerArgs;
    type Setup = ServerConfig;
    type Report = ServerStatus;

    fn order(arguments: ServerArgs) -> Option<Order<ServerConfig>> {
        arguments.argtype.map(|argtype| match argtype {
            server_args::Argtype::Setup(config) => Order::Setup(config),
            server_args::Argtype::Mark(mark) => Order::Mark(mark),
        })
    }

    async fn start(config: ServerConfig) -> Result<Self, Status> {
        if config.security_params.is_some() {
            return Err(Status::unimplemented("this worker has no certificates: leave security_params out"));
        }
        if config.server_type() == ServerType::AsyncGenericServer {
            return Err(Status::unimplemented("this worker has no generic server: ask for any other server_type"));
        }
        let port = u16::try_from(config.port)
            .map_err(|_| Status::invalid_argument(format!("{} is not a port", config.port)))?;
        let service = BenchmarkServiceServer::new(BenchmarkServiceHandler).max_decoding_message_size(MESSAGE_BYTES_MAX);
        // Only this machine reaches it, as only this machine may order it.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let bound = Server::builder()
            .add_service(service)
            .drain_grace(DRAIN_GRACE)
            .bind(address)
            .await
            .map_err(|error| Status::unavailable(format!("cannot listen on {address}: {error}")))?;
        let port = bound.local_addr().map_or(port, |address| address.port());
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move {
            if let Err(error) = bound.serve_with_shutdown(stopped).await {
                tracing::warn!(%error, "a benchmark's server ended early");
            }
        });
        Ok(WorkerServer { port, stop, serving, stopwatch: Stopwatch::start() })
    }

    fn report(&mut self, reset: bool) -> ServerStatus {
        let elapsed = self.stopwatch.elapsed();
        if reset {
            self.stopwatch = Stopwatch::start();
        }
        ServerStatus {
            stats: Some(ServerStats {
                time_elapsed: elapsed.seconds,
                time_user: elapsed.user_seconds,
                time_system: elapsed.system_seconds,
                total_cpu_time: elapsed.machine_ticks,
                idle_cpu_time: elapsed.idle_ticks,
                ..ServerStats::default()
            }),
            port: self.port.into(),
            cores: core_count(),
        }
    }

    async fn stop(mut self) {
        self.stop.cancel();
        // A panic in the server was reported where it happened.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for WorkerServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
