//! The report as a page that needs nothing else: the text, and plots.

use crate::bench::report::plot::{Line, Plot};
use crate::bench::report::{Report, ms, text};

/// Percentiles of the plot: near the end they lie close together, where users are unlucky.
const PLOTTED: [f64; 15] = [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.0, 98.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0];

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
    color:#1c2430;background:#fff}pre{background:#f3f5f8;padding:1rem;overflow-x:auto;border-radius:6px}\
    h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}svg{width:100%;height:auto}\
    @media(prefers-color-scheme:dark){body{color:#e4e8ee;background:#14181e}pre{background:#1e242c}}";

pub(super) fn write(report: &Report<'_>) -> String {
    let title = escaped(&format!("{} at {}", report.method_name(), report.arguments.address));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n<pre>{}</pre>\n",
        escaped(&text::write(report))
    );
    for (heading, plot) in plots(report) {
        page.push_str(&format!("<h2>{heading}</h2>\n{}\n", plot.svg()));
    }
    page.push_str("</body></html>\n");
    page
}

fn plots(report: &Report<'_>) -> Vec<(&'static str, Plot)> {
    let latencies = &report.recorder.latencies;
    // Each step is as wide as the next: the axis is of positions, and names its percentiles.
    let by_percent =
        |(position, percent): (usize, &f64)| (position as f64, ms(latencies.value_at_percentile(*percent)));
    let distribution = Plot {
        x_ticks: PLOTTED.iter().enumerate().map(|(at, percent)| (at as f64, format!("{percent}"))).collect(),
        x_unit: "percent of calls",
        y_unit: "ms",
        lines: vec![Line { name: "latency at most", points: PLOTTED.iter().enumerate().map(by_percent).collect() }],
    };
    let seconds = &report.recorder.seconds;
    let over_time = |name, value: &dyn Fn(&crate::bench::recorder::Second) -> f64| Line {
        name,
        points: seconds.iter().enumerate().map(|(second, counted)| (second as f64, value(counted))).collect(),
    };
    let percentile =
        |percent: f64| move |second: &crate::bench::recorder::Second| ms(second.latencies.value_at_percentile(percent));
    let time = Plot {
        x_ticks: Vec::new(),
        x_unit: "seconds",
        y_unit: "ms",
        lines: vec![
            over_time("median", &percentile(50.0)),
            over_time("99 %", &percentile(99.0)),
            over_time("most", &|second| ms(second.latencies.max())),
        ],
    };
    let rate = Plot {
        x_ticks: Vec::new(),
        x_unit: "seconds",
        y_unit: "calls a second",
        lines: vec![
            over_time("OK", &|second| second.latencies.len() as f64),
            over_time("failed", &|second| second.failed as f64),
        ],
    };
    vec![("Latency by percentile", distribution), ("Latency over time", time), ("Calls over time", rate)]
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
