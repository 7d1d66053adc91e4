//! Service configs: what a service's owner says about how it is called.
//!
//! The format is gRPC's (`grpc.service_config.ServiceConfig` as protobuf's JSON).

mod balancing;
mod field;
mod method;
mod policy;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

use crate::client::balance::{Balance, OutlierDetection};
use crate::client::service_config::balancing::ChosenBalance;
use crate::client::service_config::field::Field;
use crate::client::service_config::method::MethodConfigs;
use crate::transport::error::{Error, Step};

pub(crate) use self::method::MethodConfig;
#[cfg(test)]
pub(crate) use self::policy::Codes;
pub(crate) use self::policy::{HedgingPolicy, RetryPolicy, Throttling};

/// A config may come from far away. One of some thousand methods has less.
const CONFIG_BYTES_MAX: usize = 1024 * 1024;

/// How a service wants to be called: balancing, and for each method timeouts, limits, retries and hedging.
///
/// A channel has one of its own ([`Endpoint::service_config`](crate::Endpoint::service_config)), which gives way to
/// what its resolver finds
/// ([`Resolution::service_config`](crate::client::resolve::Resolution::service_config)). Clones are cheap.
///
/// ```
/// # fn main() -> Result<(), seltzer::client::ServiceConfigError> {
/// use seltzer::client::ServiceConfig;
///
/// ServiceConfig::from_json(
///     r#"{
///         "loadBalancingConfig": [{"round_robin": {}}],
///         "methodConfig": [{
///             "name": [{"service": "hello.Greeter"}],
///             "timeout": "2.5s",
///             "retryPolicy": {
///                 "maxAttempts": 4,
///                 "initialBackoff": "0.1s",
///                 "maxBackoff": "1s",
///                 "backoffMultiplier": 2,
///                 "retryableStatusCodes": ["UNAVAILABLE"]
///             }
///         }]
///     }"#,
/// )?;
///
/// let error = ServiceConfig::from_json(r#"{"retryThrottling": {"maxTokens": 0}}"#).unwrap_err();
/// assert_eq!(error.to_string(), "retryThrottling.maxTokens: must be at least 1, and is 0");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ServiceConfig(Arc<Inner>);

#[derive(Default)]
struct Inner {
    balance: Option<ChosenBalance>,
    methods: MethodConfigs,
    throttling: Option<Throttling>,
    health_check_service: Option<String>,
}

impl ServiceConfig {
    /// Reads a service config.
    ///
    /// Fields that nobody here knows are ignored, as the specification wants it: a service may say more than an older
    /// client understands. So a misspelt field goes unnoticed.
    ///
    /// # Errors
    /// It is no JSON, or a field that is known has no good value; the error names the field.
    pub fn from_json(json: &str) -> Result<Self, ServiceConfigError> {
        if json.len() > CONFIG_BYTES_MAX {
            let problem = format!("has {} bytes, more than the {CONFIG_BYTES_MAX} that are read", json.len());
            return Err(ServiceConfigError::new("the service config", problem));
        }
        let value: Value = serde_json::from_str(json)
            .map_err(|error| ServiceConfigError::new("the service config", format!("is no JSON: {error}")))?;
        let config = Field::root(&value);
        let methods = config.get("methodConfig")?.map(|methods| MethodConfigs::read(&methods)).transpose()?;
        let throttling = config.get("retryThrottling")?.map(|field| Throttling::read(&field)).transpose()?;
        let service = match config.get("healthCheckConfig")? {
            Some(health) => health.get("serviceName")?.map(|name| name.text()).transpose()?,
            None => None,
        };
        Ok(ServiceConfig(Arc::new(Inner {
            balance: ChosenBalance::read(&config)?,
            methods: methods.unwrap_or_default(),
            throttling,
            health_check_service: service.map(str::to_owned),
        })))
    }

    /// What holds for the calls of a method.
    pub(crate) fn method(&self, path: &str) -> Option<&Arc<MethodConfig>> {
        self.0.methods.of(path)
    }

    pub(crate) fn throttling(&self) -> Option<Throttling> {
        self.0.throttling
    }

    /// How calls are spread, if it says so.
    pub(crate) fn balance(&self) -> Option<&Balance> {
        self.0.balance.as_ref().map(|chosen| &chosen.balance)
    }

    /// What keeps calls away from backends that fail too many of them, if it says so.
    pub(crate) fn outlier_detection(&self) -> Option<&OutlierDetection> {
        self.0.balance.as_ref()?.outlier_detection.as_ref()
    }

    /// Whether two configs want the same balancer.
    pub(crate) fn balances_like(&self, other: &ServiceConfig) -> bool {
        let said = |config: &ServiceConfig| config.0.balance.as_ref().map(|chosen| chosen.said.clone());
        said(self) == said(other)
    }

    /// The service whose health decides whether a backend gets calls.
    pub(crate) fn health_check_service(&self) -> Option<&str> {
        self.0.health_check_service.as_deref()
    }
}

impl FromStr for ServiceConfig {
    type Err = ServiceConfigError;

    fn from_str(json: &str) -> Result<Self, ServiceConfigError> {
        ServiceConfig::from_json(json)
    }
}

impl fmt::Debug for ServiceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceConfig").field("balance", &self.balance()).finish_non_exhaustive()
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
