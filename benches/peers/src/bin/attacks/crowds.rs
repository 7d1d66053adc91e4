//! R22: ten thousand connections that do little, twice; and a server that may open few files.

use std::time::{Duration, Instant};

use seltzer_peers::load::Error;
use seltzer_peers::load::paced::wait;
use seltzer_peers::wire::socket;

use crate::Target;
use crate::honest;
use crate::plain::Plain;
use crate::report::Report;

/// What a connection may cost, without TLS and with it.
const KIB_MAX: f64 = 16.0;
const KIB_MAX_TLS: f64 = 40.0;

/// How long so many may take to connect.
const CONNECT_SECONDS_MAX: f64 = 30.0;

/// How much more memory there may be after the second round than after the first.
const ROUNDS_RATIO_MAX: f64 = 1.02;

pub(crate) fn ten_thousand(target: &Target, report: &mut Report) -> Result<(), Error> {
    let (port, pid) = (target.port.to_string(), target.server.0.to_string());
    let connections = target.pick("2000", "10000");
    let (interval, seconds) = target.pick(("2", "4"), ("10", "300"));
    let mut words = vec!["crowd", &port, "unary:100", "--pid", &pid, "--calls", "1", "--rounds", "2"];
    words.extend(["--connections", connections, "--interval-s", interval, "--seconds", seconds]);
    let fared = honest::load(target, &words)?;
    let rounds = fared["rounds"].as_array().cloned().unwrap_or_default();
    report.check("both rounds were done", rounds.len() == 2);
    let files_before = fared["files_before"].as_f64().unwrap_or(0.0);
    for (index, round) in rounds.iter().enumerate() {
        let figure = |name: &str| round[name].as_f64().unwrap_or(f64::INFINITY);
        let name = |figure: &str| format!("round_{}_{figure}", index + 1);
        report.at_most(&name("failed"), figure("failed") + figure("lost"), 0.0);
        report.at_most(&name("connect_s"), figure("connect_seconds"), CONNECT_SECONDS_MAX);
        report.at_most(&name("files_left"), figure("files_after") - files_before, 0.0);
        report.note(&name("ok"), round["ok"].clone());
        report.note(&name("p99_us"), round["latency"]["p99_us"].clone());
        if let Some(complaint) = round.get("complaint") {
            report.note(&name("complaint"), complaint.clone());
        }
    }
    // In the second round the server reuses what the first has left behind.
    let first = rounds.first().map_or(f64::INFINITY, |round| round["kib_end"].as_f64().unwrap_or(f64::INFINITY));
    let kib_max = if target.security.is_on() { KIB_MAX_TLS } else { KIB_MAX };
    report.at_most("kib_per_connection", first, kib_max);
    let after = |index: usize| rounds.get(index).and_then(|round| round["kib_after"].as_f64()).unwrap_or(f64::NAN);
    report.at_most("memory_ratio_of_rounds", after(1) / after(0), ROUNDS_RATIO_MAX);
    Ok(())
}

/// More connections than the server may have files: it must bear that, and serve again when they are gone.
pub(crate) fn few_files(target: &Target, report: &mut Report) -> Result<(), Error> {
    const CONNECTIONS: usize = 120;
    let processor_ns = target.server.processor_ns();
    let mut kept = Vec::new();
    for _ in 0..CONNECTIONS {
        kept.push(socket::connect(target.port, None)?);
    }
    wait(Duration::from_secs(2));
    let busy = (target.server.processor_ns() - processor_ns) as f64 / 2e9;
    report.note("files_at_the_limit", target.server.files());
    // A loop that tries again without waiting would keep a core busy.
    report.at_most("cores_busy_at_the_limit", busy, 0.2);
    drop(kept);
    let began = Instant::now();
    let served = Plain::connect(target).and_then(|mut client| client.handlers(false));
    report.check("it serves again", served.is_ok());
    report.at_most("recovery_s", began.elapsed().as_secs_f64(), 1.0);
    Ok(())
}
