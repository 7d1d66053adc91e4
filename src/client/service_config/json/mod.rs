//! Service configs as text.
//!
//! The format is gRPC's (`grpc.service_config.ServiceConfig` as protobuf's JSON).

mod balancing;
mod field;
mod policy;
#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

use crate::client::service_config::json::field::Field;
use crate::client::service_config::{Inner, IntoServiceConfig, ServiceConfig, ServiceConfigError};

/// A config may come from far away. One of some thousand methods has less.
const CONFIG_BYTES_MAX: usize = 1024 * 1024;

impl ServiceConfig {
    /// Reads a service config in gRPC's JSON. Needs the feature `service-config-json`.
    ///
    /// Fields that nobody here knows are ignored, as the specification wants it: a service may say more than an older
    /// client understands. So a misspelt field goes unnoticed.
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
        let methods = config.get("methodConfig")?.map(|methods| policy::methods(&methods)).transpose()?;
        let throttling = config.get("retryThrottling")?.map(|field| policy::throttling(&field)).transpose()?;
        let service = match config.get("healthCheckConfig")? {
            Some(health) => health.get("serviceName")?.map(|name| name.text()).transpose()?,
            None => None,
        };
        let (balance, outlier_detection) = balancing::chosen(&config)?.unzip();
        Ok(ServiceConfig(Arc::new(Inner {
            balance,
            outlier_detection: outlier_detection.flatten(),
            methods: methods.unwrap_or_default(),
            throttling,
            health_check_service: service.map(str::to_owned),
        })))
    }
}

impl FromStr for ServiceConfig {
    type Err = ServiceConfigError;

    fn from_str(json: &str) -> Result<Self, ServiceConfigError> {
        ServiceConfig::from_json(json)
    }
}

impl IntoServiceConfig for &str {
    fn into_service_config(self) -> Result<ServiceConfig, ServiceConfigError> {
        ServiceConfig::from_json(self)
    }
}

impl IntoServiceConfig for String {
    fn into_service_config(self) -> Result<ServiceConfig, ServiceConfigError> {
        ServiceConfig::from_json(&self)
    }
}

impl IntoServiceConfig for &String {
    fn into_service_config(self) -> Result<ServiceConfig, ServiceConfigError> {
        ServiceConfig::from_json(self)
    }
}
