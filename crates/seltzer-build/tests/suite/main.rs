//! What this crate promises, checked through its public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod broken;
mod explore;
mod generated;
mod inputs;
mod outputs;
mod support;
