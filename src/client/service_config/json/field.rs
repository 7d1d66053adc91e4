//! A service config's JSON, field by field, so that what is wrong can be named.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::client::service_config::ServiceConfigError;
use crate::status::{Code, code_name};

/// The longest duration that protobuf's JSON knows, in seconds: about ten thousand years.
const DURATION_SECS_MAX: u64 = 315_576_000_000;

/// Longer than any program runs, and short enough for the arithmetic of any clock: about thirty years.
const DURATION_MAX: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The digits behind the point of a duration: nanoseconds.
const NANOS_DIGITS: usize = 9;

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    /// The whole of it.
    pub(super) fn root(value: &'a Value) -> Self {
        Field { path: String::new(), value }
    }

    /// Where it stands, for people.
    pub(super) fn path(&self) -> &str {
        if self.path.is_empty() { "the service config" } else { &self.path }
    }

    pub(super) fn wrong(&self, problem: impl Into<String>) -> ServiceConfigError {
        ServiceConfigError::new(self.path(), problem)
    }

    fn is_no(&self, what: &str) -> ServiceConfigError {
        self.wrong(format!("must be {what}, and is {}", self.value))
    }

    fn inner(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn map(&self) -> Result<&'a Map<String, Value>, ServiceConfigError> {
        self.value.as_object().ok_or_else(|| self.is_no("an object"))
    }

    /// Whether it is an object at all, for one of which no field is read.
    pub(super) fn check_object(&self) -> Result<(), ServiceConfigError> {
        self.map().map(|_| ())
    }

    /// A field of it; one that is `null` counts as absent, as in protobuf's JSON.
    pub(super) fn get(&self, name: &str) -> Result<Option<Field<'a>>, ServiceConfigError> {
        let value = self.map()?.get(name).filter(|value| !value.is_null());
        Ok(value.map(|value| Field { path: self.inner(name), value }))
    }

    /// A field that must be there.
    pub(super) fn need(&self, name: &str) -> Result<Field<'a>, ServiceConfigError> {
        self.get(name)?.ok_or_else(|| ServiceConfigError::new(self.inner(name), "is missing"))
    }

    /// Its elements.
    pub(super) fn list(&self) -> Result<Vec<Field<'a>>, ServiceConfigError> {
        let elements = self.value.as_array().ok_or_else(|| self.is_no("a list"))?;
        let element = |(index, value)| Field { path: format!("{}[{index}]", self.path), value };
        Ok(elements.iter().enumerate().map(element).collect())
    }

    /// Its only field, with the field's name.
    pub(super) fn only(&self) -> Result<(&'a str, Field<'a>), ServiceConfigError> {
        let map = self.map()?;
        match map.iter().next() {
            Some((name, value)) if map.len() == 1 => Ok((name, Field { path: self.inner(name), value })),
            _ => Err(self.wrong(format!("must have exactly one field, and has {}", map.len()))),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, ServiceConfigError> {
        self.value.as_str().ok_or_else(|| self.is_no("a string"))
    }

    pub(super) fn boolean(&self) -> Result<bool, ServiceConfigError> {
        self.value.as_bool().ok_or_else(|| self.is_no("true or false"))
    }

    /// A number, or the text of one, as protobuf's JSON has it.
    pub(super) fn number(&self) -> Result<f64, ServiceConfigError> {
        let number = match self.value {
            Value::String(text) => text.parse().ok(),
            other => other.as_f64(),
        };
        number.filter(|number: &f64| number.is_finite()).ok_or_else(|| self.is_no("a number"))
    }

    /// A whole number within bounds.
    pub(super) fn whole(&self, range: RangeInclusive<u64>) -> Result<u64, ServiceConfigError> {
        let number = self.number()?;
        if number.fract() != 0.0 {
            return Err(self.is_no("a whole number"));
        }
        // What lies outside is cut to the ends of the type, which lie outside of any range here.
        self.within(number as u64, number, range)
    }

    fn within(&self, whole: u64, said: f64, range: RangeInclusive<u64>) -> Result<u64, ServiceConfigError> {
        let (min, max) = range.into_inner();
        if said < min as f64 {
            Err(self.wrong(format!("must be at least {min}, and is {said}")))
        } else if said > max as f64 {
            Err(self.wrong(format!("must be at most {max}, and is {said}")))
        } else {
            Ok(whole)
        }
    }

    /// The same, of things in memory.
    pub(super) fn size(&self, range: RangeInclusive<u64>) -> Result<usize, ServiceConfigError> {
        self.whole(range).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// A number above zero.
    pub(super) fn positive(&self) -> Result<f64, ServiceConfigError> {
        let number = self.number()?;
        if number > 0.0 { Ok(number) } else { Err(self.must_be_positive(number)) }
    }

    /// A duration in protobuf's JSON: `"1.5s"`.
    pub(super) fn duration(&self) -> Result<Duration, ServiceConfigError> {
        let text = self.value.as_str();
        text.and_then(parse_duration)
            .map(|duration| duration.min(DURATION_MAX))
            .ok_or_else(|| self.is_no("a duration such as \"1.5s\""))
    }

    /// A duration above zero.
    pub(super) fn positive_duration(&self) -> Result<Duration, ServiceConfigError> {
        let duration = self.duration()?;
        if duration.is_zero() { Err(self.must_be_positive("0s")) } else { Ok(duration) }
    }

    fn must_be_positive(&self, said: impl Display) -> ServiceConfigError {
        self.wrong(format!("must be more than 0, and is {said}"))
    }

    /// A status code, by its name in any case or by its number.
    pub(super) fn code(&self) -> Result<Code, ServiceConfigError> {
        let codes = (0..=16).map(Code::from_i32);
        let found = match self.value {
            Value::String(name) => codes.into_iter().find(|code| code_name(*code).eq_ignore_ascii_case(name)),
            number => {
                number.as_i64().and_then(|number| codes.into_iter().find(|code| i64::from(*code as i32) == number))
            }
        };
        match found {
            Some(Code::Ok) => Err(self.wrong("is OK, which is no failure")),
            Some(code) => Ok(code),
            None => Err(self.is_no("the name or the number of a status code, such as \"UNAVAILABLE\" or 14")),
        }
    }
}

/// Reads a duration that is not negative.
fn parse_duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (secs, nanos) = number.split_once('.').unwrap_or((number, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (secs.is_empty() && nanos.is_empty()) || !are_digits(secs) || !are_digits(nanos) || nanos.len() > NANOS_DIGITS {
        return None;
    }
    let secs = if secs.is_empty() { 0 } else { secs.parse().ok().filter(|secs| *secs <= DURATION_SECS_MAX)? };
    let nanos = format!("{nanos:0<NANOS_DIGITS$}").parse().ok()?;
    Some(Duration::new(secs, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_protobuf_writes_them() {
        let table = [
            ("1s", Some(Duration::from_secs(1))),
            ("1.5s", Some(Duration::from_millis(1500))),
            (".1s", Some(Duration::from_millis(100))),
            ("0.000000001s", Some(Duration::from_nanos(1))),
            ("0s", Some(Duration::ZERO)),
            ("1.s", Some(Duration::from_secs(1))),
            ("315576000000s", Some(Duration::from_secs(DURATION_SECS_MAX))),
            ("315576000001s", None),
            ("99999999999999999999s", None),
            ("0.0000000001s", None),
            ("-1s", None),
            ("1", None),
            ("1ms", None),
            ("1e3s", None),
            ("s", None),
            (".s", None),
            ("", None),
            ("1 s", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_duration(text), expected, "{text:?}");
        }
    }
}
