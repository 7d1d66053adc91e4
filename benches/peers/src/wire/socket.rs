//! Sockets on the loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

/// Connections that may wait to be accepted: ten thousand come at once.
const BACKLOG: i32 = 16 * 1024;

/// Where a server on this port is.
pub fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Listens on a port, optionally with a congestion control of its own, which the accepted connections inherit.
///
/// # Errors
/// The port is taken, or the system has no such congestion control.
pub fn listen(port: u16, congestion: Option<&str>) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    set_congestion(&socket, congestion)?;
    socket.bind(&address(port).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connects to a port, optionally with a congestion control of its own.
///
/// # Errors
/// Nobody listens, or the system has no such congestion control.
pub fn connect(port: u16, congestion: Option<&str>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    set_congestion(&socket, congestion)?;
    socket.connect(&address(port).into())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

#[cfg(target_os = "linux")]
fn set_congestion(socket: &Socket, congestion: Option<&str>) -> io::Result<()> {
    congestion.map_or(Ok(()), |name| socket.set_tcp_congestion(name.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn set_congestion(_: &Socket, congestion: Option<&str>) -> io::Result<()> {
    congestion.map_or(Ok(()), |_| Err(io::ErrorKind::Unsupported.into()))
}
