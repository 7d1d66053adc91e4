//! `seltzer-protoc`: what `PROTOC` may name in place of protoc.

#[path = "../protoc/mod.rs"]
mod protoc;

use std::process::ExitCode;

fn main() -> ExitCode {
    protoc::main("seltzer-protoc", std::env::args_os().skip(1))
}
