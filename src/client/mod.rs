//! Channels: where calls go, how they are spread over servers, and how a call becomes a request.
//!
//! A [`Channel`] resolves its target to endpoints ([`resolve`]), keeps a backend for each and spreads
//! calls over them ([`balance`]).

#[cfg(feature = "client")]
mod authorize;
#[cfg(feature = "client")]
mod backend;
#[cfg(feature = "client")]
mod backoff;
#[cfg(feature = "client")]
pub mod balance;
mod call;
#[cfg(feature = "client")]
mod channel;
#[cfg(feature = "client")]
mod connectivity;
#[cfg(feature = "client")]
mod connector;
#[cfg(feature = "client")]
mod core;
#[cfg(feature = "client")]
mod counted;
#[cfg(feature = "client")]
mod credentials;
#[cfg(feature = "client")]
mod endpoint;
#[cfg(feature = "client")]
mod guard;
#[cfg(feature = "client")]
mod heads;
#[cfg(feature = "client")]
mod health;
mod interceptor;
#[cfg(feature = "client")]
mod manager;
#[cfg(feature = "client")]
mod observed;
#[cfg(feature = "client")]
mod opener;
mod options;
#[cfg(feature = "client")]
mod plan;
#[cfg(feature = "_client-protocols")]
pub(crate) mod protocol;
#[cfg(feature = "client")]
mod race;
mod request;
#[cfg(feature = "client")]
pub mod resolve;
mod response;
#[cfg(feature = "client")]
mod retry;
#[cfg(feature = "client")]
mod service_config;
#[cfg(feature = "client")]
mod stage;
#[cfg(feature = "telemetry")]
mod trace;
#[cfg(feature = "_client-protocols")]
pub(crate) mod translated;
#[cfg(feature = "client")]
mod unary;
#[cfg(feature = "client")]
mod unary_trace;

#[cfg(feature = "client")]
pub use self::backend::Backend;
pub use self::call::{Client, GrpcService};
#[cfg(feature = "client")]
pub use self::channel::Channel;
#[cfg(feature = "client")]
pub use self::connectivity::ConnectivityState;
#[cfg(feature = "client")]
pub use self::credentials::{
    AccessToken, AllowPlaintext, BearerToken, CallCredentials, CallInfo, CompositeCredentials,
};
#[cfg(feature = "client")]
pub use self::endpoint::Endpoint;
pub use self::interceptor::{
    CallCounts, CallEnd, CallMetrics, ClientCall, ClientInterceptor, ClientReply, InterceptedChannel, Interceptors,
    Logging, Message, MethodCounts, Metrics, Next,
};
pub use self::options::{CallOptions, CallOptionsExt};
#[cfg(feature = "_client-protocols")]
pub use self::protocol::ClientProtocol;
#[cfg(feature = "dynamic")]
pub(crate) use self::request::CallTarget;
#[cfg(any(feature = "dynamic", feature = "connect-client"))]
pub(crate) use self::request::MethodTraits;
#[cfg(feature = "client")]
pub use self::service_config::{
    HedgingPolicy, IntoServiceConfig, MethodConfig, RetryPolicy, ServiceConfig, ServiceConfigError,
};
