//! Being asked to stop, by Ctrl-C or SIGTERM, and to read files again, by SIGHUP.

use crate::error::Failure;

/// The exit status of a process that Ctrl-C ended, by the custom of shells: 128 and the signal's number.
const EXIT_INTERRUPTED: u8 = 130;

/// The same for SIGTERM.
#[cfg(unix)]
const EXIT_TERMINATED: u8 = 143;

/// Listens for requests to stop, from when it is made: none is missed, and none ends the process by itself.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Starts to listen.
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::SignalKind;
            Ok(Signals { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
        }
        #[cfg(not(unix))]
        Ok(Signals {})
    }

    /// Waits for the next request; gives the exit status of a process that obeys at once.
    pub(crate) async fn next(&mut self) -> u8 {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => EXIT_INTERRUPTED,
            _ = self.terminate.recv() => EXIT_TERMINATED,
        }
        #[cfg(not(unix))]
        match tokio::signal::ctrl_c().await {
            Ok(()) => EXIT_INTERRUPTED,
            // Then the system ends the process by itself.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Listens for requests to read files again, from when it is made. Without one SIGHUP ends the process, as it should
/// when a terminal closes.
pub(crate) struct Hangups {
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Hangups {
    /// Starts to listen.
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        return Ok(Hangups { hangup: listen(tokio::signal::unix::SignalKind::hangup())? });
        #[cfg(not(unix))]
        Ok(Hangups {})
    }

    /// Waits for the next request; for ever where the system has no such signal.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.hangup.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
fn listen(kind: tokio::signal::unix::SignalKind) -> Result<tokio::signal::unix::Signal, Failure> {
    tokio::signal::unix::signal(kind).map_err(|error| Failure::new(format!("cannot listen to signals: {error}")))
}
