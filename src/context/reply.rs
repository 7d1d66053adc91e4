//! The metadata that a handler sets besides its response.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::metadata::MetadataMap;

/// The metadata that a handler sets besides its response, shared with whoever sends it.
#[derive(Default)]
pub(super) struct Reply {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    initial: Option<MetadataMap>,
    initial_is_sent: bool,
    trailing: MetadataMap,
    waker: Option<Waker>,
}

impl Reply {
    /// Sets the initial metadata, to be sent now. `false`: there was some before.
    pub(super) fn send_initial(&self, metadata: MetadataMap) -> bool {
        let waker = {
            let mut state = self.state();
            if state.initial_is_sent || state.initial.is_some() {
                return false;
            }
            state.initial = Some(metadata);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// The initial metadata, if there is some by now; else registers to be woken when there is.
    pub(super) fn poll_initial(&self, waker: &Waker) -> Poll<MetadataMap> {
        let mut state = self.state();
        match state.initial.take() {
            Some(metadata) => {
                state.initial_is_sent = true;
                Poll::Ready(metadata)
            }
            None => {
                match &mut state.waker {
                    Some(registered) => registered.clone_from(waker),
                    empty => *empty = Some(waker.clone()),
                }
                Poll::Pending
            }
        }
    }

    /// The initial metadata that is not sent yet; from now on it counts as sent.
    pub(super) fn take_initial(&self) -> Option<MetadataMap> {
        let mut state = self.state();
        state.initial_is_sent = true;
        state.initial.take()
    }

    pub(super) fn initial_is_sent(&self) -> bool {
        self.state().initial_is_sent
    }

    /// Looks at what goes into the trailers, or changes it.
    pub(super) fn trailing<T>(&self, with: impl FnOnce(&mut MetadataMap) -> T) -> T {
        with(&mut self.state().trailing)
    }

    /// Whether nothing waits to be sent, early or trailing.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.state();
        state.initial.is_none() && state.trailing.is_empty()
    }

    /// Makes it that of another call, which has set nothing.
    #[cfg(feature = "server")]
    pub(super) fn renew(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.initial_is_sent || state.initial.is_some() || state.waker.is_some() || !state.trailing.is_empty() {
            *state = State::default();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Only plain moves happen under this lock, so a poisoned one still holds sound data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
