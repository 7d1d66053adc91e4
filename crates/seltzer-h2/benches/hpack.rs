//! Header compression alone: the blocks of common clients in, the blocks of a server's answers out.
//!
//! `cargo bench -p seltzer-h2 --bench hpack`. Nanoseconds a block; what each line means is at its function.

#![allow(missing_docs, reason = "criterion_group! makes a public function without one")]

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use seltzer_h2::hpack::{Decoder, Encoder, Indexing, Limits};
use seltzer_h2::{FieldList, HeaderField, Prepared, Token};

/// A block as a client sends it, the fields it stands for, and how each is written.
struct Client {
    name: &'static str,
    fields: &'static [(&'static str, &'static str, Written)],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Indexed,
    /// As a Huffman literal each time.
    Literal,
}

use Written::{Indexed, Literal};

const PATH: &str = "/grpc.testing.BenchmarkService/UnaryCall";

/// Rust clients write the path anew each time, Go ones and h2load's keep it in the table or not; all keep the rest.
const CLIENTS: [Client; 3] = [
    Client {
        name: "tonic",
        fields: &[
            (":method", "POST", Indexed),
            (":scheme", "http", Indexed),
            (":authority", "127.0.0.1:50051", Indexed),
            (":path", PATH, Literal),
            ("te", "trailers", Indexed),
            ("content-type", "application/grpc", Indexed),
            ("user-agent", "tonic/0.14.2", Indexed),
        ],
    },
    Client {
        name: "grpc-go",
        fields: &[
            (":method", "POST", Indexed),
            (":scheme", "http", Indexed),
            (":path", PATH, Indexed),
            (":authority", "127.0.0.1:50051", Indexed),
            ("content-type", "application/grpc", Indexed),
            ("user-agent", "grpc-go/1.65.0", Indexed),
            ("te", "trailers", Indexed),
            ("grpc-timeout", "9999870u", Indexed),
        ],
    },
    Client {
        name: "h2load",
        fields: &[
            (":path", PATH, Literal),
            (":scheme", "http", Indexed),
            (":authority", "127.0.0.1:50051", Indexed),
            (":method", "POST", Indexed),
            ("user-agent", "h2load nghttp2/1.64.0", Indexed),
            ("te", "trailers", Indexed),
            ("content-type", "application/grpc", Indexed),
            ("content-length", "105", Literal),
        ],
    },
];

/// The first block of a connection and a later one.
fn blocks(client: &Client) -> [Vec<u8>; 2] {
    let mut encoder = seltzer_h2::hpack::Encoder::default();
    [(); 2].map(|()| {
        let mut block = Vec::new();
        for (name, value, written) in client.fields {
            let field = HeaderField::new(name.as_bytes(), value.as_bytes());
            match written {
                Indexed => encoder.encode(&field, Indexing::Always, &mut block),
                Literal => huffman_literal(name, value.as_bytes(), &mut block),
            }
        }
        block
    })
}

/// What our encoder would not do: a literal in Huffman code that does not enter the table.
fn huffman_literal(name: &str, value: &[u8], block: &mut Vec<u8>) {
    let mut literal = Vec::new();
    Encoder::default().encode(&HeaderField::new(name.as_bytes(), value), Indexing::Always, &mut literal);
    // The same name, of which the index has fewer bits here.
    match literal[0] & 0x3f {
        index @ 0..15 => block.push(index),
        index => block.extend([0x0f, index - 15]),
    }
    block.extend(&literal[1..]);
}

fn check(client: &Client, list: &FieldList) {
    let found: Vec<_> = list.iter().map(|field| (field.name, field.value)).collect();
    let expected: Vec<_> = client.fields.iter().map(|field| (field.0.as_bytes(), field.1.as_bytes())).collect();
    assert_eq!(found, expected, "{}", client.name);
}

/// A request's block that came before, found among the known ones; and the same decoded field by field.
fn requests(criterion: &mut Criterion) {
    let limits = Limits::default();
    for client in &CLIENTS {
        let [first, later] = blocks(client);
        let mut group = criterion.benchmark_group(format!("hpack/request/{}", client.name));
        group.throughput(Throughput::Bytes(later.len() as u64));
        let mut decoder = Decoder::default();
        for block in [&first, &later, &later] {
            decoder.decode(block, &limits).expect("the block is sound");
            check(client, decoder.fields());
        }
        group.bench_function("known", |bencher| {
            bencher.iter(|| {
                let decoded = decoder.decode(black_box(&later), &limits).expect("the block is sound");
                black_box(decoder.fields());
                decoded.is_known
            });
        });
        assert!(decoder.decode(&later, &limits).expect("the block is sound").is_known);
        group.bench_function("known, path read", |bencher| {
            bencher.iter(|| {
                decoder.decode(black_box(&later), &limits).expect("the block is sound");
                decoder.fields().get(Token::Path).map(<[u8]>::len)
            });
        });
        let mut list = FieldList::new();
        group.bench_function("decoded", |bencher| {
            bencher.iter(|| decoder.decode_into(black_box(&later), &limits, &mut list).expect("the block is sound"));
        });
        check(client, &list);
        group.finish();
    }
}

/// A request with a deadline of its own, as Go writes it: a new table entry in every block.
fn request_with_new_deadline(criterion: &mut Criterion) {
    let limits = Limits::default();
    let fields = CLIENTS[1].fields.iter().filter(|field| field.0 != "grpc-timeout");
    let mut encoder = Encoder::default();
    let mut blocks = Vec::new();
    for number in 0..60 {
        let mut block = Vec::new();
        for (name, value, _) in fields.clone() {
            encoder.encode(&HeaderField::new(name.as_bytes(), value.as_bytes()), Indexing::Always, &mut block);
        }
        let timeout = format!("{}u", 9_999_870 - number);
        encoder.encode(&HeaderField::new(b"grpc-timeout", timeout.as_bytes()), Indexing::Always, &mut block);
        blocks.push(block);
    }
    let mut group = criterion.benchmark_group("hpack/request/grpc-go, 60 deadlines");
    group.throughput(Throughput::Elements(60));
    group.bench_function("decoded", |bencher| {
        bencher.iter(|| {
            let mut decoder = Decoder::default();
            for block in &blocks {
                decoder.decode(black_box(block), &limits).expect("the block is sound");
            }
            decoder.fields().len()
        });
    });
    group.finish();
}

/// A path in Huffman code alone.
fn huffman(criterion: &mut Criterion) {
    let mut block = Vec::new();
    huffman_literal(":path", PATH.as_bytes(), &mut block);
    // In a table of its own, so that the cache of strings does not know it.
    let mut indexed = Vec::new();
    let mut encoder = Encoder::default();
    encoder.encode(&HeaderField::new(b":path", PATH.as_bytes()), Indexing::Always, &mut indexed);
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("hpack/path of 40 bytes");
    group.throughput(Throughput::Bytes(PATH.len() as u64));
    let mut decoder = Decoder::default();
    let mut list = FieldList::new();
    group.bench_function("literal, known string", |bencher| {
        bencher.iter(|| decoder.decode_into(black_box(&block), &limits, &mut list).expect("the block is sound"));
    });
    group.bench_function("literal into the table", |bencher| {
        bencher.iter(|| decoder.decode_into(black_box(&indexed), &limits, &mut list).expect("the block is sound"));
    });
    assert_eq!(list.get(Token::Path), Some(PATH.as_bytes()));
    group.finish();
}

/// The head and the trailers of a unary answer.
fn responses(criterion: &mut Criterion) {
    let head =
        Prepared::new([HeaderField::new(b":status", b"200"), HeaderField::new(b"content-type", b"application/grpc")]);
    let trailers = Prepared::new([HeaderField::new(b"grpc-status", b"0")]);
    let mut output = BytesMut::with_capacity(4096);
    let mut group = criterion.benchmark_group("hpack/response");
    for (name, table_bytes) in [("prepared", 4096), ("prepared, no table", 0)] {
        let mut encoder = Encoder::default();
        encoder.set_table_bytes_max(table_bytes);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                output.clear();
                encoder.encode_prepared(black_box(&head), &mut output);
                encoder.encode_prepared(black_box(&trailers), &mut output);
                output.len()
            });
        });
    }
    let mut encoder = Encoder::default();
    group.bench_function("field by field", |bencher| {
        bencher.iter(|| {
            output.clear();
            for field in head.fields().chain(trailers.fields()) {
                encoder.encode_field(black_box(&field), &mut output);
            }
            output.len()
        });
    });
    let ids: Vec<_> = (0..1024).map(|number| format!("{number:032x}")).collect();
    let mut next = 0;
    group.bench_function("prepared and a request id", |bencher| {
        bencher.iter(|| {
            output.clear();
            encoder.encode_prepared(black_box(&head), &mut output);
            next = (next + 1) % ids.len();
            encoder.encode_field(&HeaderField::new(b"x-request-id", ids[next].as_bytes()), &mut output);
            encoder.encode_prepared(black_box(&trailers), &mut output);
            output.len()
        });
    });
    group.finish();
}

criterion_group!(benches, requests, request_with_new_deadline, huffman, responses);
criterion_main!(benches);
