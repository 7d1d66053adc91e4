//! Sends requests to a collector until it has taken them, or there is no point.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tokio::sync::Notify;
use tonic::Request;

use crate::client::Channel;
use crate::codec::CompressionEncoding;
use crate::either::either;
use crate::metadata::MetadataMap;
use crate::status::{Code, Status};
use crate::telemetry::otlp::pb::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use crate::telemetry::otlp::pb::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use crate::telemetry::otlp::pb::collector::trace::v1::trace_service_client::TraceServiceClient;
use crate::telemetry::otlp::pb::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use crate::telemetry::otlp::retry::Attempts;

/// The way to a collector; clones share its connection.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) channel: Channel,
    /// Where it leads, for people.
    pub(super) endpoint: Arc<str>,
    pub(super) headers: MetadataMap,
    pub(super) timeout: Duration,
    pub(super) compression: Option<CompressionEncoding>,
    /// Somebody waits: pauses are over.
    pub(super) hurry: Arc<Notify>,
}

/// What a collector did not take of a request, and why.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rejected {
    pub(super) count: u64,
    message: String,
}

impl Delivery {
    pub(super) async fn spans(&self, request: ExportTraceServiceRequest) -> Result<Rejected, Status> {
        let mut client = TraceServiceClient::new(self.channel.clone());
        if let Some(encoding) = self.compression {
            client = client.send_compressed(encoding);
        }
        let answer: ExportTraceServiceResponse = self
            .deliver("spans", &request, |request| {
                let client = client.clone();
                async move { client.export(request).await }
            })
            .await?;
        let partial = answer.partial_success.unwrap_or_default();
        Ok(self.noted("spans", partial.rejected_spans, partial.error_message))
    }

    pub(super) async fn metrics(&self, request: ExportMetricsServiceRequest) -> Result<Rejected, Status> {
        let mut client = MetricsServiceClient::new(self.channel.clone());
        if let Some(encoding) = self.compression {
            client = client.send_compressed(encoding);
        }
        let answer: ExportMetricsServiceResponse = self
            .deliver("metrics", &request, |request| {
                let client = client.clone();
                async move { client.export(request).await }
            })
            .await?;
        let partial = answer.partial_success.unwrap_or_default();
        Ok(self.noted("metrics", partial.rejected_data_points, partial.error_message))
    }

    /// Makes attempts as the protocol says.
    async fn deliver<T, R, Fut>(&self, what: &str, message: &T, send: impl Fn(Request<T>) -> Fut) -> Result<R, Status>
    where
        T: Message + Clone,
        Fut: Future<Output = Result<tonic::Response<R>, Status>>,
    {
        let mut attempts = Attempts::new();
        loop {
            let mut request = Request::new(message.clone());
            *request.metadata_mut() = self.headers.clone();
            request.set_timeout(self.timeout);
            let failure = match send(request).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(failure) => failure,
            };
            let Some(pause) = attempts.after(&failure) else {
                let failure = self.explained(what, &failure);
                tracing::warn!(
                    target: "seltzer::telemetry",
                    endpoint = &*self.endpoint, what, message = failure.message()
                );
                return Err(failure);
            };
            either(tokio::time::sleep(pause), self.hurry.notified()).await;
        }
    }

    /// Logs what a collector did not take; there is no point in sending it again.
    fn noted(&self, what: &str, rejected: i64, message: String) -> Rejected {
        let count = u64::try_from(rejected).unwrap_or(0);
        if count > 0 || !message.is_empty() {
            tracing::warn!(
                target: "seltzer::telemetry",
                endpoint = &*self.endpoint, what, rejected = count, message
            );
        }
        Rejected { count, message }
    }

    fn explained(&self, what: &str, failure: &Status) -> Status {
        let hint = match failure.code() {
            Code::Unavailable | Code::DeadlineExceeded => "is a collector listening there for OTLP over gRPC?",
            Code::Unimplemented => "whoever listens there takes no such telemetry: name the collector's gRPC port",
            Code::Unauthenticated | Code::PermissionDenied => {
                "it wants to know who sends: say so with Otlp::header or OTEL_EXPORTER_OTLP_HEADERS"
            }
            Code::ResourceExhausted => "it takes no more: raise its limits, or send less",
            _ => "see the collector's log",
        };
        let message = format!("{what} cannot be sent to {}: {} ({hint})", self.endpoint, failure.message());
        Status::new(failure.code(), message)
    }
}
