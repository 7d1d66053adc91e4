//! Sockets that a service manager opened and passes on (`LISTEN_FDS`), so that no connection is refused while the server
//! starts anew.

use listenfd::ListenFd;
use seltzer::transport::ListenSocket;

use crate::error::Failure;

/// All that were passed on.
///
/// # Errors
/// One of them is no socket that listens.
pub(crate) fn sockets() -> Result<Vec<ListenSocket>, Failure> {
    let mut passed_on = ListenFd::from_env();
    (0..passed_on.len())
        .map(|index| {
            if let Ok(Some(socket)) = passed_on.take_tcp_listener(index) {
                return Ok(socket.into());
            }
            #[cfg(unix)]
            if let Ok(Some(socket)) = passed_on.take_unix_listener(index) {
                return Ok(socket.into());
            }
            Err(Failure::new(format!(
                "file descriptor {} of LISTEN_FDS is neither a TCP nor a unix socket that listens",
                index + 3
            )))
        })
        .collect()
}
