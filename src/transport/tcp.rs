//! What both sides set on a TCP connection.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
#[cfg(feature = "server")]
use {
    std::net::SocketAddr,
    tokio::net::{TcpListener, TcpSocket},
};

/// Connections that may wait to be accepted: a storm of clients that all reconnect at once must not lose its first
/// packets. The system may allow fewer.
#[cfg(feature = "server")]
const BACKLOG: u32 = 4096;

/// Settings of a TCP connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TcpSettings {
    /// Whether small writes go out at once.
    pub(crate) nodelay: bool,
    /// After how much idle time the system probes the connection.
    pub(crate) keepalive: Option<Duration>,
    /// After how long the system gives up a connection on which sent bytes are not acknowledged, where it can be told
    /// (Linux).
    pub(crate) user_timeout: Option<Duration>,
}

pub(crate) fn configure(stream: &TcpStream, settings: TcpSettings) -> io::Result<()> {
    stream.set_nodelay(settings.nodelay)?;
    if let Some(idle) = settings.keepalive {
        socket2::SockRef::from(stream).set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(idle))?;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if settings.user_timeout.is_some() {
        socket2::SockRef::from(stream).set_tcp_user_timeout(settings.user_timeout)?;
    }
    Ok(())
}

/// Listens on the first of some addresses that can be bound.
#[cfg(feature = "server")]
pub(crate) fn listen(addresses: impl IntoIterator<Item = SocketAddr>) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
    for address in addresses {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

#[cfg(feature = "server")]
fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that is started again must not wait for its old connections. On Windows this means something else.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Chooses how the connections of a listener share the network, by the system's name for it.
///
/// # Errors
/// The system knows no such algorithm, or lets nobody choose.
#[cfg(feature = "server")]
pub(crate) fn set_congestion(listener: &TcpListener, algorithm: &str) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    return socket2::SockRef::from(listener).set_tcp_congestion(algorithm.as_bytes());
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let _ = (listener, algorithm);
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_gives_a_connection_up_after_the_time_that_is_set() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        for user_timeout in [None, Some(Duration::from_millis(1234))] {
            let stream = TcpStream::connect(address).await.expect("it listens");
            configure(&stream, TcpSettings { nodelay: true, keepalive: None, user_timeout }).expect("a socket");
            assert_eq!(socket2::SockRef::from(&stream).tcp_user_timeout().expect("a socket"), user_timeout);
        }
    }
}
