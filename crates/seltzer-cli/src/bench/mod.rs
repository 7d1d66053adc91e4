//! `seltzer bench`: very many calls of a method, counted and timed.

mod caller;
mod live;
mod payload;
mod processor;
mod recorder;
mod report;
mod schedule;
mod worker;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use seltzer::dynamic::MethodDescriptor;
use seltzer::metadata::MetadataMap;
use seltzer::{MethodKind, service};
use tokio::runtime;

use crate::arguments::BenchArguments;
use crate::bench::caller::{Caller, Shared};
use crate::bench::live::Live;
use crate::bench::payload::Payload;
use crate::bench::recorder::Recorder;
use crate::bench::report::Report;
use crate::bench::worker::{Plan, Progress, Worker};
use crate::call::outcome;
use crate::catalogue::{Known, Unknown};
use crate::connection::{self, Connection};
use crate::error::Failure;
use crate::output;

pub(crate) use self::schedule::RateSchedule;

/// How long calls go on if nothing is said.
const DURATION: Duration = Duration::from_secs(10);

/// Calls failed.
const EXIT_FAILED_CALLS: u8 = 1;

/// Makes the calls and writes the report; gives the exit status.
///
/// # Errors
/// The method is not known, the arguments make no sense, or the report cannot be written.
pub(crate) fn run(arguments: &BenchArguments) -> Result<u8, Failure> {
    connection::check_order(&arguments.address, &arguments.method)?;
    let plan = plan(arguments)?;
    let method = match connection::run(find(arguments)) {
        Ok(method) => method,
        Err(Unknown::Failure(failure)) => return Err(failure),
        Err(Unknown::Status(status)) => return Ok(outcome::report(&status, None, None, 0)),
    };
    let shared = Arc::new(shared(arguments, &method)?);
    let progress = Arc::new(Progress::default());
    let processor = processor::time();
    let started = Instant::now();
    let live = Live::start(plan, Arc::clone(&progress));
    let recorder = make_calls(arguments, plan, &shared, &progress)?;
    let elapsed = started.elapsed().saturating_sub(plan.warmup);
    live.finish();
    let spent = processor::time().zip(processor).map(|(after, before)| after.saturating_sub(before));
    let failed = recorder.failed() + recorder.unfinished;
    let report = Report { arguments, method: shared.method, recorder, elapsed, processor: spent, plan };
    output::write_file(&arguments.output, report.write(arguments.report_format()).as_bytes())?;
    Ok(if failed == 0 { 0 } else { EXIT_FAILED_CALLS })
}

fn plan(arguments: &BenchArguments) -> Result<Plan, Failure> {
    let changes = arguments.rate.is_some_and(RateSchedule::needs_duration);
    if changes && arguments.duration.is_none() && arguments.calls.is_some() {
        return Err(Failure::usage("a rate that changes needs a time to change in").with_hint("say it with -z SECONDS"));
    }
    if changes && !arguments.warmup.is_zero() {
        return Err(Failure::usage("a rate that changes cannot have a time to warm up")
            .with_hint("begin with a low rate, or leave --warmup out"));
    }
    let calls = arguments.calls.map(|calls| u64::from(calls.0));
    Ok(Plan {
        concurrency: u64::from(arguments.concurrency.0),
        rate: arguments.rate,
        max_in_flight: u64::from(arguments.max_in_flight.0),
        warmup: arguments.warmup,
        duration: arguments.duration.or(calls.is_none().then_some(DURATION)),
        calls,
        workers: u64::from(arguments.threads.0),
    })
}

async fn find(arguments: &BenchArguments) -> Result<MethodDescriptor, Unknown> {
    let headers = [arguments.schemas.reflection_header.as_slice()];
    let connection = Connection::open(&arguments.address, &arguments.connection, &headers, false).await?;
    let asked = Some((&connection, arguments.address.as_str()));
    Known::open(&arguments.schemas, asked, arguments.timeout)?.method(&arguments.method).await
}

fn shared(arguments: &BenchArguments, method: &MethodDescriptor) -> Result<Shared, Failure> {
    let kind = match (method.is_client_streaming(), method.is_server_streaming()) {
        (false, false) => MethodKind::Unary,
        (true, false) => MethodKind::ClientStreaming,
        (false, true) => MethodKind::ServerStreaming,
        (true, true) => MethodKind::BidiStreaming,
    };
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let mut metadata = MetadataMap::new();
    for header in &arguments.connection.header {
        header.append_to(&mut metadata);
    }
    Ok(Shared {
        // There is one, for as long as the process lives: clients take methods as generated code has them.
        method: Box::leak(Box::new(service::MethodDescriptor::new(path.leak(), kind))),
        payload: Payload::read(&arguments.data, method)?,
        metadata,
        timeout: arguments.timeout,
        stream_repeat: u64::from(arguments.stream_repeat.0),
    })
}

/// Runs the workers to their end, each on a thread of its own.
fn make_calls(
    arguments: &BenchArguments,
    plan: Plan,
    shared: &Arc<Shared>,
    progress: &Arc<Progress>,
) -> Result<Recorder, Failure> {
    thread::scope(|scope| {
        let work = |index: u64| {
            let (shared, progress) = (Arc::clone(shared), Arc::clone(progress));
            move || work(arguments, plan, index, &shared, progress)
        };
        let threads: Vec<_> = (0..plan.workers).map(|index| scope.spawn(work(index))).collect();
        let mut all = Recorder::new();
        for thread in threads {
            all.merge(thread.join().map_err(|_| Failure::new("a thread that made calls ended early"))??);
        }
        Ok(all)
    })
}

/// One worker, with a runtime and connections of its own.
fn work(
    arguments: &BenchArguments,
    plan: Plan,
    index: u64,
    shared: &Arc<Shared>,
    progress: Arc<Progress>,
) -> Result<Recorder, Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start to make calls: {error}")))?;
    let recorder = runtime.block_on(async {
        let callers = callers(arguments, plan, index, shared).await?;
        Ok(Worker::run(plan, index, callers, progress).await)
    });
    // Calls that have not ended are given up.
    runtime.shutdown_background();
    recorder
}

/// A caller for each of a worker's connections, which are open.
async fn callers(
    arguments: &BenchArguments,
    plan: Plan,
    index: u64,
    shared: &Arc<Shared>,
) -> Result<Vec<Caller>, Failure> {
    let connections = u64::from(arguments.connections.0);
    // Each worker has at least one.
    let own = (connections / plan.workers + u64::from(index < connections % plan.workers)).max(1);
    let mut callers = Vec::new();
    for _ in 0..own {
        let connection = Connection::open(&arguments.address, &arguments.connection, &[], false).await?;
        callers.push(Caller::new(connection.one().await?, Arc::clone(shared)));
    }
    Ok(callers)
}
