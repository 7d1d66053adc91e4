//! What a channel makes of servers that die, come back or are slow.
//!
//! ```text
//! failover round-robin|restart|hedging [--port PORT] [--rate CALLS] [--quick]
//! failover server PORT --name N [--log FILE] [--slow-permille N] [--slow-ms N] [--fail]
//! ```
//!
//! - `round-robin`: calls over four servers, each of which is killed and started again in turn.
//! - `restart`: calls to one server that is killed and started again, a hundred times.
//! - `hedging`: calls to a server of which one in a hundred is slow, with hedging and without.
//! - `server`: one of those servers; the others start it by themselves, from `--port` on.
//!
//! Each prints a table of its figures and what each had to be. The exit status is 1 when one is short.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it found")]

mod hedging;
mod load;
mod policy;
mod restart;
mod round_robin;
mod server;
mod servers;

use std::process::ExitCode;

use seltzer_peers::arguments::Arguments;
use seltzer_peers::load::Error;
use seltzer_peers::report::Report;

/// The first port of the servers. It is none that the system gives to outgoing connections: one that tries to reach a
/// dead server could get the server's own port, and would reach itself.
const PORT_DEFAULT: u16 = 21_600;

/// What all tests are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    /// Calls a second; each test has its own where none is given.
    pub(crate) rate: Option<u32>,
    pub(crate) is_quick: bool,
}

impl Settings {
    /// One of two, by how long this may take.
    pub(crate) fn pick<T>(self, quick: T, full: T) -> T {
        if self.is_quick { quick } else { full }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failover: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, Error> {
    let mut arguments = Arguments::of_this_process();
    let mode: String = arguments.word("MODE")?;
    if mode == "server" {
        server::run(arguments)?;
        return Ok(true);
    }
    let settings = Settings {
        port: arguments.or("--port", PORT_DEFAULT)?,
        rate: arguments.option("--rate")?,
        is_quick: arguments.flag("--quick"),
    };
    arguments.end()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut report = Report::new(&mode);
    runtime.block_on(async {
        match mode.as_str() {
            "round-robin" => round_robin::run(settings, &mut report).await,
            "restart" => restart::run(settings, &mut report).await,
            "hedging" => hedging::run(settings, &mut report).await,
            other => Err(format!("there is no test {other}; there are round-robin, restart and hedging").into()),
        }
    })?;
    Ok(report.print())
}
