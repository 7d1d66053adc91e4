//! Calls to a server that is slow now and then, with hedging and without.

use std::fs;
use std::path::Path;
use std::time::Duration;

use seltzer::Channel;
use seltzer_peers::load::Error;
use seltzer_peers::load::figures::Durations;
use seltzer_peers::report::Report;

use crate::Settings;
use crate::load::{Load, Offer, go_on};
use crate::policy::{self, TOKENS_MAX};
use crate::servers::{Plan, ServerProcess};

const RATE_DEFAULT: u32 = 500;
const GAIN_MIN: f64 = 5.0;
/// Of a hundred calls one is slow; a few more are because the machine is.
const EXTRA_MAX: f64 = 0.05;

/// What one run came to.
struct Run {
    durations: Durations,
    calls: u64,
    failed: u64,
    /// As the server counted.
    attempts: u64,
}

pub(crate) async fn run(settings: Settings, report: &mut Report) -> Result<(), Error> {
    let log = std::env::temp_dir().join(format!("failover-{}.log", std::process::id()));
    let outcome = compare(settings, &log, report).await;
    let _ = fs::remove_file(&log);
    outcome
}

async fn compare(settings: Settings, log: &Path, report: &mut Report) -> Result<(), Error> {
    let slow = ["--slow-permille", "10", "--slow-ms", "100"];
    let mut plain = measure(settings, log, &slow, None).await?;
    let mut hedged = measure(settings, log, &slow, Some(policy::HEDGING)).await?;
    let failing = measure(settings, log, &["--fail"], Some(policy::HEDGING)).await?;
    report.tell("calls of each run", plain.calls);
    let before = plain.durations.percentile_us(99.5) / 1e3;
    let after = hedged.durations.percentile_us(99.5) / 1e3;
    report.tell("latency without hedging, 99.5 %", format!("{before:.2} ms"));
    report.tell("latency with hedging, 99.5 %", format!("{after:.2} ms"));
    let gain = before / after;
    report.must("so many times better", format!("{gain:.1}"), ">= 5", gain >= GAIN_MIN);
    let failed = plain.failed + hedged.failed;
    report.must("calls failed", failed, 0, failed == 0);
    let extra = hedged.attempts.saturating_sub(hedged.calls);
    let share = extra as f64 / hedged.calls.max(1) as f64;
    let figure = format!("{extra}, {:.2} % of calls", share * 100.0);
    report.must("further attempts", figure, "<= 5 % of calls", extra > 0 && share <= EXTRA_MAX);
    // Half of the tokens are spent before it stops, and some attempts are on their way then.
    let extra = failing.attempts.saturating_sub(failing.calls);
    let bound = format!("<= {TOKENS_MAX}, as the budget has it");
    report.must("further attempts while all fail", extra, bound, extra <= TOKENS_MAX);
    Ok(())
}

async fn measure(settings: Settings, log: &Path, options: &[&str], config: Option<&str>) -> Result<Run, Error> {
    let _ = fs::remove_file(log);
    let mut words: Vec<_> = options.iter().map(|word| (*word).to_owned()).collect();
    words.extend(["--log".to_owned(), log.display().to_string()]);
    let plan = Plan { port: settings.port, name: "server".to_owned(), options: words };
    let server = ServerProcess::start(&plan).await?;
    let endpoint = Channel::builder(format!("http://127.0.0.1:{}", plan.port));
    let endpoint = match config {
        Some(config) => policy::configured(endpoint, config)?,
        None => endpoint,
    };
    let channel = endpoint.connect().await?;
    let per_second = settings.rate.unwrap_or(RATE_DEFAULT);
    let load = Load::start(Offer { channel, per_second, wait_for_ready: false, first_id: 0 });
    go_on(settings.pick(Duration::from_secs(4), Duration::from_secs(20))).await;
    let ledger = load.end().await?;
    let attempts = fs::metadata(log)?.len() / size_of::<u64>() as u64;
    server.kill();
    let calls = ledger.all();
    let failed = calls.iter().filter(|call| call.outcome.is_err()).count() as u64;
    Ok(Run { durations: ledger.durations(), calls: calls.len() as u64, failed, attempts })
}
