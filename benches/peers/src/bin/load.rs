//! Puts load on a server of `bench.Bench` and `probe.Probe`, checks every byte of every answer, and prints one line of
//! JSON.
//!
//! ```text
//! load run   PORT WORK [--connections 1] [--lanes 1] [--calls N] [--warm-up N] [--pid SERVER] [--header NAME:VALUE]
//!                      [--frame-per-message] [--reader-pause-ms MS] [--empty-frame-first]
//! load paced PORT WORK --per-second N --seconds N
//! load pings PORT WORK --lanes N --seconds N [--pid SERVER]
//! load crowd PORT WORK --connections N --pid SERVER [--calls N] [--interval-s N] [--seconds N] [--rounds N]
//! load raw   PORT down|up BYTES [--pid SERVER]
//! load wait  PORT
//! ```
//!
//! WORK is `unary:BYTES`, `down:COUNTxBYTES`, `up:COUNTxBYTES`, `echo:COUNTxBYTES`, `burn:MICROSECONDS` or
//! `hold:MILLISECONDSxBYTES`. All take `--congestion NAME`, `--window BYTES` and `--tls AUTHORITY` (feature `tls`). The exit status is 1 when an answer
//! was wrong or missing.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it found")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use seltzer_peers::arguments::Arguments;
use seltzer_peers::load::caller::Manner;
use seltzer_peers::load::work::Work;
use seltzer_peers::load::{Error, crowd, paced, pings, raw, run};
use seltzer_peers::process::Process;
use seltzer_peers::wire::socket;
use seltzer_peers::wire::tls::Security;
use serde_json::{Value, json};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match load() {
        Ok(report) => {
            println!("{report}");
            let is_right = report["failed"].as_u64().unwrap_or(0) == 0 && report.get("complaint").is_none();
            if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

fn load() -> Result<Value, Error> {
    let mut arguments = Arguments::of_this_process();
    let way: String = arguments.word("run, paced, pings, crowd, raw or wait")?;
    let manner = Manner {
        port: arguments.word("PORT")?,
        congestion: arguments.option("--congestion")?,
        fields: arguments.option::<String>("--header")?.iter().filter_map(|field| split(field)).collect(),
        frame_per_message: arguments.flag("--frame-per-message"),
        window_bytes: arguments.option("--window")?,
        empty_frame_first: arguments.flag("--empty-frame-first"),
        security: arguments
            .option::<String>("--tls")?
            .map(|path| Security::trusting(&path))
            .transpose()?
            .unwrap_or_default(),
    };
    let server = arguments.option("--pid")?.map(Process);
    match way.as_str() {
        "run" => closed_loop(arguments, manner, server),
        "paced" => {
            let work = arguments.word("WORK")?;
            let (per_second, seconds) = (arguments.or("--per-second", 1000.0)?, arguments.or("--seconds", 10.0)?);
            arguments.end()?;
            paced::run(&manner, work, per_second, Duration::from_secs_f64(seconds))
        }
        "pings" => {
            let work = arguments.word("WORK")?;
            let (lanes, seconds) = (arguments.or("--lanes", 64)?, arguments.or("--seconds", 5.0)?);
            arguments.end()?;
            pings::run(&manner, work, lanes, Duration::from_secs_f64(seconds), server)
        }
        "crowd" => large_crowd(arguments, manner, server),
        "raw" => {
            let way: String = arguments.word("down or up")?;
            let bytes = arguments.word("BYTES")?;
            arguments.end()?;
            let way = if way == "down" { b'd' } else { b'u' };
            raw::run(manner.port, manner.congestion.as_deref(), way, bytes, server)
        }
        "wait" => wait_for(manner.port),
        other => Err(format!("{other} is no way to put load on a server").into()),
    }
}

fn closed_loop(mut arguments: Arguments, manner: Manner, server: Option<Process>) -> Result<Value, Error> {
    let plan = run::Plan {
        manner,
        work: arguments.word::<Work>("WORK")?,
        connections: arguments.or("--connections", 1)?,
        lanes: arguments.or("--lanes", 1)?,
        calls: arguments.or("--calls", 1000)?,
        warm_up: arguments.or("--warm-up", 0)?,
        server,
        reader_pause: Duration::from_millis(arguments.or("--reader-pause-ms", 0)?),
    };
    arguments.end()?;
    run::run(&plan)
}

fn large_crowd(mut arguments: Arguments, manner: Manner, server: Option<Process>) -> Result<Value, Error> {
    let plan = crowd::Plan {
        manner,
        work: arguments.word::<Work>("WORK")?,
        connections: arguments.or("--connections", 10_000)?,
        calls: arguments.or("--calls", 0)?,
        interval: Duration::from_secs_f64(arguments.or("--interval-s", 10.0)?),
        duration: Duration::from_secs_f64(arguments.or("--seconds", 0.0)?),
        rounds: arguments.or("--rounds", 1)?,
        server: server.ok_or("a crowd is measured at the server: --pid is missing")?,
    };
    arguments.end()?;
    let mut report = crowd::run(&plan)?;
    let failed: u64 =
        report["rounds"].as_array().into_iter().flatten().filter_map(|round| round["failed"].as_u64()).sum();
    report["failed"] = failed.into();
    Ok(report)
}

fn split(field: &str) -> Option<(String, String)> {
    field.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
}

fn wait_for(port: u16) -> Result<Value, Error> {
    let deadline = Instant::now() + START;
    while socket::connect(port, None).is_err() {
        if Instant::now() > deadline {
            return Err(format!("nobody listens on port {port}").into());
        }
        paced::wait(Duration::from_millis(10));
    }
    Ok(json!({ "listens": port }))
}
