//! Opening connections.

use std::io;

use tokio::net::TcpStream;

use crate::transport::error::{Error, Step};
use crate::transport::io::Io;
use crate::transport::target::{Address, Target};
use crate::transport::tcp::{TcpSettings, configure};

/// Opens the socket that a target names.
pub(crate) async fn connect(target: &Target, settings: TcpSettings) -> Result<Io, Error> {
    match &target.address {
        Address::Tcp { host, port } => connect_tcp(target, host, *port, settings).await,
        Address::Unix(path) => connect_unix(target, path).await,
    }
}

async fn connect_tcp(target: &Target, host: &str, port: u16, settings: TcpSettings) -> Result<Io, Error> {
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| {
        Error::new(Step::Resolve, error.to_string())
            .with_target(target.to_string())
            .with_hint("is the host name spelled right, and can this machine resolve it?")
            .with_source(error)
    })?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A socket that refuses its options still carries calls.
                let _ = configure(&stream, settings);
                return Ok(Io::new(stream));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) => connect_error(target, error),
        None => Error::new(Step::Resolve, "the name has no address").with_target(target.to_string()),
    })
}

#[cfg(unix)]
async fn connect_unix(target: &Target, path: &std::path::Path) -> Result<Io, Error> {
    let connected = tokio::net::UnixStream::connect(path).await;
    connected.map(Io::new).map_err(|error| connect_error(target, error))
}

#[cfg(not(unix))]
async fn connect_unix(target: &Target, _: &std::path::Path) -> Result<Io, Error> {
    Err(connect_error(target, io::Error::from(io::ErrorKind::Unsupported)))
}

fn connect_error(target: &Target, error: io::Error) -> Error {
    let hint = match &target.address {
        Address::Tcp { .. } => tcp_hint(error.kind()),
        Address::Unix(_) => unix_hint(error.kind()),
    };
    let connect = Error::new(Step::Connect, error.to_string()).with_target(target.to_string()).with_source(error);
    match hint {
        Some(hint) => connect.with_hint(hint),
        None => connect,
    }
}

fn tcp_hint(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some("nothing listens there: is the server running, and on this port?"),
        io::ErrorKind::PermissionDenied => Some("this system does not let the program connect there"),
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
