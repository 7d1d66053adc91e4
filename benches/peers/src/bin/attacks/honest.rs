//! The honest client beside an attack: a process of its own, which goes before the attacker when both want the core.

use std::process::{Child, Command, Stdio};

use seltzer_peers::load::Error;
use serde_json::Value;

use crate::Target;
use crate::report::Report;

/// Calls a second.
const PER_SECOND: f64 = 1000.0;

/// How much slower the slowest of a hundred calls may be during an attack.
const SLOWER_MAX: f64 = 3.0;

/// An honest client that is calling.
#[derive(Debug)]
pub(crate) struct Honest(Child);

impl Honest {
    /// Calls for so long.
    pub(crate) fn start(target: &Target, seconds: f64) -> Result<Self, Error> {
        let per_second = PER_SECOND.to_string();
        let seconds = seconds.to_string();
        let words =
            ["paced", &target.port.to_string(), "unary:100", "--per-second", &per_second, "--seconds", &seconds];
        spawn(target, &words).map(Honest)
    }

    /// Waits for its report.
    pub(crate) fn finish(self) -> Result<Value, Error> {
        report_of(self.0)
    }

    /// How it fares alone.
    pub(crate) fn baseline(target: &Target) -> Result<Value, Error> {
        Honest::start(target, target.pick(2.0, 10.0))?.finish()
    }
}

/// Runs the load generator to its end.
pub(crate) fn load(target: &Target, words: &[&str]) -> Result<Value, Error> {
    report_of(spawn(target, words)?)
}

fn spawn(target: &Target, words: &[&str]) -> Result<Child, Error> {
    let program = std::env::current_exe()?.with_file_name("load");
    // Only root may go before others; for anybody else this only warns.
    let mut command = Command::new("nice");
    command.args(["-n", "-10"]).arg(program).args(words);
    if let Some(authority) = &target.authority {
        command.args(["--tls", authority]);
    }
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?)
}

fn report_of(child: Child) -> Result<Value, Error> {
    let output = child.wait_with_output()?;
    serde_json::from_slice(&output.stdout).map_err(|_| "the load generator reported nothing".into())
}

/// Puts into the report how the honest client fared, against how it fared alone.
pub(crate) fn compare(report: &mut Report, name: &str, alone: &Value, beside: &Value) {
    compare_within(report, name, [alone, beside], SLOWER_MAX);
    unharmed(report, name, beside);
}

/// Puts into the report how much slower the honest client was beside an attack than alone, against how much it may be.
pub(crate) fn compare_within(report: &mut Report, name: &str, [alone, beside]: [&Value; 2], slower_max: f64) {
    let p99 = |fared: &Value| fared["latency"]["p99_us"].as_f64().unwrap_or(f64::INFINITY);
    report.note(&format!("{name}_p99_us_alone"), p99(alone));
    report.note(&format!("{name}_p99_us_beside"), p99(beside));
    report.at_most(&format!("{name}_p99_ratio"), p99(beside) / p99(alone), slower_max);
}

/// Puts into the report that the honest client lost nothing.
pub(crate) fn unharmed(report: &mut Report, name: &str, fared: &Value) {
    report.at_most(&format!("{name}_failed"), fared["failed"].as_f64().unwrap_or(f64::INFINITY), 0.0);
    report.at_least(&format!("{name}_achieved_share"), fared["achieved_share"].as_f64().unwrap_or(0.0), 0.98);
    if let Some(complaint) = fared.get("complaint") {
        report.note(&format!("{name}_complaint"), complaint.clone());
    }
}
