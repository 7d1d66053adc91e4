//! The report as a table: a line for each second.

use crate::bench::report::{Report, ms};

pub(super) fn write(report: &Report<'_>) -> String {
    let mut text = "second,ok,failed,p50_ms,p90_ms,p99_ms,max_ms\n".to_owned();
    for (second, counted) in report.recorder.seconds.iter().enumerate() {
        let latencies = &counted.latencies;
        let percentile = |percent: f64| ms(latencies.value_at_percentile(percent));
        text.push_str(&format!(
            "{second},{},{},{:.3},{:.3},{:.3},{:.3}\n",
            latencies.len(),
            counted.failed,
            percentile(50.0),
            percentile(90.0),
            percentile(99.0),
            ms(latencies.max())
        ));
    }
    text
}
