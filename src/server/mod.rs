//! Servers: what they are told, how they accept connections, how a request becomes a call, and what stands around it.
//!
//! [`Server`] is where to begin. Interceptors ([`ServerInterceptor`]) stand around its calls, layers of tower
//! ([`Server::layer`]) around all of its requests. Of interceptors there are, in the order in which they are best added:
//!
//! | | |
//! |---|---|
//! | [`RequestIds`] | a name for each call |
//! | [`Logging`] | one line a call in the log |
//! | [`ErrorTable`] | what callers are told of the errors of handlers |
//! | [`TimeoutPolicy`] | how long calls may take |
//! | [`Authentication`] | who calls: by tokens ([`StaticTokens`], [`BearerTokens`]) or an [`Authenticator`] of yours |
//! | [`Validation`] | what requests must be like |
//!
//! Panics need none: one of a handler, or of an interceptor, ends its own call as INTERNAL.

#[cfg(feature = "server")]
mod accept;
#[cfg(any(feature = "web", feature = "connect", feature = "gateway"))]
pub(crate) mod accepted;
#[cfg(feature = "server")]
mod around;
#[cfg(feature = "server")]
mod at_once;
#[cfg(feature = "server")]
mod bound;
#[cfg(feature = "server")]
mod builder;
#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod cors;
mod dispatch;
mod guard;
#[cfg(feature = "server")]
mod hooks;
#[cfg(feature = "server")]
#[cfg_attr(not(feature = "http1"), path = "http1/off.rs")]
mod http1;
#[cfg(all(feature = "_json", any(feature = "web", feature = "connect")))]
pub(crate) mod json;
#[cfg(feature = "server")]
mod layers;
#[cfg(feature = "server")]
mod lifetime;
#[cfg(feature = "server")]
mod limits;
mod measured;
mod native;
#[cfg(feature = "server")]
mod page;
#[cfg(feature = "server")]
mod protocol;
#[cfg(feature = "server")]
mod settings;
mod shared_body;
mod tower;
#[cfg(any(feature = "web", feature = "connect"))]
pub(crate) mod translated;
#[cfg(feature = "server")]
mod unary;
#[cfg(feature = "server")]
mod workers;

#[cfg(feature = "server")]
pub use self::bound::BoundServer;
#[cfg(feature = "server")]
pub use self::builder::Server;
#[cfg(feature = "server")]
pub use self::cors::Cors;
#[cfg(feature = "web")]
pub(crate) use self::dispatch::timeout as requested_timeout;
#[cfg(feature = "server")]
pub use self::layers::ServerService;
#[cfg(feature = "server")]
pub use self::limits::Limits;
#[cfg(feature = "server")]
pub use self::protocol::{
    BeginError, Calls, PageLink, Protocol, ProtocolAnswer, ProtocolCall, ProtocolHandler, ProtocolReply, ReplyMessages,
    RequestMessages, Served,
};
pub use self::tower::TowerService;

#[cfg(feature = "server")]
pub use crate::codec::MessageLimits;
pub use crate::service::Message;
pub use crate::service::interceptor::{
    Authentication, Authenticator, BearerTokens, CallEnd, CallHead, ConcurrencyLimit, ErrorTable, Interceptors,
    Logging, Next, RateLimit, RequestId, RequestIds, ServerCall, ServerInterceptor, ServerReply, StaticTokens,
    TimeoutPolicy, Validate, Validation, Violations,
};
/// The body of a request or of an answer, as tower services get and give it.
pub use tonic::body::Body;
