//! Calls to one server that is killed and started again, again and again.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use seltzer::client::ConnectivityState;
use seltzer::{Channel, Code};
use seltzer_peers::load::Error;
use seltzer_peers::report::Report;
use tokio::sync::watch;

use crate::Settings;
use crate::load::{Load, Offer, go_on};
use crate::policy;
use crate::servers::{Plan, ServerProcess};

const RATE_DEFAULT: u32 = 500;
/// How long a server runs in each cycle.
const UP: Duration = Duration::from_millis(130);
/// How long it is away at least, and so much longer in each cycle up to a bound: a server that comes back is not in
/// step with the attempts to connect.
const DOWN: Duration = Duration::from_millis(200);
const DOWN_STEP: Duration = Duration::from_millis(37);
const DOWN_STEPS: u32 = 9;
const RECONNECT_MAX: Duration = Duration::from_millis(200);
/// A channel that has not connected after this never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers of calls that no policy permits to repeat begin here.
const ONCE: u64 = 1 << 32;

pub(crate) async fn run(settings: Settings, report: &mut Report) -> Result<(), Error> {
    let log = std::env::temp_dir().join(format!("failover-{}.log", std::process::id()));
    let outcome = cycles(settings, &log, report).await;
    let _ = fs::remove_file(&log);
    outcome
}

async fn cycles(settings: Settings, log: &Path, report: &mut Report) -> Result<(), Error> {
    // Each answer takes a while, so that a server dies between a call and its answer.
    let slow = ["--slow-permille", "1000", "--slow-ms", "10", "--log"].map(str::to_owned);
    let options = slow.into_iter().chain([log.display().to_string()]).collect();
    let plan = Plan { port: settings.port, name: "server".to_owned(), options };
    let mut server = ServerProcess::start(&plan).await?;
    let endpoint = Channel::builder(format!("http://127.0.0.1:{}", plan.port))
        .reconnect_backoff(Duration::from_millis(50), Duration::from_millis(150));
    let again = policy::configured(endpoint.clone(), policy::RETRY)?.connect().await?;
    let once = endpoint.connect().await?;
    let per_second = settings.rate.unwrap_or(RATE_DEFAULT) / 2;
    let offer = |channel: &Channel, first_id| {
        Load::start(Offer { channel: channel.clone(), per_second, wait_for_ready: false, first_id })
    };
    let loads = [offer(&again, 0), offer(&once, ONCE)];
    let mut states = [again.watch_state(), once.watch_state()];
    let mut reconnects = Vec::new();
    let cycles = settings.pick(10, 100);
    for cycle in 0..cycles {
        go_on(UP).await;
        server.kill();
        for states in &mut states {
            until(states, |state| state != ConnectivityState::Ready).await?;
        }
        go_on(DOWN + DOWN_STEP * (cycle % DOWN_STEPS)).await;
        server = ServerProcess::start(&plan).await?;
        let [first, second] = &mut states;
        let is_ready = |state| state == ConnectivityState::Ready;
        // Each by itself: the second must not wait for the first.
        let (first, second) = tokio::join!(until(first, is_ready), until(second, is_ready));
        for ready_since in [first?, second?] {
            reconnects.push(ready_since.duration_since(server.listens_since).unwrap_or_default());
        }
    }
    go_on(UP).await;
    let [again, once] = loads;
    let (again, once) = (again.end().await?, once.end().await?);
    drop(server);
    let calls: Vec<_> = again.all().into_iter().chain(once.all()).collect();
    let others = calls.iter().filter(|call| matches!(&call.outcome, Err((code, _)) if *code != Code::Unavailable));
    let others = others.count();
    report.tell("cycles", cycles);
    report.tell("calls", calls.len());
    let failed = |calls: &[crate::load::Ended]| calls.iter().filter(|call| call.outcome.is_err()).count();
    report.tell("UNAVAILABLE, with a retry policy", format!("{} of {}", failed(&again.all()), again.all().len()));
    report.tell("UNAVAILABLE, without one", format!("{} of {}", failed(&once.all()), once.all().len()));
    report.must("calls with another status", others, 0, others == 0);
    tell_reconnects(&reconnects, report);
    tell_repeated(log, report)
}

/// Waits for a state; tells when it came.
async fn until(
    states: &mut watch::Receiver<ConnectivityState>,
    is_it: impl Fn(ConnectivityState) -> bool,
) -> Result<SystemTime, Error> {
    let waiting = states.wait_for(|state| is_it(*state));
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .map_err(|_| "the channel does not see what became of its server")??;
    Ok(SystemTime::now())
}

fn tell_reconnects(reconnects: &[Duration], report: &mut Report) {
    let mut sorted = reconnects.to_vec();
    sorted.sort_unstable();
    let slowest = sorted.last().copied().unwrap_or_default();
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    report.tell("from listening to connected, in the middle", format!("{} ms", middle.as_millis()));
    let figure = format!("{} ms", slowest.as_millis());
    report.must("from listening to connected, at most", figure, "<= 200 ms", slowest <= RECONNECT_MAX);
}

/// Reads whom the servers have seen.
fn tell_repeated(log: &Path, report: &mut Report) -> Result<(), Error> {
    let mut seen: HashMap<u64, u32> = HashMap::new();
    for id in fs::read(log)?.chunks_exact(size_of::<u64>()) {
        *seen.entry(u64::from_le_bytes(id.try_into()?)).or_default() += 1;
    }
    let repeated = |is_it: fn(u64) -> bool| seen.iter().filter(|(id, count)| is_it(**id) && **count > 1).count();
    // If none is, the trial did not try what it is for.
    let again = repeated(|id| id < ONCE);
    report.must("calls that servers saw again, by policy", again, "> 0", again > 0);
    let wrong = repeated(|id| id >= ONCE);
    report.must("calls that servers saw again, without one", wrong, 0, wrong == 0);
    Ok(())
}
