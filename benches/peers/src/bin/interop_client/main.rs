//! The client of gRPC's interoperability tests: makes the calls of one case, and judges what comes back.
//!
//! ```text
//! interop_client --server_host 127.0.0.1 --server_port 10000 --test_case large_unary
//! ```
//!
//! Flags and cases are those of every gRPC implementation; `--help` lists them. `scripts/interop.sh` runs all cases
//! against servers of several languages. The exit status is 0 when the server answered as it had to, 1 when not, 64
//! for a mistake in the command line.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it found")]

mod cancellation;
mod cases;
mod check;
mod compression;
mod connect;
mod flags;
mod http2;
mod load;
mod many;
mod metadata;
mod refusals;
mod schemas;
mod soak;
mod streaming;
mod unary;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::cases::{CASES, Case};
use crate::flags::Flags;

/// The exit status for a mistake in the command line, as `sysexits.h` has it.
const USAGE: u8 = 64;

/// How long a case may take unless `--timeout_s` says otherwise: many times what the slowest one needs, so that only
/// one that hangs is ended.
const CASE_TIMEOUT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let flags = match Flags::read(std::env::args().skip(1)) {
        Ok(flags) => flags,
        Err(error) => {
            eprintln!("interop_client: {error}; --help lists flags and cases");
            return ExitCode::from(USAGE);
        }
    };
    if flags.help {
        print!("{}", flags::HELP);
        for case in CASES {
            println!("  {:<28} {}", case.name, case.about);
        }
        return ExitCode::SUCCESS;
    }
    let Some(case) = cases::find(&flags.test_case) else {
        eprintln!("interop_client: {}", cases::unknown(&flags.test_case));
        return ExitCode::from(USAGE);
    };
    match run(case, flags) {
        Ok(took) => {
            println!("{}: passed in {} ms", case.name, took.as_millis());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: failed: {error}", case.name);
            ExitCode::FAILURE
        }
    }
}

fn run(case: &Case, flags: Flags) -> check::Result<Duration> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let start = Instant::now();
    let timeout = flags.timeout_s.map_or(CASE_TIMEOUT, Duration::from_secs);
    runtime.block_on(async {
        match tokio::time::timeout(timeout, (case.run)(flags)).await {
            Ok(result) => result,
            Err(_) => Err(format!("it was not over after {} s", timeout.as_secs()).into()),
        }
    })?;
    Ok(start.elapsed())
}
