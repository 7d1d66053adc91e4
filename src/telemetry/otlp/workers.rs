//! The tasks that send spans and metrics.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prost::Message as _;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::either::{Either, either};
use crate::status::Status;
use crate::telemetry::Telemetry;
use crate::telemetry::otlp::delivery::Delivery;
use crate::telemetry::otlp::encode;
use crate::telemetry::otlp::pb::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::telemetry::otlp::pb::collector::trace::v1::ExportTraceServiceRequest;
use crate::telemetry::otlp::pb::resource::v1::Resource;
use crate::telemetry::trace::{BATCH_SPANS, SpanQueue};

/// A request has about so many bytes at most: half of what collectors take unless told otherwise.
const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Somebody wants everything to be sent, and to hear of it.
pub(super) struct Order {
    pub(super) is_last: bool,
    pub(super) done: oneshot::Sender<Result<(), Status>>,
}

/// Sends something whenever it is time.
pub(super) trait Work {
    /// What ends its pauses.
    fn hurry(&self) -> &Arc<Notify>;
    /// How long it waits.
    fn interval(&self) -> Duration;
    /// Waits until there is enough to do before that.
    fn is_due(&self) -> impl Future<Output = ()> + Send;
    /// Sends what there is.
    fn send(&mut self) -> impl Future<Output = Result<(), Status>> + Send;
}

/// Works until told to stop, or until its runtime ends.
pub(super) async fn run<W: Work>(mut work: W, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut next = Instant::now() + work.interval();
    let mut has_orders = true;
    loop {
        let due = either(sleep_until(next), work.is_due());
        let order = async {
            match has_orders {
                true => orders.recv().await,
                false => std::future::pending().await,
            }
        };
        match either(order, due).await {
            Either::First(Some(Order { is_last, done })) => {
                // Whoever asked may have given up.
                let _ = done.send(work.send().await);
                if is_last {
                    return;
                }
            }
            // Whoever could have asked is gone.
            Either::First(None) => {
                has_orders = false;
                continue;
            }
            Either::Second(_) => {
                // What went wrong is in the log.
                let _ = work.send().await;
            }
        }
        next = Instant::now() + work.interval();
    }
}

/// Spans in batches.
pub(super) struct SpanWork {
    pub(super) queue: Arc<SpanQueue>,
    pub(super) delivery: Delivery,
    pub(super) resource: Resource,
    pub(super) interval: Duration,
    /// How many had been dropped when that was last logged.
    pub(super) dropped: u64,
}

impl Work for SpanWork {
    fn hurry(&self) -> &Arc<Notify> {
        &self.delivery.hurry
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn is_due(&self) {
        self.queue.has_batch().await;
    }

    async fn send(&mut self) -> Result<(), Status> {
        let mut result = Ok(());
        // What comes meanwhile is for the next time, unless there is a whole batch of it again.
        let mut left = self.queue.len().max(1);
        while left > 0 {
            let spans = self.queue.take(left.min(BATCH_SPANS));
            if spans.is_empty() {
                break;
            }
            left = left.saturating_sub(spans.len());
            if left == 0 && self.queue.len() >= BATCH_SPANS {
                left = BATCH_SPANS;
            }
            let sent = self.send_batch(spans.into_iter().map(encode::span).collect()).await;
            result = result.and(sent);
        }
        let dropped = self.queue.dropped();
        if dropped > self.dropped {
            let more = dropped - self.dropped;
            tracing::warn!(target: "seltzer::telemetry", dropped = more, "spans were dropped");
            self.dropped = dropped;
        }
        result
    }
}

impl SpanWork {
    /// Sends a batch, in several requests if it is large.
    async fn send_batch(&self, mut spans: Vec<encode::PbSpan>) -> Result<(), Status> {
        let mut result = Ok(());
        while !spans.is_empty() {
            let (mut bytes, mut count) = (0, 0);
            for span in &spans {
                bytes += span.encoded_len();
                if bytes > REQUEST_BYTES_MAX && count > 0 {
                    break;
                }
                count += 1;
            }
            let rest = spans.split_off(count);
            let request = ExportTraceServiceRequest { resource_spans: vec![encode::spans(&self.resource, spans)] };
            let sent = self.delivery.spans(request).await;
            match &sent {
                Ok(rejected) => self.queue.lost(rejected.count),
                Err(_) => self.queue.lost(u64::try_from(count).unwrap_or(u64::MAX)),
            }
            result = result.and(sent.map(drop));
            spans = rest;
        }
        result
    }
}

/// All metrics, again and again.
pub(super) struct MetricWork {
    pub(super) telemetry: Telemetry,
    pub(super) delivery: Delivery,
    pub(super) resource: Resource,
    pub(super) interval: Duration,
}

impl Work for MetricWork {
    fn hurry(&self) -> &Arc<Notify> {
        &self.delivery.hurry
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn is_due(&self) {
        std::future::pending::<()>().await;
    }

    async fn send(&mut self) -> Result<(), Status> {
        let metrics = self.telemetry.collect();
        if metrics.is_empty() {
            return Ok(());
        }
        let metrics = encode::metrics(&self.resource, metrics, SystemTime::now());
        let request = ExportMetricsServiceRequest { resource_metrics: vec![metrics] };
        self.delivery.metrics(request).await.map(drop)
    }
}
