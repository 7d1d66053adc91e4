//! hyper as the carrier of connections: HTTP/1.1 for browsers and curl, HTTP/2 as the reference carrier for gRPC.

mod body;
#[cfg(feature = "client")]
mod cancel;
#[cfg(feature = "client")]
pub(crate) mod client;
#[cfg(feature = "server")]
pub(crate) mod server;
