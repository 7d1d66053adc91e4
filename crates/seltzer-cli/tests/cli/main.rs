//! The `seltzer` command as a user meets it: processes, their output, their exit status.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
// Signals and unix sockets are tested where there are some.
#![cfg_attr(not(unix), allow(dead_code, reason = "some helpers are for unix only"))]

mod bench;
mod calls;
mod compile;
mod connections;
mod limits;
mod load;
mod mistakes;
mod openapi;
mod operations;
mod program;
mod protoc;
mod schemas;
mod serving;
mod streams;
mod wire;
