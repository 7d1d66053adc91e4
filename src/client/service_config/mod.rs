//! Service configs: what a service's owner says about how it is called.

#[cfg(feature = "service-config-json")]
mod json;
mod method;
mod policy;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::client::balance::{Balance, OutlierDetection};
use crate::client::service_config::method::MethodConfigs;
use crate::client::service_config::policy::TOKENS_MAX;
use crate::transport::error::{Error, Step};

pub use self::method::MethodConfig;
pub(crate) use self::policy::Throttling;
pub use self::policy::{HedgingPolicy, RetryPolicy};

/// How a service wants to be called: balancing, and for each method timeouts, limits, retries and hedging.
///
/// A channel has one of its own ([`Endpoint::service_config`](crate::Endpoint::service_config)), which gives way to
/// what its resolver finds
/// ([`Resolution::service_config`](crate::client::resolve::Resolution::service_config)). Clones are cheap. gRPC's JSON
/// is read by `from_json`, with the feature `service-config-json`.
///
/// ```
/// # fn main() -> Result<(), seltzer::client::ServiceConfigError> {
/// use std::time::Duration;
///
/// use seltzer::Code;
/// use seltzer::client::balance::Balance;
/// use seltzer::client::{MethodConfig, RetryPolicy, ServiceConfig};
///
/// let retried = MethodConfig::new().retry(RetryPolicy::new(4, [Code::Unavailable]));
/// let config = ServiceConfig::new()
///     .balance(Balance::RoundRobin)
///     .method("hello.Greeter", retried)?
///     .method("hello.Greeter/SayHello", MethodConfig::new().timeout(Duration::from_secs(2)))?
///     .retry_throttling(100, 0.1)?;
/// # drop(config);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ServiceConfig(Arc<Inner>);

#[derive(Clone, Default)]
struct Inner {
    balance: Option<Balance>,
    /// What keeps calls away from backends that fail too many of them.
    outlier_detection: Option<OutlierDetection>,
    methods: MethodConfigs,
    throttling: Option<Throttling>,
    health_check_service: Option<String>,
}

impl ServiceConfig {
    /// One that says nothing.
    #[must_use]
    pub fn new() -> Self {
        ServiceConfig::default()
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// How calls are spread over the servers. Goes before [`Endpoint::balance`](crate::Endpoint::balance).
    #[must_use]
    pub fn balance(self, balance: Balance) -> Self {
        self.change(|inner| inner.balance = Some(balance))
    }

    /// Keeps calls away from servers that fail many more of them than others do.
    #[must_use]
    pub fn outlier_detection(self, detection: OutlierDetection) -> Self {
        self.change(|inner| inner.outlier_detection = Some(detection))
    }

    /// The service whose health decides whether a server gets calls (gRFC A17).
    #[must_use]
    pub fn health_check(self, service: impl Into<String>) -> Self {
        self.change(|inner| inner.health_check_service = Some(service.into()))
    }

    /// What holds for the calls of a method (`package.Service/Method`), of all other methods of a service
    /// (`package.Service`), or of all that have no more exact name (the empty name).
    ///
    /// # Errors
    /// The name was given before, the policies are not right, or there are two of them; the error says what to write.
    pub fn method(mut self, name: &str, config: MethodConfig) -> Result<Self, ServiceConfigError> {
        let at = format!("method {name:?}");
        config.check(&at)?;
        let kept = if name.is_empty() || name.contains('/') { name.to_owned() } else { format!("{name}/") };
        if kept.starts_with('/') || kept.matches('/').count() > 1 {
            let problem = "must be package.Service/Method, package.Service or nothing";
            return Err(ServiceConfigError::new(at, problem));
        }
        Arc::make_mut(&mut self.0).methods.add(kept, &Arc::new(config), &at)?;
        Ok(self)
    }

    /// Makes no call again while too many fail: each failure takes a token of so many, each success gives back a part
    /// of one, and nothing is made again while half of them or more are gone.
    ///
    /// # Errors
    /// There are no tokens, or more than 1,000, or less than 0.001 of one comes back.
    pub fn retry_throttling(self, tokens_max: u32, tokens_per_success: f64) -> Result<Self, ServiceConfigError> {
        let wrong = |what: &str, problem: String| ServiceConfigError::new(format!("retry_throttling.{what}"), problem);
        if !(1..=TOKENS_MAX).contains(&tokens_max) {
            return Err(wrong("tokens_max", format!("must be 1 to {TOKENS_MAX}, and is {tokens_max}")));
        }
        let throttling = Throttling::new(tokens_max, tokens_per_success).ok_or_else(|| {
            wrong("tokens_per_success", format!("must be at least 0.001, and is {tokens_per_success}"))
        })?;
        Ok(self.change(|inner| inner.throttling = Some(throttling)))
    }

    /// What holds for the calls of a path.
    pub(crate) fn of_method(&self, path: &str) -> Option<&Arc<MethodConfig>> {
        self.0.methods.of(path)
    }

    pub(crate) fn throttling(&self) -> Option<Throttling> {
        self.0.throttling
    }

    /// How calls are spread, if it says so.
    pub(crate) fn chosen_balance(&self) -> Option<&Balance> {
        self.0.balance.as_ref()
    }

    /// What keeps calls away from backends that fail too many of them, if it says so.
    pub(crate) fn chosen_outlier_detection(&self) -> Option<&OutlierDetection> {
        self.0.outlier_detection.as_ref()
    }

    /// Whether two configs want the same balancer.
    pub(crate) fn balances_like(&self, other: &ServiceConfig) -> bool {
        self.0.balance == other.0.balance && self.0.outlier_detection == other.0.outlier_detection
    }

    /// The service whose health decides whether a backend gets calls.
    pub(crate) fn health_check_service(&self) -> Option<&str> {
        self.0.health_check_service.as_deref()
    }
}

impl fmt::Debug for ServiceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceConfig").field("balance", &self.0.balance).finish_non_exhaustive()
    }
}

/// What can be a service config: one, or with the feature `service-config-json` the text of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no service config",
    note = "text in gRPC's JSON is one with seltzer's feature `service-config-json`"
)]
pub trait IntoServiceConfig {
    /// The config.
    ///
    /// # Errors
    /// It is text, and something in it is wrong.
    fn into_service_config(self) -> Result<ServiceConfig, ServiceConfigError>;
}

impl IntoServiceConfig for ServiceConfig {
    fn into_service_config(self) -> Result<ServiceConfig, ServiceConfigError> {
        Ok(self)
    }
}

/// What is wrong with a service config, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConfigError {
    field: String,
    problem: String,
}

impl ServiceConfigError {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        ServiceConfigError { field: field.into(), problem: problem.into() }
    }

    /// The field that is wrong, such as `methodConfig[2].retryPolicy.maxAttempts`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for ServiceConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for ServiceConfigError {}

/// For functions that set a channel up.
impl From<ServiceConfigError> for Error {
    fn from(error: ServiceConfigError) -> Self {
        Error::new(Step::ServiceConfig, format!("cannot use the service config: {error}")).with_source(error)
    }
}
