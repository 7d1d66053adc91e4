//! OpenTelemetry: what a server and its callers did, in numbers. Feature `telemetry`.

mod metric;

pub use self::metric::{Attributes, HistogramPoint, Metric, MetricData, NumberPoint};
