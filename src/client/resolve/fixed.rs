//! Addresses that are known from the beginning.

use std::future::pending;

use crate::client::resolve::{Resolution, ResolveError, ResolveRequests, ResolvedEndpoint, Resolver};

/// Addresses that never change.
#[derive(Debug)]
pub(crate) struct Fixed {
    endpoints: Option<Vec<ResolvedEndpoint>>,
}

impl Fixed {
    pub(crate) fn new(endpoints: Vec<ResolvedEndpoint>) -> Self {
        Fixed { endpoints: Some(endpoints) }
    }
}

impl Resolver for Fixed {
    async fn next(&mut self, _: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
        match self.endpoints.take() {
            Some(endpoints) => Ok(Resolution::new(endpoints)),
            None => pending().await,
        }
    }
}
