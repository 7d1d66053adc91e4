//! Messages to bytes and back: serialisation by itself, and what compression costs a call.
//!
//! ```text
//! cargo bench --bench codec
//! cargo bench --bench codec -- 'compression/.*/64KiB'
//! ```

#[path = "support/service.rs"]
#[allow(dead_code, reason = "the streams are for the other benches")]
mod service;
#[path = "support/settings.rs"]
mod settings;
#[path = "support/size.rs"]
#[allow(dead_code, reason = "batches are for the other benches")]
mod size;

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput};
use seltzer::codec::{Codec, CompressionEncoding, ProstCodec};
use seltzer::codegen::{ShapeOf, shape_of};
use seltzer::prost::Message;
use seltzer::services::schemas::grpc::testing::benchmark_service_client::BenchmarkServiceClient;
use seltzer::services::schemas::grpc::testing::benchmark_service_server::BenchmarkServiceServer;
use seltzer::services::schemas::grpc::testing::{
    HistogramData, ResponseParameters, SimpleRequest, StreamingOutputCallRequest,
};
use seltzer::services::testing::BenchmarkServiceHandler;
use seltzer::{Channel, Server};
use tokio::runtime::{Builder, Runtime};

use crate::service::payload;
use crate::size::SIZES;

fn main() {
    let mut criterion = settings::criterion();
    encode(&mut criterion);
    decode(&mut criterion);
    elements(&mut criterion);
    compression(&mut criterion);
    criterion.final_summary();
}

fn codec() -> ProstCodec<SimpleRequest, SimpleRequest> {
    ProstCodec::default()
}

/// A message whose payload is JSON, record after record, so that there is something to compress.
fn message(bytes: usize) -> SimpleRequest {
    const NAMES: [&str; 8] = ["Ada", "Barbara", "Edsger", "Grace", "Ken", "Leslie", "Margaret", "Niklaus"];
    let mut text = String::with_capacity(bytes + 128);
    // A linear congruential generator: no two records alike, and the same records in each run.
    let mut state: u32 = 1;
    while text.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (name, number) = (NAMES[(state >> 29) as usize], state >> 16);
        text.push_str(&format!("{{\"id\": {number}, \"name\": \"{name}\", \"active\": {}}},\n", number % 2 == 0));
    }
    text.truncate(bytes);
    SimpleRequest { payload: Some(payload(text.into_bytes())), ..SimpleRequest::default() }
}

fn encoded(message: &SimpleRequest) -> Bytes {
    let mut buffer = BytesMut::new();
    codec().encode(message, &mut buffer).expect("a message has a form in bytes");
    buffer.freeze()
}

/// Into a buffer that is there already, as a stream's is.
fn encode(criterion: &mut Criterion) {
    for size in SIZES {
        let message = message(size.bytes);
        let expected = encoded(&message);
        let mut buffer = BytesMut::with_capacity(expected.len());
        let mut group = criterion.benchmark_group("codec/encode");
        group.throughput(Throughput::Bytes(size.bytes as u64));
        group.bench_function(size.name, |bencher| {
            bencher.iter(|| {
                buffer.clear();
                codec().encode(black_box(&message), &mut buffer).expect("a message has a form in bytes");
                black_box(&buffer);
            });
        });
        assert!(buffer.is_empty() || buffer == expected, "other bytes than the first time");
    }
}

/// From bytes that arrived in one piece.
fn decode(criterion: &mut Criterion) {
    for size in SIZES {
        let message = message(size.bytes);
        let bytes = encoded(&message);
        assert_eq!(codec().decode(bytes.clone()).expect("these are a message's bytes"), message);
        let mut group = criterion.benchmark_group("codec/decode");
        group.throughput(Throughput::Bytes(size.bytes as u64));
        group.bench_function(size.name, |bencher| {
            // The clone of `Bytes` costs a few nanoseconds and no copy.
            bencher.iter(|| codec().decode(black_box(bytes.clone())).expect("these are a message's bytes"));
        });
    }
}

/// A megabyte of small elements, decoded as generated services do it, which look at how many there are first, and without
/// that look. The difference is its price.
fn elements(criterion: &mut Criterion) {
    const BYTES: usize = 1024 * 1024;
    let parameters = ResponseParameters { size: 1000, interval_us: 100, ..ResponseParameters::default() };
    let messages =
        StreamingOutputCallRequest { response_parameters: vec![parameters; BYTES / 7], ..Default::default() };
    let numbers = HistogramData { bucket: vec![7; BYTES], ..HistogramData::default() };
    compare(criterion, "messages", &messages, shape_of!(StreamingOutputCallRequest));
    compare(criterion, "numbers", &numbers, shape_of!(HistogramData));
}

fn compare<M: Message + Default + PartialEq + 'static>(
    criterion: &mut Criterion,
    name: &str,
    message: &M,
    shape: Option<ShapeOf>,
) {
    let bytes = Bytes::from(message.encode_to_vec());
    let mut group = criterion.benchmark_group(format!("codec/elements/{name}"));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    for (name, shape) in [("counted first", shape), ("not counted", None)] {
        let mut codec = ProstCodec::<M, M>::with_shape(shape);
        assert!(codec.decode(bytes.clone()).expect("these are a message's bytes") == *message);
        group.bench_function(name, |bencher| {
            bencher.iter(|| codec.decode(black_box(bytes.clone())).expect("these are a message's bytes"));
        });
    }
}

/// A whole call within the process whose request is compressed by the client and decompressed by the server. What
/// `identity` takes is the call itself.
fn compression(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
    let encodings = [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Deflate)];
    for encoding in encodings {
        let client = runtime.block_on(client(encoding));
        let name = encoding.map_or("identity", CompressionEncoding::name);
        for size in SIZES {
            let message = message(size.bytes);
            let mut group = criterion.benchmark_group(format!("codec/compression/{name}"));
            group.throughput(Throughput::Bytes(size.bytes as u64));
            group.bench_function(size.name, |bencher| {
                bencher.iter(|| call(&runtime, &client, &message));
            });
        }
    }
}

async fn client(encoding: Option<CompressionEncoding>) -> BenchmarkServiceClient {
    let server = Server::builder().add_service(BenchmarkServiceServer::new(BenchmarkServiceHandler));
    let server = server.serve_in_process().expect("the settings are the defaults");
    let client = BenchmarkServiceClient::new(Channel::in_process(&server));
    match encoding {
        Some(encoding) => client.send_compressed(encoding),
        None => client,
    }
}

fn call(runtime: &Runtime, client: &BenchmarkServiceClient, message: &SimpleRequest) {
    let response = runtime.block_on(client.unary_call(message.clone())).expect("the call succeeds");
    assert_eq!(response.get_ref().payload, None, "nothing was asked for");
}
