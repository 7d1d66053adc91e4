//! Credentials made of others.

use std::sync::Arc;

use crate::client::credentials::{AnyCallCredentials, CallCredentials, CallInfo};
use crate::metadata::{self, MetadataMap};
use crate::status::Status;

/// Several credentials, of which each adds its metadata in order.
///
/// ```
/// use seltzer::client::{BearerToken, CompositeCredentials};
///
/// # fn main() -> Result<(), seltzer::Status> {
/// let both = CompositeCredentials::new().with(BearerToken::fixed("machine")?).with(BearerToken::fixed("user")?);
/// # drop(both);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct CompositeCredentials {
    parts: Vec<Arc<dyn AnyCallCredentials>>,
}

impl CompositeCredentials {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        CompositeCredentials::default()
    }

    /// Adds one, after those that are there.
    #[must_use]
    pub fn with(mut self, credentials: impl CallCredentials) -> Self {
        self.parts.push(Arc::new(credentials));
        self
    }
}

impl CallCredentials for CompositeCredentials {
    async fn metadata(&self, call: &CallInfo<'_>) -> Result<MetadataMap, Status> {
        let mut all = MetadataMap::new();
        for part in &self.parts {
            metadata::merge(&mut all, part.any_metadata(call).await?);
        }
        Ok(all)
    }

    /// Only where each of them may.
    fn allows_plaintext(&self) -> bool {
        self.parts.iter().all(|part| part.any_allows_plaintext())
    }
}

/// Credentials that may travel without TLS; made by [`CallCredentials::allow_plaintext`].
#[derive(Debug, Clone)]
pub struct AllowPlaintext<C>(C);

impl<C> AllowPlaintext<C> {
    pub(super) fn new(credentials: C) -> Self {
        AllowPlaintext(credentials)
    }
}

impl<C: CallCredentials> CallCredentials for AllowPlaintext<C> {
    async fn metadata(&self, call: &CallInfo<'_>) -> Result<MetadataMap, Status> {
        self.0.metadata(call).await
    }

    fn allows_plaintext(&self) -> bool {
        true
    }
}
