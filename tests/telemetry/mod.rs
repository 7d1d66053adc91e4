//! OpenTelemetry's metrics and traces, as gRPC has agreed on them, and how they are sent.

mod client;
mod otlp;
mod page;
mod server;
mod traces;

use std::collections::BTreeMap;

use prost::Message as _;
use seltzer::services::schemas::grpc::testing::SimpleRequest;
use seltzer::telemetry::{Attributes, MetricData, Telemetry};

use crate::support::patiently;

/// By the values of a metric's labels, those of targets left out: how many, and their sum.
type Counted = BTreeMap<String, (u64, u64)>;

fn counted(telemetry: &Telemetry, name: &str) -> Counted {
    let metrics = telemetry.collect();
    let Some(metric) = metrics.iter().find(|metric| metric.name == name) else { return Counted::new() };
    match &metric.data {
        MetricData::Sum { points, .. } => {
            points.iter().map(|point| (labels(&point.attributes), (point.value, 0))).collect()
        }
        MetricData::Histogram { bounds, points } => points
            .iter()
            .map(|point| {
                assert_eq!(point.counts.len(), bounds.len() + 1, "{name}");
                assert_eq!(point.counts.iter().sum::<u64>(), point.count, "{name}");
                (labels(&point.attributes), (point.count, point.sum as u64))
            })
            .collect(),
        other => panic!("{name} is {other:?}"),
    }
}

fn labels(attributes: &Attributes) -> String {
    assert!(attributes.is_sorted(), "{attributes:?}");
    let values = attributes.iter().filter(|(name, _)| *name != "grpc.target").map(|(_, value)| value.as_str());
    values.collect::<Vec<_>>().join(" ")
}

/// The same with the numbers alone.
fn numbers(telemetry: &Telemetry, name: &str) -> BTreeMap<String, u64> {
    counted(telemetry, name).into_iter().map(|(labels, (number, _))| (labels, number)).collect()
}

fn expected<const N: usize>(numbers: [(&str, u64); N]) -> BTreeMap<String, u64> {
    numbers.into_iter().map(|(labels, number)| (labels.to_owned(), number)).collect()
}

/// Waits until it is as expected: the end of a call may be counted after its caller has heard of it.
async fn eventually<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, mut ask: impl FnMut() -> T) {
    let mut last = None;
    let done = tokio::time::timeout(crate::support::PATIENCE, async {
        loop {
            let now = ask();
            if now == expected {
                return;
            }
            last = Some(now);
            tokio::task::yield_now().await;
        }
    });
    assert!(patiently(done).await.is_ok(), "{what}: {last:?} instead of {expected:?}");
}

/// The bytes of a message.
fn size(message: &SimpleRequest) -> u64 {
    message.encoded_len() as u64
}
