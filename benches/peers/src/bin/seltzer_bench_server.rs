//! Serves `bench.Bench` and `probe.Probe` on Seltzer.
//!
//! ```text
//! seltzer_bench_server PORT [--workers N] [--tonic] [--congestion NAME] [--carrier engine|hyper]
//!                      [--tls CERTIFICATE:KEY] [--intercept NAME,NAME] [--timeout-s N] [--telemetry]
//! ```
//!
//! - `--workers N`: `Server::workers(N)`; without it everything happens on one thread.
//! - `--tonic`: the services as tonic generates them, on this library's server.
//! - `--congestion NAME`: TCP's congestion control, `cubic` for example.
//! - `--carrier hyper`: HTTP/2 by hyper instead of by this library.
//! - `--tls CERTIFICATE:KEY`: TLS, with these files in PEM (feature `tls`).
//! - `--intercept NAME,NAME`: the interceptors that come with the library, the outermost first: `logging` (at a level
//!   that nobody listens to), `request-id`, `timeout`, `authentication`, or `all` of them.
//! - `--timeout-s N`: how long a call may take.
//! - `--telemetry`: counts all calls, as OpenTelemetry's metrics (feature `telemetry`).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it does")]

use std::process::ExitCode;
use std::time::Duration;

use seltzer::server::{Authentication, Authenticator, CallHead, Logging, RequestIds, TimeoutPolicy};
use seltzer::transport::Carrier;
use seltzer::{Server, Status};
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
    tls: Option<String>,
    interceptors: Vec<String>,
    timeout: Option<Duration>,
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
            tls: arguments.option("--tls")?,
            interceptors: arguments
                .option::<String>("--intercept")?
                .map_or_else(Vec::new, |names| names.split(',').map(str::to_owned).collect()),
            timeout: arguments.option("--timeout-s")?.map(Duration::from_secs_f64),
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
    let server = settings.interceptors.iter().try_fold(server, |server, name| intercepted(server, name))?;
    let server = match settings.timeout {
        Some(timeout) => server.timeout(timeout),
        None => server,
    };
    let server = match &settings.tls {
        Some(files) => encrypted(server, files)?,
        None => server,
    };
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
    let server = if settings.telemetry { measured(server)? } else { server };
    Ok(server.workers(settings.workers))
}

/// Interceptors as a server in production has them.
const INTERCEPTORS: [&str; 4] = ["logging", "request-id", "timeout", "authentication"];

fn intercepted(server: Server, name: &str) -> Result<Server, Error> {
    Ok(match name {
        "all" => INTERCEPTORS.iter().try_fold(server, |server, name| intercepted(server, name))?,
        "logging" => server.intercept(Logging::new()),
        "request-id" => server.intercept(RequestIds::new()),
        "timeout" => server.intercept(TimeoutPolicy::new().maximum(CALL_TIMEOUT_MAX)),
        "authentication" => server.intercept(Authentication::new(Anybody)),
        other => {
            let known = INTERCEPTORS.join(", ");
            return Err(format!("there is no interceptor {other}; there are {known}, and all of them"));
        }
    })
}

/// Longer than any call of a trial.
const CALL_TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// Looks for a token, and lets everybody in: clients of these trials have none.
struct Anybody;

impl Authenticator for Anybody {
    /// Whether there was one.
    type Identity = bool;

    async fn authenticate(&self, call: CallHead<'_>) -> Result<bool, Status> {
        Ok(call.bearer_token().is_some())
    }
}

#[cfg(feature = "telemetry")]
#[allow(clippy::unnecessary_wraps, reason = "without the feature it is an error")]
fn measured(server: Server) -> Result<Server, Error> {
    Ok(server.telemetry(&seltzer::telemetry::Telemetry::builder().build()))
}

#[cfg(not(feature = "telemetry"))]
fn measured(_: Server) -> Result<Server, Error> {
    Err("telemetry is not compiled in: build with `--features telemetry`".to_owned())
}

#[cfg(feature = "tls")]
fn encrypted(server: Server, files: &str) -> Result<Server, Error> {
    use seltzer::transport::{Identity, ServerTlsConfig};

    let (certificate, key) = files.split_once(':').ok_or("--tls needs CERTIFICATE:KEY")?;
    let read = |path: &str| std::fs::read(path).map_err(|error| format!("{path}: {error}"));
    let identity = Identity::from_pem(read(certificate)?, read(key)?);
    server.tls_config(ServerTlsConfig::new().identity(identity)).map_err(|error| error.to_string())
}

#[cfg(not(feature = "tls"))]
fn encrypted(_: Server, _: &str) -> Result<Server, Error> {
    Err("TLS is not compiled in: build with `--features tls`".to_owned())
}
