//! HTTP rules from a service config, instead of the schemas.

use std::fmt;

use serde_json::{Map, Value};

use crate::gateway::rule::{CustomPattern, HttpRule, Pattern};
use crate::gateway::yaml;

/// A service config that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesError(String);

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service config: {}", self.0)
    }
}

impl std::error::Error for RulesError {}

/// `google.api.Http`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpConfig {
    pub(crate) rules: Vec<HttpRule>,
    /// `fully_decode_reserved_expansion`.
    pub(crate) decode_slashes: bool,
}

/// Reads the `http` of a service config; what else is in it is not for us.
pub(crate) fn from_json(text: &str) -> Result<HttpConfig, RulesError> {
    let config = serde_json::from_str(text).map_err(|error| RulesError(format!("this is not JSON: {error}")))?;
    from_value(&config).map_err(RulesError)
}

/// The same in YAML.
pub(crate) fn from_yaml(text: &str) -> Result<HttpConfig, RulesError> {
    yaml::read(text).and_then(|config| from_value(&config)).map_err(RulesError)
}

fn from_value(config: &Value) -> Result<HttpConfig, String> {
    let Value::Object(config) = config else { return Err("an object was expected".to_owned()) };
    let Some(http) = config.get("http") else { return Err("it has no `http`".to_owned()) };
    let Value::Object(http) = http else { return Err("`http` is no object".to_owned()) };
    let mut found = HttpConfig::default();
    for (name, value) in http {
        match (name.as_str(), value) {
            ("rules", Value::Array(rules)) => {
                for (index, rule) in rules.iter().enumerate() {
                    let rule = rule_from_value(rule, true).map_err(|what| format!("http.rules[{index}]: {what}"))?;
                    found.rules.push(rule);
                }
            }
            ("rules", Value::Null) => {}
            ("fully_decode_reserved_expansion" | "fullyDecodeReservedExpansion", Value::Bool(decode)) => {
                found.decode_slashes = *decode;
            }
            _ => return Err(format!("`http.{name}` is unknown, or not of the right kind")),
        }
    }
    Ok(found)
}

fn rule_from_value(rule: &Value, is_top: bool) -> Result<HttpRule, String> {
    let Value::Object(fields) = rule else { return Err("an object was expected".to_owned()) };
    let mut found = HttpRule::default();
    for (name, value) in fields {
        let text = || value.as_str().map(str::to_owned).ok_or_else(|| format!("`{name}` is no text"));
        let pattern = match name.as_str() {
            "selector" => {
                found.selector = text()?;
                continue;
            }
            "body" => {
                found.body = text()?;
                continue;
            }
            "response_body" | "responseBody" => {
                found.response_body = text()?;
                continue;
            }
            "additional_bindings" | "additionalBindings" => {
                let Value::Array(all) = value else { return Err(format!("`{name}` is no array")) };
                let all = all.iter().map(|one| rule_from_value(one, false));
                found.additional_bindings = all.collect::<Result<_, _>>().map_err(|what| format!("{name}: {what}"))?;
                continue;
            }
            "get" => Pattern::Get(text()?),
            "put" => Pattern::Put(text()?),
            "post" => Pattern::Post(text()?),
            "delete" => Pattern::Delete(text()?),
            "patch" => Pattern::Patch(text()?),
            "custom" => Pattern::Custom(custom(value)?),
            _ => return Err(format!("`{name}` is unknown")),
        };
        if found.pattern.replace(pattern).is_some() {
            return Err("it has several HTTP methods: further ones are additional_bindings".to_owned());
        }
    }
    match (is_top, found.selector.is_empty()) {
        (true, true) => Err("it has no selector: which method is it for?".to_owned()),
        (true, false) if found.pattern.is_none() => Err("it has neither an HTTP method nor a path".to_owned()),
        _ => Ok(found),
    }
}

fn custom(value: &Value) -> Result<CustomPattern, String> {
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    match (value.as_object().map(Map::len), field("kind"), field("path")) {
        (Some(2), Some(kind), Some(path)) => Ok(CustomPattern { kind, path }),
        _ => Err("`custom` is {kind, path}".to_owned()),
    }
}
