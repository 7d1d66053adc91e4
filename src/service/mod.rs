//! What a call is: services, their methods, and how a call finds its handler.
//!
//! Generated code implements [`Service`]; [`Router`] holds what a server serves. Nothing here knows which
//! protocol carries a call.

mod call;
mod config;
mod descriptor;
pub(crate) mod interceptor;
mod load_report;
mod message;
mod replies;
mod reply;
mod router;
mod slots;
mod unary;

pub use self::call::{Service, StreamCall};
pub use self::config::ServiceConfig;
pub use self::descriptor::{Idempotency, MethodDescriptor, MethodKind, ServiceDescriptor};
pub use self::interceptor::{Intercepted, Interceptor};
pub use self::load_report::OrcaLoadReport;
pub use self::message::Message;
pub use self::reply::ReplyFuture;
pub use self::router::{IntoRoute, Route, Router};
pub use self::unary::{UnaryCall, UnaryReply};

pub(crate) use self::config::CallSettings;
#[cfg(feature = "server")]
pub(crate) use self::interceptor::OfMetadata;
pub(crate) use self::interceptor::{InterceptMetadata, Interceptors, RawCall};
#[cfg(feature = "orca")]
pub(crate) use self::load_report::LOAD_REPORT;
pub(crate) use self::message::{AnyCodec, BoxCodec};
pub(crate) use self::replies::{BoxReplies, PollReplies, Replies, ReplyPart, failure};
pub(crate) use self::reply::{Reply, ReplyBody, Single};
#[cfg(feature = "server")]
pub(crate) use self::router::HttpCall;
pub(crate) use self::router::{FoundHandler, NotFound, TowerHandler};
#[cfg(feature = "server")]
pub(crate) use self::unary::{Answered, Payload};
