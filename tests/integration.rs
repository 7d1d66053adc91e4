//! All integration tests, in one binary so that they link once.
//!
//! | module | what belongs there |
//! |---|---|
//! | `architecture` | the house itself: who may import whom |
//! | `balancing` | calls spread over several servers, some of which come, go or fail |
//! | `carriers` | all of it once more, with hyper as the carrier |
//! | `call_options` | what a single call says about how it is made |
//! | `calls` | the four kinds of call, metadata, trailers, errors with details |
//! | `client_engine` | what a channel on our own engine says and understands, frame by frame |
//! | `client_frames` | a channel against servers that use HTTP/2 in rare ways |
//! | `client_protocols` | channels that speak gRPC-Web and Connect |
//! | `compression` | encodings and message limits on the wire |
//! | `connecting` | opening connections, losing them, and opening them again |
//! | `connection_errors` | what a caller is told who cannot connect |
//! | `credentials` | what proves who calls, and where it is not sent |
//! | `connect` | Connect, request by request |
//! | `cors` | calls from pages of other origins |
//! | `deadlines` | deadlines, cancellation, and what a call inside a call inherits |
//! | `channelz` | `grpc.channelz.v1.Channelz` |
//! | `channels` | how channels open, keep and lose connections |
//! | `endings` | how soon deadlines, cancellation and dead peers show |
//! | `engine` | what our own engine's connections do under strain |
//! | `every_protocol` | what holds for calls in every protocol: limits, and TLS |
//! | `gateway` | REST: JSON over HTTP/1.1 and HTTP/2 |
//! | `http1` | HTTP/1.1 as strangers speak it |
//! | `health` | `grpc.health.v1.Health` |
//! | `hedging` | calls that are made several times at once |
//! | `interception` | what stands around the calls of a server, and around all of its requests |
//! | `interceptors` | what stands around the calls of a client |
//! | `lifecycle` | binding, unix sockets, in-process servers, draining |
//! | `memory` | what a server keeps of messages that are not complete |
//! | `openapi` | OpenAPI documents, and the pages that show them |
//! | `orca` | load reports, call by call and apart from calls |
//! | `protocols` | other protocols than gRPC on a server's port |
//! | `proxies` | connections through HTTP proxies |
//! | `reflection` | `grpc.reflection.v1` and `v1alpha` |
//! | `resolving` | from targets to addresses, and what becomes of connections when those change |
//! | `races` | calls against servers that refuse, reset and go away at every moment there is |
//! | `retries` | service configs: retry policies, timeouts, limits, balancers |
//! | `services` | each demo service, in process and over a socket |
//! | `streams` | streams that their connection writes by itself |
//! | `telemetry` | what is counted and recorded of calls, on both sides, and how it is shown and sent |
//! | `tls` | certificates |
//! | `tls_operations` | certificates that change under load, several names, who calls |
//! | `tonic_style` | tonic's ecosystem: health, reflection, interceptors, its services and clients |
//! | `web` | gRPC-Web, request by request |
//! | `wire` | what is sent and answered, byte by byte |
//!
//! What the generator must get right (names, shapes, settings) is compiled and called in `tests/fixtures`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what is wrong by failing")]

mod architecture;
mod balancing;
mod call_options;
mod calls;
mod carriers;
mod channels;
#[cfg(feature = "channelz")]
mod channelz;
mod client_engine;
mod client_frames;
mod client_protocols;
mod compression;
mod connect;
mod connecting;
mod connection_errors;
mod cors;
#[cfg(feature = "tls")]
mod credentials;
mod deadlines;
mod endings;
#[cfg(unix)]
mod engine;
#[cfg(feature = "gateway")]
mod every_protocol;
#[cfg(feature = "gateway")]
mod gateway;
mod health;
mod hedging;
#[cfg(feature = "gateway")]
mod http1;
mod interception;
mod interceptors;
mod lifecycle;
mod memory;
mod openapi;
mod orca;
mod protocols;
mod proxies;
mod races;
mod reflection;
mod resolving;
mod retries;
mod services;
mod streams;
mod support;
#[cfg(feature = "telemetry")]
mod telemetry;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_operations;
mod tonic_style;
mod web;
mod wire;
