//! What a server in production goes through: rolling restarts under load, new certificates, long hours.
//!
//! ```text
//! trials drain        [--client PROGRAM] [--cycles N] [--rate CALLS] [--streams N] [--port PORT] [--quick]
//! trials certificates --seltzer PROGRAM --certificates FOLDER [--rate CALLS] [--port PORT] [--quick]
//! trials soak         [--minutes N] [--rate CALLS] [--port PORT] [--quick]
//! trials server PORT  [--grace-ms MS]
//! trials caller       --servers PORT,PORT --rate CALLS --streams N
//! ```
//!
//! - `drain`: two servers that are told to stop and started again in turn, under calls and open streams. The calls come
//!   from `trials caller`, or from a program that takes the same options and reports in the same way.
//! - `certificates`: `seltzer serve`, whose certificate is replaced twenty times.
//! - `soak`: calls of all kinds that end in every way, for as long as told.
//! - `server`, `caller`: what the others start by themselves.
//!
//! Each prints a table of its figures and what each had to be. The exit status is 1 when one is short.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it found")]

mod caller;
mod certificates;
mod child;
mod drain;
mod handshake;
mod outcome;
mod pace;
mod peers;
mod server;
mod soak;
mod streams;

use std::process::ExitCode;

use seltzer_peers::arguments::Arguments;
use seltzer_peers::load::Error;
use seltzer_peers::report::Report;
use tokio::runtime::Builder;

/// The first port of the servers. It is none that the system gives to outgoing connections: one that tries to reach a
/// stopped server could get the server's own port, and would reach itself.
const PORT_DEFAULT: u16 = 21_700;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("trials: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, Error> {
    let mut arguments = Arguments::of_this_process();
    let mode: String = arguments.word("MODE")?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut report = Report::new(&mode);
    match mode.as_str() {
        "server" => return runtime.block_on(server::run(arguments)).map(|()| true),
        "caller" => return runtime.block_on(caller::run(arguments)).map(|()| true),
        "drain" => runtime.block_on(drain::run(arguments, &mut report))?,
        "certificates" => runtime.block_on(certificates::run(arguments, &mut report))?,
        "soak" => runtime.block_on(soak::run(arguments, &mut report))?,
        other => return Err(format!("there is no trial {other}; there are drain, certificates and soak").into()),
    }
    report.tell("load of the machine at the end", load_average());
    Ok(report.print())
}

/// How busy the machine is with this and whatever else, as the system tells.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let figures: Vec<_> = text.split(' ').take(3).collect();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} (of 1, 5 and 15 minutes), {processors} processors", figures.join(" "))
}
