//! All integration tests, in one binary so that they link once.
//!
//! | module | what belongs there |
//! |---|---|
//! | `architecture` | the house itself: who may import whom |
//! | `carriers` | all of it once more, with hyper as the carrier |
//! | `call_options` | what a single call says about how it is made |
//! | `calls` | the four kinds of call, metadata, trailers, errors with details |
//! | `client_engine` | what a channel on our own engine says and understands, frame by frame |
//! | `compression` | encodings and message limits on the wire |
//! | `credentials` | what proves who calls, and where it is not sent |
//! | `deadlines` | deadlines, cancellation, and what a call inside a call inherits |
//! | `engine` | what our own engine's connections do under strain |
//! | `interceptors` | what stands around the calls of a client |
//! | `lifecycle` | binding, unix sockets, in-process servers, draining |
//! | `memory` | what a server keeps of messages that are not complete |
//! | `services` | each demo service, in process and over a socket |
//! | `streams` | streams that their connection writes by itself |
//! | `tls` | certificates |
//! | `tonic_style` | tonic's ecosystem: health, reflection, interceptors, its services and clients |
//! | `wire` | what is sent and answered, byte by byte |
//!
//! What the generator must get right (names, shapes, settings) is compiled and called in `tests/fixtures`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what is wrong by failing")]

mod architecture;
mod call_options;
mod calls;
mod carriers;
mod client_engine;
mod compression;
#[cfg(feature = "tls")]
mod credentials;
mod deadlines;
#[cfg(unix)]
mod engine;
mod interceptors;
mod lifecycle;
mod memory;
mod services;
mod streams;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod tonic_style;
mod wire;
