//! The page for Prometheus.

use seltzer::telemetry::Telemetry;
use seltzer::{Channel, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::probe::{Client, Probe, ask};
use crate::support::{Running, patiently};
use crate::telemetry::{eventually, numbers};

/// What a plain HTTP client gets: the head and the body of the answer.
async fn get(running: &Running, method: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    patiently(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn the_page_is_served_beside_the_calls_or_by_itself() {
    let telemetry = Telemetry::builder().service_name("a \"name\"\\of\n two lines").build();
    let calls = Server::builder().telemetry(&telemetry).fallback(telemetry.prometheus_service());
    let calls = Running::start(calls.add_service(Probe::new().0.server())).await;
    let alone = Running::run(telemetry.bind_prometheus("127.0.0.1:0").await.unwrap());
    let channel = Channel::builder(calls.uri()).telemetry(&telemetry).connect_lazy();
    Client::new(channel).unary_call(ask("hi")).await.unwrap();
    eventually("calls", 1, || numbers(&telemetry, "grpc.server.call.duration").len()).await;
    for running in [&calls, &alone] {
        let (head, page) = get(running, "GET", "/metrics").await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
        check(&page);
        let (head, page) = get(running, "HEAD", "/metrics").await;
        assert!(head.starts_with("http/1.1 200") && page.is_empty(), "{head}\n{page}");
        assert!(get(running, "GET", "/").await.0.starts_with("http/1.1 404"));
        let (head, _) = get(running, "POST", "/metrics").await;
        assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{head}");
    }
}

/// Every line is one of the format's, every metric has its head once, and what must be there is there.
fn check(page: &str) {
    let scope = concat!("otel_scope_name=\"seltzer\",otel_scope_version=\"", env!("CARGO_PKG_VERSION"), "\"");
    let method = "grpc_method=\"grpc.testing.BenchmarkService/UnaryCall\"";
    let both = format!("{method},grpc_status=\"OK\",{scope}");
    let duration = "grpc_server_call_duration_seconds";
    let size = "grpc_server_call_rcvd_total_compressed_message_size_bytes";
    let expected = [
        "target_info{service_name=\"a \\\"name\\\"\\\\of\\n two lines\"} 1".to_owned(),
        format!("# TYPE {duration} histogram"),
        format!("{duration}_bucket{{{both},le=\"0\"}} 0"),
        format!("{duration}_bucket{{{both},le=\"1e-05\"}} 0"),
        format!("{duration}_bucket{{{both},le=\"100\"}} 1"),
        format!("{duration}_bucket{{{both},le=\"+Inf\"}} 1"),
        format!("{duration}_count{{{both}}} 1"),
        format!("{size}_bucket{{{both},le=\"1024\"}} 1"),
        format!("{size}_bucket{{{both},le=\"1.048576e+06\"}} 1"),
        format!("{size}_bucket{{{both},le=\"4.294967296e+09\"}} 1"),
        format!("{size}_sum{{{both}}} 6"),
        "# TYPE grpc_server_call_started_total counter".to_owned(),
        format!("grpc_server_call_started_total{{{method},{scope}}} 1"),
    ];
    for line in &expected {
        assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
    }
    let mut heads = Vec::new();
    for line in page.lines() {
        if let Some(head) = line.strip_prefix("# ") {
            let words: Vec<_> = head.splitn(3, ' ').collect();
            assert!(matches!(words[..], ["HELP" | "TYPE", _, _]), "{line}");
            assert!(!heads.contains(&words[..2].join(" ")), "{line} came twice");
            heads.push(words[..2].join(" "));
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = series.split('{').next().unwrap();
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(heads.contains(&format!("TYPE {name}")), "{line} has no head");
    }
    assert!(page.ends_with('\n'));
}

#[tokio::test]
async fn serving_ends_when_it_is_told_to() {
    let telemetry = Telemetry::builder().build();
    patiently(telemetry.serve_prometheus("127.0.0.1:0", async {})).await.unwrap();
    assert!(telemetry.serve_prometheus("nonsense", async {}).await.is_err());
}
