//! Peers that hold on to a server: they say little, and never leave.

use std::time::Duration;

use seltzer_peers::load::Error;
use seltzer_peers::wire::frame::{self, HEAD_BYTES};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a server may take to answer the first bytes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections to one server that nobody reads any more.
#[derive(Debug)]
pub(crate) struct SilentPeers {
    _connections: [TcpStream; 3],
}

impl SilentPeers {
    /// One that sends nothing, one that sends half a preface, and one that falls silent behind its settings: it
    /// acknowledges nothing, calls nothing and reads nothing. All of them are accepted when this returns.
    ///
    /// # Errors
    /// The server does not answer.
    pub(crate) async fn attach(port: u16) -> Result<Self, Error> {
        let connect = || TcpStream::connect(("127.0.0.1", port));
        let without_preface = connect().await?;
        let mut with_half = connect().await?;
        with_half.write_all(&frame::PREFACE[..frame::PREFACE.len() / 2]).await?;
        let mut silent = connect().await?;
        let mut hello = frame::PREFACE.to_vec();
        frame::settings(&mut hello, &[]);
        silent.write_all(&hello).await?;
        // Connections are accepted in their order, so the others are in by now, too.
        let mut answer = [0; HEAD_BYTES];
        timeout(PATIENCE, silent.read_exact(&mut answer))
            .await
            .map_err(|_| "the server says nothing to its peers")??;
        Ok(SilentPeers { _connections: [without_preface, with_half, silent] })
    }
}
