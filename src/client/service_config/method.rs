//! What a service config says about the calls of a method.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::service_config::ServiceConfigError;
use crate::client::service_config::field::Field;
use crate::client::service_config::policy::{HedgingPolicy, RetryPolicy};

/// What holds for the calls of a method.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct MethodConfig {
    pub(crate) wait_for_ready: Option<bool>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) request_bytes_max: Option<usize>,
    pub(crate) response_bytes_max: Option<usize>,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) hedging: Option<HedgingPolicy>,
}

/// What holds for which methods.
#[derive(Debug, Default)]
pub(super) struct MethodConfigs {
    /// By what their name is: `package.Service/Method`, `package.Service/`, or nothing, which is all others.
    by_name: BTreeMap<String, Arc<MethodConfig>>,
}

impl MethodConfigs {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, ServiceConfigError> {
        let mut configs = MethodConfigs::default();
        let mut named_at: BTreeMap<String, String> = BTreeMap::new();
        for entry in field.list()? {
            let config = Arc::new(MethodConfig::read(&entry)?);
            let names = entry.get("name")?.map(|names| names.list()).transpose()?;
            for name in names.unwrap_or_default() {
                let text = read_name(&name)?;
                if let Some(before) = named_at.insert(text.clone(), name.path().to_owned()) {
                    return Err(name.wrong(format!("names {} once more, after {before}", spoken(&text))));
                }
                configs.by_name.insert(text, Arc::clone(&config));
            }
        }
        Ok(configs)
    }

    /// What holds for a path, `/package.Service/Method`; anything in front of these two is left out of account.
    pub(super) fn of(&self, path: &str) -> Option<&Arc<MethodConfig>> {
        let at = path.rfind('/')?;
        let service = path[..at].rfind('/').map_or(0, |before| before + 1);
        let name = &path[service..];
        let exact = self.by_name.get(name);
        exact.or_else(|| self.by_name.get(&path[service..=at])).or_else(|| self.by_name.get(""))
    }
}

/// A name as it is kept.
fn read_name(name: &Field<'_>) -> Result<String, ServiceConfigError> {
    let part = |part| Ok(name.get(part)?.map(|part| part.text()).transpose()?.unwrap_or_default());
    match (part("service")?, part("method")?) {
        ("", "") => Ok(String::new()),
        ("", method) => Err(name.wrong(format!("names the method {method:?} without its service"))),
        (service, method) => Ok(format!("{service}/{method}")),
    }
}

/// The same, for people.
fn spoken(name: &str) -> String {
    if name.is_empty() { "all methods".to_owned() } else { format!("{:?}", name.trim_end_matches('/')) }
}

impl MethodConfig {
    fn read(field: &Field<'_>) -> Result<Self, ServiceConfigError> {
        let bytes = |name| -> Result<_, ServiceConfigError> {
            field.get(name)?.map(|bytes| bytes.size(0..=u64::from(u32::MAX))).transpose()
        };
        let retry = field.get("retryPolicy")?.map(|policy| RetryPolicy::read(&policy)).transpose()?;
        let hedging = field.get("hedgingPolicy")?.map(|policy| HedgingPolicy::read(&policy)).transpose()?;
        if retry.is_some() && hedging.is_some() {
            return Err(field.wrong("has both a retryPolicy and a hedgingPolicy, of which a method can have one"));
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
}
