//! The same loads on this library and on tonic, each with its own server, client and default settings.
//!
//! ```text
//! cargo bench -p seltzer-peers                        # everything, and a table at the end
//! cargo bench -p seltzer-peers -- '/unary-both/16B/'  # a part
//! ```

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "../support/load.rs"]
mod load;
#[path = "../support/over_seltzer.rs"]
mod over_seltzer;
mod over_tonic;
#[path = "../support/results.rs"]
mod results;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/service.rs"]
mod service;
#[path = "../support/settings.rs"]
mod settings;
#[path = "../support/size.rs"]
mod size;
#[path = "../support/table.rs"]
mod table;
#[path = "../support/workload.rs"]
mod workload;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, SamplingMode, Throughput};
use tokio::runtime::Runtime;

use crate::load::Client;
use crate::results::Results;
use crate::size::SIZES;
use crate::table::Table;
use crate::workload::{IN_FLIGHT, Kind, Workload};

fn main() {
    let results = Results::begin();
    let mut criterion = settings::criterion();
    let (ours, theirs) = (over_seltzer::serve(), over_tonic::serve());
    // It is dropped before the servers, which wait for their last connection to close.
    let runtime = server::runtime();
    let seltzer = runtime.block_on(over_seltzer::connect(&ours));
    let tonic = runtime.block_on(over_tonic::connect(&theirs));
    for workload in workloads() {
        let mut group = criterion.benchmark_group(group(workload));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(workload.messages()));
        measure(&mut group, "seltzer", &runtime, &seltzer, workload);
        measure(&mut group, "tonic", &runtime, &tonic, workload);
        group.finish();
    }
    criterion.final_summary();
    if !results::is_listing() {
        print!("{}", summary(&results));
    }
}

fn workloads() -> impl Iterator<Item = Workload> {
    SIZES.into_iter().flat_map(|size| {
        IN_FLIGHT
            .into_iter()
            .flat_map(move |in_flight| Kind::ALL.into_iter().map(move |kind| Workload { kind, size, in_flight }))
    })
}

/// `throughput/unary-both/16B/1-in-flight`, in which each peer is one case.
fn group(workload: Workload) -> String {
    format!("{}/{}", workload.group(), workload.lanes())
}

fn measure<C: Client>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    peer: &str,
    runtime: &Runtime,
    client: &C,
    workload: Workload,
) {
    group.bench_function(peer, |bencher| {
        bencher.iter(|| runtime.block_on(load::run(workload, client)));
    });
}

fn summary(results: &Results) -> String {
    let header = [
        "payload",
        "in flight",
        "kind",
        "seltzer msg/s",
        "seltzer MB/s",
        "tonic msg/s",
        "tonic MB/s",
        "seltzer / tonic",
    ];
    let mut table = Table::new(3, &header);
    for workload in workloads() {
        let rate = |peer| {
            let iteration_ns = results.median_ns(&group(workload), peer)?;
            Some(workload.messages() as f64 * 1e9 / iteration_ns)
        };
        let (seltzer, tonic) = (rate("seltzer"), rate("tonic"));
        let megabytes = |rate: Option<f64>| rate.map(|rate| rate * workload.bytes_per_message() as f64 / 1e6);
        if seltzer.or(tonic).is_none() {
            continue;
        }
        table.row(vec![
            workload.size.name.to_owned(),
            workload.in_flight.to_string(),
            workload.kind.name().to_owned(),
            table::rate(seltzer),
            table::figure(megabytes(seltzer)),
            table::rate(tonic),
            table::figure(megabytes(tonic)),
            table::factor(seltzer.zip(tonic).map(|(seltzer, tonic)| seltzer / tonic)),
        ]);
    }
    let gaps = table.gaps(workloads().count());
    format!("seltzer against tonic: medians, one connection, client and server on one thread each\n\n{table}\n{gaps}")
}
