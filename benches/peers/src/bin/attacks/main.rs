//! Clients that mean harm, and honest ones that look like it.
//!
//! ```text
//! attacks ID PORT --pid SERVER [--quick] [--tls AUTHORITY] [--interceptors]
//! ```
//!
//! With `--tls` all clients speak TLS, and the server has to. Each test prints one line of JSON: its figures, what each had to be, and whether it was. The server is
//! `seltzer_bench_server` or `tonic_bench_server`; `scripts/attacks.sh` starts it and runs them all. The exit status is
//! 1 when something was not as it had to be.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it found")]

mod crowds;
mod floods;
mod headers;
mod honest;
mod hostile;
mod legitimate;
mod loris;
mod messages;
mod plain;
mod readers;
mod report;
mod resets;

use std::process::ExitCode;

use seltzer_peers::arguments::Arguments;
use seltzer_peers::load::Error;
use seltzer_peers::process::Process;
use seltzer_peers::wire::tls::Security;

use crate::report::Report;

/// Whom a test is about, and how long it may take.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) server: Process,
    pub(crate) is_quick: bool,
    /// Whether the server has interceptors around its calls.
    pub(crate) has_interceptors: bool,
    /// The file of whom has signed the certificate of a server with TLS.
    pub(crate) authority: Option<String>,
    pub(crate) security: Security,
}

impl Target {
    /// One of two, by how long this may take.
    pub(crate) fn pick<T>(&self, quick: T, full: T) -> T {
        if self.is_quick { quick } else { full }
    }
}

/// Attacks, and puts what it found into the report.
type Test = fn(&Target, &mut Report) -> Result<(), Error>;

/// The tests by their names.
const TESTS: [(&str, Test); 11] = [
    ("R11", resets::rapid),
    ("R12", resets::provoked),
    ("R13", legitimate::all),
    ("R14", headers::continuations),
    ("R15", headers::bomb),
    ("R16", floods::all),
    ("R17", loris::all),
    ("R18", readers::slow),
    ("R19", messages::bombs),
    ("R20", messages::claims),
    ("R22", crowds::ten_thousand),
];

fn main() -> ExitCode {
    match attack() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("attacks: {error}");
            ExitCode::from(2)
        }
    }
}

fn attack() -> Result<bool, Error> {
    let mut arguments = Arguments::of_this_process();
    let id: String = arguments.word("ID")?;
    let authority: Option<String> = arguments.option("--tls")?;
    let target = Target {
        port: arguments.word("PORT")?,
        server: Process(arguments.option("--pid")?.ok_or("--pid is missing: the server is watched")?),
        is_quick: arguments.flag("--quick"),
        has_interceptors: arguments.flag("--interceptors"),
        security: authority.as_deref().map(Security::trusting).transpose()?.unwrap_or_default(),
        authority,
    };
    arguments.end()?;
    let mut report = Report::new(&id, target.is_quick);
    if id == "R22-files" {
        crowds::few_files(&target, &mut report)?;
    } else {
        let test = TESTS.iter().find(|test| test.0 == id).ok_or_else(|| format!("there is no test {id}"))?;
        test.1(&target, &mut report)?;
    }
    report.check("the server is alive", target.server.is_alive());
    println!("{}", report.to_json());
    Ok(report.is_passed())
}
