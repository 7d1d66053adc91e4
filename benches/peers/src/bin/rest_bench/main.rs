//! gRPC against REST: one handler, one machine, the same orders; only what carries them differs.
//!
//! ```text
//! rest_bench serve seltzer|axum PORT
//! rest_bench load WAY PORT [--lines N] [--lanes N] [--calls N] [--pid PID]
//! ```
//!
//! - `serve seltzer`: our server, which speaks gRPC, REST and Connect on one port; `serve axum`: axum with serde_json.
//! - `WAY`: `rest-http1`, `rest-http2` (JSON), `connect` (protobuf over HTTP/2), `grpc` (unary), `grpc-stream` (a stream
//!   a lane).
//! - `--lines N`: lines of an order, about a hundred bytes of JSON each. `--lanes N`: callers at a time; each has a
//!   connection of its own over HTTP/1.1, all share one over HTTP/2. `--pid PID`: the server, to see what it costs.
//!
//! Each answer is decoded and checked. What was measured is printed as one line of JSON.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it does")]

mod http;
mod load;
mod server;
mod shop;

use std::process::ExitCode;

use seltzer_peers::arguments::Arguments;
use seltzer_peers::process::Process;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rest_bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let mut arguments = Arguments::of_this_process();
    let options = load::Options {
        lines: arguments.or("--lines", 1)?,
        lanes: arguments.or("--lanes", 1)?,
        calls: arguments.or("--calls", 1000)?,
        server: arguments.option("--pid")?.map(Process),
    };
    let what: String = arguments.word("serve or load")?;
    let which: String = arguments.word("WHICH")?;
    let port = arguments.word("PORT")?;
    arguments.end()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match what.as_str() {
        "serve" => runtime.block_on(server::serve(&which, port)),
        "load" => {
            println!("{}", runtime.block_on(load::measure(&which, port, options))?);
            Ok(())
        }
        other => Err(format!("{other} is neither serve nor load").into()),
    }
}
