//! What came of it, in the forms that are asked for.

mod csv;
mod html;
mod json;
mod plot;
mod text;

use std::time::Duration;

use seltzer::service::MethodDescriptor;
use seltzer::status::code_name;
use seltzer::{Code, MethodKind};

use crate::arguments::{BenchArguments, ReportFormat};
use crate::bench::recorder::Recorder;
use crate::bench::schedule::RateSchedule;
use crate::bench::worker::Plan;

/// The parts of all latencies that are told: what is at most so much for this share of the calls, in percent.
const PERCENTILES: [f64; 8] = [10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9];

/// Everything that there is to tell.
pub(super) struct Report<'a> {
    pub(super) arguments: &'a BenchArguments,
    pub(super) method: &'static MethodDescriptor,
    pub(super) recorder: Recorder,
    /// From the first call that is counted to the end of the last.
    pub(super) elapsed: Duration,
    /// Processor time of this process, warming up included.
    pub(super) processor: Option<Duration>,
    pub(super) plan: Plan,
}

impl Report<'_> {
    /// The whole text.
    pub(super) fn write(&self, format: ReportFormat) -> String {
        match format {
            ReportFormat::Text => text::write(self),
            ReportFormat::Json => json::write(self),
            ReportFormat::Csv => csv::write(self),
            ReportFormat::Html => html::write(self),
        }
    }

    fn method_name(&self) -> &'static str {
        self.method.path.trim_start_matches('/')
    }

    fn calls_a_second(&self) -> f64 {
        self.recorder.calls() as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Calls that began at each second, as they were meant to; `None` in a closed loop and where that changes.
    fn offered_a_second(&self) -> Option<f64> {
        match self.plan.rate {
            Some(RateSchedule::Constant(rate)) => Some(rate),
            _ => None,
        }
    }

    /// Processor time a call, in microseconds.
    fn processor_us_a_call(&self) -> Option<f64> {
        // Calls that warmed up took some of it: then it is no figure.
        let processor = self.processor.filter(|_| self.plan.warmup.is_zero() && self.recorder.calls() > 0)?;
        Some(processor.as_secs_f64() * 1e6 / self.recorder.calls() as f64)
    }

    /// How calls were made, in words.
    fn way(&self) -> String {
        let threads = count(self.plan.workers, "thread");
        let connections = count(u64::from(self.arguments.connections.0).max(self.plan.workers), "connection");
        match self.plan.rate {
            None => format!("{} at once, {connections}, {threads}", self.plan.concurrency),
            Some(RateSchedule::Constant(rate)) => format!("{rate} begin each second, {connections}, {threads}"),
            Some(RateSchedule::Line { from, to }) => {
                format!("{from} to {to} begin each second, {connections}, {threads}")
            }
            Some(RateSchedule::Steps { from, to, step }) => {
                format!("{from} to {to} begin each second, in steps of {step}, {connections}, {threads}")
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self.method.kind {
            MethodKind::Unary => "unary",
            MethodKind::ClientStreaming => "client streaming",
            MethodKind::ServerStreaming => "server streaming",
            MethodKind::BidiStreaming => "bidirectional streaming",
        }
    }

    /// Latencies in milliseconds, by percent.
    fn percentiles(&self) -> Vec<(f64, f64)> {
        PERCENTILES.iter().map(|percent| (*percent, self.percentile_ms(*percent))).collect()
    }

    fn percentile_ms(&self, percent: f64) -> f64 {
        ms(self.recorder.latencies.value_at_percentile(percent))
    }

    /// Each failure: its code, its message, how often it came; the most frequent first.
    fn failures(&self) -> Vec<(&'static str, &str, u64)> {
        let mut failures = Vec::new();
        for ((code, message), count) in &self.recorder.failures {
            failures.push((code_name(Code::from_i32(*code)), message.as_str(), *count));
        }
        failures.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        failures
    }
}

fn ms(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// `1 thread`, `2 threads`.
fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A number of milliseconds with as many digits as mean something.
fn milliseconds(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0} ms"),
        10.0.. => format!("{value:.1} ms"),
        1.0.. => format!("{value:.2} ms"),
        _ => format!("{value:.3} ms"),
    }
}

/// A whole number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let table = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, expected) in table {
            assert_eq!(grouped(number), expected);
        }
        let table = [(0.1234, "0.123 ms"), (1.234, "1.23 ms"), (12.34, "12.3 ms"), (1234.5, "1234 ms")];
        for (value, expected) in table {
            assert_eq!(milliseconds(value), expected);
        }
        assert_eq!((count(1, "thread"), count(2, "thread")), ("1 thread".to_owned(), "2 threads".to_owned()));
    }
}
