//! Calls of all kinds that end in every way, for as long as told; what does the server keep of them?

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seltzer::{Channel, Code, Request, Status};
use seltzer_peers::arguments::Arguments;
use seltzer_peers::load::Error;
use seltzer_peers::load::figures::Durations;
use seltzer_peers::process::Process;
use seltzer_peers::report::Report;
use seltzer_peers::schemas::bench::bench_client::BenchClient;
use seltzer_peers::schemas::bench::{Msg, Req};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::child::Program;
use crate::outcome::describe;
use crate::pace::Pace;
use crate::server::{LISTENING, STEP, TASKS};
use crate::{PORT_DEFAULT, load_average};

/// Connections, and calls spread over them.
const CHANNELS: usize = 8;

/// How often memory is looked at, in the whole of the time.
const SAMPLES: u32 = 60;

/// What memory and speed are at first says nothing of the long run: this share of the time is not counted.
const WARM_UP: f64 = 0.25;

/// From when on a slope and a drift are more than noise.
const JUDGED_FROM: Duration = Duration::from_secs(30 * 60);

/// How much memory may grow, in KiB: in an hour, and in all of a short run after its warm-up.
const SLOPE_KIB_MAX: f64 = 1024.0;
const GROWTH_KIB_MAX: f64 = 1024.0;

/// How much slower the slowest of a thousand calls may become.
const DRIFT_MAX: f64 = 1.10;

/// How long calls that were begun may go on.
const REST: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(10);

/// A call of those that end by their deadline: what they ask for takes longer.
const DEADLINE: Duration = Duration::from_millis(50);
const MESSAGES: u32 = 10;

/// What became of calls in one part of the time.
#[derive(Default)]
struct Tally {
    calls: u64,
    failures: std::collections::BTreeMap<String, u64>,
    /// How long unary calls took, in the first and in the last third of what counts.
    unary: [Durations; 2],
}

struct Soak {
    began: Instant,
    time: Duration,
    stop: AtomicBool,
    tally: Mutex<Tally>,
}

/// What the server holds when nobody calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    files: u64,
    tasks: u64,
}

pub(crate) async fn run(mut arguments: Arguments, report: &mut Report) -> Result<(), Error> {
    let is_quick = arguments.flag("--quick");
    let minutes = arguments.or("--minutes", if is_quick { 0.5 } else { 2.0 })?;
    let rate = arguments.or("--rate", 2_000.0)?;
    let port: u16 = arguments.or("--port", PORT_DEFAULT + 20)?;
    arguments.end()?;
    report.tell("load of the machine at the beginning", load_average());
    let mut server = Program::start_myself(&["server", &port.to_string()].map(str::to_owned))?;
    server.line_with(LISTENING, PATIENCE).await?;
    let process = Process(server.id());
    let mut channels = Vec::new();
    for _ in 0..CHANNELS {
        channels.push(Channel::builder(format!("http://127.0.0.1:{port}")).connect().await?);
    }
    let time = Duration::from_secs_f64(minutes * 60.0);
    // All that is made once is made before it is counted.
    let first = Arc::new(Soak::new(Duration::from_secs(2)));
    make_calls(&first, &channels, rate).await;
    let before = held(&mut server, process).await?;

    let soak = Arc::new(Soak::new(time));
    let processor_ns = process.processor_ns();
    let sampling = tokio::spawn(sample(Arc::clone(&soak), process));
    make_calls(&soak, &channels, rate).await;
    let seconds = soak.began.elapsed().as_secs_f64();
    let cores = (process.processor_ns() - processor_ns) as f64 / 1e9 / seconds;
    let samples = sampling.await?;
    let after = held(&mut server, process).await?;
    report.tell("time", format!("{minutes} minutes"));
    report.tell("cores that the server kept busy", format!("{cores:.2}"));
    tell_calls(&soak, rate, report);
    let figure = format!("{} files, {} tasks; {} and {} before", after.files, after.tasks, before.files, before.tasks);
    report.must("held when nobody calls", figure, "as before", after == before);
    tell_memory(&samples, time, report);
    tell_drift(&soak, report);
    Ok(())
}

impl Soak {
    fn new(time: Duration) -> Self {
        Soak { began: Instant::now(), time, stop: AtomicBool::new(false), tally: Mutex::default() }
    }

    /// Which third of what counts it is, if the first or the last.
    fn part(&self) -> Option<usize> {
        let share = self.began.elapsed().as_secs_f64() / self.time.as_secs_f64();
        let share = (share - WARM_UP) / (1.0 - WARM_UP);
        match share {
            share if (0.0..1.0 / 3.0).contains(&share) => Some(0),
            share if (2.0 / 3.0..1.0).contains(&share) => Some(1),
            _ => None,
        }
    }

    fn note(&self, ended: Result<(), Status>, unary: Option<Duration>) {
        // Only whole values are put in under this lock.
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.calls += 1;
        if let Err(status) = ended {
            *tally.failures.entry(describe(&status)).or_default() += 1;
        } else if let (Some(took), Some(part)) = (unary, self.part()) {
            tally.unary[part].add(took);
        }
    }
}

async fn held(server: &mut Program, process: Process) -> Result<Held, Error> {
    sleep(REST).await;
    server.signal("USR1")?;
    let line = server.line_with(TASKS, PATIENCE).await?;
    Ok(Held { files: process.files(), tasks: line[TASKS.len()..].trim().parse()? })
}

async fn sample(soak: Arc<Soak>, process: Process) -> Vec<(f64, f64)> {
    let mut samples = Vec::new();
    while !soak.stop.load(Ordering::Relaxed) {
        sleep(soak.time / SAMPLES).await;
        samples.push((soak.began.elapsed().as_secs_f64(), process.resident_kib() as f64));
    }
    samples
}

async fn make_calls(soak: &Arc<Soak>, channels: &[Channel], rate: f64) {
    let mut pace = Pace::new(rate);
    let mut running = JoinSet::new();
    let mut number: u64 = 0;
    while soak.began.elapsed() < soak.time {
        for at in pace.due().await {
            number += 1;
            let client = BenchClient::new(channels[number as usize % channels.len()].clone());
            running.spawn(call(client, number, at, Arc::clone(soak)));
        }
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
    soak.stop.store(true, Ordering::Relaxed);
}

/// Of a hundred calls 80 are unary, of three sizes, 6 are streams each way, and 14 end before their time: by the caller's
/// wish or by their deadlines.
async fn call(client: BenchClient<Channel>, number: u64, at: Instant, soak: Arc<Soak>) {
    let ended = match number % 100 {
        0..80 => unary(&client, number).await,
        80..82 => down(&client).await,
        82..84 => up(&client).await,
        84..86 => both_ways(&client).await,
        86..93 => cancelled(&client).await,
        _ => too_slow(&client).await,
    };
    soak.note(ended, (number % 100 < 80).then(|| at.elapsed()));
}

async fn unary(client: &BenchClient<Channel>, number: u64) -> Result<(), Status> {
    let size = [10, 1_000, 20_000][number as usize % 3];
    let message = Msg { id: number, body: vec![7; size].into(), ..Msg::default() };
    let answer = client.unary(message.clone()).await?.into_inner();
    expect(answer == message, "this is the answer to another call")
}

async fn down(client: &BenchClient<Channel>) -> Result<(), Status> {
    let mut messages = client.down(Req { count: MESSAGES, size: 0 }).await?.into_inner();
    let mut count = 0;
    while messages.message().await?.is_some() {
        count += 1;
    }
    expect(count == MESSAGES, "a message is missing")
}

fn some_messages() -> impl tokio_stream::Stream<Item = Msg> + Send + 'static {
    tokio_stream::iter((0..u64::from(MESSAGES)).map(|id| Msg { id, ..Msg::default() }))
}

async fn up(client: &BenchClient<Channel>) -> Result<(), Status> {
    let answer = client.up(some_messages()).await?;
    expect(answer.get_ref().id == u64::from(MESSAGES), "a message is missing")
}

async fn both_ways(client: &BenchClient<Channel>) -> Result<(), Status> {
    let mut answers = client.bidi(some_messages()).await?.into_inner();
    let mut count = 0;
    while answers.message().await?.is_some() {
        count += 1;
    }
    expect(count == MESSAGES, "a message is missing")
}

/// The first message is read, and the rest is not wanted.
async fn cancelled(client: &BenchClient<Channel>) -> Result<(), Status> {
    let mut messages = client.down(Req { count: MESSAGES, size: 0 }).await?.into_inner();
    expect(messages.message().await?.is_some(), "the first message is missing")
}

async fn too_slow(client: &BenchClient<Channel>) -> Result<(), Status> {
    let mut request = Request::new(Req { count: MESSAGES, size: 0 });
    request.set_timeout(DEADLINE);
    let began = Instant::now();
    let ended = async {
        let mut messages = client.down(request).await?.into_inner();
        while messages.message().await?.is_some() {}
        Ok::<(), Status>(())
    };
    match ended.await {
        Err(status) if status.code() == Code::DeadlineExceeded => {
            expect(began.elapsed() >= DEADLINE, "it came too soon")
        }
        Err(status) => Err(status),
        Ok(()) => Err(Status::data_loss(format!("{MESSAGES} messages at {STEP:?} came within {DEADLINE:?}"))),
    }
}

fn expect(holds: bool, otherwise: &str) -> Result<(), Status> {
    if holds { Ok(()) } else { Err(Status::data_loss(otherwise)) }
}

fn tell_calls(soak: &Soak, rate: f64, report: &mut Report) {
    let tally = soak.tally.lock().unwrap_or_else(PoisonError::into_inner);
    let offered = rate * soak.time.as_secs_f64();
    report.tell("calls", format!("{}, {rate} a second", tally.calls));
    let share = tally.calls as f64 / offered;
    report.must("of those offered", format!("{:.2} %", share * 100.0), ">= 98 %", share >= 0.98);
    let failed: u64 = tally.failures.values().sum();
    report.must("calls that did not end as they should", failed, 0, failed == 0);
    for (failure, count) in &tally.failures {
        report.tell(failure, count);
    }
}

fn tell_memory(samples: &[(f64, f64)], time: Duration, report: &mut Report) {
    let counted: Vec<_> = samples.iter().filter(|sample| sample.0 >= WARM_UP * time.as_secs_f64()).copied().collect();
    let at = |sample: Option<&(f64, f64)>| sample.map_or(f64::NAN, |sample| sample.1);
    let (first, last) = (at(counted.first()), at(counted.last()));
    report.tell("resident after the warm-up, and at the end", format!("{first:.0} KiB, {last:.0} KiB"));
    let slope = slope(&counted) * 3600.0;
    let figure = format!("{slope:.0} KiB an hour");
    if time >= JUDGED_FROM {
        report.must("slope of memory", figure, "< 1 MiB an hour", slope < SLOPE_KIB_MAX);
    } else {
        report.tell("slope of memory (not judged in so short a time)", figure);
        let growth = last - first;
        report.must("growth of memory", format!("{growth:.0} KiB"), "<= 1 MiB", growth <= GROWTH_KIB_MAX);
    }
}

/// Of the line that is nearest to all samples, by squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let both: f64 = samples.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let square: f64 = samples.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if square > 0.0 { both / square } else { 0.0 }
}

fn tell_drift(soak: &Soak, report: &mut Report) {
    let mut tally = soak.tally.lock().unwrap_or_else(PoisonError::into_inner);
    let [first, last] = [0, 1].map(|part| tally.unary[part].percentile_us(99.9) / 1e3);
    let figure = format!("{first:.2} ms, then {last:.2} ms");
    let what = "latency of unary calls, 99.9 %, first and last third";
    if soak.time >= JUDGED_FROM {
        report.must(what, figure, "<= 10 % more", last <= first * DRIFT_MAX);
    } else {
        report.tell(what, figure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_of_the_nearest_line() {
        let line: Vec<_> = (0..10).map(|x| (f64::from(x), 3.0 + 2.0 * f64::from(x))).collect();
        assert!((slope(&line) - 2.0).abs() < 1e-9);
        assert!(slope(&[(0.0, 1.0), (1.0, 2.0), (2.0, 1.0)]).abs() < 1e-9);
        assert!(slope(&[]).abs() < 1e-9);
    }
}
