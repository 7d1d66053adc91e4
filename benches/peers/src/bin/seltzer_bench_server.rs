//! Serves `bench.Bench` and `probe.Probe` on Seltzer.
//!
//! ```text
//! seltzer_bench_server PORT [--workers N] [--tonic] [--congestion NAME] [--carrier engine|hyper] [--telemetry]
//! ```
//!
//! - `--workers N`: `Server::workers(N)`; without it everything happens on one thread.
//! - `--tonic`: the services as tonic generates them, on this library's server.
//! - `--congestion NAME`: TCP's congestion control, `cubic` for example.
//! - `--carrier hyper`: HTTP/2 by hyper instead of by this library.
//! - `--telemetry`: counts all calls, as OpenTelemetry's metrics.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it does")]

use std::process::ExitCode;

use seltzer::Server;
use seltzer::telemetry::Telemetry;
use seltzer::transport::Carrier;
use seltzer_peers::arguments::{Arguments, Error};
use seltzer_peers::handlers::Probes;
use seltzer_peers::schemas::bench::bench_server::BenchServer;
use seltzer_peers::schemas::probe::probe_server::ProbeServer;
use seltzer_peers::{allocator, over_seltzer, over_tonic, schemas};

/// What the command line asks for.
struct Settings {
    port: u16,
    workers: Option<usize>,
    tonic: bool,
    congestion: Option<String>,
    carrier: Option<String>,
    telemetry: bool,
}

impl Settings {
    fn read() -> Result<Self, Error> {
        let mut arguments = Arguments::of_this_process();
        let settings = Settings {
            workers: arguments.option("--workers")?,
            tonic: arguments.flag("--tonic"),
            congestion: arguments.option("--congestion")?,
            carrier: arguments.option("--carrier")?,
            telemetry: arguments.flag("--telemetry"),
            port: arguments.word("PORT")?,
        };
        arguments.end()?;
        Ok(settings)
    }
}

fn main() -> ExitCode {
    match Settings::read().map_err(Into::into).and_then(|settings| run(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("seltzer_bench_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let probes = Probes::new();
    let server = configured(Server::builder(), settings)?;
    let server = if settings.tonic {
        server
            .add_service(schemas::tonic::bench::bench_server::BenchServer::new(over_tonic::BenchHandler))
            .add_service(schemas::tonic::probe::probe_server::ProbeServer::new(over_tonic::ProbeHandler(probes)))
    } else {
        server
            .add_service(BenchServer::new(over_seltzer::BenchHandler))
            .add_service(ProbeServer::new(over_seltzer::ProbeHandler(probes)))
    };
    // Without workers everything happens on this thread.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let server = server.bind(format!("127.0.0.1:{}", settings.port)).await?;
        println!("listening on port {}, allocator {}", settings.port, allocator::NAME);
        server.serve().await.map_err(Into::into)
    })
}

/// What this version of the library can be told.
fn configured(server: Server, settings: &Settings) -> Result<Server, Error> {
    let server = match settings.carrier.as_deref() {
        None => server,
        Some("engine") => server.carrier(Carrier::Engine),
        Some("hyper") => server.carrier(Carrier::Hyper),
        Some(other) => return Err(format!("there is no carrier {other}; there are engine and hyper")),
    };
    let server = match &settings.congestion {
        Some(congestion) => server.tcp_congestion(congestion),
        None => server,
    };
    let server = if settings.telemetry { server.telemetry(&Telemetry::builder().build()) } else { server };
    Ok(server.workers(settings.workers))
}
