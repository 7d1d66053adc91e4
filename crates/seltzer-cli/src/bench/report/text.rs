//! The report as a person reads it at a terminal.

use std::fmt::Write as _;

use crate::bench::report::{Report, grouped, milliseconds, ms};
use crate::text::one_line;

/// How wide the longest bar of the histogram is.
const BAR_COLUMNS: f64 = 40.0;

/// Into how many parts the latencies are divided.
const BUCKETS: u64 = 10;

pub(super) fn write(report: &Report<'_>) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = summary(&mut text, report);
    let _ = latencies(&mut text, report);
    let _ = failures(&mut text, report);
    text
}

fn summary(text: &mut String, report: &Report<'_>) -> std::fmt::Result {
    let recorder = &report.recorder;
    writeln!(text, "{} at {}, {}", report.method_name(), report.arguments.address, report.kind())?;
    writeln!(text, "{}, {:.1} s\n", report.way(), report.elapsed.as_secs_f64())?;
    let rate = grouped(report.calls_a_second().round() as u64);
    writeln!(text, "  calls       {}, {rate} a second", grouped(recorder.calls()))?;
    if let Some(offered) = report.offered_a_second() {
        let share = report.calls_a_second() / offered * 100.0;
        writeln!(text, "  offered     {} a second, of which {share:.1} % ended", grouped(offered.round() as u64))?;
    }
    if recorder.late > 0 {
        writeln!(
            text,
            "  begun late  {}, by more than a millisecond, which counts as latency",
            grouped(recorder.late)
        )?;
    }
    writeln!(text, "  failed      {}", grouped(recorder.failed()))?;
    if recorder.unfinished > 0 {
        writeln!(text, "  unfinished  {}, given up", grouped(recorder.unfinished))?;
    }
    let messages = |count: u64, bytes: u64| format!("{} messages, {} bytes", grouped(count), grouped(bytes));
    writeln!(text, "  sent        {}", messages(recorder.messages_sent, recorder.bytes_sent))?;
    writeln!(text, "  received    {}", messages(recorder.messages_received, recorder.bytes_received))?;
    if let (Some(processor), Some(each)) = (report.processor, report.processor_us_a_call()) {
        let busy = processor.as_secs_f64() / report.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        let most = grouped((1e6 / each).round() as u64);
        writeln!(
            text,
            "  this client {each:.2} us of processor time a call ({most} a second and core), {busy:.2} cores busy"
        )?;
    }
    Ok(())
}

fn latencies(text: &mut String, report: &Report<'_>) -> std::fmt::Result {
    let latencies = &report.recorder.latencies;
    if latencies.is_empty() {
        return Ok(());
    }
    let from = if report.plan.rate.is_some() { "from the time at which a call was meant to begin" } else { "of calls" };
    writeln!(text, "\nLatency {from}, where OK:")?;
    writeln!(text, "  least    {}", milliseconds(ms(latencies.min())))?;
    writeln!(text, "  mean     {}", milliseconds(latencies.mean() / 1e6))?;
    for (percent, value) in report.percentiles() {
        writeln!(text, "  {:<8} {}", format!("{percent} %"), milliseconds(value))?;
    }
    writeln!(text, "  most     {}\n", milliseconds(ms(latencies.max())))?;
    // Up to the 99th percentile: a few slow calls would push all others into the first line.
    let most = latencies.value_at_percentile(99.0).max(1);
    let step = most.div_ceil(BUCKETS).max(1);
    let counts: Vec<(u64, u64)> = (0..BUCKETS)
        .map(|index| {
            let (low, high) = (index * step, (index + 1) * step);
            (high, latencies.count_between(low + 1, high))
        })
        .collect();
    let largest = counts.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    for (high, count) in counts {
        let bar = "#".repeat((count as f64 / largest as f64 * BAR_COLUMNS).round() as usize);
        writeln!(text, "  <= {:>9} {:>10} {bar}", milliseconds(ms(high)), grouped(count))?;
    }
    Ok(())
}

fn failures(text: &mut String, report: &Report<'_>) -> std::fmt::Result {
    let failures = report.failures();
    if failures.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nFailures:")?;
    for (code, message, count) in failures {
        writeln!(text, "  {:>10} {code}: {}", grouped(count), one_line(message))?;
    }
    Ok(())
}
