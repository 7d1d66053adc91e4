//! What a channel is told about service configs and calls that are made again.

use crate::client::Endpoint;
use crate::client::service_config::{IntoServiceConfig, ServiceConfig};
use crate::transport::error::Error;

/// What of one call's request is kept to be sent again, as in gRPC's other stacks: many messages, or one of some size.
const RETRY_BUFFER_BYTES_DEFAULT: usize = 256 * 1024;

/// The same for all calls of a channel: 64 of the largest.
const RETRY_BUFFERS_BYTES_DEFAULT: usize = 16 * 1024 * 1024;

/// How calls are made again.
#[derive(Debug, Clone)]
pub(in crate::client) struct RetrySettings {
    pub(in crate::client) service_config: Option<ServiceConfig>,
    pub(in crate::client) is_enabled: bool,
    pub(in crate::client) call_bytes_max: usize,
    pub(in crate::client) channel_bytes_max: usize,
}

impl Default for RetrySettings {
    fn default() -> Self {
        RetrySettings {
            service_config: None,
            is_enabled: true,
            call_bytes_max: RETRY_BUFFER_BYTES_DEFAULT,
            channel_bytes_max: RETRY_BUFFERS_BYTES_DEFAULT,
        }
    }
}

impl Endpoint {
    /// How the service wants to be called: balancing, timeouts, limits, retries, hedging
    /// (see [`ServiceConfig`](crate::client::ServiceConfig)). What the target's resolver finds goes before it, as a
    /// whole; a balancer that it names goes before [`balance`](Self::balance).
    ///
    /// gRPC's service config JSON is taken as well, with the feature `service-config-json`.
    ///
    /// ```
    /// # fn main() -> Result<(), seltzer::transport::Error> {
    /// use seltzer::client::{MethodConfig, RetryPolicy, ServiceConfig};
    /// use seltzer::{Channel, Code};
    ///
    /// let retried = MethodConfig::new().retry(RetryPolicy::new(3, [Code::Unavailable]));
    /// let config = ServiceConfig::new().method("", retried)?;
    /// let endpoint = Channel::builder("http://127.0.0.1:50051").service_config(config)?;
    /// # drop(endpoint);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It is text and no service config; the error names the field that is wrong.
    pub fn service_config(mut self, config: impl IntoServiceConfig) -> Result<Self, Error> {
        self.retries.service_config = Some(config.into_service_config()?);
        Ok(self)
    }

    /// Whether the retry and hedging policies of service configs are followed. They are unless set.
    ///
    /// Calls for which the server has surely done nothing are made again in any case.
    #[must_use]
    pub fn retry(mut self, enabled: bool) -> Self {
        self.retries.is_enabled = enabled;
        self
    }

    /// How many bytes of one call's request, and of all requests of the channel, are kept to be sent again. 256 KiB and
    /// 16 MiB unless set.
    ///
    /// A call whose request outgrows that is made as it is, and not made again.
    #[must_use]
    pub fn retry_buffer_limits(mut self, call_bytes: usize, channel_bytes: usize) -> Self {
        (self.retries.call_bytes_max, self.retries.channel_bytes_max) = (call_bytes, channel_bytes);
        self
    }
}
