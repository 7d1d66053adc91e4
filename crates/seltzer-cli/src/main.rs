//! The `seltzer` command: serves, calls and compiles gRPC services with nothing to install.

mod arguments;
mod banner;
mod bench;
mod call;
mod catalogue;
mod compile;
mod connection;
mod describe;
mod diagnosis;
mod error;
mod health;
mod inherited;
mod json;
mod list;
mod log;
mod manual;
mod openapi;
mod output;
mod pem;
mod protoc;
mod self_signed;
mod serve;
mod signals;
mod text;
mod tls;
mod token;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use crate::arguments::{Arguments, Command};
use crate::error::{EXIT_USAGE, Failure};

fn main() -> ExitCode {
    if let Some((program, words)) = as_protoc() {
        return protoc::main(program, words);
    }
    let arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            // Nobody is left to tell if even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.exit_code())
        }
    }
}

/// The command line of `seltzer protoc`, and of a link to this program that has protoc's name. It has protoc's own
/// grammar, which clap could not read.
fn as_protoc() -> Option<(&'static str, Vec<OsString>)> {
    let mut words = std::env::args_os();
    let own = words.next()?;
    let name = Path::new(&own).file_stem()?.to_str()?;
    if let Some(program) = ["protoc", "seltzer-protoc"].into_iter().find(|program| *program == name) {
        return Some((program, words.collect()));
    }
    (words.next()? == "protoc").then(|| ("seltzer protoc", words.collect()))
}

/// Runs a command; gives the exit status of one that ended as a command may end.
fn run(arguments: Arguments) -> Result<u8, Failure> {
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Call(arguments) => call::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Describe(arguments) => describe::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Openapi(arguments) => openapi::run(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments),
        Command::Man(arguments) => manual::man(&arguments),
        Command::Protoc(_) => unreachable!("it is taken before clap sees it"),
    }
}
