//! Two servers that are told to stop and started again in turn, under load.

use std::time::{Duration, Instant};

use seltzer_peers::arguments::Arguments;
use seltzer_peers::load::Error;
use seltzer_peers::report::Report;
use tokio::time::sleep;

use crate::child::Program;
use crate::outcome::{Outcome, now_ms};
use crate::peers::SilentPeers;
use crate::server::{FOUND, LISTENING};
use crate::{PORT_DEFAULT, load_average};

const GRACE: Duration = Duration::from_secs(2);

/// How much longer than its grace a server may take.
const SLACK: Duration = Duration::from_millis(500);

/// Clocks of two programs, and a stream that is late by a turn of its reader.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(20);

/// How long both servers are there in between.
const UP: Duration = Duration::from_millis(300);

/// What takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(10);

const IN_TIME_MIN: f64 = 0.98;

struct Plan {
    client: Option<String>,
    port: u16,
    rate: f64,
    streams: u32,
    cycles: usize,
}

/// What happened to the servers.
#[derive(Default)]
struct Drains {
    took: Vec<Duration>,
    /// When each was told to stop, in milliseconds of the system's clock.
    told_at_ms: Vec<u64>,
    /// Those that did not end well by themselves.
    unclean: usize,
}

pub(crate) async fn run(mut arguments: Arguments, report: &mut Report) -> Result<(), Error> {
    let is_quick = arguments.flag("--quick");
    let plan = Plan {
        client: arguments.option("--client")?,
        port: arguments.or("--port", PORT_DEFAULT)?,
        rate: arguments.or("--rate", 5_000.0)?,
        streams: arguments.or("--streams", 200)?,
        cycles: arguments.or("--cycles", if is_quick { 5 } else { 50 })?,
    };
    arguments.end()?;
    report.tell("load of the machine at the beginning", load_average());
    let mut servers = [start(plan.port).await?, start(plan.port + 1).await?];
    let mut caller = start_caller(&plan)?;
    for server in &mut servers {
        server.line_with(FOUND, PATIENCE).await?;
    }
    let mut drains = Drains::default();
    for cycle in 0..plan.cycles {
        let which = cycle % servers.len();
        sleep(UP).await;
        restart(&mut servers[which], plan.port + u16::try_from(which)?, &mut drains).await?;
    }
    sleep(UP).await;
    caller.close_input();
    let outcome = Outcome::from_json(&caller.line(PATIENCE * 2).await?)?;
    caller.ended(PATIENCE).await?;
    tell(&plan, &drains, &outcome, report);
    Ok(())
}

async fn start(port: u16) -> Result<Program, Error> {
    let grace = GRACE.as_millis().to_string();
    let mut server = Program::start_myself(&["server", &port.to_string(), "--grace-ms", &grace].map(str::to_owned))?;
    server.line_with(LISTENING, PATIENCE).await?;
    Ok(server)
}

fn start_caller(plan: &Plan) -> Result<Program, Error> {
    let ports = format!("{},{}", plan.port, plan.port + 1);
    let words = ["--servers", &ports, "--rate", &plan.rate.to_string(), "--streams", &plan.streams.to_string()]
        .map(str::to_owned);
    match &plan.client {
        Some(program) => Program::start(program, &words),
        None => Program::start_myself(&[&["caller".to_owned()], &words[..]].concat()),
    }
}

/// Tells a server to stop while peers hold on to it, waits for its end, and starts another in its place; returns when
/// the callers have found that one.
async fn restart(server: &mut Program, port: u16, drains: &mut Drains) -> Result<(), Error> {
    let peers = SilentPeers::attach(port).await?;
    drains.told_at_ms.push(now_ms());
    let told = Instant::now();
    server.signal("TERM")?;
    let (ended, status) = server.ended(GRACE + PATIENCE).await?;
    drains.took.push(ended.duration_since(told));
    drains.unclean += usize::from(!status.success());
    drop(peers);
    *server = start(port).await?;
    server.line_with(FOUND, PATIENCE).await?;
    Ok(())
}

fn tell(plan: &Plan, drains: &Drains, outcome: &Outcome, report: &mut Report) {
    report.tell("client", plan.client.as_deref().map_or("Seltzer's channel", |_| "grpc-go's channel"));
    let offered = outcome.offered as f64;
    report.tell("unary calls offered", format!("{offered}, {} a second", plan.rate));
    let share = outcome.in_time as f64 / offered.max(1.0);
    let figure = format!("{}, {:.2} %", outcome.in_time, share * 100.0);
    report.must("answered within a second of their time", figure, ">= 98 %", share >= IN_TIME_MIN);
    let failed = outcome.offered.saturating_sub(outcome.ok);
    report.must("unary calls failed", failed, 0, failed == 0);
    for (failure, count) in &outcome.failures {
        report.tell(failure, count);
    }
    let percentiles = ["50 %", "99 %", "99.9 %", "at most"];
    for (percent, us) in percentiles.iter().zip(outcome.latency_us) {
        report.tell(&format!("latency from a call's time, {percent}"), format!("{:.2} ms", us / 1e3));
    }
    tell_drains(drains, report);
    tell_streams(plan, drains, outcome, report);
}

fn tell_drains(drains: &Drains, report: &mut Report) {
    let slowest = drains.took.iter().max().copied().unwrap_or_default();
    let fastest = drains.took.iter().min().copied().unwrap_or_default();
    report.tell("servers told to stop, silent peers attached", drains.took.len());
    report.must("servers that did not end well", drains.unclean, 0, drains.unclean == 0);
    report.tell("from SIGTERM to the end, at least", format!("{} ms", fastest.as_millis()));
    let bound = GRACE + SLACK;
    let figure = format!("{} ms", slowest.as_millis());
    report.must("from SIGTERM to the end, at most", figure, format!("<= {} ms", bound.as_millis()), slowest <= bound);
}

/// Streams that would not end are cut when the grace is over, no sooner and hardly later; the others come to their end.
fn tell_streams(plan: &Plan, drains: &Drains, outcome: &Outcome, report: &mut Report) {
    report.tell("streams open at a time", plan.streams);
    report.must("short streams that came to their end", outcome.finished, "> 0", outcome.finished > 0);
    let earliest = millis(GRACE.saturating_sub(CLOCK_TOLERANCE));
    let latest = millis(GRACE + SLACK);
    let after = |cut: &u64| {
        let told = drains.told_at_ms.iter().rev().find(|told| *told <= cut)?;
        Some(cut - told)
    };
    let times: Vec<_> = outcome.cut_at_ms.iter().filter_map(after).collect();
    let wrong = outcome.cut_at_ms.len() - times.iter().filter(|ms| (earliest..=latest).contains(ms)).count();
    let (first, last) = (times.iter().min().copied(), times.iter().max().copied());
    let figure = format!("{}, {} to {} ms after", times.len(), first.unwrap_or_default(), last.unwrap_or_default());
    // All those that never end by themselves are on the server that stops, sooner or later.
    let cut_min = usize::try_from(plan.streams / 2).unwrap_or(usize::MAX) * plan.cycles.saturating_sub(1);
    let is_all = times.len() >= cut_min;
    report.must("endless streams, UNAVAILABLE when the grace was over", figure, format!(">= {cut_min}"), is_all);
    report.must("endless streams that ended at another time", wrong, 0, wrong == 0);
    let broken: u64 = outcome.broken.values().sum();
    report.must("streams that ended otherwise", broken, 0, broken == 0);
    for (failure, count) in &outcome.broken {
        report.tell(failure, count);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
