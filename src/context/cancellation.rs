//! Whether a call is over early.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use tokio_util::sync::CancellationToken;

/// Whether a call is over early. Most calls never ask, so what can be waited for is made when somebody does.
#[derive(Default)]
pub(super) struct Cancellation {
    has_come: AtomicBool,
    token: OnceLock<CancellationToken>,
}

impl Cancellation {
    pub(super) fn cancel(&self) {
        self.has_come.store(true, Ordering::SeqCst);
        // With the one below: either this side sees the token, or the other sees the flag.
        fence(Ordering::SeqCst);
        if let Some(token) = self.token.get() {
            token.cancel();
        }
    }

    pub(super) fn token(&self) -> &CancellationToken {
        let token = self.token.get_or_init(CancellationToken::new);
        // It may have come between the two lines above, unseen by whoever cancelled.
        fence(Ordering::SeqCst);
        if self.has_come.load(Ordering::SeqCst) {
            token.cancel();
        }
        token
    }

    pub(super) fn has_come(&self) -> bool {
        self.has_come.load(Ordering::SeqCst)
    }

    /// Makes it that of another call, which nobody has asked about.
    #[cfg(feature = "server")]
    pub(super) fn renew(&mut self) {
        if self.has_come.load(Ordering::Relaxed) || self.token.get().is_some() {
            *self = Cancellation::default();
        }
    }
}
