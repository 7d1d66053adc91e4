//! Calls `bench.Bench` and tells what a call costs its client.
//!
//! ```text
//! bench_client WAY PORT [--connections N] [--streams N] [--calls N] [--size BYTES]
//!              [--down N | --up N | --bidi N] [--timeout] [--metadata] [--telemetry] [--threads N]
//! ```
//!
//! - `WAY`: `seltzer`, `layered` (the same behind a tower layer), `tonic`, or `tonic-on-seltzer` (tonic's generated
//!   client on our channel).
//! - `--streams N`: so many calls at once on each connection.
//! - `--down N`, `--up N`, `--bidi N`: calls that stream so many messages, instead of unary ones.
//! - `--timeout`, `--metadata`: unary calls that have a timeout, or one header of metadata.
//! - `--telemetry`: calls on our channel are counted, as OpenTelemetry's metrics (feature `telemetry`).
//! - `--threads N`: on a runtime with so many threads; without it everything happens on one.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it does")]

use std::future::Future;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use seltzer::client::Endpoint;
use seltzer_peers::allocator;
use seltzer_peers::arguments::{Arguments, Error};
use seltzer_peers::process::Process;
use seltzer_peers::schemas::bench::bench_client::BenchClient as Ours;
use seltzer_peers::schemas::bench::{Msg, Req};
use seltzer_peers::schemas::tonic::bench::bench_client::BenchClient as Theirs;
use tokio::runtime::Builder;
use tokio_stream::StreamExt as _;
use tonic::body::Body;
use tonic::{Request, Status};

/// Calls before the measurement, as a part of all.
const WARM_UP: usize = 10;

fn main() -> ExitCode {
    match Settings::read().map_err(Into::into).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_client: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for.
#[derive(Debug, Clone)]
struct Settings {
    way: String,
    port: u16,
    connections: usize,
    streams: usize,
    calls: usize,
    size: usize,
    kind: Kind,
    has_timeout: bool,
    has_metadata: bool,
    has_telemetry: bool,
    threads: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Unary,
    Down(u32),
    Up(u32),
    Bidi(u32),
}

impl Settings {
    fn read() -> Result<Self, Error> {
        let mut arguments = Arguments::of_this_process();
        let (down, up, bidi) = (arguments.option("--down")?, arguments.option("--up")?, arguments.option("--bidi")?);
        let kind = down.map(Kind::Down).or(up.map(Kind::Up)).or(bidi.map(Kind::Bidi)).unwrap_or(Kind::Unary);
        let settings = Settings {
            connections: arguments.or("--connections", 1)?,
            streams: arguments.or("--streams", 1)?,
            calls: arguments.or("--calls", 100_000)?,
            size: arguments.or("--size", 100)?,
            kind,
            has_timeout: arguments.flag("--timeout"),
            has_metadata: arguments.flag("--metadata"),
            has_telemetry: arguments.flag("--telemetry"),
            threads: arguments.or("--threads", 1)?,
            way: arguments.word("WAY")?,
            port: arguments.word("PORT")?,
        };
        arguments.end()?;
        Ok(settings)
    }

    fn message(&self) -> Msg {
        Msg { body: Bytes::from(vec![7; self.size]), id: 42, name: String::new() }
    }

    fn request(&self, message: &Msg) -> Request<Msg> {
        let mut request = Request::new(message.clone());
        if self.has_timeout {
            request.set_timeout(Duration::from_secs(10));
        }
        if self.has_metadata {
            request.metadata_mut().insert("x-request-id", "a-value-of-thirty-two-bytes-more".parse().expect("ASCII"));
        }
        request
    }
}

/// A generated client.
trait Caller: Clone + Send + 'static {
    fn unary(&mut self, request: Request<Msg>) -> impl Future<Output = Result<Msg, Status>> + Send;
    fn down(&mut self, request: Req) -> impl Future<Output = Result<u32, Status>> + Send;
    fn up(&mut self, messages: Messages) -> impl Future<Output = Result<u32, Status>> + Send;
    fn bidi(&mut self, messages: Messages) -> impl Future<Output = Result<u32, Status>> + Send;
}

type Messages = tokio_stream::Iter<std::iter::RepeatN<Msg>>;

macro_rules! caller {
    ($client:ident, $channel:ty) => {
        impl Caller for $client<$channel> {
            async fn unary(&mut self, request: Request<Msg>) -> Result<Msg, Status> {
                $client::unary(self, request).await.map(tonic::Response::into_inner)
            }

            async fn down(&mut self, request: Req) -> Result<u32, Status> {
                let mut messages = $client::down(self, request).await?.into_inner();
                let mut count = 0;
                while messages.message().await?.is_some() {
                    count += 1;
                }
                Ok(count)
            }

            async fn up(&mut self, messages: Messages) -> Result<u32, Status> {
                $client::up(self, messages).await.map(|answer| u32::try_from(answer.get_ref().id).unwrap_or(u32::MAX))
            }

            async fn bidi(&mut self, messages: Messages) -> Result<u32, Status> {
                let mut answers = $client::bidi(self, messages).await?.into_inner();
                let mut count = 0;
                while answers.next().await.transpose()?.is_some() {
                    count += 1;
                }
                Ok(count)
            }
        }
    };
}

caller!(Ours, seltzer::Channel);
caller!(Ours, Layered);
caller!(Theirs, seltzer::Channel);
caller!(Theirs, tonic::transport::Channel);

/// A channel within a layer that does nothing: calls go the general way through it.
#[derive(Debug, Clone)]
struct Layered(seltzer::Channel);

impl tonic::codegen::Service<http::Request<Body>> for Layered {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = <seltzer::Channel as tonic::codegen::Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Status>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}

fn run(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = match settings.threads {
        0 | 1 => Builder::new_current_thread().enable_all().build()?,
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build()?,
    };
    runtime.block_on(async move {
        let target = format!("http://127.0.0.1:{}", settings.port);
        let endpoint = seltzer::Channel::builder(target.as_str());
        let endpoint = if settings.has_telemetry { measured(endpoint)? } else { endpoint };
        let ours = async || endpoint.clone().connect().await;
        match settings.way.as_str() {
            "seltzer" => measure(&settings, async || Ok(Ours::new(ours().await?))).await,
            "layered" => measure(&settings, async || Ok(Ours::new(Layered(ours().await?)))).await,
            "tonic-on-seltzer" => measure(&settings, async || Ok(Theirs::new(ours().await?))).await,
            "tonic" => measure(&settings, async || Ok(Theirs::connect(target.clone()).await?)).await,
            other => Err(format!("{other} is none of seltzer, layered, tonic, tonic-on-seltzer").into()),
        }
    })
}

#[cfg(feature = "telemetry")]
#[allow(clippy::unnecessary_wraps, reason = "without the feature it is an error")]
fn measured(endpoint: Endpoint) -> Result<Endpoint, Error> {
    Ok(endpoint.telemetry(&seltzer::telemetry::Telemetry::builder().build()))
}

#[cfg(not(feature = "telemetry"))]
fn measured(_: Endpoint) -> Result<Endpoint, Error> {
    Err("telemetry is not compiled in: build with `--features telemetry`".to_owned())
}

async fn measure<C: Caller>(
    settings: &Settings,
    connect: impl AsyncFn() -> Result<C, Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut callers = Vec::new();
    for _ in 0..settings.connections {
        callers.push(connect().await?);
    }
    all_calls(settings, &callers, settings.calls / WARM_UP).await?;
    let this = Process(std::process::id());
    let (begin, processor) = (Instant::now(), this.processor_ns());
    let calls = all_calls(settings, &callers, settings.calls).await?;
    let (elapsed, processor) = (begin.elapsed(), this.processor_ns() - processor);
    let messages = match settings.kind {
        Kind::Unary => 1,
        Kind::Down(count) | Kind::Up(count) | Kind::Bidi(count) => u64::from(count),
    };
    println!(
        "{:17} {:?} {}x{}: {:8.0} calls/s, {:8.3} us of processor a call, {:7.3} a message ({})",
        settings.way,
        settings.kind,
        settings.connections,
        settings.streams,
        calls as f64 / elapsed.as_secs_f64(),
        processor as f64 / 1e3 / calls as f64,
        processor as f64 / 1e3 / (calls * messages) as f64,
        allocator::NAME,
    );
    Ok(())
}

/// Makes so many calls, spread over all connections and streams. Returns how many it made.
async fn all_calls<C: Caller>(settings: &Settings, callers: &[C], calls: usize) -> Result<u64, Status> {
    let each = (calls / settings.connections / settings.streams).max(1);
    let mut tasks = Vec::new();
    for caller in callers {
        for _ in 0..settings.streams {
            tasks.push(tokio::spawn(some_calls(settings.clone(), caller.clone(), each)));
        }
    }
    let made = tasks.len() * each;
    for task in tasks {
        task.await.map_err(|error| Status::internal(error.to_string()))??;
    }
    Ok(made as u64)
}

async fn some_calls<C: Caller>(settings: Settings, mut caller: C, calls: usize) -> Result<(), Status> {
    let message = settings.message();
    let size = u32::try_from(settings.size).unwrap_or(u32::MAX);
    for _ in 0..calls {
        let expected = match settings.kind {
            Kind::Unary => {
                let answer = caller.unary(settings.request(&message)).await?;
                if (answer.id, answer.body.len()) != (message.id, message.body.len()) {
                    return Err(Status::internal("the answer is not what was sent"));
                }
                continue;
            }
            Kind::Down(count) => (caller.down(Req { count, size }).await?, count),
            Kind::Up(count) => (caller.up(repeated(&message, count)).await?, count),
            Kind::Bidi(count) => (caller.bidi(repeated(&message, count)).await?, count),
        };
        if expected.0 != expected.1 {
            return Err(Status::internal(format!("{} messages came, {} were due", expected.0, expected.1)));
        }
    }
    Ok(())
}

fn repeated(message: &Msg, count: u32) -> Messages {
    tokio_stream::iter(std::iter::repeat_n(message.clone(), usize::try_from(count).unwrap_or(usize::MAX)))
}
