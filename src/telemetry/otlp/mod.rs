//! Telemetry by OpenTelemetry's own protocol over gRPC (OTLP).

mod delivery;
mod encode;
mod environment;
pub mod pb;
mod retry;
mod settings;
mod workers;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;

pub use self::settings::Otlp;
use crate::status::Status;
use crate::task::task;
use crate::telemetry::Telemetry;
use crate::telemetry::otlp::delivery::Delivery;
use crate::telemetry::otlp::workers::{MetricWork, Order, SpanWork, Work};
use crate::transport::Error;

/// Sends telemetry until it is shut down: made by [`Telemetry::export_otlp`].
///
/// Dropped, it goes on by itself as long as the runtime does; what was recorded last is sent for sure only by
/// [`shutdown`](Self::shutdown).
#[must_use = "what was recorded last is sent by `shutdown`"]
pub struct OtlpExporter {
    workers: Vec<Worker>,
    endpoint: Arc<str>,
}

struct Worker {
    orders: mpsc::UnboundedSender<Order>,
    /// Ends pauses.
    hurry: Arc<Notify>,
    task: AbortHandle,
}

impl OtlpExporter {
    /// Sends all that has been recorded, and waits until the collector has it.
    ///
    /// # Errors
    /// What could not be sent and why, or DEADLINE_EXCEEDED when it takes longer.
    pub async fn flush(&self, within: Duration) -> Result<(), Status> {
        self.order(within, false).await
    }

    /// The same for the last time: nothing is sent afterwards. For the end of a program, after its servers have ended.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn shutdown(self, within: Duration) -> Result<(), Status> {
        let result = self.order(within, true).await;
        for worker in &self.workers {
            worker.task.abort();
        }
        result
    }

    async fn order(&self, within: Duration, is_last: bool) -> Result<(), Status> {
        let mut waiting = Vec::new();
        for worker in &self.workers {
            let (done, told) = oneshot::channel();
            if worker.orders.send(Order { is_last, done }).is_ok() {
                waiting.push(told);
            }
            // Whoever waits for a collector to come back tries at once.
            worker.hurry.notify_one();
        }
        let all = async {
            let mut result = Ok(());
            for told in waiting {
                // A worker that has ended had nothing more to send.
                result = result.and(told.await.unwrap_or(Ok(())));
            }
            result
        };
        let late = |_| {
            let endpoint = &self.endpoint;
            let message =
                format!("telemetry was not sent to {endpoint} within {within:?}: is a collector listening there?");
            Err(Status::deadline_exceeded(message))
        };
        tokio::time::timeout(within, all).await.unwrap_or_else(late)
    }
}

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Sends spans in batches and metrics every minute to a collector, in tasks of their own. What a collector does not
    /// take is sent again where the protocol permits that, for a minute at most; then it is dropped, and a warning is
    /// logged (target `seltzer::telemetry`). Calls never wait for any of that, and these calls are not traced
    /// themselves.
    ///
    /// Call it within a tokio runtime.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use seltzer::telemetry::{Otlp, Telemetry, Tracing};
    ///
    /// let telemetry = Telemetry::builder().tracing(Tracing::new()).build();
    /// let exporter = telemetry.export_otlp(Otlp::from_environment()?)?;
    /// // ... and when the server has ended:
    /// exporter.shutdown(Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The endpoint cannot be read, or a header cannot travel. Whether anybody listens there shows later.
    pub fn export_otlp(&self, otlp: Otlp) -> Result<OtlpExporter, Error> {
        let resource = self.resource(&otlp.resource);
        let Otlp { endpoint, headers, interval, batch_interval, timeout, compression, .. } = otlp;
        let endpoint = endpoint?;
        let delivery = Delivery {
            endpoint: endpoint.written().into(),
            channel: endpoint.connect_lazy(),
            headers: headers?,
            timeout,
            compression,
            hurry: Arc::default(),
        };
        let endpoint = Arc::clone(&delivery.endpoint);
        let mut workers = Vec::new();
        if let Some(spans) = &self.inner.spans {
            workers.push(Worker::start(SpanWork {
                queue: Arc::clone(&spans.queue),
                delivery: Delivery { hurry: Arc::default(), ..delivery.clone() },
                resource: encode::resource(&resource),
                interval: batch_interval,
                dropped: 0,
            }));
        }
        workers.push(Worker::start(MetricWork {
            telemetry: self.clone(),
            delivery,
            resource: encode::resource(&resource),
            interval,
        }));
        Ok(OtlpExporter { workers, endpoint })
    }

    /// What is known of this process, and what else is to be said of it.
    fn resource(&self, said: &[(String, String)]) -> Vec<(String, String)> {
        let mut resource: Vec<(String, String)> = [
            ("service.name", self.inner.service_name.as_str()),
            ("telemetry.sdk.name", "seltzer"),
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        for (key, value) in said {
            settings::set(&mut resource, key.clone(), value.clone());
        }
        resource
    }
}

impl Worker {
    fn start(work: impl Work + Send + Sync + 'static) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let hurry = Arc::clone(work.hurry());
        let task = tokio::spawn(task(workers::run(work, taken))).abort_handle();
        Worker { orders, hurry, task }
    }
}
