//! The engine against a scripted peer, and two engines against each other.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(unreachable_pub, reason = "a test binary has no public items")]

mod attacks;
mod flow_control;
mod messages;
mod noise;
mod regressions;
mod shutdown;
mod simulation;
mod support;
mod timers;
mod wire;
