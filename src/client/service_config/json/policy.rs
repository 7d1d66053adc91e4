//! Policies and methods in a service config's JSON.

use std::sync::Arc;

use crate::client::service_config::json::field::Field;
use crate::client::service_config::method::{BOTH_POLICIES, MethodConfigs};
use crate::client::service_config::policy::{ATTEMPTS_MIN, Codes, TOKENS_MAX};
use crate::client::service_config::{HedgingPolicy, MethodConfig, RetryPolicy, ServiceConfigError, Throttling};

type Result<T> = std::result::Result<T, ServiceConfigError>;

pub(super) fn methods(field: &Field<'_>) -> Result<MethodConfigs> {
    let mut configs = MethodConfigs::default();
    for entry in field.list()? {
        let config = Arc::new(method(&entry)?);
        let names = entry.get("name")?.map(|names| names.list()).transpose()?;
        for name in names.unwrap_or_default() {
            configs.add(name_of(&name)?, &config, name.path())?;
        }
    }
    Ok(configs)
}

/// A name as it is kept.
fn name_of(name: &Field<'_>) -> Result<String> {
    let part = |part| Ok(name.get(part)?.map(|part| part.text()).transpose()?.unwrap_or_default());
    match (part("service")?, part("method")?) {
        ("", "") => Ok(String::new()),
        ("", method) => Err(name.wrong(format!("names the method {method:?} without its service"))),
        (service, method) => Ok(format!("{service}/{method}")),
    }
}

fn method(field: &Field<'_>) -> Result<MethodConfig> {
    let bytes = |name| -> Result<_> { field.get(name)?.map(|bytes| bytes.size(0..=u64::from(u32::MAX))).transpose() };
    let retry = field.get("retryPolicy")?.map(|policy| retry(&policy)).transpose()?;
    let hedging = field.get("hedgingPolicy")?.map(|policy| hedging(&policy)).transpose()?;
    if retry.is_some() && hedging.is_some() {
        return Err(field.wrong(BOTH_POLICIES));
    }
    Ok(MethodConfig {
        wait_for_ready: field.get("waitForReady")?.map(|waits| waits.boolean()).transpose()?,
        timeout: field.get("timeout")?.map(|timeout| timeout.duration()).transpose()?,
        request_bytes_max: bytes("maxRequestMessageBytes")?,
        response_bytes_max: bytes("maxResponseMessageBytes")?,
        retry,
        hedging,
    })
}

fn codes(field: &Field<'_>) -> Result<Codes> {
    field.list()?.iter().map(Field::code).collect()
}

fn retry(field: &Field<'_>) -> Result<RetryPolicy> {
    let attempts_max = attempts(field)?;
    let initial_backoff = field.need("initialBackoff")?.positive_duration()?;
    let backoff_max = field.need("maxBackoff")?.positive_duration()?;
    let backoff_multiplier = field.need("backoffMultiplier")?.positive()?;
    let named = field.need("retryableStatusCodes")?;
    let retryable = codes(&named)?;
    if retryable == Codes::default() {
        return Err(named.wrong("must name at least one status code, and names none"));
    }
    let policy = RetryPolicy::new(attempts_max, []).backoff(initial_backoff, backoff_max, backoff_multiplier);
    Ok(RetryPolicy { retryable, ..policy })
}

fn hedging(field: &Field<'_>) -> Result<HedgingPolicy> {
    let delay = field.get("hedgingDelay")?.map(|delay| delay.duration()).transpose()?;
    let named = field.get("nonFatalStatusCodes")?.map(|named| codes(&named)).transpose()?;
    let policy = HedgingPolicy::new(attempts(field)?).delay(delay.unwrap_or_default());
    Ok(HedgingPolicy { non_fatal: named.unwrap_or_default(), ..policy })
}

fn attempts(field: &Field<'_>) -> Result<u32> {
    let attempts = field.need("maxAttempts")?.whole(u64::from(ATTEMPTS_MIN)..=u64::from(u32::MAX))?;
    Ok(u32::try_from(attempts).unwrap_or(u32::MAX))
}

pub(super) fn throttling(field: &Field<'_>) -> Result<Throttling> {
    let tokens = field.need("maxTokens")?.whole(1..=u64::from(TOKENS_MAX))?;
    let ratio = field.need("tokenRatio")?;
    let throttling = Throttling::new(u32::try_from(tokens).unwrap_or(TOKENS_MAX), ratio.positive()?);
    throttling.ok_or_else(|| ratio.wrong("must be at least 0.001: its further decimals do not count"))
}
