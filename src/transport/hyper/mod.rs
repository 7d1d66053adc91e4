//! hyper as the carrier of connections: HTTP/1.1 for browsers and curl, HTTP/2 as the reference carrier for gRPC.

mod body;
#[cfg(feature = "client")]
mod cancel;
#[cfg(feature = "client")]
pub(crate) mod client;
#[cfg(feature = "server")]
pub(crate) mod server;

/// The largest window that there can be (RFC 9113, section 6.9.1).
pub(crate) const WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;
