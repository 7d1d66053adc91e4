//! Sockets that somebody else opened.

use std::io;
use std::net::TcpListener;

use crate::transport::error::{Error, Step};

/// A socket that listens already: inherited from a service manager, or opened with options of one's own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let address = socket.local_addr()?;
/// let server = seltzer::Server::builder().listen_on(socket)?;
/// assert_eq!(server.local_addr(), Some(address));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenSocket {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket. Its file stays when the server ends: whoever made it takes it away.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl From<TcpListener> for ListenSocket {
    fn from(socket: TcpListener) -> Self {
        ListenSocket::Tcp(socket)
    }
}

#[cfg(unix)]
impl From<std::os::unix::net::UnixListener> for ListenSocket {
    fn from(socket: std::os::unix::net::UnixListener) -> Self {
        ListenSocket::Unix(socket)
    }
}

impl ListenSocket {
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            ListenSocket::Tcp(socket) => socket.set_nonblocking(true),
            #[cfg(unix)]
            ListenSocket::Unix(socket) => socket.set_nonblocking(true),
        }
    }
}

/// Why a socket cannot be served.
pub(crate) fn unusable(error: io::Error) -> Error {
    Error::new(Step::Bind, format!("the socket that was handed over cannot be used: {error}"))
        .with_hint("hand over a socket that is bound and listens, within a tokio runtime")
        .with_source(error)
}
