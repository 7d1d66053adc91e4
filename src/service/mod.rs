//! What a call is: services, their methods, and how a call finds its handler.
//!
//! Generated code implements [`Service`]; [`Router`] holds what a server serves. Nothing here knows which
//! protocol carries a call.

mod call;
mod config;
mod descriptor;
mod interceptor;
mod load_report;
mod reply;
mod router;
mod slots;
mod unary;

pub use self::call::{ServerCall, Service};
pub use self::config::ServiceConfig;
pub use self::descriptor::{Idempotency, MethodDescriptor, MethodKind, ServiceDescriptor};
pub use self::interceptor::{Intercepted, Interceptor};
pub use self::load_report::OrcaLoadReport;
pub use self::reply::ReplyFuture;
pub use self::router::{IntoRoute, Route, Router};
pub use self::unary::{UnaryCall, UnaryReply};

pub(crate) use self::config::CallSettings;
#[cfg(feature = "orca")]
pub(crate) use self::load_report::LOAD_REPORT;
pub(crate) use self::reply::{Reply, ReplyBody, Single};
#[cfg(feature = "server")]
pub(crate) use self::router::HttpCall;
pub(crate) use self::router::{Found, NotFound, TowerHandler};
#[cfg(feature = "server")]
pub(crate) use self::unary::{Answered, Payload};
