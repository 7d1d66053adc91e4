//! How a server's connection ends: when it is told to, and with a goodbye that arrives.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::transport::h2::{give_read_buffer, take_read_buffer};
use crate::transport::io::Io;

/// How a connection ends when its server stops.
#[derive(Debug, Clone)]
pub(crate) struct Drain {
    /// Fires when the server wants to stop.
    pub(crate) begin: CancellationToken,
    /// How long calls may go on then.
    pub(crate) grace: Duration,
}

/// How long a connection without any call may be quiet before it is cut: long enough for round trips, so that what
/// is still on its way arrives, and short enough that a silent peer never holds a server up.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// How long after the end of its grace a connection may still say goodbye: a round trip on most networks. Whoever set
/// the grace counts on the server's end then.
pub(crate) const FAREWELL_BEHIND_GRACE: Duration = Duration::from_millis(250);

/// What is still read of a peer that was told goodbye: of what was on its way.
const FAREWELL_BYTES_MAX: usize = 512 * 1024;

/// The longest grace that is kept, which stands for ever: longer ones overflow the clock.
pub(crate) const GRACE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Closes our side and reads what is still on its way, up to a point: closing with bytes unread would take our last
/// words along. The buffer is the thread's: peers decide how many connections say goodbye at once.
pub(crate) async fn farewell(mut io: Io, until: Instant) -> io::Result<()> {
    let goodbye = async {
        poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)).await?;
        let mut bytes_left = FAREWELL_BYTES_MAX;
        while bytes_left > 0 {
            let read = poll_fn(|cx| {
                let mut buffer = take_read_buffer();
                let mut read = ReadBuf::new(&mut buffer);
                let polled = Pin::new(&mut io).poll_read(cx, &mut read);
                let count = read.filled().len();
                give_read_buffer(buffer);
                polled.map_ok(|()| count)
            });
            match read.await? {
                0 => break,
                count => bytes_left = bytes_left.saturating_sub(count),
            }
        }
        Ok(())
    };
    tokio::time::timeout_at(until, goodbye).await.unwrap_or(Ok(()))
}
