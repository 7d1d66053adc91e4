//! Several targets as one: everything that is behind any of them.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::client::backoff::BackoffBounds;
use crate::client::resolve::again::resolve_again;
use crate::client::resolve::{AnyResolver, Resolution, ResolveError, ResolveRequests, Resolver};
use crate::either::{Either, either};
use crate::task::task;

/// What several resolvers find together. A part that fails does not keep the others from being used.
pub(crate) struct Joined {
    /// Until it is asked for the first time.
    resolvers: Vec<Box<dyn AnyResolver>>,
    bounds: BackoffBounds,
    found: Arc<Found>,
    requests: Vec<ResolveRequests>,
    tasks: JoinSet<()>,
}

/// What each part found last; a failure does not take back what was known.
#[derive(Default)]
struct Found {
    parts: Mutex<Vec<Part>>,
    anew: Notify,
}

#[derive(Default)]
struct Part {
    has_said: bool,
    resolution: Option<Resolution>,
    failure: Option<ResolveError>,
}

impl Joined {
    pub(crate) fn new(resolvers: Vec<Box<dyn AnyResolver>>, bounds: BackoffBounds) -> Self {
        Joined { resolvers, bounds, found: Arc::default(), requests: Vec::new(), tasks: JoinSet::new() }
    }

    fn begin(&mut self) {
        for (index, resolver) in std::mem::take(&mut self.resolvers).into_iter().enumerate() {
            let requests = ResolveRequests::default();
            self.requests.push(requests.clone());
            self.found.parts.lock().unwrap_or_else(PoisonError::into_inner).push(Part::default());
            let found = Arc::clone(&self.found);
            self.tasks.spawn(task(resolve_again(resolver, requests, self.bounds, move |said| {
                let mut parts = found.parts.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(part) = parts.get_mut(index) {
                    part.has_said = true;
                    match said {
                        Ok(resolution) => (part.resolution, part.failure) = (Some(resolution), None),
                        Err(failure) => part.failure = Some(failure),
                    }
                }
                found.anew.notify_one();
            })));
        }
    }

    /// Everything that is known, as soon as each part has said something.
    fn all(&self) -> Option<Result<Resolution, ResolveError>> {
        let mut parts = self.found.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.iter().any(|part| !part.has_said) {
            return None;
        }
        let known = parts.iter().filter_map(|part| part.resolution.as_ref());
        let endpoints: Vec<_> = known.flat_map(|resolution| resolution.endpoints.iter().cloned()).collect();
        match parts.iter_mut().find_map(|part| part.failure.take()) {
            Some(failure) if endpoints.is_empty() => Some(Err(failure)),
            _ => Some(Ok(Resolution::new(endpoints))),
        }
    }
}

impl Resolver for Joined {
    async fn next(&mut self, requests: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
        self.begin();
        loop {
            match either(self.found.anew.notified(), requests.wait()).await {
                Either::First(()) => {
                    if let Some(all) = self.all() {
                        return all;
                    }
                }
                Either::Second(()) => self.requests.iter().for_each(ResolveRequests::request),
            }
        }
    }
}
