//! Connections within the process: no socket, no port.
#![cfg_attr(
    not(all(feature = "server", feature = "client")),
    allow(dead_code, reason = "with only one side compiled in, the other side's half is unused")
)]

use std::fmt;
use std::io;

use tokio::sync::mpsc;

use crate::transport::io::Io;

/// The bytes that wait in one direction before the writer has to.
const PIPE_BYTES: usize = 64 * 1024;

/// How many connections may wait to be accepted.
const BACKLOG: usize = 64;

/// Opens connections to a server in the same process; made by
/// [`Server::serve_in_process`](crate::Server::serve_in_process). Cheap to clone.
#[derive(Clone)]
pub struct InProcess {
    connections: mpsc::Sender<Io>,
}

/// The server's end.
pub(crate) struct Listener {
    connections: mpsc::Receiver<Io>,
}

pub(crate) fn pair() -> (InProcess, Listener) {
    let (sender, receiver) = mpsc::channel(BACKLOG);
    (InProcess { connections: sender }, Listener { connections: receiver })
}

impl InProcess {
    #[cfg(feature = "client")]
    pub(crate) async fn connect(&self) -> io::Result<Io> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let gone = || io::Error::new(io::ErrorKind::ConnectionRefused, "the server in this process has stopped");
        self.connections.send(Io::new(theirs)).await.map_err(|_| gone())?;
        Ok(Io::new(ours))
    }
}

impl Listener {
    pub(crate) async fn accept(&mut self) -> io::Result<Io> {
        match self.connections.recv().await {
            Some(io) => Ok(io),
            // Nobody can connect any more; calls that run go on.
            None => Err(io::Error::new(io::ErrorKind::NotConnected, "nobody can connect any more")),
        }
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}
