//! What balancers remember of each backend.

use std::collections::HashMap;
use std::sync::Arc;

use crate::client::backend::Backend;

/// Something for each backend of a channel, as long as it is one.
#[derive(Debug)]
pub(super) struct PerBackend<T>(HashMap<u64, Arc<T>>);

impl<T> Default for PerBackend<T> {
    fn default() -> Self {
        PerBackend(HashMap::new())
    }
}

impl<T> PerBackend<T> {
    /// What there is for these backends, in their order; made where there is nothing. That of others is forgotten.
    pub(super) fn of(&mut self, backends: &[Backend], make: impl Fn() -> T) -> Vec<Arc<T>> {
        let found = |backend: &Backend| self.0.get(&backend.id()).cloned().unwrap_or_else(|| Arc::new(make()));
        let kept: Vec<_> = backends.iter().map(found).collect();
        self.0 = backends.iter().map(Backend::id).zip(kept.iter().cloned()).collect();
        kept
    }
}
