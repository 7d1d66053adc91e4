//! What an exporter is told before it begins.

use std::time::Duration;

use crate::client::Endpoint;
use crate::codec::CompressionEncoding;
use crate::metadata::{self, AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use crate::transport::{Error, Step};

/// How often metrics are sent, as in OpenTelemetry's SDKs.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(60);

/// How long a collector may take to answer.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How long a span waits for others at most.
const BATCH_INTERVAL_DEFAULT: Duration = Duration::from_secs(5);

/// Where telemetry is sent by OpenTelemetry's own protocol over gRPC (OTLP), and how.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use seltzer::telemetry::{Otlp, Telemetry, Tracing};
///
/// let telemetry = Telemetry::builder().service_name("greeter").tracing(Tracing::new()).build();
/// let exporter = telemetry.export_otlp(
///     Otlp::to("http://127.0.0.1:4317").header("x-tenant", "shop").interval(Duration::from_secs(15)),
/// )?;
/// // Server::builder().telemetry(&telemetry) ... and when it has ended:
/// exporter.shutdown(Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is sent until `Telemetry::export_otlp` has it"]
pub struct Otlp {
    pub(super) endpoint: Result<Endpoint, Error>,
    pub(super) headers: Result<MetadataMap, Error>,
    pub(super) interval: Duration,
    pub(super) batch_interval: Duration,
    pub(super) timeout: Duration,
    pub(super) compression: Option<CompressionEncoding>,
    pub(super) resource: Vec<(String, String)>,
}

impl Otlp {
    /// Sends to a collector, `http://127.0.0.1:4317` for example; `https://` where TLS is compiled in. An endpoint that
    /// cannot be read is reported by [`Telemetry::export_otlp`](crate::telemetry::Telemetry::export_otlp).
    pub fn to(endpoint: impl AsRef<str>) -> Self {
        let endpoint = endpoint.as_ref();
        let read = Endpoint::from_shared(endpoint).map_err(|error| {
            Error::new(Step::Target, format!("OTLP cannot be sent to {endpoint:?}: {error}"))
                .with_hint("write it as http://127.0.0.1:4317")
        });
        Otlp::to_endpoint(read)
    }

    /// Sends there instead.
    ///
    /// ```
    /// use seltzer::telemetry::Otlp;
    ///
    /// // All but the endpoint as the environment has it.
    /// let otlp = Otlp::from_environment()?.endpoint("http://127.0.0.1:4317");
    /// # drop(otlp);
    /// # Ok::<(), seltzer::transport::Error>(())
    /// ```
    pub fn endpoint(mut self, endpoint: impl AsRef<str>) -> Self {
        self.endpoint = Otlp::to(endpoint).endpoint;
        self
    }

    /// Sends to a collector with settings of the connection, such as certificates.
    ///
    /// ```
    /// use seltzer::{Channel, telemetry::Otlp};
    ///
    /// let otlp = Otlp::over(Channel::from_static("unix:/run/otel.sock"));
    /// # drop(otlp);
    /// ```
    pub fn over(endpoint: Endpoint) -> Self {
        Otlp::to_endpoint(Ok(endpoint))
    }

    fn to_endpoint(endpoint: Result<Endpoint, Error>) -> Self {
        Otlp {
            endpoint,
            headers: Ok(MetadataMap::new()),
            interval: INTERVAL_DEFAULT,
            batch_interval: BATCH_INTERVAL_DEFAULT,
            timeout: TIMEOUT_DEFAULT,
            compression: None,
            resource: Vec::new(),
        }
    }

    /// Adds a header to all that is sent: a token, for example. One that cannot travel is reported by
    /// [`Telemetry::export_otlp`](crate::telemetry::Telemetry::export_otlp).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(headers) = &mut self.headers
            && let Err(error) = add_header(headers, name, value)
        {
            self.headers = Err(error);
        }
        self
    }

    /// How often metrics are sent. 60 seconds unless set.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(INTERVAL_MIN);
        self
    }

    /// How long spans wait for others at most: 512 are sent at once. 5 seconds unless set.
    pub fn batch_interval(mut self, interval: Duration) -> Self {
        self.batch_interval = interval.max(INTERVAL_MIN);
        self
    }

    /// How long the collector may take to answer. 10 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Compresses what is sent. It is not compressed unless this is said.
    pub fn compression(mut self, encoding: CompressionEncoding) -> Self {
        self.compression = Some(encoding);
        self
    }

    /// Says something about this process, in place of what was said by the same name before:
    /// `deployment.environment.name`, for example.
    pub fn resource(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        set(&mut self.resource, key.into(), value.into());
        self
    }
}

/// More often than this nobody looks.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Sets an attribute, in place of one of the same name.
pub(super) fn set(attributes: &mut Vec<(String, String)>, key: String, value: String) {
    match attributes.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) => *known = value,
        None => attributes.push((key, value)),
    }
}

/// The value is not shown: it may be a secret.
fn add_header(headers: &mut MetadataMap, name: &str, value: &str) -> Result<(), Error> {
    let wrong = |why: &str| {
        Error::new(Step::Target, format!("the header {name:?} cannot be sent to an OTLP collector: {why}"))
            .with_hint("give a lower-case name and printable ASCII, such as `x-tenant` and `shop`")
    };
    let lower = name.to_ascii_lowercase();
    if metadata::is_reserved_name(&lower) {
        return Err(wrong("it belongs to the protocol"));
    }
    let key = AsciiMetadataKey::from_bytes(lower.as_bytes()).map_err(|_| wrong("that is no name of a header"))?;
    let is_printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let value = AsciiMetadataValue::try_from(value).ok().filter(|_| is_printable);
    let value = value.ok_or_else(|| wrong("its value is not printable ASCII"))?;
    headers.insert(key, value);
    Ok(())
}
