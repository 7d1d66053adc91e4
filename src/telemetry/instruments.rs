//! The instruments of gRPC's metrics: names, units, descriptions, and what of the cells belongs to each.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::meter::{
    ClientMeter, ClientReading, DURATION_BOUNDS, Distribution, Ends, RETRY_BOUNDS, SIZE_BOUNDS, ServerMeter,
    ServerReading, TRANSPARENT_BOUNDS,
};
use crate::status::{Code, code_name};
use crate::telemetry::metric::{Attributes, HistogramPoint, Metric, MetricData, NumberPoint};

const METHOD: &str = "grpc.method";
const STATUS: &str = "grpc.status";
const TARGET: &str = "grpc.target";

const SECONDS: &str = "s";
const BYTES: &str = "By";

/// All metrics that have a point, in the order of their names.
pub(super) fn collect(
    server: &ServerMeter,
    client: &ClientMeter,
    with_retries: bool,
    start: SystemTime,
) -> Vec<Metric> {
    let collecting = Collecting { start };
    let mut metrics = Vec::from(collecting.of_servers(&server.read()));
    let of_client = client.read();
    metrics.extend(collecting.of_attempts(&of_client));
    metrics.extend(collecting.of_calls(&of_client));
    if with_retries {
        metrics.extend(collecting.of_retries(&of_client));
    }
    metrics.retain(has_points);
    metrics.sort_by_key(|metric| metric.name);
    metrics
}

fn has_points(metric: &Metric) -> bool {
    match &metric.data {
        MetricData::Sum { points, .. } => !points.is_empty(),
        MetricData::Histogram { points, .. } => !points.is_empty(),
    }
}

struct Collecting {
    start: SystemTime,
}

impl Collecting {
    fn of_servers(&self, readings: &[ServerReading]) -> [Metric; 4] {
        let attributes = |reading: &ServerReading| vec![(METHOD, reading.method.clone())];
        let ends =
            |part: fn(&Ends) -> &Distribution| self.by_status(readings, attributes, |reading| &reading.ended, part);
        [
            Metric {
                name: "grpc.server.call.started",
                unit: "{call}",
                description: "How many calls servers have begun.",
                data: self.sum(readings.iter().map(|reading| (attributes(reading), reading.started))),
            },
            Metric {
                name: "grpc.server.call.duration",
                unit: SECONDS,
                description: "How long calls took as a server's transport sees them.",
                data: MetricData::Histogram { bounds: &DURATION_BOUNDS, points: ends(|ends| &ends.durations) },
            },
            Metric {
                name: "grpc.server.call.sent_total_compressed_message_size",
                unit: BYTES,
                description: "How large the messages of a call's answer were together, compressed.",
                data: MetricData::Histogram { bounds: &SIZE_BOUNDS, points: ends(|ends| &ends.sent) },
            },
            Metric {
                name: "grpc.server.call.rcvd_total_compressed_message_size",
                unit: BYTES,
                description: "How large the messages of a call's request were together, compressed.",
                data: MetricData::Histogram { bounds: &SIZE_BOUNDS, points: ends(|ends| &ends.received) },
            },
        ]
    }

    fn of_attempts(&self, readings: &[ClientReading]) -> [Metric; 4] {
        let ends =
            |part: fn(&Ends) -> &Distribution| self.by_status(readings, of_client, |reading| &reading.attempts, part);
        [
            Metric {
                name: "grpc.client.attempt.started",
                unit: "{attempt}",
                description: "How many attempts of calls channels have begun.",
                data: self.sum(readings.iter().map(|reading| (of_client(reading), reading.attempts_started))),
            },
            Metric {
                name: "grpc.client.attempt.duration",
                unit: SECONDS,
                description: "How long attempts of calls took, from end to end.",
                data: MetricData::Histogram { bounds: &DURATION_BOUNDS, points: ends(|ends| &ends.durations) },
            },
            Metric {
                name: "grpc.client.attempt.sent_total_compressed_message_size",
                unit: BYTES,
                description: "How large the messages of an attempt's request were together, compressed.",
                data: MetricData::Histogram { bounds: &SIZE_BOUNDS, points: ends(|ends| &ends.sent) },
            },
            Metric {
                name: "grpc.client.attempt.rcvd_total_compressed_message_size",
                unit: BYTES,
                description: "How large the messages of an attempt's answer were together, compressed.",
                data: MetricData::Histogram { bounds: &SIZE_BOUNDS, points: ends(|ends| &ends.received) },
            },
        ]
    }

    fn of_calls(&self, readings: &[ClientReading]) -> [Metric; 1] {
        let points = self.by_status(readings, of_client, |reading| &reading.calls, |calls| calls);
        [Metric {
            name: "grpc.client.call.duration",
            unit: SECONDS,
            description: "How long calls took as their callers see them.",
            data: MetricData::Histogram { bounds: &DURATION_BOUNDS, points },
        }]
    }

    fn of_retries(&self, readings: &[ClientReading]) -> [Metric; 4] {
        let histogram = |bounds, part: fn(&ClientReading) -> &Distribution| {
            let points = readings.iter().filter_map(|reading| self.point(of_client(reading), part(reading)));
            MetricData::Histogram { bounds, points: points.collect() }
        };
        [
            Metric {
                name: "grpc.client.call.retries",
                unit: "{retry}",
                description: "How often a call was made again by a retry policy, if it was.",
                data: histogram(&RETRY_BOUNDS, |reading| &reading.retries),
            },
            Metric {
                name: "grpc.client.call.transparent_retries",
                unit: "{transparent_retry}",
                description: "How often a call was made again of which no server had seen anything, if it was.",
                data: histogram(&TRANSPARENT_BOUNDS, |reading| &reading.transparent_retries),
            },
            Metric {
                name: "grpc.client.call.hedges",
                unit: "{hedge}",
                description: "How often a call was made beside itself by a hedging policy, if it was.",
                data: histogram(&RETRY_BOUNDS, |reading| &reading.hedges),
            },
            Metric {
                name: "grpc.client.call.retry_delay",
                unit: SECONDS,
                description: "How long a call had no attempt under way between two, if it was made again.",
                data: histogram(&DURATION_BOUNDS, |reading| &reading.retry_delays),
            },
        ]
    }

    fn sum(&self, values: impl Iterator<Item = (Attributes, u64)>) -> MetricData {
        let points = values.filter(|(_, value)| *value > 0);
        let points = points.map(|(attributes, value)| NumberPoint { attributes, start: self.start, value }).collect();
        MetricData::Sum { is_monotonic: true, points }
    }

    fn by_status<R, T>(
        &self,
        readings: &[R],
        attributes: impl Fn(&R) -> Attributes,
        ended: impl Fn(&R) -> &BTreeMap<i32, T>,
        part: impl Fn(&T) -> &Distribution,
    ) -> Vec<HistogramPoint> {
        let mut points = Vec::new();
        for reading in readings {
            for (code, ends) in ended(reading) {
                let mut attributes = attributes(reading);
                // Between the method and the target, in the order of names.
                attributes.insert(1, (STATUS, code_name(Code::from_i32(*code)).to_owned()));
                points.extend(self.point(attributes, part(ends)));
            }
        }
        points
    }

    fn point(&self, attributes: Attributes, distribution: &Distribution) -> Option<HistogramPoint> {
        let count = distribution.counts.iter().sum();
        (count > 0).then(|| HistogramPoint {
            attributes,
            start: self.start,
            counts: distribution.counts.clone(),
            sum: distribution.sum,
            count,
        })
    }
}

fn of_client(reading: &ClientReading) -> Attributes {
    vec![(METHOD, reading.method.clone()), (TARGET, reading.target.clone())]
}
