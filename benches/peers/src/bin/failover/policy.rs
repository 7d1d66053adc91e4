//! What the channels are told about calls that are made again.

use seltzer::Endpoint;
use seltzer_peers::load::Error;

/// Calls that found a dead server are made again, at once at first.
pub(crate) const RETRY: &str = r#"{
    "methodConfig": [{
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 5,
            "initialBackoff": "0.05s",
            "maxBackoff": "0.2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
        }
    }]
}"#;

/// A second attempt follows where the first is slow; none while the server fails.
pub(crate) const HEDGING: &str = r#"{
    "methodConfig": [{
        "name": [{}],
        "hedgingPolicy": { "maxAttempts": 2, "hedgingDelay": "0.01s", "nonFatalStatusCodes": ["UNAVAILABLE"] }
    }],
    "retryThrottling": { "maxTokens": 20, "tokenRatio": 0.1 }
}"#;

/// The tokens of [`HEDGING`].
pub(crate) const TOKENS_MAX: u64 = 20;

/// A channel's settings with one of these.
///
/// # Errors
/// It is no service config.
pub(crate) fn configured(endpoint: Endpoint, config: &str) -> Result<Endpoint, Error> {
    endpoint.service_config(config).map_err(Into::into)
}
