//! What a service config says about calls that fail.

use std::time::Duration;

use crate::client::service_config::ServiceConfigError;
use crate::client::service_config::field::Field;
use crate::status::Code;

/// More attempts than this are never made, whatever the config says (gRFC A6): it may come from far away.
const ATTEMPTS_MAX: u64 = 5;

/// How a call that failed is made again (gRFC A6).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RetryPolicy {
    /// The first one included.
    pub(crate) attempts_max: u32,
    pub(crate) initial_backoff: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) backoff_multiplier: f64,
    pub(crate) retryable: Codes,
}

/// How a call is made several times at once, so that the quickest answer wins (gRFC A6).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HedgingPolicy {
    /// The first one included.
    pub(crate) attempts_max: u32,
    /// From one attempt to the next.
    pub(crate) delay: Duration,
    /// What ends an attempt, but not its call.
    pub(crate) non_fatal: Codes,
}

/// When failures are so many that nothing is made again (gRFC A6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throttling {
    /// In thousandths, as the ratio has three decimals.
    pub(crate) millitokens_max: u32,
    /// What a call that succeeds gives back, in thousandths of what one that fails costs.
    pub(crate) millitokens_per_success: u32,
}

/// A set of status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Codes(u32);

impl Codes {
    #[cfg(test)]
    pub(crate) fn only(code: Code) -> Self {
        Codes(1 << code as u32)
    }

    pub(crate) fn contains(self, code: Code) -> bool {
        self.0 & (1 << code as u32) != 0
    }

    fn read(field: &Field<'_>) -> Result<Self, ServiceConfigError> {
        let codes = field.list()?;
        codes.iter().try_fold(Codes::default(), |Codes(bits), code| Ok(Codes(bits | 1 << code.code()? as u32)))
    }
}

impl RetryPolicy {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, ServiceConfigError> {
        let attempts_max = attempts(field)?;
        let initial_backoff = field.need("initialBackoff")?.positive_duration()?;
        let backoff_max = field.need("maxBackoff")?.positive_duration()?;
        let backoff_multiplier = field.need("backoffMultiplier")?.positive()?;
        let codes = field.need("retryableStatusCodes")?;
        let retryable = Codes::read(&codes)?;
        if retryable == Codes::default() {
            return Err(codes.wrong("must name at least one status code, and names none"));
        }
        Ok(RetryPolicy { attempts_max, initial_backoff, backoff_max, backoff_multiplier, retryable })
    }
}

impl HedgingPolicy {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, ServiceConfigError> {
        let delay = field.get("hedgingDelay")?.map(|delay| delay.duration()).transpose()?;
        let codes = field.get("nonFatalStatusCodes")?.map(|codes| Codes::read(&codes)).transpose()?;
        Ok(HedgingPolicy {
            attempts_max: attempts(field)?,
            delay: delay.unwrap_or_default(),
            non_fatal: codes.unwrap_or_default(),
        })
    }
}

fn attempts(field: &Field<'_>) -> Result<u32, ServiceConfigError> {
    let attempts = field.need("maxAttempts")?.whole(2..=u64::from(u32::MAX))?;
    Ok(attempts.min(ATTEMPTS_MAX) as u32)
}

impl Throttling {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, ServiceConfigError> {
        let tokens = field.need("maxTokens")?.whole(1..=1000)?;
        let ratio = field.need("tokenRatio")?;
        // Further decimals are cut off, as the specification says; 0.57 is no 0.569, whatever binary fractions make of it.
        let per_success = (ratio.positive()? * 1000.0 + 1e-6).min(f64::from(u32::MAX)) as u32;
        if per_success == 0 {
            return Err(ratio.wrong("must be at least 0.001: its further decimals do not count"));
        }
        Ok(Throttling { millitokens_max: tokens as u32 * 1000, millitokens_per_success: per_success })
    }
}
