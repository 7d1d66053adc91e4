//! Serves `bench.Bench` and `probe.Probe` on tonic, with tonic's default settings.
//!
//! ```text
//! tonic_bench_server PORT [--workers N] [--congestion NAME]
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it does")]

use std::net::TcpListener;
use std::process::ExitCode;

use seltzer_peers::allocator;
use seltzer_peers::arguments::{Arguments, Error};
use seltzer_peers::handlers::Probes;
use seltzer_peers::over_tonic::{BenchHandler, ProbeHandler};
use seltzer_peers::schemas::tonic::bench::bench_server::BenchServer;
use seltzer_peers::schemas::tonic::probe::probe_server::ProbeServer;
use seltzer_peers::wire::socket;
use tokio::runtime::Builder;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

fn main() -> ExitCode {
    match read().map_err(Into::into).and_then(|(port, workers, congestion)| run(port, workers, congestion.as_deref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tonic_bench_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read() -> Result<(u16, usize, Option<String>), Error> {
    let mut arguments = Arguments::of_this_process();
    let (workers, congestion) = (arguments.or("--workers", 1)?, arguments.option("--congestion")?);
    let port = arguments.word("PORT")?;
    arguments.end()?;
    Ok((port, workers, congestion))
}

fn run(port: u16, workers: usize, congestion: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = match workers {
        0 | 1 => Builder::new_current_thread().enable_all().build()?,
        workers => Builder::new_multi_thread().worker_threads(workers).enable_all().build()?,
    };
    let listener: TcpListener = socket::listen(port, congestion)?;
    listener.set_nonblocking(true)?;
    let probes = Probes::new();
    runtime.block_on(async move {
        // What tonic sets on the sockets of `serve(address)`.
        let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
        println!("listening on port {port}, allocator {}", allocator::NAME);
        Server::builder()
            .add_service(BenchServer::new(BenchHandler))
            .add_service(ProbeServer::new(ProbeHandler(probes)))
            .serve_with_incoming(incoming)
            .await
            .map_err(Into::into)
    })
}
