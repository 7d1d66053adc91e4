//! Which of a connection's calls have something to send.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use seltzer_h2::StreamId;

use crate::transport::h2::memory::Memory;

/// Calls that run on tasks of their own announce here that they have something for the connection, which is woken
/// once for all of them.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    state: Mutex<State>,
    memory: Memory,
}

#[derive(Debug, Default)]
struct State {
    streams: Vec<StreamId>,
    waker: Option<Waker>,
}

impl ReadyQueue {
    pub(crate) fn with_memory(memory: Memory) -> Arc<Self> {
        Arc::new(ReadyQueue { state: Mutex::default(), memory })
    }

    /// What waits on the connection.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Wakes the connection, if it sleeps, to look around.
    pub(crate) fn wake(&self) {
        let waker = self.state().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Announces a call; the caller makes sure that it does so once until the connection has looked.
    pub(crate) fn push(&self, stream: StreamId) {
        let waker = {
            let mut state = self.state();
            state.streams.push(stream);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves what was announced into `streams`, which is empty.
    pub(crate) fn take(&self, streams: &mut Vec<StreamId>) {
        std::mem::swap(&mut self.state().streams, streams);
    }

    /// Whether anything was announced; if not, the connection is woken when something is.
    pub(crate) fn is_empty_or_wake(&self, waker: &Waker) -> bool {
        let mut state = self.state();
        if !state.streams.is_empty() {
            return false;
        }
        match &mut state.waker {
            Some(registered) => registered.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic happens under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
