//! Unary calls against streams: messages and bytes a second over HTTP/2 on the loopback.
//!
//! ```text
//! cargo bench --bench throughput                        # everything, and a table at the end
//! cargo bench --bench throughput -- '/16B/'             # a part
//! cargo bench --bench throughput -- --save-baseline x   # to compare with later: --baseline x
//! cargo bench --bench throughput -- --test              # each case once, unmeasured
//! ```

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "support/load.rs"]
mod load;
#[path = "support/over_seltzer.rs"]
mod over_seltzer;
#[path = "support/results.rs"]
mod results;
#[path = "support/server.rs"]
mod server;
#[path = "support/service.rs"]
mod service;
#[path = "support/settings.rs"]
mod settings;
#[path = "support/size.rs"]
mod size;
#[path = "support/table.rs"]
mod table;
#[path = "support/workload.rs"]
mod workload;

use criterion::{Criterion, SamplingMode, Throughput};
use seltzer::services::schemas::grpc::testing::benchmark_service_client::BenchmarkServiceClient;
use tokio::runtime::Runtime;

use crate::results::Results;
use crate::size::SIZES;
use crate::table::Table;
use crate::workload::{IN_FLIGHT, Kind, Workload};

/// The ways to stream, and the unary calls that do the same work.
const COMPARISONS: [(Kind, Kind); 4] = [
    (Kind::UnaryDown, Kind::ServerStreaming),
    (Kind::UnaryUp, Kind::ClientStreaming),
    (Kind::UnaryBoth, Kind::Bidirectional),
    (Kind::UnaryBoth, Kind::PingPong),
];

fn main() {
    let results = Results::begin();
    let mut criterion = settings::criterion();
    let server = over_seltzer::serve();
    // It is dropped before the server, which waits for its last connection to close.
    let runtime = server::runtime();
    let client = runtime.block_on(over_seltzer::connect(&server));
    for size in SIZES {
        for in_flight in IN_FLIGHT {
            for kind in Kind::ALL {
                measure(&mut criterion, &runtime, &client, Workload { kind, size, in_flight });
            }
        }
    }
    criterion.final_summary();
    if !results::is_listing() {
        print!("{}", summary(&results));
    }
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, client: &BenchmarkServiceClient, workload: Workload) {
    let mut group = criterion.benchmark_group(workload.group());
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(workload.messages()));
    group.bench_function(workload.lanes(), |bencher| {
        bencher.iter(|| runtime.block_on(load::run(workload, client)));
    });
    group.finish();
}

/// The table "unary against streaming", from criterion's medians.
fn summary(results: &Results) -> String {
    let header = [
        "payload",
        "in flight",
        "streaming",
        "unary msg/s",
        "unary MB/s",
        "streaming msg/s",
        "streaming MB/s",
        "streaming / unary",
    ];
    let mut table = Table::new(3, &header);
    for size in SIZES {
        for in_flight in IN_FLIGHT {
            for (unary, streaming) in COMPARISONS {
                let of = |kind| Workload { kind, size, in_flight };
                let rate = |kind| messages_per_second(results, of(kind));
                let megabytes = |kind| rate(kind).map(|rate| rate * of(kind).bytes_per_message() as f64 / 1e6);
                if rate(unary).or(rate(streaming)).is_none() {
                    continue;
                }
                let factor = rate(streaming).zip(rate(unary)).map(|(streaming, unary)| streaming / unary);
                table.row(vec![
                    size.name.to_owned(),
                    in_flight.to_string(),
                    streaming.name().to_owned(),
                    table::rate(rate(unary)),
                    table::figure(megabytes(unary)),
                    table::rate(rate(streaming)),
                    table::figure(megabytes(streaming)),
                    table::factor(factor),
                ]);
            }
        }
    }
    format!(
        "unary against streaming: medians, one connection, client and server on one thread each\n\n{table}\n\
         A message of bidirectional and ping-pong comes back: it counts once in msg/s and twice in MB/s.\n{}",
        table.gaps(SIZES.len() * IN_FLIGHT.len() * COMPARISONS.len())
    )
}

fn messages_per_second(results: &Results, workload: Workload) -> Option<f64> {
    let iteration_ns = results.median_ns(&workload.group(), &workload.lanes())?;
    Some(workload.messages() as f64 * 1e9 / iteration_ns)
}
