//! Listening sockets.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream};

use crate::context::Peer;
use crate::transport::error::{Error, Step};
use crate::transport::in_process;
use crate::transport::io::Io;
use crate::transport::listen_socket::{ListenSocket, unusable};
use crate::transport::tcp::{self, TcpSettings, configure};

/// Where a server listens: an address, `host:port` or `unix:PATH`.
///
/// ```
/// use seltzer::transport::ListenAddress;
///
/// let table = ["127.0.0.1:50051", "localhost:0", "[::1]:50051", "unix:/run/greeter.sock"];
/// for text in table {
///     assert_eq!(text.parse::<ListenAddress>()?.to_string(), text);
/// }
/// assert!("50051".parse::<ListenAddress>().is_err());
/// # Ok::<(), seltzer::transport::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenAddress {
    /// An address and port; port 0 takes a free one.
    Socket(SocketAddr),
    /// A host name and port.
    Host(String),
    /// A unix socket's path.
    Unix(PathBuf),
}

impl std::str::FromStr for ListenAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(bad_address(text, "no path follows `unix:`"));
            }
            return Ok(ListenAddress::Unix(PathBuf::from(path)));
        }
        if let Ok(address) = text.parse() {
            return Ok(ListenAddress::Socket(address));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !host.contains(['/', ':']) && port.parse::<u16>().is_ok() => {
                Ok(ListenAddress::Host(text.to_owned()))
            }
            _ => Err(bad_address(text, "it is neither HOST:PORT nor unix:PATH")),
        }
    }
}

fn bad_address(text: &str, why: &str) -> Error {
    Error::new(Step::Bind, why).with_target(text).with_hint("write 127.0.0.1:50051, localhost:0 or unix:/tmp/my.sock")
}

impl TryFrom<&str> for ListenAddress {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        ListenAddress::Socket(address)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Socket(address) => address.fmt(f),
            ListenAddress::Host(host) => f.write_str(host),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A bound socket that accepts connections.
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
    InProcess(in_process::Listener),
}

impl Listener {
    pub(crate) async fn bind(address: &ListenAddress) -> Result<Self, Error> {
        let bound = match address {
            ListenAddress::Socket(address) => tcp::listen([*address]).map(Listener::Tcp),
            ListenAddress::Host(host) => match tokio::net::lookup_host(host).await {
                Ok(addresses) => tcp::listen(addresses).map(Listener::Tcp),
                Err(error) => Err(error),
            },
            #[cfg(unix)]
            ListenAddress::Unix(path) => UnixListener::bind(path).await.map(Listener::Unix),
            #[cfg(not(unix))]
            ListenAddress::Unix(_) => Err(io::Error::from(io::ErrorKind::Unsupported)),
        };
        bound.map_err(|error| bind_error(address, error))
    }

    /// Takes a socket that listens already.
    pub(crate) fn adopt(socket: ListenSocket) -> Result<Self, Error> {
        socket.set_nonblocking().map_err(unusable)?;
        match socket {
            ListenSocket::Tcp(socket) => TcpListener::from_std(socket).map(Listener::Tcp),
            #[cfg(unix)]
            ListenSocket::Unix(socket) => UnixListener::adopt(socket).map(Listener::Unix),
        }
        .map_err(unusable)
    }

    /// The TCP address that was bound, which tells the port where 0 was asked for.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            _ => None,
        }
    }

    /// How people write this address.
    pub(crate) fn address(&self) -> String {
        match self {
            Listener::Tcp(listener) => listener.local_addr().map_or_else(|_| "?".to_owned(), |addr| addr.to_string()),
            #[cfg(unix)]
            Listener::Unix(listener) => format!("unix:{}", listener.path.display()),
            Listener::InProcess(_) => "this process".to_owned(),
        }
    }

    /// The next connection. Cancel safe.
    pub(crate) async fn accept(&mut self, settings: TcpSettings) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // A socket that refuses its options still carries calls.
                let _ = configure(&stream, settings);
                Ok(Accepted::Tcp(stream))
            }
            #[cfg(unix)]
            Listener::Unix(listener) => Ok(Accepted::Unix(listener.listener.accept().await?.0)),
            Listener::InProcess(listener) => Ok(Accepted::InProcess(listener.accept().await?)),
        }
    }

    /// Chooses how TCP connections share the network; see [`tcp::set_congestion`].
    pub(crate) fn set_congestion(&self, algorithm: &str) -> Result<(), Error> {
        let Listener::Tcp(listener) = self else { return Ok(()) };
        tcp::set_congestion(listener, algorithm).map_err(|error| {
            Error::new(Step::Bind, format!("TCP congestion control {algorithm:?} cannot be chosen: {error}"))
                .with_target(self.address())
                .with_hint("on Linux /proc/sys/net/ipv4/tcp_available_congestion_control lists what there is")
        })
    }
}

/// A connection that was accepted.
pub(crate) enum Accepted {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    InProcess(Io),
}

impl Accepted {
    /// Lets go of the runtime that accepted it, so that another one can take it.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        Ok(match self {
            Accepted::Tcp(stream) => Detached::Tcp(stream.into_std()?),
            #[cfg(unix)]
            Accepted::Unix(stream) => Detached::Unix(stream.into_std()?),
            Accepted::InProcess(io) => Detached::InProcess(io),
        })
    }

    /// Its bytes, and who is on the other side.
    pub(crate) fn open(self) -> (Io, Peer) {
        match self {
            Accepted::Tcp(stream) => {
                let peer = tcp_peer(&stream);
                (Io::new(stream), peer)
            }
            #[cfg(unix)]
            Accepted::Unix(stream) => (Io::new(stream), Peer::default()),
            Accepted::InProcess(io) => (io, Peer::default()),
        }
    }
}

/// A connection that belongs to no runtime.
pub(crate) enum Detached {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
    InProcess(Io),
}

impl Detached {
    /// Gives it to the current runtime.
    pub(crate) fn attach(self) -> io::Result<Accepted> {
        Ok(match self {
            Detached::Tcp(stream) => Accepted::Tcp(TcpStream::from_std(stream)?),
            #[cfg(unix)]
            Detached::Unix(stream) => Accepted::Unix(tokio::net::UnixStream::from_std(stream)?),
            Detached::InProcess(io) => Accepted::InProcess(io),
        })
    }
}

fn tcp_peer(stream: &TcpStream) -> Peer {
    let peer = Peer { remote_addr: stream.peer_addr().ok(), local_addr: stream.local_addr().ok(), ..Peer::default() };
    #[cfg(feature = "tonic-compat")]
    let peer = {
        let mut peer = peer;
        peer.extensions.insert(tonic::transport::server::Connected::connect_info(stream));
        peer
    };
    peer
}

fn bind_error(address: &ListenAddress, error: io::Error) -> Error {
    let hint = match address {
        ListenAddress::Unix(path) => unix_hint(path, error.kind()),
        ListenAddress::Socket(_) | ListenAddress::Host(_) => tcp_hint(error.kind()),
    };
    let bind = Error::new(Step::Bind, error.to_string()).with_target(address.to_string()).with_source(error);
    match hint {
        Some(hint) => bind.with_hint(hint),
        None => bind,
    }
}

fn tcp_hint(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::AddrInUse => {
            "another program listens there; stop it, or listen on another port: port 0 takes a free one"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; 0.0.0.0 or [::] stands for all of its addresses"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need rights that this user has not",
        _ => return None,
    })
}

fn unix_hint(path: &Path, kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::AddrInUse if is_socket(path) => {
            "another server listens on this socket; stop it, or listen on another path"
        }
        io::ErrorKind::AddrInUse => "a file that is no socket is in the way; move it, or listen on another path",
        io::ErrorKind::NotFound => "there is no such folder; make it, or listen on another path",
        io::ErrorKind::PermissionDenied => "this user may not make a socket in that folder",
        io::ErrorKind::InvalidInput => "systems take about 100 bytes for a socket's path; listen on a shorter one",
        io::ErrorKind::Unsupported => "unix sockets are not supported on this system; listen on a TCP address",
        _ => return None,
    })
}

#[cfg(unix)]
fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

#[cfg(not(unix))]
fn is_socket(_: &Path) -> bool {
    false
}

/// A unix socket that takes its file away when it is dropped, if it made it.
#[cfg(unix)]
pub(crate) struct UnixListener {
    listener: tokio::net::UnixListener,
    path: PathBuf,
    /// The file's device and inode, so that only our own file is ever removed.
    identity: Option<(u64, u64)>,
}

#[cfg(unix)]
impl UnixListener {
    /// Binds; a socket file that nobody listens on any more is replaced.
    async fn bind(path: &Path) -> io::Result<Self> {
        let listener = match tokio::net::UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path).await => {
                std::fs::remove_file(path)?;
                tokio::net::UnixListener::bind(path)?
            }
            other => other?,
        };
        Ok(UnixListener { listener, path: path.to_owned(), identity: file_identity(path) })
    }

    /// One whose file is somebody else's.
    fn adopt(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        let listener = tokio::net::UnixListener::from_std(socket)?;
        let path = listener.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default();
        Ok(UnixListener { listener, path, identity: None })
    }
}

#[cfg(unix)]
impl Drop for UnixListener {
    fn drop(&mut self) {
        if self.identity.is_some() && file_identity(&self.path) == self.identity {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
async fn is_stale(path: &Path) -> bool {
    is_socket(path)
        && matches!(tokio::net::UnixStream::connect(path).await,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(unix)]
fn file_identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn error_of(address: &str, kind: io::ErrorKind) -> String {
        bind_error(&address.parse().expect(address), kind.into()).to_string()
    }

    #[test]
    fn hints_speak_of_what_is_listened_on() {
        let table = [
            ("127.0.0.1:80", io::ErrorKind::AddrInUse, "port 0 takes a free one"),
            ("localhost:80", io::ErrorKind::PermissionDenied, "ports below 1024"),
            ("unix:/tmp/a.sock", io::ErrorKind::PermissionDenied, "may not make a socket in that folder"),
            ("unix:/no/a.sock", io::ErrorKind::NotFound, "there is no such folder"),
        ];
        for (address, kind, hint) in table {
            let error = error_of(address, kind);
            assert!(error.contains(hint), "{error}");
            assert_eq!(error.contains("port"), hint.contains("port"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_in_the_way_of_a_socket_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = |name: &str| ListenAddress::Unix(folder.path().join(name));
        let long = "x".repeat(200);
        std::fs::write(folder.path().join("file"), "").expect("a file");
        let _taken = Listener::bind(&listen("taken")).await.expect("a free path");
        let table = [
            ("file", "a file that is no socket is in the way"),
            ("taken", "another server listens on this socket"),
            ("none/socket", "there is no such folder"),
            (&long, "about 100 bytes"),
        ];
        for (name, hint) in table {
            let error = Listener::bind(&listen(name)).await.err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|error| error.contains(hint)), "{name}: {error:?}");
        }
    }
}
