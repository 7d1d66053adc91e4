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
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::UnixAbstract(name) => write!(f, "unix-abstract:{}", name.escape_ascii()),
            Address::InProcess => f.write_str("the server in this process"),
        }
    }
}
