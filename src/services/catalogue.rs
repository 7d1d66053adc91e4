//! All demo services on one server.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::server::Server;
use crate::services::calculator::CalculatorHandler;
use crate::services::compute::ComputeHandler;
use crate::services::contact::{ContactHandler, TASK_INTERVAL_DEFAULT};
use crate::services::schemas::calculator::calculator_server::CalculatorServer;
use crate::services::schemas::compute::compute_server::ComputeServer;
use crate::services::schemas::contact::contact_server::ContactServer;
use crate::services::schemas::grpc::testing::benchmark_service_server::BenchmarkServiceServer;
use crate::services::schemas::grpc::testing::test_service_server::TestServiceServer;
use crate::services::schemas::grpc::testing::worker_service_server::WorkerServiceServer;
use crate::services::schemas::simple_cal::cal_server::CalServer;
use crate::services::schemas::user::user_server::UserServer;
use crate::services::schemas::{greeter, hello, helloworld, route_guide, routeguide};
use crate::services::simple_cal::CalHandler;
use crate::services::testing::{BenchmarkServiceHandler, LoadReports, TestServiceHandler, WorkerServiceHandler};
use crate::services::user::UserHandler;

/// What can be set about the demo services.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// How often `Contact.getTask` pushes a task: every two seconds unless set.
    pub task_interval: Duration,
    /// Cancelled when somebody calls `WorkerService.QuitWorker`. Without a token the call is refused, because
    /// nobody would act on it.
    pub quit: Option<CancellationToken>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { task_interval: TASK_INTERVAL_DEFAULT, quit: None }
    }
}

/// Adds every demo service to a server, made anew: no two servers share a chat room.
pub fn add_to(server: Server, settings: &Settings) -> Server {
    let plain_guide = crate::services::routeguide::RouteGuideHandler;
    let guide = crate::services::route_guide::RouteGuideHandler;
    let load_reports = LoadReports::default();
    server
        .add_service(CalculatorServer::new(CalculatorHandler::default()))
        .add_service(UserServer::new(UserHandler))
        .add_service(greeter::greeter_server::GreeterServer::new(crate::services::greeter::GreeterHandler))
        .add_service(hello::greeter_server::GreeterServer::new(crate::services::hello::GreeterHandler))
        .add_service(helloworld::greeter_server::GreeterServer::new(crate::services::helloworld::GreeterHandler))
        .add_service(routeguide::route_guide_server::RouteGuideServer::new(plain_guide))
        .add_service(route_guide::route_guide_server::RouteGuideServer::new(guide))
        .add_service(ComputeServer::new(ComputeHandler))
        .add_service(CalServer::new(CalHandler))
        .add_service(ContactServer::new(ContactHandler::new(settings.task_interval)))
        .add_service(test_service(load_reports.clone()))
        .serve_load_reports(load_reports.handler())
        .add_service(BenchmarkServiceServer::new(BenchmarkServiceHandler))
        .add_service(WorkerServiceServer::new(WorkerServiceHandler::new(settings.quit.clone())))
}

/// The test service compresses what a request asks to have compressed, whatever the server does otherwise.
fn test_service(load_reports: LoadReports) -> TestServiceServer<TestServiceHandler> {
    let server = TestServiceServer::new(TestServiceHandler::new(load_reports));
    #[cfg(feature = "gzip")]
    let server = server
        .accept_compressed(crate::codec::CompressionEncoding::Gzip)
        .send_compressed(crate::codec::CompressionEncoding::Gzip);
    server
}
