//! OpenTelemetry: what servers and channels do, in the numbers (gRFC A66, A96) and the traces (A72) that gRPC has agreed
//! on. Feature `telemetry`.
//!
//! One [`Telemetry`] is given to all servers and channels of a process. It counts their calls by method and status, and
//! shows that as a page for Prometheus ([`Telemetry::serve_prometheus`]), or as plain values ([`Telemetry::collect`]). With
//! [`TelemetryBuilder::tracing`] it records their spans. [`Telemetry::export_otlp`] sends both to a collector.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), seltzer::transport::Error> {
//! use seltzer::telemetry::Telemetry;
//! use seltzer::{Channel, Server};
//!
//! let telemetry = Telemetry::builder().service_name("greeter").build();
//! let server = Server::builder().telemetry(&telemetry);
//! let channel = Channel::builder("http://127.0.0.1:50051").telemetry(&telemetry).connect_lazy();
//!
//! // In a task of its own, beside the server: http://127.0.0.1:9464/metrics
//! let page = telemetry.bind_prometheus("127.0.0.1:0").await?;
//! page.serve_with_shutdown(async {}).await?;
//! # drop((server, channel));
//! # Ok(())
//! # }
//! ```
//!
//! | metric | of | labels |
//! |---|---|---|
//! | `grpc.server.call.started` | calls that a server began | method |
//! | `grpc.server.call.duration` | seconds, from the request's headers to the answer's last byte | method, status |
//! | `grpc.server.call.sent_total_compressed_message_size` | bytes of a call's answer | method, status |
//! | `grpc.server.call.rcvd_total_compressed_message_size` | bytes of a call's request | method, status |
//! | `grpc.client.call.duration` | seconds of a call as its caller sees it, all attempts together | method, target, status |
//! | `grpc.client.attempt.started` | attempts that were begun | method, target |
//! | `grpc.client.attempt.duration` | seconds of an attempt | method, target, status |
//! | `grpc.client.attempt.sent_total_compressed_message_size` | bytes of an attempt's request | method, target, status |
//! | `grpc.client.attempt.rcvd_total_compressed_message_size` | bytes of an attempt's answer | method, target, status |
//! | `grpc.client.call.retries`, `.transparent_retries`, `.hedges` | how often a call was made again, if it was | method, target |
//! | `grpc.client.call.retry_delay` | seconds between its attempts | method, target |
//!
//! The last two lines are experimental in gRPC and shown where [`TelemetryBuilder::retry_metrics`] says so.
//!
//! **Labels.** `grpc.method` is `package.Service/Method` of methods that generated code names. Whatever else a caller
//! makes up is `other`, so that it cannot fill anybody's memory. Of services that tonic generated a server learns the
//! methods as they answer, up to a thousand. `grpc.target` is the channel's target as a URI (`dns:///host:port`), and
//! `grpc.status` the name of the code.
//!
//! **Traces.** A call that a channel makes is a span `Sent.package.Service.Method`, each of its attempts `Attempt....`
//! within it, and the server's side of that `Recv....`; their events are messages and what was waited for. Traces go from
//! one process to another by W3C Trace Context. What a handler calls is part of its call: the channel finds the
//! handler's [`Context`](crate::Context), whose [`trace`](crate::Context::trace) is there for log lines, too.
//!
//! **Cost.** Without a `Telemetry` a call takes one branch. With one, unary calls keep to their short way: their cells
//! are known with their method, belong to the thread that counts, and the clock is read once more than before.

mod instruments;
mod metric;
mod otlp;
mod page;
mod prometheus;
mod trace;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

pub use self::metric::{Attributes, HistogramPoint, Metric, MetricData, NumberPoint};
pub use self::otlp::{Otlp, OtlpExporter, pb};
pub use self::page::PrometheusService;
use self::trace::SpanMaker;
pub use self::trace::{Propagation, Sampler, Span, SpanAttribute, SpanEvent, SpanKind, Tracing};
pub use crate::observe::AttributeValue;

use crate::client::Endpoint;
use crate::meter::{ClientMeter, ServerMeter};
use crate::server::{BoundServer, Server};
use crate::transport::{Error, ListenAddress};

/// What a process measures of its calls; clones measure together.
///
/// ```
/// use seltzer::telemetry::Telemetry;
///
/// let telemetry = Telemetry::builder().service_name("greeter").build();
/// assert!(telemetry.collect().is_empty(), "nothing has happened yet");
/// ```
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    service_name: String,
    with_retries: bool,
    since: SystemTime,
    server: ServerMeter,
    client: ClientMeter,
    spans: Option<Arc<SpanMaker>>,
}

/// What a [`Telemetry`] is told before it begins.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is measured until it is built"]
pub struct TelemetryBuilder {
    service_name: Option<String>,
    with_retries: bool,
    tracing: Option<Tracing>,
}

impl TelemetryBuilder {
    /// What the process is called where its measurements are collected (`service.name`). `unknown_service` unless set,
    /// as OpenTelemetry has it.
    ///
    /// ```
    /// let telemetry = seltzer::telemetry::Telemetry::builder().service_name("greeter").build();
    /// assert!(telemetry.prometheus_page().contains("service_name=\"greeter\""));
    /// ```
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Whether to show how often calls are made again (gRFC A96), which gRPC counts as experimental. Off unless set.
    pub fn retry_metrics(mut self, are_shown: bool) -> Self {
        self.with_retries = are_shown;
        self
    }

    /// Records spans of calls. None are recorded unless this is said.
    pub fn tracing(mut self, tracing: Tracing) -> Self {
        self.tracing = Some(tracing);
        self
    }

    /// Begins to measure.
    #[must_use]
    pub fn build(self) -> Telemetry {
        let service_name = self.service_name.unwrap_or_else(|| "unknown_service".to_owned());
        let (server, client) = (ServerMeter::counting(), ClientMeter::counting());
        let (with_retries, since) = (self.with_retries, SystemTime::now());
        let spans = self.tracing.map(|tracing| Arc::new(SpanMaker::new(tracing)));
        Telemetry { inner: Arc::new(Inner { service_name, with_retries, since, server, client, spans }) }
    }
}

impl Telemetry {
    /// A telemetry with settings of its own.
    pub fn builder() -> TelemetryBuilder {
        TelemetryBuilder::default()
    }

    /// All that was measured since this telemetry was built: metrics in the order of their names, of those that have
    /// anything to say. Values only grow; each is read by itself, while calls go on.
    #[must_use]
    pub fn collect(&self) -> Vec<Metric> {
        let Inner { with_retries, since, server, client, .. } = &*self.inner;
        instruments::collect(server, client, *with_retries, *since)
    }

    /// The same in Prometheus' text format, named as OpenTelemetry's exporters name it:
    /// `grpc_server_call_duration_seconds_bucket`.
    ///
    /// ```
    /// let telemetry = seltzer::telemetry::Telemetry::builder().build();
    /// assert!(telemetry.prometheus_page().starts_with("# HELP target_info"));
    /// ```
    #[must_use]
    pub fn prometheus_page(&self) -> String {
        prometheus::page(&self.inner.service_name, &self.collect())
    }

    /// The page as a tower service, at `/metrics`: for [`Server::fallback`], which shows it on the port of the calls.
    ///
    /// ```
    /// use seltzer::{Server, telemetry::Telemetry};
    ///
    /// let telemetry = Telemetry::builder().build();
    /// let server = Server::builder().telemetry(&telemetry).fallback(telemetry.prometheus_service());
    /// # drop(server);
    /// ```
    #[must_use]
    pub fn prometheus_service(&self) -> PrometheusService {
        PrometheusService::new(self)
    }

    /// Listens on an address of its own for whoever collects the page (`http://address/metrics`), without serving yet,
    /// so that the port is known.
    ///
    /// # Errors
    /// The address cannot be read or bound.
    pub async fn bind_prometheus<A>(&self, address: A) -> Result<BoundServer, Error>
    where
        A: TryInto<ListenAddress>,
        A::Error: Into<Error>,
    {
        Server::builder().fallback(self.prometheus_service()).bind(address).await
    }

    /// Serves the page on an address of its own, over plain HTTP, until `shutdown` is ready.
    ///
    /// It shows method names and targets to whoever can connect, so let that be collectors alone.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), seltzer::transport::Error> {
    /// let telemetry = seltzer::telemetry::Telemetry::builder().build();
    /// # let shutdown = std::future::ready(());
    /// telemetry.serve_prometheus("127.0.0.1:0", shutdown).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The address cannot be read or bound, or what [`BoundServer::serve`] says.
    pub async fn serve_prometheus<A, F>(&self, address: A, shutdown: F) -> Result<(), Error>
    where
        A: TryInto<ListenAddress>,
        A::Error: Into<Error>,
        F: Future<Output = ()>,
    {
        self.bind_prometheus(address).await?.serve_with_shutdown(shutdown).await
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("service_name", &self.inner.service_name).finish_non_exhaustive()
    }
}

impl Server {
    /// Measures the calls of this server.
    ///
    /// ```
    /// use seltzer::{Server, telemetry::Telemetry};
    ///
    /// let telemetry = Telemetry::builder().build();
    /// let server = Server::builder().telemetry(&telemetry);
    /// # drop(server);
    /// ```
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.meter = telemetry.inner.server.clone();
        self.tracer = telemetry.tracer();
        self
    }
}

impl Endpoint {
    /// Measures the calls of this channel, together with those of others that have the same target.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use seltzer::{Channel, telemetry::Telemetry};
    ///
    /// let telemetry = Telemetry::builder().build();
    /// let channel = Channel::builder("dns:///greeter:50051").telemetry(&telemetry).connect_lazy();
    /// # drop(channel);
    /// # }
    /// ```
    #[must_use]
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.meter = telemetry.inner.client.clone();
        self.tracer = telemetry.tracer();
        self
    }
}
