//! Metrics in Prometheus' text format, named by the rules of OpenTelemetry's exporters.

use std::fmt::{self, Write as _};

use crate::telemetry::metric::{Attributes, HistogramPoint, Metric, MetricData};

/// What a page is, version included.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Who has measured, as OpenTelemetry calls it.
const SCOPE: [(&str, &str); 2] = [("otel_scope_name", "seltzer"), ("otel_scope_version", env!("CARGO_PKG_VERSION"))];

/// A page of all metrics.
pub(super) fn page(service_name: &str, metrics: &[Metric]) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut page, service_name, metrics);
    page
}

fn write_page(page: &mut String, service_name: &str, metrics: &[Metric]) -> fmt::Result {
    head(page, "target_info", "Target metadata", "gauge")?;
    writeln!(page, "target_info{{service_name=\"{}\"}} 1", Escaped(service_name))?;
    for metric in metrics {
        let name = name_of(metric);
        match &metric.data {
            MetricData::Sum { is_monotonic, points } => {
                head(page, &name, metric.description, if *is_monotonic { "counter" } else { "gauge" })?;
                for point in points {
                    writeln!(page, "{name}{{{}}} {}", Labels(&point.attributes), point.value)?;
                }
            }
            MetricData::Histogram { bounds, points } => {
                head(page, &name, metric.description, "histogram")?;
                points.iter().try_for_each(|point| write_histogram(page, &name, bounds, point))?;
            }
        }
    }
    Ok(())
}

fn head(page: &mut String, name: &str, description: &str, kind: &str) -> fmt::Result {
    writeln!(page, "# HELP {name} {}", EscapedHelp(description))?;
    writeln!(page, "# TYPE {name} {kind}")
}

/// Prometheus' buckets are those of all values up to their bound.
fn write_histogram(page: &mut String, name: &str, bounds: &[f64], point: &HistogramPoint) -> fmt::Result {
    let labels = Labels(&point.attributes);
    let mut up_to = 0;
    for (count, bound) in point.counts.iter().zip(bounds) {
        up_to += count;
        writeln!(page, "{name}_bucket{{{labels},le=\"{}\"}} {up_to}", Number(*bound))?;
    }
    writeln!(page, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", point.count)?;
    writeln!(page, "{name}_sum{{{labels}}} {}", Number(point.sum))?;
    writeln!(page, "{name}_count{{{labels}}} {}", point.count)
}

/// `grpc.server.call.duration` in `s` is `grpc_server_call_duration_seconds`; what is counted in braces has no unit, and
/// counters end in `_total`.
fn name_of(metric: &Metric) -> String {
    let mut name = plain(metric.name);
    let unit = match metric.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        _ => "",
    };
    if !name.ends_with(unit) {
        name.push_str(unit);
    }
    if matches!(metric.data, MetricData::Sum { is_monotonic: true, .. }) && !name.ends_with("_total") {
        name.push_str("_total");
    }
    name
}

/// A name of the letters that Prometheus knows.
fn plain(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

struct Labels<'a>(&'a Attributes);

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.0 {
            write!(f, "{}=\"{}\",", plain(name), Escaped(value))?;
        }
        let [(name, scope), (version_name, version)] = SCOPE;
        write!(f, "{name}=\"{scope}\",{version_name}=\"{version}\"")
    }
}

/// The value of a label.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}

/// The text of a HELP line, where quotes mean nothing.
struct EscapedHelp<'a>(&'a str);

impl fmt::Display for EscapedHelp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '\\' => f.write_str("\\\\"),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}

/// A number as Prometheus' own libraries write it: `0.0001`, `1e-05`, `262144`, `1.048576e+06`.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scientific = format!("{:e}", self.0);
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let power: i32 = exponent.parse().unwrap_or(0);
        if (-4..6).contains(&power) {
            return write!(f, "{}", self.0);
        }
        write!(f, "{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
    }
}
