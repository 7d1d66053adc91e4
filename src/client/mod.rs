//! Clients: where calls go, and how a call becomes a request.

mod call;
#[cfg(feature = "client")]
mod channel;
#[cfg(feature = "client")]
mod endpoint;
#[cfg(feature = "client")]
mod guard;
#[cfg(feature = "client")]
mod heads;
mod request;
mod response;
#[cfg(feature = "client")]
mod unary;

pub use self::call::{Client, GrpcService};
#[cfg(feature = "client")]
pub use self::channel::Channel;
#[cfg(feature = "client")]
pub use self::endpoint::Endpoint;
#[cfg(feature = "dynamic")]
pub(crate) use self::request::CallTarget;
