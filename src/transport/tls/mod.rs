//! TLS by rustls: certificates from PEM, the settings of servers and clients, and handshakes.
//!
//! [`ServerTlsConfig`] and [`ClientTlsConfig`] only collect settings. PEM is read, keys are loaded and roots are
//! built when a server or a channel starts to use them, and whatever is wrong with them is an error from there.
//!
//! Which cryptography is used is decided in `provider`. Certificates are checked by rustls; `pinned` adds one
//! rule of our own, for self-signed certificates.
#![cfg_attr(
    not(all(feature = "server", feature = "client")),
    allow(dead_code, reason = "with only one side compiled in, the other side's half is unused")
)]

mod acceptor;
mod client;
mod der;
mod failure;
mod identities;
mod identity;
mod native;
mod peer_identity;
mod pem;
mod pinned;
mod private_key;
mod provider;
mod reload;
mod roots;
mod server;
mod stream;
#[cfg(test)]
mod tests;
mod x509;

pub use rustls::pki_types::CertificateDer;

pub use self::acceptor::ServerTlsReload;
pub use self::client::ClientTlsConfig;
pub use self::identity::{Certificate, Identity};
pub use self::server::ServerTlsConfig;

#[cfg(feature = "server")]
pub(crate) use self::acceptor::TlsAcceptor;
#[cfg(feature = "client")]
pub(crate) use self::reload::ClientTls;

use std::time::Duration;

/// How long a handshake may take, on either side, unless set otherwise.
///
/// A handshake is two round trips and a millisecond of work; ten seconds forgive a lost packet or two, and yet
/// bound what a peer costs that connects and says nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// HTTP/2 in the handshake's protocol negotiation (ALPN, RFC 7301; the name is from RFC 9113, section 3.1).
const ALPN_HTTP2: &[u8] = b"h2";

/// HTTP/1.1 in the same.
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// What a server speaks, in the handshake's protocol negotiation.
const ALPN_OF_SERVERS: &[&[u8]] = if cfg!(feature = "http1") { &[ALPN_HTTP2, ALPN_HTTP1] } else { &[ALPN_HTTP2] };
