//! What our encoder puts into the table, and what it leaves out.

use bytes::BytesMut;
use seltzer_h2::hpack::{Decoder, Encoder, Indexing, Limits};
use seltzer_h2::{HeaderField, Prepared};

use crate::{Fields, decode, fields, header};

/// The length of each block in turn, every one of them checked.
fn lengths<'a>(encoder: &mut Encoder, blocks: impl IntoIterator<Item = Vec<HeaderField<'a>>>) -> Vec<usize> {
    let mut decoder = Decoder::default();
    let mut lengths = Vec::new();
    for list in blocks {
        let mut block = BytesMut::new();
        for field in &list {
            encoder.encode_field(field, &mut block);
        }
        decoder.decode(&block, &Limits::default()).unwrap();
        let found: Vec<_> = decoder.fields().iter().map(|field| (field.name, field.value)).collect();
        let expected: Vec<_> = list.iter().map(|field| (field.name, field.value)).collect();
        assert_eq!(found, expected);
        lengths.push(block.len());
    }
    lengths
}

#[test]
fn what_repeats_becomes_one_byte() {
    let list = || vec![header("x-tenant", "fizz"), header("content-type", "application/grpc")];
    let lengths = lengths(&mut Encoder::default(), (0..4).map(|_| list()));
    assert_eq!(&lengths[2..], [2, 2]);
}

#[test]
fn credentials_never_enter_the_table() {
    let sensitive = HeaderField::sensitive(b"x-secret", b"0123456789");
    let long_cookie = header("cookie", "session=0123456789abcdef");
    let table = [
        (header("authorization", "Bearer 0123456789"), true),
        (header("proxy-authorization", "Basic 0123456789"), true),
        (header("cookie", "id=0123456789"), true),
        (sensitive, true),
        (long_cookie, false),
        (header("x-public", "0123456789"), false),
    ];
    for (field, is_sensitive) in table {
        let prepared = Prepared::new([field]);
        let mut encoder = Encoder::default();
        let mut decoder = Decoder::default();
        for round in 0..6 {
            let mut block = Vec::new();
            if round % 2 == 0 {
                encoder.encode_field(&field, &mut block);
            } else {
                encoder.encode_prepared(&prepared, &mut block);
            }
            assert_eq!(block[0] & 0xf0 == 0x10, is_sensitive, "{field:?}, round {round}");
            // What may enter the table does so at the latest when it comes a second time.
            assert!((block.len() == 1) != is_sensitive || round < 2, "{field:?}, round {round}: {block:02x?}");
            decoder.decode(&block, &Limits::default()).unwrap();
            assert_eq!(decoder.fields().iter().next().unwrap().is_sensitive, is_sensitive);
        }
    }
    // Not even on demand.
    let mut block = Vec::new();
    Encoder::default().encode(&sensitive, Indexing::Always, &mut block);
    assert_eq!(block[0] & 0xf0, 0x10);
}

#[test]
fn what_changes_every_time_does_not_push_out_what_stays() {
    let ids: Vec<_> = (0..5000).map(|number| format!("request-{number}")).collect();
    let blocks = ids.iter().map(|id| vec![header("x-request-id", id), header("x-region", "eu-west-1")]);
    let lengths = lengths(&mut Encoder::default(), blocks);
    let last = lengths.last().unwrap();
    // The name by its index, the value with its length, and one byte for the second field.
    assert_eq!(*last, 2 + 1 + ids[4999].len() + 1);
}

#[test]
fn a_prepared_block_becomes_a_few_bytes() {
    let head = Prepared::new([header(":status", "200"), header("content-type", "application/grpc")]);
    let trailers = Prepared::new([header("grpc-status", "0")]);
    let expected =
        [fields(&[(":status", "200"), ("content-type", "application/grpc")]), fields(&[("grpc-status", "0")])];
    let mut encoder = Encoder::default();
    let mut decoder = Decoder::default();
    let mut lengths = Vec::new();
    for round in 0..5 {
        for (prepared, expected) in [&head, &trailers].into_iter().zip(&expected) {
            // The second block enters the table after the first was kept, so it takes one more round.
            assert_eq!(encoder.is_settled(prepared), round > 1, "round {round}");
            let mut block = BytesMut::new();
            encoder.encode_prepared(prepared, &mut block);
            assert_eq!(&decode(&mut decoder, &block).unwrap(), expected);
            lengths.push(block.len());
        }
    }
    assert_eq!(&lengths[2..], [2, 1, 2, 1, 2, 1, 2, 1]);
}

#[test]
fn a_peer_without_a_table_gets_literals() {
    let head = Prepared::new([header(":status", "200"), header("content-type", "application/grpc")]);
    let mut encoder = Encoder::default();
    encoder.set_table_bytes_max(0);
    let mut decoder = Decoder::new(0);
    for round in 0..4 {
        assert_eq!(encoder.is_settled(&head), round > 0, "the first block announces the size");
        let mut block = Vec::new();
        encoder.encode_prepared(&head, &mut block);
        encoder.encode_field(&header("x-name", "value"), &mut block);
        let expected = fields(&[(":status", "200"), ("content-type", "application/grpc"), ("x-name", "value")]);
        assert_eq!(decode(&mut decoder, &block).unwrap(), expected);
    }
}

/// More prepared blocks than there is room for: each stays right, and none of the kept ones is pushed out by turns.
#[test]
fn many_prepared_blocks_share_one_table() {
    let paths: Vec<_> = (0..200).map(|number| format!("/package.Service{number}/Method")).collect();
    let blocks: Vec<_> = paths
        .iter()
        .map(|path| Prepared::new([header(":method", "POST"), header(":path", path), header("te", "trailers")]))
        .collect();
    let mut encoder = Encoder::default();
    let mut decoder = Decoder::default();
    let mut short = 0;
    for round in 0..10 {
        for (prepared, path) in blocks.iter().zip(&paths) {
            let mut block = Vec::new();
            encoder.encode_prepared(prepared, &mut block);
            let expected = fields(&[(":method", "POST"), (":path", path), ("te", "trailers")]);
            assert_eq!(decode(&mut decoder, &block).unwrap(), expected);
            short += usize::from(round == 9 && block.len() <= 4);
        }
    }
    assert!(short >= 40, "{short} paths are in the table");
}

#[test]
fn a_peer_may_shrink_and_close_the_table() {
    let mut encoder = Encoder::default();
    let mut decoder = Decoder::default();
    for size in [4096, 100, 0, 50, 4096, 1 << 20] {
        encoder.set_table_bytes_max(size);
        for round in 0..5 {
            let mut block = Vec::new();
            let list = [("x-name", "value".to_owned()), ("x-round", round.to_string()), (":path", "/".repeat(30))];
            for (name, value) in &list {
                encoder.encode_field(&header(name, value), &mut block);
            }
            let expected: Fields = list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            assert_eq!(decode(&mut decoder, &block).unwrap(), expected, "table of {size}, round {round}");
        }
    }
}

/// Two changes between two blocks: the smallest and the last are announced (section 4.2).
#[test]
fn the_smallest_size_between_two_blocks_is_announced() {
    let mut encoder = Encoder::default();
    encoder.set_table_bytes_max(10);
    encoder.set_table_bytes_max(4096);
    let mut block = Vec::new();
    encoder.encode_field(&header(":method", "GET"), &mut block);
    assert_eq!(block, [0x2a, 0x3f, 0xe1, 0x1f, 0x82]);
}
