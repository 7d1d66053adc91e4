//! Calls go to all connected backends in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::client::backend::Backend;
use crate::client::balance::{Balancer, Pick, PickCall, Picker, aggregate, unavailable};
use crate::client::connectivity::ConnectivityState;

/// Each call goes to the next of the backends that are connected; all are kept connected.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin;

impl Balancer for RoundRobin {
    fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker> {
        backends.iter().for_each(Backend::connect);
        let ready: Vec<_> =
            backends.iter().filter(|backend| backend.state() == ConnectivityState::Ready).cloned().collect();
        if ready.is_empty() {
            return not_ready(backends);
        }
        // Not all clients begin with the same one.
        let next = AtomicUsize::new(fastrand::usize(..ready.len()));
        Arc::new(Turns { ready, next })
    }
}

struct Turns {
    ready: Vec<Backend>,
    next: AtomicUsize,
}

impl Picker for Turns {
    fn pick(&self, _: &PickCall<'_>) -> Pick {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        Pick::To(self.ready[turn % self.ready.len()].clone())
    }
}

/// Where calls go while no backend is ready: they wait while one connects, and fail else.
pub(super) fn not_ready(backends: &[Backend]) -> Arc<dyn Picker> {
    let failure = match aggregate(backends) {
        ConnectivityState::TransientFailure | ConnectivityState::Shutdown => Some(unavailable(backends)),
        _ => None,
    };
    Arc::new(NotReady(failure))
}

struct NotReady(Option<crate::status::Status>);

impl Picker for NotReady {
    fn pick(&self, _: &PickCall<'_>) -> Pick {
        match &self.0 {
            Some(failure) => Pick::Fail(failure.clone()),
            None => Pick::Queue,
        }
    }
}
