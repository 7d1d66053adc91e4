//! What this crate promises, checked through its public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod broken;
mod editions;
mod generated;
mod inputs;
mod mutations;
mod outputs;
mod standard;
mod support;
mod verdicts;
