//! The report as programs read it. Times are in milliseconds, unless a name says otherwise.

use serde_json::{Map, Value, json};

use crate::bench::report::{Report, ms};

pub(super) fn write(report: &Report<'_>) -> String {
    let recorder = &report.recorder;
    let latencies = &recorder.latencies;
    let percentiles: Map<String, Value> =
        report.percentiles().into_iter().map(|(percent, value)| (format!("p{percent}"), json!(value))).collect();
    let failures: Vec<Value> = report
        .failures()
        .into_iter()
        .map(|(code, message, count)| json!({ "code": code, "message": message, "calls": count }))
        .collect();
    let seconds: Vec<Value> = recorder
        .seconds
        .iter()
        .enumerate()
        .map(|(second, counted)| {
            json!({
                "second": second,
                "ok": counted.latencies.len(),
                "failed": counted.failed,
                "p50_ms": ms(counted.latencies.value_at_percentile(50.0)),
                "p99_ms": ms(counted.latencies.value_at_percentile(99.0)),
                "max_ms": ms(counted.latencies.max()),
            })
        })
        .collect();
    let whole = json!({
        "address": report.arguments.address,
        "method": report.method_name(),
        "kind": report.kind(),
        "concurrency": report.plan.rate.is_none().then_some(report.plan.concurrency),
        "offered_per_second": report.offered_a_second(),
        "connections": report.arguments.connections.0,
        "threads": report.plan.workers,
        "elapsed_s": report.elapsed.as_secs_f64(),
        "calls": recorder.calls(),
        "failed": recorder.failed(),
        "unfinished": recorder.unfinished,
        "begun_late": recorder.late,
        "calls_per_second": report.calls_a_second(),
        "messages_sent": recorder.messages_sent,
        "messages_received": recorder.messages_received,
        "bytes_sent": recorder.bytes_sent,
        "bytes_received": recorder.bytes_received,
        "client_processor_us_per_call": report.processor_us_a_call(),
        "latency_ms": {
            "min": ms(latencies.min()),
            "mean": latencies.mean() / 1e6,
            "deviation": latencies.stdev() / 1e6,
            "max": ms(latencies.max()),
            "percentiles": percentiles,
        },
        "failures": failures,
        "seconds": seconds,
    });
    format!("{whole:#}\n")
}
