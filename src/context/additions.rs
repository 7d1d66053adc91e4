//! What is found out about a call after it began.

use std::any::{Any, TypeId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::deadline::Deadline;

/// What interceptors add to a call. Most calls have none, and then nothing is locked or allocated.
#[derive(Default)]
pub(super) struct Additions {
    /// So that whoever asks about calls without any need not lock.
    is_used: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    deadline: Option<Deadline>,
    /// So few that they are looked through.
    extensions: Vec<(TypeId, Arc<dyn Any + Send + Sync>)>,
}

impl Additions {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.used()?.deadline
    }

    pub(super) fn limit_deadline(&self, deadline: Deadline) {
        let mut state = self.state();
        state.deadline = Deadline::earlier(state.deadline, Some(deadline));
    }

    pub(super) fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let wanted = TypeId::of::<T>();
        let value =
            self.used()?.extensions.iter().find(|(kind, _)| *kind == wanted).map(|(_, value)| Arc::clone(value));
        // Cloned when the lock is free: that is somebody else's code.
        value?.downcast_ref().cloned()
    }

    pub(super) fn set<T: Clone + Send + Sync + 'static>(&self, value: T) {
        let kind = TypeId::of::<T>();
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        let mut state = self.state();
        let _before = match state.extensions.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, place)) => Some(std::mem::replace(place, value)),
            None => {
                state.extensions.push((kind, value));
                None
            }
        };
        drop(state);
    }

    /// Makes it that of another call, to which nothing was added.
    #[cfg(feature = "server")]
    pub(super) fn renew(&mut self) {
        if *self.is_used.get_mut() {
            *self = Additions::default();
        }
    }

    fn used(&self) -> Option<MutexGuard<'_, State>> {
        self.is_used.load(Ordering::Acquire).then(|| self.lock())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.lock();
        self.is_used.store(true, Ordering::Release);
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only plain moves happen under this lock, so a poisoned one still holds sound data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_earliest_deadline_and_the_last_value_hold() {
        #[cfg_attr(not(feature = "server"), allow(unused_mut, reason = "nothing renews it"))]
        let mut additions = Additions::default();
        assert!(additions.deadline().is_none() && additions.get::<u32>().is_none());
        let [early, late] = [1, 2].map(|seconds| Deadline::after(Duration::from_secs(seconds)));
        for deadline in [late, early, late] {
            additions.limit_deadline(deadline);
        }
        additions.set(1_u32);
        additions.set(2_u32);
        assert_eq!((additions.deadline(), additions.get::<u32>()), (Some(early), Some(2)));
        #[cfg(feature = "server")]
        {
            additions.renew();
            assert!(additions.deadline().is_none() && additions.get::<u32>().is_none());
        }
    }
}
