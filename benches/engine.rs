//! The HTTP/2 engine by itself, in memory: frames, header blocks, calls and streams, without a socket.
//!
//! ```text
//! cargo bench --bench engine
//! cargo bench --bench engine -- --fixed unary 1000     # so many times, for whoever counts instructions
//! ```

#[path = "support/pair.rs"]
mod pair;
#[path = "support/settings.rs"]
mod settings;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use seltzer_h2::Prepared;
use seltzer_h2::hpack::{Decoder, Encoder, Limits};

use crate::pair::{Pair, REQUEST, RESPONSE, UNARY_BYTES, field};

/// Frames, or messages, in an iteration.
const BATCH: usize = 100;

/// The payload of a small message and of a large one, which fills a frame.
const SMALL: usize = 100;
const LARGE: usize = 16 * 1024;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, fixed, case, count] = &arguments[..]
        && fixed == "--fixed"
    {
        return run(case, count.parse().expect("a number of times"));
    }
    let mut criterion = settings::criterion();
    frames(&mut criterion);
    header_blocks(&mut criterion);
    unary(&mut criterion);
    streams(&mut criterion);
    criterion.final_summary();
}

/// One case so many times and nothing else.
fn run(case: &str, count: usize) {
    let mut case = Case::new(case);
    for _ in 0..count {
        case.run();
    }
}

/// What can be counted: all of it runs the same way each time.
enum Case {
    Unary(Pair),
    Frames(Pair, Vec<u8>),
    Block(Blocks),
}

impl Case {
    fn new(name: &str) -> Self {
        let mut pair = Pair::new();
        let stream = pair.open();
        match name {
            "unary" => Case::Unary(pair),
            "frame" => {
                let frames = Pair::frames(stream, &[7; SMALL], 1);
                Case::Frames(pair, frames)
            }
            _ => Case::Block(Blocks::new(name)),
        }
    }

    fn run(&mut self) {
        match self {
            Case::Unary(pair) => pair.unary(),
            Case::Frames(pair, frames) => assert_eq!(pair.read(frames), 1),
            Case::Block(blocks) => blocks.run(),
        }
    }
}

/// Header blocks one way.
struct Blocks {
    name: String,
    fields: &'static [(&'static str, &'static str)],
    encoder: Encoder,
    decoder: Decoder,
    prepared: Prepared,
    first: Vec<u8>,
    later: Vec<u8>,
    output: Vec<u8>,
}

/// Every way that a block is measured.
const BLOCKS: [&str; 8] = [
    "decode-request-first",
    "decode-request-repeated",
    "decode-response-first",
    "decode-response-repeated",
    "encode-request-first",
    "encode-request-repeated",
    "encode-response-first",
    "encode-response-prepared",
];

impl Blocks {
    fn new(name: &str) -> Self {
        assert!(BLOCKS.contains(&name), "{name} is none of unary, frame and {BLOCKS:?}");
        let fields = if name.contains("request") { &REQUEST[..] } else { &RESPONSE[..] };
        let mut encoder = Encoder::default();
        // A value that comes back enters the encoder's table; from the third block on nothing changes.
        let [first, second, later] = [(); 3].map(|()| encoded(&mut encoder, fields));
        let mut blocks = Blocks {
            name: name.to_owned(),
            fields,
            encoder,
            decoder: Decoder::default(),
            prepared: Prepared::new(fields.iter().map(field)),
            output: Vec::with_capacity(first.len()),
            first,
            later,
        };
        // Known blocks came twice before.
        for block in [blocks.first.clone(), second, blocks.later.clone(), blocks.later.clone()] {
            blocks.decode(&block);
            blocks.check_fields();
        }
        blocks.run();
        blocks.check();
        blocks
    }

    fn run(&mut self) {
        self.output.clear();
        match self.name.as_str() {
            "decode-request-first" | "decode-response-first" => {
                self.decoder = Decoder::default();
                let block = std::mem::take(&mut self.first);
                self.decode(&block);
                self.first = block;
            }
            "decode-request-repeated" | "decode-response-repeated" => {
                let block = std::mem::take(&mut self.later);
                self.decode(&block);
                self.later = block;
            }
            "encode-response-prepared" => self.encoder.encode_prepared(black_box(&self.prepared), &mut self.output),
            name => {
                if name.ends_with("first") {
                    self.encoder = Encoder::default();
                }
                for pair in self.fields {
                    self.encoder.encode_field(black_box(&field(pair)), &mut self.output);
                }
            }
        }
    }

    fn decode(&mut self, block: &[u8]) {
        self.decoder.decode(black_box(block), &Limits::default()).expect("the block is sound");
        black_box(self.decoder.fields());
    }

    /// What the last run has made is right.
    fn check(&self) {
        match self.name.as_str() {
            name if name.starts_with("decode") => self.check_fields(),
            name if name.ends_with("first") => assert_eq!(self.output, self.first),
            _ => assert_eq!(self.output, self.later),
        }
    }

    fn check_fields(&self) {
        let found: Vec<_> = self.decoder.fields().iter().map(|field| (field.name, field.value)).collect();
        let expected: Vec<_> = self.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        assert_eq!(found, expected, "{}", self.name);
    }
}

fn encoded(encoder: &mut Encoder, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for pair in fields {
        encoder.encode_field(&field(pair), &mut block);
    }
    block
}

/// DATA frames out of bytes, with the windows that they cost given back.
fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine/frames");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, bytes) in [("1B", 1), ("100B", SMALL), ("16KiB", LARGE)] {
        let mut pair = Pair::new();
        let stream = pair.open();
        let frames = Pair::frames(stream, &vec![7; bytes], BATCH);
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(pair.read(black_box(&frames)), BATCH));
        });
    }
}

fn header_blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine/hpack");
    group.throughput(Throughput::Elements(1));
    for name in BLOCKS {
        let mut blocks = Blocks::new(name);
        group.bench_function(name, |bencher| bencher.iter(|| blocks.run()));
        blocks.check();
    }
}

/// A call: request and answer through both engines.
fn unary(criterion: &mut Criterion) {
    let mut pair = Pair::new();
    let mut group = criterion.benchmark_group("engine/unary");
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("{UNARY_BYTES}B"), |bencher| bencher.iter(|| pair.unary()));
}

/// Messages of one stream, each its own piece of DATA, through both engines.
fn streams(criterion: &mut Criterion) {
    for (name, bytes) in [("100B", SMALL), ("16KiB", LARGE)] {
        let mut pair = Pair::new();
        let stream = pair.open();
        let message = Bytes::from(vec![7; bytes]);
        let mut group = criterion.benchmark_group("engine/stream");
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(name, |bencher| bencher.iter(|| pair.upload(stream, black_box(&message), BATCH)));
    }
}
