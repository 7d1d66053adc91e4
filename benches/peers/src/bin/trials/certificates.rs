//! `seltzer serve`, whose certificate is replaced again and again while calls go on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use seltzer::client::ConnectivityState;
use seltzer::health::pb::HealthCheckRequest;
use seltzer::health::pb::health_client::HealthClient;
use seltzer::transport::{Certificate, ClientTlsConfig};
use seltzer::{Channel, Request, Status};
use seltzer_peers::arguments::Arguments;
use seltzer_peers::load::Error;
use seltzer_peers::report::Report;
use seltzer_peers::wire::tls::Security;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::child::Program;
use crate::outcome::Outcome;
use crate::pace::Pace;
use crate::{PORT_DEFAULT, handshake, load_average};

/// How often the certificate changes.
const RELOADS: usize = 20;

/// Connections that stay.
const STAYING: usize = 10;

/// New connections a second, each for one call.
const NEW_PER_SECOND: f64 = 20.0;

/// How soon the new certificate is shown.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

/// How often to look which certificate is shown.
const LOOK: Duration = Duration::from_millis(5);

/// A certificate that was shown is shown from then on: so many more handshakes are to see it.
const LOOKS_AGAIN: usize = 3;

const TIMEOUT: Duration = Duration::from_secs(10);
const START: Duration = Duration::from_secs(10);
const IN_TIME_MIN: f64 = 0.98;

struct Plan {
    seltzer: PathBuf,
    folder: PathBuf,
    port: u16,
    rate: f64,
    /// From one certificate to the next.
    interval: Duration,
}

/// What goes on beside.
#[derive(Default)]
struct Beside {
    stop: AtomicBool,
    staying: Mutex<Outcome>,
    new: Mutex<Outcome>,
    /// How often a connection that should stay was lost.
    lost: AtomicU64,
}

/// What handshakes saw of new certificates.
#[derive(Default)]
struct Seen {
    /// From SIGHUP until each was shown.
    after: Vec<Duration>,
    /// Those that were not shown in time.
    never: usize,
    /// Handshakes that saw an older one again.
    relapses: usize,
}

pub(crate) async fn run(mut arguments: Arguments, report: &mut Report) -> Result<(), Error> {
    let is_quick = arguments.flag("--quick");
    let plan = Plan {
        seltzer: arguments.option("--seltzer")?.ok_or("--seltzer is missing: the program to serve with")?,
        folder: arguments.option("--certificates")?.ok_or("--certificates is missing: a folder of them")?,
        port: arguments.or("--port", PORT_DEFAULT + 10)?,
        rate: arguments.or("--rate", 2_000.0)?,
        interval: Duration::from_millis(if is_quick { 400 } else { 3_000 }),
    };
    arguments.end()?;
    report.tell("load of the machine at the beginning", load_average());
    install(&plan.folder, 0)?;
    let (certificate, key) = (in_use(&plan.folder, "pem"), in_use(&plan.folder, "key"));
    let address = format!("127.0.0.1:{}", plan.port);
    let words = ["serve", "--listen", &address, "--tls-cert", &certificate, "--tls-key", &key].map(str::to_owned);
    let mut server = Program::start(&plan.seltzer, &words)?;
    server.line_with("listening on", START).await?;

    let beside = Arc::<Beside>::default();
    let mut running = JoinSet::new();
    running.spawn(staying_calls(channels(&plan).await?, plan.rate, Arc::clone(&beside)));
    running.spawn(new_connections(endpoint(&plan)?, Arc::clone(&beside)));
    let seen = replace_all(&plan, &server).await?;
    beside.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = running.join_next().await {
        ended?;
    }
    tell(&plan, &beside, &seen, report);
    Ok(())
}

fn in_use(folder: &Path, kind: &str) -> String {
    folder.join(format!("current.{kind}")).display().to_string()
}

/// Puts a certificate and its key where the server looks for them.
fn install(folder: &Path, number: usize) -> Result<(), Error> {
    for kind in ["pem", "key"] {
        let from = folder.join(format!("{number}.{kind}"));
        std::fs::copy(&from, in_use(folder, kind)).map_err(|error| format!("{}: {error}", from.display()))?;
    }
    Ok(())
}

fn endpoint(plan: &Plan) -> Result<seltzer::Endpoint, Error> {
    let authority = Certificate::from_pem(std::fs::read(plan.folder.join("ca.pem"))?);
    let tls = ClientTlsConfig::new().ca_certificate(authority);
    Ok(Channel::builder(format!("https://localhost:{}", plan.port)).tls_config(tls)?)
}

async fn channels(plan: &Plan) -> Result<Vec<Channel>, Error> {
    let endpoint = endpoint(plan)?;
    let mut channels = Vec::new();
    for _ in 0..STAYING {
        channels.push(endpoint.connect().await?);
    }
    Ok(channels)
}

async fn replace_all(plan: &Plan, server: &Program) -> Result<Seen, Error> {
    let security = Security::trusting(&plan.folder.join("ca.pem").display().to_string())?;
    let mut seen = Seen::default();
    for number in 1..=RELOADS {
        sleep(plan.interval).await;
        let expected = handshake::serial_in(&plan.folder.join(format!("{number}.pem")))?;
        if handshake::serial_shown(plan.port, security.clone()).await? == expected {
            return Err("the new certificate was shown before it was there".into());
        }
        install(&plan.folder, number)?;
        let told = Instant::now();
        server.signal("HUP")?;
        let mut shown = None;
        while shown.is_none() && told.elapsed() <= SHOWN_WITHIN * 2 {
            let began = told.elapsed();
            if handshake::serial_shown(plan.port, security.clone()).await? == expected {
                shown = Some(began);
            } else {
                sleep(LOOK).await;
            }
        }
        match shown {
            Some(after) => seen.after.push(after),
            None => seen.never += 1,
        }
        for _ in 0..LOOKS_AGAIN {
            seen.relapses += usize::from(handshake::serial_shown(plan.port, security.clone()).await? != expected);
        }
    }
    Ok(seen)
}

/// Calls at a rate, on connections in turn that are open from the beginning to the end.
async fn staying_calls(channels: Vec<Channel>, rate: f64, beside: Arc<Beside>) {
    let mut watching = JoinSet::new();
    for channel in &channels {
        let (mut states, beside) = (channel.watch_state(), Arc::clone(&beside));
        watching.spawn(async move {
            while states.wait_for(|state| *state != ConnectivityState::Ready).await.is_ok() {
                beside.lost.fetch_add(1, Ordering::Relaxed);
                if states.wait_for(|state| *state == ConnectivityState::Ready).await.is_err() {
                    return;
                }
            }
        });
    }
    let mut pace = Pace::new(rate);
    let mut running = JoinSet::new();
    let mut turns = channels.iter().cycle();
    while !beside.stop.load(Ordering::Relaxed) {
        for at in pace.due().await {
            let Some(channel) = turns.next().cloned() else { return };
            let beside = Arc::clone(&beside);
            running.spawn(async move {
                let ended = call(channel).await;
                locked(&beside.staying).add(ended, at.elapsed());
            });
        }
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
    locked(&beside.staying).offered = pace.begun();
}

/// Connections at a rate, each for one call.
async fn new_connections(endpoint: seltzer::Endpoint, beside: Arc<Beside>) {
    let mut pace = Pace::new(NEW_PER_SECOND);
    let mut running = JoinSet::new();
    while !beside.stop.load(Ordering::Relaxed) {
        for at in pace.due().await {
            let (endpoint, beside) = (endpoint.clone(), Arc::clone(&beside));
            running.spawn(async move {
                let ended = match endpoint.connect().await {
                    Ok(channel) => call(channel).await,
                    Err(error) => Err(Status::unavailable(error.to_string())),
                };
                locked(&beside.new).add(ended, at.elapsed());
            });
        }
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
    locked(&beside.new).offered = pace.begun();
}

async fn call(channel: Channel) -> Result<(), Status> {
    let mut request = Request::new(HealthCheckRequest::default());
    request.set_timeout(TIMEOUT);
    HealthClient::new(channel).check(request).await.map(drop)
}

fn locked(outcome: &Mutex<Outcome>) -> MutexGuard<'_, Outcome> {
    // Only whole values are put in under this lock.
    outcome.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(plan: &Plan, beside: &Beside, seen: &Seen, report: &mut Report) {
    report.tell("certificates replaced by SIGHUP", RELOADS);
    let slowest = seen.after.iter().max().copied().unwrap_or_default();
    let is_met = seen.never == 0 && slowest <= SHOWN_WITHIN;
    let figure = format!("{:.1} ms at most, {} never", slowest.as_secs_f64() * 1e3, seen.never);
    report.must("from SIGHUP to a handshake with the new serial number", figure, "<= 1 s", is_met);
    report.must("handshakes that saw an older one again", seen.relapses, 0, seen.relapses == 0);
    let lost = beside.lost.load(Ordering::Relaxed);
    report.must(&format!("of {STAYING} connections that stay, lost"), lost, 0, lost == 0);
    tell_calls(&format!("calls on these, {} a second", plan.rate), &mut locked(&beside.staying), report);
    tell_calls(&format!("new connections with a call, {NEW_PER_SECOND} a second"), &mut locked(&beside.new), report);
}

fn tell_calls(what: &str, outcome: &mut Outcome, report: &mut Report) {
    report.tell(what, outcome.offered);
    let share = outcome.in_time as f64 / outcome.offered.max(1) as f64;
    let figure = format!("{:.2} %", share * 100.0);
    report.must("  answered within a second of their time", figure, ">= 98 %", share >= IN_TIME_MIN);
    let failed = outcome.offered.saturating_sub(outcome.ok);
    report.must("  failed", failed, 0, failed == 0 && outcome.offered > 0);
    for (failure, count) in &outcome.failures {
        report.tell(&format!("  {failure}"), count);
    }
    for percent in [50.0, 99.0, 99.9] {
        let figure = format!("{:.2} ms", outcome.durations.percentile_us(percent) / 1e3);
        report.tell(&format!("  latency, {percent} %"), figure);
    }
}
