//! What a service config says about the calls of a method.

use std::sync::Arc;
use std::time::Duration;

use crate::client::service_config::ServiceConfigError;
use crate::client::service_config::policy::{HedgingPolicy, RetryPolicy};

/// What holds for the calls of a method; part of a [`ServiceConfig`](crate::client::ServiceConfig).
///
/// ```
/// use std::time::Duration;
///
/// use seltzer::Code;
/// use seltzer::client::{MethodConfig, RetryPolicy};
///
/// let config = MethodConfig::new()
///     .timeout(Duration::from_secs(2))
///     .wait_for_ready(true)
///     .retry(RetryPolicy::new(4, [Code::Unavailable]));
/// # drop(config);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MethodConfig {
    pub(crate) wait_for_ready: Option<bool>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) request_bytes_max: Option<usize>,
    pub(crate) response_bytes_max: Option<usize>,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) hedging: Option<HedgingPolicy>,
}

impl MethodConfig {
    /// One that says nothing.
    #[must_use]
    pub fn new() -> Self {
        MethodConfig::default()
    }

    /// How long a call may take. The shorter of this and the call's own timeout counts.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether calls wait while no server can be reached, where they do not say it themselves.
    #[must_use]
    pub fn wait_for_ready(mut self, waits: bool) -> Self {
        self.wait_for_ready = Some(waits);
        self
    }

    /// How many bytes a request message may have. The smaller of this and the client's own limit counts.
    #[must_use]
    pub fn request_bytes_max(mut self, bytes: usize) -> Self {
        self.request_bytes_max = Some(bytes);
        self
    }

    /// How many bytes a response message may have. The smaller of this and the client's own limit counts.
    #[must_use]
    pub fn response_bytes_max(mut self, bytes: usize) -> Self {
        self.response_bytes_max = Some(bytes);
        self
    }

    /// How calls that failed are made again.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// How calls are made several times at once. A method has this or a retry policy, not both.
    #[must_use]
    pub fn hedging(mut self, policy: HedgingPolicy) -> Self {
        self.hedging = Some(policy);
        self
    }

    /// Whether it is right; `at` says where it stands.
    pub(super) fn check(&self, at: &str) -> Result<(), ServiceConfigError> {
        match (&self.retry, &self.hedging) {
            (Some(_), Some(_)) => Err(ServiceConfigError::new(at, BOTH_POLICIES)),
            (Some(retry), None) => retry.check(&format!("{at}.retry")),
            (None, Some(hedging)) => hedging.check(&format!("{at}.hedging")),
            (None, None) => Ok(()),
        }
    }
}

/// What is wrong with a method that has two policies.
pub(super) const BOTH_POLICIES: &str = "has both a retryPolicy and a hedgingPolicy, of which a method can have one";

/// What holds for which methods.
#[derive(Debug, Clone, Default)]
pub(super) struct MethodConfigs {
    /// By what their name is: `package.Service/Method`, `package.Service/`, or nothing, which is all others.
    /// Sorted.
    by_name: Vec<Named>,
}

#[derive(Debug, Clone)]
struct Named {
    name: String,
    config: Arc<MethodConfig>,
    /// Where the name stands.
    at: String,
}

impl MethodConfigs {
    /// Adds a method, a service or all the rest; `at` says where it stands.
    pub(super) fn add(&mut self, name: String, config: &Arc<MethodConfig>, at: &str) -> Result<(), ServiceConfigError> {
        match self.position(&name) {
            Ok(before) => {
                let problem = format!("names {} once more, after {}", spoken(&name), self.by_name[before].at);
                Err(ServiceConfigError::new(at, problem))
            }
            Err(between) => {
                self.by_name.insert(between, Named { name, config: Arc::clone(config), at: at.to_owned() });
                Ok(())
            }
        }
    }

    /// What holds for a path, `/package.Service/Method`; anything in front of these two is left out of account.
    pub(super) fn of(&self, path: &str) -> Option<&Arc<MethodConfig>> {
        let at = path.rfind('/')?;
        let service = path[..at].rfind('/').map_or(0, |before| before + 1);
        let names = [&path[service..], &path[service..=at], ""];
        let found = names.iter().find_map(|name| self.position(name).ok())?;
        Some(&self.by_name[found].config)
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.by_name.binary_search_by(|named| named.name.as_str().cmp(name))
    }
}

/// A name, for people.
fn spoken(name: &str) -> String {
    if name.is_empty() { "all methods".to_owned() } else { format!("{:?}", name.trim_end_matches('/')) }
}
