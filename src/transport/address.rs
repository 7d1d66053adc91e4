//! Where one connection goes.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address that a channel can open a connection to, as a resolver finds it.
///
/// ```
/// use seltzer::transport::Address;
///
/// let address = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 50051)));
/// assert_eq!(address.to_string(), "127.0.0.1:50051");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// TCP, with the port.
    Tcp(SocketAddr),
    /// TCP to a host whose name is looked up where the connection leaves: by the proxy, or by this system where there
    /// is none.
    Host {
        /// The name, or an address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket in the file system.
    Unix(PathBuf),
    /// A unix socket in the abstract namespace of Linux: its name without the leading zero byte.
    UnixAbstract(Vec<u8>),
    /// A server in this process.
    InProcess,
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Host { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::UnixAbstract(name) => write!(f, "unix-abstract:{}", name.escape_ascii()),
            Address::InProcess => f.write_str("the server in this process"),
        }
    }
}
