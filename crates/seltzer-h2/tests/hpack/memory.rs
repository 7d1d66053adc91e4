//! What a connection keeps for header compression while nothing happens on it.

use seltzer_h2::Prepared;
use seltzer_h2::hpack::{Decoder, Encoder, Limits};

use crate::header;

/// What both directions of a connection may keep after ordinary calls.
const IDLE_BYTES_MAX: usize = 2048;

#[test]
fn a_fresh_connection_takes_no_memory() {
    assert_eq!(Decoder::default().memory_bytes() + Encoder::default().memory_bytes(), 0);
}

#[test]
fn ordinary_calls_take_little_and_shrinking_gives_most_of_it_back() {
    let head = Prepared::new([header(":status", "200"), header("content-type", "application/grpc")]);
    let trailers = Prepared::new([header("grpc-status", "0")]);
    let mut client = Encoder::default();
    let mut decoder = Decoder::default();
    let mut encoder = Encoder::default();
    for number in 0..1000 {
        let path = ["/grpc.testing.BenchmarkService/UnaryCall", "/grpc.health.v1.Health/Check"][number % 2];
        let request = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost:50051"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "grpc-go/1.65.0"),
        ];
        let mut block = Vec::new();
        for (name, value) in request {
            client.encode_field(&header(name, value), &mut block);
        }
        decoder.decode(&block, &Limits::default()).unwrap();
        let mut answer = Vec::new();
        encoder.encode_prepared(&head, &mut answer);
        encoder.encode_prepared(&trailers, &mut answer);
    }
    let kept = decoder.memory_bytes() + encoder.memory_bytes();
    println!("decoder {} bytes, encoder {}", decoder.memory_bytes(), encoder.memory_bytes());
    println!("themselves {} and {}", size_of::<Decoder>(), size_of::<Encoder>());
    assert!(kept <= IDLE_BYTES_MAX, "{kept} bytes");
    decoder.shrink();
    encoder.shrink();
    let left = decoder.memory_bytes() + encoder.memory_bytes();
    assert!(left <= kept / 2 + 64, "{left} bytes of {kept}");
}

/// One large block does not make the connection large for good.
#[test]
fn memory_for_a_large_block_goes_back() {
    let mut decoder = Decoder::default();
    let value = "v".repeat(14_000);
    let mut large = Vec::new();
    Encoder::default().encode_field(&header("x-large", &value), &mut large);
    for round in 0..3 {
        decoder.decode(&large, &Limits::default()).unwrap();
        assert!(decoder.memory_bytes() > 14_000, "round {round}");
        for path in ["/a", "/b", "/c"] {
            let mut small = Vec::new();
            Encoder::default().encode_field(&header(":path", path), &mut small);
            decoder.decode(&small, &Limits::default()).unwrap();
        }
        assert!(decoder.memory_bytes() < IDLE_BYTES_MAX, "round {round}: {}", decoder.memory_bytes());
    }
}

/// A peer that fills every cache as far as it can.
#[test]
fn a_hostile_peer_cannot_make_it_much() {
    let mut decoder = Decoder::default();
    let mut block = Vec::new();
    for number in 0..5000_u32 {
        block.clear();
        // A literal that enters the table, then blocks that enter the caches.
        block.extend([0x40, 4]);
        block.extend(number.to_be_bytes());
        block.push(0);
        decoder.decode(&block, &Limits::default()).unwrap();
        for copy in 0..20_u8 {
            let mut block = vec![0x82, 0x04, 0x80 | 120];
            block.extend([0x18 | copy; 120]);
            for _ in 0..2 {
                if decoder.decode(&block, &Limits::default()).is_err() {
                    decoder = Decoder::default();
                }
            }
        }
    }
    assert!(decoder.memory_bytes() < 32 * 1024, "{}", decoder.memory_bytes());
}
