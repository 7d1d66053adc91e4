//! What was measured, as exporters read it.

use std::time::SystemTime;

/// One instrument and all that it has measured since it exists.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The name that OpenTelemetry knows it by, such as `grpc.server.call.duration`.
    pub name: &'static str,
    /// The unit as UCUM spells it: `s`, `By`, or what is counted in braces.
    pub unit: &'static str,
    /// What it says, in a sentence.
    pub description: &'static str,
    /// What was measured.
    pub data: MetricData,
}

/// The points of a [`Metric`], one for each set of attributes that occurred.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetricData {
    /// Numbers that add up. All of them are cumulative.
    Sum {
        /// Whether they never become less.
        is_monotonic: bool,
        /// One for each set of attributes.
        points: Vec<NumberPoint>,
    },
    /// How values are distributed. All of them are cumulative.
    Histogram {
        /// The inclusive upper bounds of all buckets but the last, which has none. They rise.
        bounds: &'static [f64],
        /// One for each set of attributes.
        points: Vec<HistogramPoint>,
    },
}

/// A number and what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberPoint {
    /// What it is about.
    pub attributes: Attributes,
    /// Since when it counts.
    pub start: SystemTime,
    /// What was counted.
    pub value: u64,
}

/// A distribution and what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramPoint {
    /// What it is about.
    pub attributes: Attributes,
    /// Since when it counts.
    pub start: SystemTime,
    /// How many values each bucket has: one more than there are bounds.
    pub counts: Vec<u64>,
    /// All values added up.
    pub sum: f64,
    /// How many values there are: what all buckets have together.
    pub count: u64,
}

/// Labels with their values, in the order of their names.
pub type Attributes = Vec<(&'static str, String)>;
