//! Settings of exporters from the environment, by the names that OpenTelemetry gives them.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::codec::CompressionEncoding;
use crate::telemetry::otlp::settings::{Otlp, set};
use crate::transport::{Error, Step};

/// Where collectors listen.
const ENDPOINT_DEFAULT: &str = "http://localhost:4317";

impl Otlp {
    /// Settings as the environment has them.
    ///
    /// | variable | what | unless set |
    /// |---|---|---|
    /// | `OTEL_EXPORTER_OTLP_ENDPOINT` | where to | `http://localhost:4317` |
    /// | `OTEL_EXPORTER_OTLP_HEADERS` | `name=value,other=value`, values percent-encoded | none |
    /// | `OTEL_EXPORTER_OTLP_TIMEOUT` | milliseconds | 10000 |
    /// | `OTEL_EXPORTER_OTLP_COMPRESSION` | `gzip` or `none` | `none` |
    /// | `OTEL_EXPORTER_OTLP_PROTOCOL` | `grpc`, the only one spoken here | `grpc` |
    /// | `OTEL_METRIC_EXPORT_INTERVAL` | milliseconds | 60000 |
    /// | `OTEL_SERVICE_NAME` | `service.name`, before what the program says | |
    /// | `OTEL_RESOURCE_ATTRIBUTES` | `key=value,other=value`, values percent-encoded | none |
    ///
    /// A variable that is empty counts as not set.
    ///
    /// # Errors
    /// One of them cannot be read; the error names it.
    ///
    /// ```
    /// use seltzer::telemetry::Otlp;
    ///
    /// let otlp = Otlp::from_environment()?;
    /// # drop(otlp);
    /// # Ok::<(), seltzer::transport::Error>(())
    /// ```
    pub fn from_environment() -> Result<Self, Error> {
        Otlp::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variable =
            |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        if let Some(protocol) = variable("OTEL_EXPORTER_OTLP_PROTOCOL")
            && protocol != "grpc"
        {
            let hint = "set it to grpc, and OTEL_EXPORTER_OTLP_ENDPOINT to the collector's port for that, usually 4317";
            return Err(wrong("OTEL_EXPORTER_OTLP_PROTOCOL", &protocol, "OTLP is spoken over gRPC here", hint));
        }
        let mut otlp = match variable("OTEL_EXPORTER_OTLP_ENDPOINT") {
            None => Otlp::to(ENDPOINT_DEFAULT),
            Some(endpoint) => {
                let otlp = Otlp::to(&endpoint);
                otlp.endpoint.as_ref().map_err(|error| {
                    let why = error.to_string();
                    wrong("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint, &why, "write it as http://127.0.0.1:4317")
                })?;
                otlp
            }
        };
        for (name, value) in pairs("OTEL_EXPORTER_OTLP_HEADERS", variable("OTEL_EXPORTER_OTLP_HEADERS").as_deref())? {
            otlp = otlp.header(&name, &value);
        }
        if let Err(error) = &otlp.headers {
            return Err(Error::new(Step::Target, format!("OTEL_EXPORTER_OTLP_HEADERS: {error}")));
        }
        if let Some(timeout) = milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT", &variable)? {
            otlp = otlp.timeout(timeout);
        }
        if let Some(interval) = milliseconds("OTEL_METRIC_EXPORT_INTERVAL", &variable)? {
            otlp = otlp.interval(interval);
        }
        if let Some(name) = variable("OTEL_EXPORTER_OTLP_COMPRESSION")
            && name != "none"
        {
            otlp.compression = Some(compression(&name)?);
        }
        otlp.resource = pairs("OTEL_RESOURCE_ATTRIBUTES", variable("OTEL_RESOURCE_ATTRIBUTES").as_deref())?;
        if let Some(name) = variable("OTEL_SERVICE_NAME") {
            set(&mut otlp.resource, "service.name".to_owned(), name);
        }
        Ok(otlp)
    }
}

fn wrong(name: &str, value: &str, why: &str, hint: &str) -> Error {
    Error::new(Step::Target, format!("{name} is {value:?}: {why}")).with_hint(hint)
}

fn milliseconds(name: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<Option<Duration>, Error> {
    let Some(value) = variable(name) else { return Ok(None) };
    match value.parse::<u64>() {
        Ok(milliseconds) if milliseconds > 0 => Ok(Some(Duration::from_millis(milliseconds))),
        _ => Err(wrong(name, &value, "that is no number of milliseconds", "write 10000 for ten seconds")),
    }
}

fn compression(name: &str) -> Result<CompressionEncoding, Error> {
    #[cfg(feature = "gzip")]
    if name == "gzip" {
        return Ok(CompressionEncoding::Gzip);
    }
    let why = "that is no compression of OTLP that is compiled in";
    Err(wrong("OTEL_EXPORTER_OTLP_COMPRESSION", name, why, "write gzip (seltzer's feature `gzip`) or none"))
}

/// `key=value,other=value`. Values are not shown in errors: those of headers may be secrets.
fn pairs(name: &str, text: Option<&str>) -> Result<Vec<(String, String)>, Error> {
    let mut pairs = Vec::new();
    for entry in text.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let wrong = |why: &str| {
            let key = entry.split('=').next().unwrap_or_default().trim();
            Error::new(Step::Target, format!("{name}: the entry {key:?} {why}"))
                .with_hint("write key=value, with commas between entries and other signs percent-encoded")
        };
        let (key, value) = entry.split_once('=').ok_or_else(|| wrong("has no `=`"))?;
        let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8().map(std::borrow::Cow::into_owned);
        let (Ok(key), Ok(value)) = (decoded(key), decoded(value)) else { return Err(wrong("is no UTF-8")) };
        if key.is_empty() {
            return Err(wrong("has no name"));
        }
        set(&mut pairs, key, value);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Otlp, Error> {
        Otlp::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    /// What was read, in few words.
    fn words(otlp: &Otlp) -> String {
        let headers: Vec<_> = otlp.headers.as_ref().expect("they can travel").as_ref().iter().collect();
        format!(
            "{} {headers:?} {:?} {:?} {:?} {:?}",
            otlp.endpoint.as_ref().expect("it can be read").written(),
            otlp.timeout,
            otlp.interval,
            otlp.compression.is_some(),
            otlp.resource
        )
    }

    #[test]
    fn the_environment_says_what_the_program_does_not() {
        let plain = "http://localhost:4317 [] 10s 60s false []";
        let table: &[(&[(&str, &str)], &str)] = &[
            (&[], plain),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("OTEL_EXPORTER_OTLP_TIMEOUT", " ")], plain),
            (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "none")], plain),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")], "http://collector:4317 [] 10s 60s false []"),
            (
                &[("OTEL_EXPORTER_OTLP_HEADERS", "X-Tenant=shop, authorization=Bearer%20a%3D%3D")],
                r#"http://localhost:4317 [("x-tenant", "shop"), ("authorization", "Bearer a==")] 10s 60s false []"#,
            ),
            (
                &[("OTEL_EXPORTER_OTLP_TIMEOUT", "500"), ("OTEL_METRIC_EXPORT_INTERVAL", "1500")],
                "http://localhost:4317 [] 500ms 1.5s false []",
            ),
            (
                &[("OTEL_RESOURCE_ATTRIBUTES", "a=1,service.name=theirs,b=x%2Cy"), ("OTEL_SERVICE_NAME", "ours")],
                r#"http://localhost:4317 [] 10s 60s false [("a", "1"), ("service.name", "ours"), ("b", "x,y")]"#,
            ),
        ];
        for (variables, expected) in table {
            assert_eq!(words(&read(variables).expect("it can be read")), *expected, "{variables:?}");
        }
        #[cfg(feature = "gzip")]
        assert!(read(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]).expect("it is there").compression.is_some());
    }

    #[test]
    fn what_cannot_be_read_is_named_and_secrets_are_not() {
        let table = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "OTEL_EXPORTER_OTLP_ENDPOINT"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "4317"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "milliseconds"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "-1", "milliseconds"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "snappy", "gzip"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant", "\"x-tenant\" has no `=`"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x tenant=secret", "\"x tenant\""),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x=secret%ff", "\"x\" is no UTF-8"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "te=secret", "belongs to the protocol"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "=secret", "has no name"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a", "OTEL_RESOURCE_ATTRIBUTES"),
        ];
        for (name, value, expected) in table {
            let error = read(&[(name, value)]).expect_err("it is wrong").to_string();
            assert!(error.contains(name) && error.contains(expected), "{name}={value}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
