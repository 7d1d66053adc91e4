//! The services of the package `grpc.testing`, which gRPC implementations test and measure one another with.

mod benchmark_service;
mod histogram;
mod load_reports;
mod output;
mod payload;
mod stopwatch;
mod test_service;
mod worker_client;
mod worker_server;
mod worker_service;

pub use self::benchmark_service::{BenchmarkServiceHandler, BothWays, Echoes, Endless};
pub use self::load_reports::LoadReports;
pub use self::output::Output;
pub use self::test_service::TestServiceHandler;
pub use self::worker_service::WorkerServiceHandler;
