//! gRPC for Rust with nothing to install.
//!
//! Schemas are compiled in process by `seltzer-build`: no protoc, no C compiler. The words are tonic's
//! ([`Request`], [`Response`], [`Status`], [`Streaming`], [`metadata`]), the handlers are plain `async fn`s.
//!
//! **Not** here: a protobuf runtime (prost is it), TLS of our own (rustls), an async runtime (tokio).
//!
#![cfg_attr(feature = "services", doc = "```no_run")]
#![cfg_attr(not(feature = "services"), doc = "```ignore")]
//! # mod main_module {
//! # use seltzer::services::schemas::hello;
//! # #[cfg(any())]
//! pub mod hello { seltzer::include_proto!("hello"); }
//! use hello::{HelloReply, HelloRequest, greeter_server::{Greeter, GreeterServer}};
//! use seltzer::{Request, Response, Server, Status};
//!
//! struct MyGreeter;
//! impl Greeter for MyGreeter {
//!     async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
//!         Ok(Response::new(HelloReply { message: format!("Hello, {}", request.get_ref().name) }))
//!     }
//! }
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! Server::builder().add_service(GreeterServer::new(MyGreeter)).serve("127.0.0.1:50051".parse()?).await?;
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! # The house
//!
//! A folder is a layer, and arrows point down.
//!
//! | layer | modules | what |
//! |---|---|---|
//! | L0 | [`metadata`], [`context`], `status`, `deadline` | the words of gRPC |
//! | L1 | [`codec`] | messages to bytes and back |
//! | L2 | [`transport`] | the only place that does input and output |
//! | L3 | [`service`] | what a call is |
//! | L4 | [`server`], [`client`] | never import each other |
//! | L5 | [`dynamic`](https://docs.rs/seltzer/latest/seltzer/dynamic), `health`, `reflection`, `orca`, `channelz`, `telemetry`, `web`, `connect`, `gateway`, `openapi` | plug-ins, each a feature |
//! | L6 | `services` | the demo services, feature `services` |
//!
//! # Features
//!
//! - `server`, `client`, `gzip` (gzip and deflate): on by default.
//! - `http1`: servers speak HTTP/1.1 beside HTTP/2, on the same ports, by hyper. For browsers, curl and Prometheus: they ask
//!   for what a `fallback` answers, or for the page at `/`. gRPC needs none of it.
//! - `tls`: TLS without a C compiler (graviola); `tls-ring` and `tls-aws-lc` for other processors and for FIPS;
//!   `tls-webpki-roots`: Mozilla's root certificates compiled in. `tls-native-roots`: those that the system trusts.
//! - `zstd`: one more compression.
//! - `dynamic`: calls without generated code, messages as JSON.
//! - `health`, `reflection`, `channelz`: gRPC's standard services. `orca`: load reports.
//! - `gateway`: REST, after the `google.api.http` options of the schemas.
//! - `openapi`: OpenAPI documents of a server's services; `swagger-ui`: Swagger UI with them.
//! - `telemetry`: OpenTelemetry's metrics and traces of servers and channels, for Prometheus and by OTLP.
//! - `web`: servers speak gRPC-Web, for browsers. `connect`: servers speak Connect, in protobuf and JSON.
//! - `web-client`, `connect-client`: channels speak them, too. `http1-client`: they do so over HTTP/1.1 as well.
//! - `tonic-compat`: fills in what tonic's own `server` feature reads from a request, such as `remote_addr()`.
//! - `services`: the demo services of this project.

#![cfg_attr(docsrs, feature(doc_cfg))]

// Generated code says `::seltzer`; within this crate that is this crate.
#[allow(unused_extern_crates, reason = "generated code needs it, and there is some with `services` only")]
extern crate self as seltzer;

pub mod codec;
pub mod codegen;
pub mod context;
mod deadline;
mod either;
#[cfg(feature = "_json")]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "those who speak JSON need different parts of it")]
mod json;
pub mod metadata;
#[cfg_attr(not(feature = "telemetry"), path = "meter/off.rs")]
mod meter;
#[cfg(feature = "telemetry")]
mod observe;
mod pace;
pub mod service;
pub mod status;
#[cfg(feature = "channelz")]
mod tally;
#[cfg(any(feature = "server", feature = "client"))]
mod task;
#[cfg(feature = "telemetry")]
mod trace;

pub mod client;
#[cfg(any(feature = "connect", feature = "connect-client"))]
pub mod connect;
pub mod server;
#[cfg(any(feature = "web", feature = "web-client"))]
pub mod web;

#[cfg(feature = "channelz")]
pub mod channelz;
#[cfg(feature = "dynamic")]
pub mod dynamic;
#[cfg(all(fuzzing, feature = "server"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(feature = "health")]
pub mod health;
#[cfg(feature = "openapi")]
pub mod openapi;
#[cfg(feature = "orca")]
pub mod orca;
#[cfg(feature = "reflection")]
pub mod reflection;
#[cfg(feature = "services")]
pub mod services;
#[cfg(feature = "telemetry")]
pub mod telemetry;

/// Addresses, listeners, connections, TLS: the only place that does input and output.
///
/// The names are those of `tonic::transport`.
pub mod transport {
    #[cfg(feature = "client")]
    pub(crate) mod address;
    #[cfg(feature = "client")]
    pub(crate) mod address_list;
    #[cfg(any(feature = "server", feature = "client"))]
    pub(crate) mod carrier;
    #[cfg(feature = "client")]
    pub(crate) mod connect;
    #[cfg(feature = "client")]
    pub(crate) mod connection;
    #[cfg(feature = "server")]
    pub(crate) mod drain;
    pub(crate) mod error;
    #[cfg(any(feature = "server", feature = "client"))]
    pub(crate) mod h2;
    #[cfg(any(feature = "server", feature = "_tls"))]
    pub(crate) mod handshakes;
    #[cfg(all(feature = "server", not(feature = "http1")))]
    pub(crate) mod http2_alone;
    #[cfg(feature = "http1")]
    pub(crate) mod hyper;
    #[cfg(any(feature = "server", feature = "client"))]
    pub(crate) mod in_process;
    pub(crate) mod incoming_body;
    #[cfg(any(feature = "server", feature = "client"))]
    pub(crate) mod io;
    #[cfg(feature = "client")]
    pub(crate) mod keepalive;
    #[cfg(feature = "server")]
    pub(crate) mod listen;
    #[cfg(feature = "server")]
    pub(crate) mod listen_socket;
    #[cfg(feature = "client")]
    pub(crate) mod no_proxy;
    #[cfg(feature = "client")]
    pub(crate) mod progress;
    #[cfg(feature = "client")]
    pub(crate) mod proxy;
    #[cfg(feature = "client")]
    pub(crate) mod remote;
    #[cfg(feature = "client")]
    pub(crate) mod replay;
    pub(crate) mod response_body;
    #[cfg(feature = "http1")]
    #[cfg_attr(
        not(all(feature = "web", feature = "connect", feature = "gateway")),
        allow(dead_code, reason = "each protocol collects bodies in its own way")
    )]
    pub(crate) mod retained;
    #[cfg(feature = "telemetry")]
    pub(crate) mod scanned_body;
    #[cfg(feature = "client")]
    pub(crate) mod target;
    #[cfg(any(feature = "server", feature = "client"))]
    pub(crate) mod tcp;
    #[cfg(feature = "_tls")]
    pub(crate) mod tls;

    #[cfg(feature = "client")]
    pub use self::address::Address;
    #[cfg(any(feature = "server", feature = "client"))]
    pub use self::carrier::Carrier;
    pub use self::error::{Error, Step};
    #[cfg(any(feature = "server", feature = "_tls"))]
    pub use self::handshakes::{TLS_HANDSHAKE_TIMEOUT, TLS_HANDSHAKES_MAX};
    #[cfg(any(feature = "server", feature = "client"))]
    pub use self::in_process::InProcess;
    #[cfg(feature = "server")]
    pub use self::listen::ListenAddress;
    #[cfg(feature = "server")]
    pub use self::listen_socket::ListenSocket;
    #[cfg(feature = "_tls")]
    pub use self::tls::{Certificate, CertificateDer, ClientTlsConfig, Identity, ServerTlsConfig, ServerTlsReload};
    #[cfg(feature = "client")]
    pub use crate::client::{Channel, Endpoint};
    #[cfg(feature = "server")]
    pub use crate::server::{BoundServer, Server};
    pub use http::Uri;
    #[cfg(feature = "server")]
    pub use seltzer_h2::{Limits as Http2Limits, Rate};
}

pub use crate::client::CallOptionsExt;
#[cfg(feature = "client")]
pub use crate::client::{Channel, Endpoint};
pub use crate::codec::Streaming;
pub use crate::context::{Context, RequestExt};
pub use crate::deadline::Deadline;
#[cfg(feature = "server")]
pub use crate::server::{BoundServer, Server};
pub use crate::service::{Interceptor, MethodKind};
pub use crate::status::{Code, OrStatus, Status, StatusOrigin};
pub use tonic::{Extensions, IntoRequest, IntoStreamingRequest, Request, Response};

pub use prost;
pub use prost_types;

/// Typed details of a status: `google.rpc.BadRequest`, `RetryInfo` and the eight others, by tonic-types.
///
/// ```
/// use seltzer::{Code, Status, error_details::{ErrorDetails, StatusExt}};
///
/// let details = ErrorDetails::with_bad_request_violation("name", "must not be empty");
/// let status = Status::with_error_details(Code::InvalidArgument, "bad request", details);
/// let violations = status.get_details_bad_request().expect("it was put in").field_violations;
/// assert_eq!(violations[0].field, "name");
/// ```
pub mod error_details {
    pub use tonic_types::{
        BadRequest, DebugInfo, ErrorDetail, ErrorDetails, ErrorInfo, FieldViolation, Help, HelpLink, LocalizedMessage,
        PreconditionFailure, PreconditionViolation, QuotaFailure, QuotaViolation, RequestInfo, ResourceInfo, RetryInfo,
        StatusExt,
    };
}

/// Includes the code that `seltzer_build` generated for a package, or for a set named by `.module(..)`.
///
/// ```ignore
/// pub mod hello {
///     seltzer::include_proto!("hello");
/// }
/// ```
#[macro_export]
macro_rules! include_proto {
    ($package:tt) => {
        include!(concat!(env!("OUT_DIR"), concat!("/", $package, ".rs")));
    };
}
