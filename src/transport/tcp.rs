//! What both sides set on a TCP connection.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

/// Settings of a TCP connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TcpSettings {
    /// Whether small writes go out at once.
    pub(crate) nodelay: bool,
    /// After how much idle time the system probes the connection.
    pub(crate) keepalive: Option<Duration>,
}

pub(crate) fn configure(stream: &TcpStream, settings: TcpSettings) -> io::Result<()> {
    stream.set_nodelay(settings.nodelay)?;
    if let Some(idle) = settings.keepalive {
        socket2::SockRef::from(stream).set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(idle))?;
    }
    Ok(())
}
