//! Opening connections.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::transport::address::Address;
use crate::transport::error::{Error, Step};
use crate::transport::io::Io;
use crate::transport::tcp::{TcpSettings, configure};

/// The addresses of a host, by the system's resolver.
///
/// # Errors
/// The host is not known, or nobody can be asked.
pub(crate) async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| {
        Error::new(Step::Resolve, error.to_string())
            .with_hint("is the host name spelled right, and can this machine resolve it?")
            .with_source(error)
    })?;
    Ok(addresses.collect())
}

/// Opens a socket to an address.
pub(crate) async fn connect(address: &Address, settings: TcpSettings) -> Result<Io, Error> {
    let connected = match address {
        Address::Tcp(address) => TcpStream::connect(address).await.map(|stream| configured(stream, settings)),
        Address::Host { host, port } => connect_host(host, *port, settings).await,
        Address::Unix(path) => connect_unix(path).await,
        Address::UnixAbstract(name) => connect_abstract(name).await,
        Address::InProcess => Err(io::ErrorKind::Unsupported.into()),
    };
    connected.map_err(|error| connect_error(address, error))
}

async fn connect_host(host: &str, port: u16, settings: TcpSettings) -> io::Result<Io> {
    TcpStream::connect((host, port)).await.map(|stream| configured(stream, settings))
}

fn configured(stream: TcpStream, settings: TcpSettings) -> Io {
    // A socket that refuses its options still carries calls.
    let _ = configure(&stream, settings);
    Io::new(stream)
}

#[cfg(unix)]
async fn connect_unix(path: &std::path::Path) -> io::Result<Io> {
    tokio::net::UnixStream::connect(path).await.map(Io::new)
}

#[cfg(not(unix))]
async fn connect_unix(_: &std::path::Path) -> io::Result<Io> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
async fn connect_abstract(name: &[u8]) -> io::Result<Io> {
    use std::os::linux::net::SocketAddrExt as _;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    tokio::net::UnixStream::connect_addr(&address.into()).await.map(Io::new)
}

#[cfg(not(target_os = "linux"))]
async fn connect_abstract(_: &[u8]) -> io::Result<Io> {
    Err(io::ErrorKind::Unsupported.into())
}

fn connect_error(address: &Address, error: io::Error) -> Error {
    let hint = match address {
        Address::Tcp(_) | Address::Host { .. } => tcp_hint(error.kind()),
        _ => unix_hint(error.kind()),
    };
    let connect = Error::new(Step::Connect, error.to_string()).with_source(error);
    match hint {
        Some(hint) => connect.with_hint(hint),
        None => connect,
    }
}

fn tcp_hint(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some("nothing listens there: is the server running, and on this port?"),
        io::ErrorKind::PermissionDenied => Some("this system does not let the program connect there"),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            Some("no way leads there: is this machine in the right network?")
        }
        io::ErrorKind::TimedOut => Some("is the address right, and does a firewall drop packets in between?"),
        _ => None,
    }
}

fn unix_hint(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::NotFound => Some("there is no such file: is the server running, and with this path?"),
        io::ErrorKind::PermissionDenied => Some("this user may not write to the socket, or not enter its folder"),
        io::ErrorKind::ConnectionRefused => {
            Some("no server listens on this file; one that was killed leaves its socket behind: start it again")
        }
        io::ErrorKind::Unsupported => Some("unix sockets are not supported on this system"),
        _ => None,
    }
}
