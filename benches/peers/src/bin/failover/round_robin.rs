//! Calls over four servers, each of which is killed and started again in turn.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use seltzer::Channel;
use seltzer::client::balance::Balance;
use seltzer_peers::load::Error;
use seltzer_peers::report::Report;

use crate::Settings;
use crate::load::{Ledger, Load, Offer, go_on};
use crate::policy;
use crate::servers::{Plan, ServerProcess};

const SERVERS: u16 = 4;
const RATE_DEFAULT: u32 = 2000;
/// How long a server is away each time.
const DOWN: Duration = Duration::from_millis(700);
/// How long all are there in between.
const UP: Duration = Duration::from_millis(300);
/// A server that gets no call so long after it listens again is forgotten.
const RETURN_MAX: Duration = Duration::from_secs(5);
/// How often to look.
const LOOK: Duration = Duration::from_millis(5);

const ANSWERED_MIN: f64 = 0.98;
const SPREAD_MAX: f64 = 0.05;

pub(crate) async fn run(settings: Settings, report: &mut Report) -> Result<(), Error> {
    let plans: Vec<_> = (0..SERVERS)
        .map(|number| Plan { port: settings.port + number, name: number.to_string(), options: Vec::new() })
        .collect();
    let mut servers = Vec::new();
    for plan in &plans {
        servers.push(Some(ServerProcess::start(plan).await?));
    }
    let addresses: Vec<_> = plans.iter().map(|plan| format!("127.0.0.1:{}", plan.port)).collect();
    let endpoint = Channel::builder(format!("ipv4:{}", addresses.join(",")))
        .balance(Balance::RoundRobin)
        .reconnect_backoff(Duration::from_millis(50), Duration::from_millis(150));
    let channel = policy::configured(endpoint, policy::RETRY)?.connect().await?;
    let per_second = settings.rate.unwrap_or(RATE_DEFAULT);
    let load = Load::start(Offer { channel, per_second, wait_for_ready: true, first_id: 0 });
    let rest = settings.pick(Duration::from_secs(2), Duration::from_secs(5));
    go_on(UP).await;
    let before = at_rest(load.ledger(), rest).await;
    let mut returns = Vec::new();
    for _ in 0..settings.pick(1, 5) {
        for (plan, server) in plans.iter().zip(&mut servers) {
            server.take().ok_or("each server runs before it is killed")?.kill();
            go_on(DOWN).await;
            let since = load.ledger().elapsed();
            *server = Some(ServerProcess::start(plan).await?);
            returns.push(until_back(load.ledger(), &plan.name, since).await?);
            go_on(UP).await;
        }
    }
    let after = at_rest(load.ledger(), rest).await;
    let ledger = load.end().await?;
    tell(&ledger, per_second, [before, after], &returns, report);
    Ok(())
}

async fn at_rest(ledger: &Ledger, rest: Duration) -> Range<Duration> {
    let begin = ledger.elapsed();
    go_on(rest).await;
    begin..ledger.elapsed()
}

/// Waits until a server has calls again; tells how long it took from its start.
async fn until_back(ledger: &Ledger, name: &str, since: Duration) -> Result<Duration, Error> {
    while !ledger.has_answered(name, since) {
        if ledger.elapsed() > since + RETURN_MAX {
            return Err(format!("server {name} is back and gets no calls").into());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(ledger.elapsed() - since)
}

fn tell(ledger: &Ledger, per_second: u32, rests: [Range<Duration>; 2], returns: &[Duration], report: &mut Report) {
    let calls = ledger.all();
    // All that began, and those that should have.
    let span = calls.iter().map(|call| call.at).max().unwrap_or_default();
    let offered = span.as_secs_f64() * f64::from(per_second);
    let answered = calls.iter().filter(|call| call.outcome.is_ok()).count();
    let failed = calls.len() - answered;
    report.tell("calls offered", format!("{offered:.0} in {:.1} s", span.as_secs_f64()));
    report.tell("servers killed", returns.len());
    let share = answered as f64 / offered.max(1.0);
    report.must("calls answered", format!("{answered}, {:.2} %", share * 100.0), ">= 98 %", share >= ANSWERED_MIN);
    report.must("calls failed", failed, 0, failed == 0);
    for (failure, count) in ledger.failures() {
        report.tell(&failure, count);
    }
    for (when, rest) in ["before", "after"].into_iter().zip(rests) {
        let counts = ledger.spread(&rest);
        let off = farthest(&counts);
        let is_met = counts.len() == usize::from(SERVERS) && off <= SPREAD_MAX;
        let figure = format!("{:?}, {:.2} % off", counts.values().collect::<Vec<_>>(), off * 100.0);
        report.must(&format!("spread at rest, {when}"), figure, "<= 5 % off", is_met);
    }
    let mut durations = ledger.durations();
    for percent in [50.0, 99.0, 99.9, 100.0] {
        report.tell(&format!("latency, {percent} %"), format!("{:.2} ms", durations.percentile_us(percent) / 1e3));
    }
    let slowest = returns.iter().max().copied().unwrap_or_default();
    report.tell("from a server's start to its first call, at most", format!("{} ms", slowest.as_millis()));
}

/// How far the one that is farthest off the mean is, as a share of it.
fn farthest(counts: &BTreeMap<String, u32>) -> f64 {
    let mean = f64::from(counts.values().sum::<u32>()) / counts.len().max(1) as f64;
    counts.values().map(|count| (f64::from(*count) - mean).abs() / mean).fold(0.0, f64::max)
}
