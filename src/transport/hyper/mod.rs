//! hyper as the carrier of connections: HTTP/1.1 for browsers and curl, HTTP/2 as the reference carrier for gRPC.

mod body;
#[cfg(all(feature = "client", feature = "carrier-hyper"))]
mod cancel;
#[cfg(all(feature = "client", feature = "carrier-hyper"))]
pub(crate) mod client;
mod head;
#[cfg(feature = "http1-client")]
pub(crate) mod http1_client;
mod kept;
pub(crate) mod server;
mod watch;
