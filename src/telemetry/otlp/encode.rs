//! Spans and metrics as OpenTelemetry's messages.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::observe::AttributeValue;
use crate::status::Code;
use crate::telemetry::metric::{HistogramPoint, Metric, MetricData, NumberPoint};
use crate::telemetry::otlp::pb::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use crate::telemetry::otlp::pb::metrics::v1 as metrics;
use crate::telemetry::otlp::pb::resource::v1::Resource;
use crate::telemetry::otlp::pb::trace::v1 as traces;
use crate::telemetry::trace::{Span, SpanAttribute, SpanEvent, SpanKind};

/// The bit that says that the next one means something.
const KNOWS_PARENT: u32 = 1 << 8;

/// The bit of a span whose parent is in another process.
const HAS_REMOTE_PARENT: u32 = 1 << 9;

/// A span as it is sent.
pub(super) use crate::telemetry::otlp::pb::trace::v1::Span as PbSpan;

/// Whose telemetry it is.
pub(super) fn resource(attributes: &[(String, String)]) -> Resource {
    let attributes = attributes.iter().map(|(key, value)| attribute(key, Value::StringValue(value.clone())));
    Resource { attributes: attributes.collect() }
}

/// The spans of a process.
pub(super) fn spans(resource: &Resource, spans: Vec<traces::Span>) -> traces::ResourceSpans {
    let scope_spans = vec![traces::ScopeSpans { scope: Some(scope()), spans }];
    traces::ResourceSpans { resource: Some(resource.clone()), scope_spans }
}

/// The metrics of a process, as they are now.
pub(super) fn metrics(resource: &Resource, all: Vec<Metric>, now: SystemTime) -> metrics::ResourceMetrics {
    let metrics = all.into_iter().map(|one| metric(one, nanoseconds(now))).collect();
    let scope_metrics = vec![metrics::ScopeMetrics { scope: Some(scope()), metrics }];
    metrics::ResourceMetrics { resource: Some(resource.clone()), scope_metrics }
}

pub(super) fn span(span: Span) -> traces::Span {
    let kind = match span.kind {
        SpanKind::Server => traces::span::SpanKind::Server,
        SpanKind::Client => traces::span::SpanKind::Client,
        SpanKind::Internal => traces::span::SpanKind::Internal,
    };
    let is_remote = if span.has_remote_parent { HAS_REMOTE_PARENT } else { 0 };
    let code = match span.code {
        Code::Ok => traces::status::StatusCode::Ok,
        _ => traces::status::StatusCode::Error,
    };
    // Words are for what went wrong.
    let message = if span.code == Code::Ok { String::new() } else { span.message };
    traces::Span {
        trace_id: span.context.trace_id().to_bytes().to_vec(),
        span_id: span.context.span_id().to_bytes().to_vec(),
        trace_state: span.context.trace_state().to_owned(),
        parent_span_id: span.parent.map(|parent| parent.to_bytes().to_vec()).unwrap_or_default(),
        flags: u32::from(span.context.flags()) | KNOWS_PARENT | is_remote,
        name: span.name,
        kind: kind.into(),
        start_time_unix_nano: nanoseconds(span.start),
        end_time_unix_nano: nanoseconds(span.end),
        attributes: attributes(span.attributes),
        dropped_attributes_count: span.attributes_dropped,
        events: span.events.into_iter().map(event).collect(),
        dropped_events_count: span.events_dropped,
        status: Some(traces::Status { message, code: code.into() }),
    }
}

fn event(event: SpanEvent) -> traces::span::Event {
    traces::span::Event {
        time_unix_nano: nanoseconds(event.time),
        name: event.name.into_owned(),
        attributes: attributes(event.attributes),
        dropped_attributes_count: 0,
    }
}

fn metric(metric: Metric, now: u64) -> metrics::Metric {
    let cumulative = i32::from(metrics::AggregationTemporality::Cumulative);
    let data = match metric.data {
        MetricData::Sum { is_monotonic, points } => metrics::metric::Data::Sum(metrics::Sum {
            data_points: points.into_iter().map(|point| number(point, now)).collect(),
            aggregation_temporality: cumulative,
            is_monotonic,
        }),
        MetricData::Histogram { bounds, points } => metrics::metric::Data::Histogram(metrics::Histogram {
            data_points: points.into_iter().map(|point| histogram(point, bounds, now)).collect(),
            aggregation_temporality: cumulative,
        }),
    };
    metrics::Metric {
        name: metric.name.to_owned(),
        description: metric.description.to_owned(),
        unit: metric.unit.to_owned(),
        data: Some(data),
    }
}

fn number(point: NumberPoint, now: u64) -> metrics::NumberDataPoint {
    let value = i64::try_from(point.value).unwrap_or(i64::MAX);
    metrics::NumberDataPoint {
        attributes: labels(point.attributes),
        start_time_unix_nano: nanoseconds(point.start),
        time_unix_nano: now,
        value: Some(metrics::number_data_point::Value::AsInt(value)),
    }
}

fn histogram(point: HistogramPoint, bounds: &[f64], now: u64) -> metrics::HistogramDataPoint {
    metrics::HistogramDataPoint {
        attributes: labels(point.attributes),
        start_time_unix_nano: nanoseconds(point.start),
        time_unix_nano: now,
        count: point.count,
        sum: Some(point.sum),
        bucket_counts: point.counts,
        explicit_bounds: bounds.to_vec(),
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "seltzer".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

fn attributes(attributes: Vec<SpanAttribute>) -> Vec<KeyValue> {
    attributes.into_iter().map(|(key, value)| attribute(&key, any(value))).collect()
}

fn labels(labels: Vec<(&'static str, String)>) -> Vec<KeyValue> {
    labels.into_iter().map(|(key, value)| attribute(key, Value::StringValue(value))).collect()
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

fn any(value: AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => Value::StringValue(text),
        AttributeValue::Int(number) => Value::IntValue(number),
        AttributeValue::Bool(is) => Value::BoolValue(is),
        AttributeValue::Double(number) => Value::DoubleValue(number),
    }
}

/// Nanoseconds since 1970.
fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
