//! Header blocks of one connection: the decoder with its caches against itself without them.
//!
//! The input is the table's size in two bytes, then blocks, each after its length in two bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seltzer_h2::hpack::{Decoder, Encoder, Limits};
use seltzer_h2::{FieldList, HeaderField};

fuzz_target!(|input: &[u8]| {
    let Some((size, mut rest)) = split_number(input) else { return };
    let limits = Limits::default();
    let mut cached = Decoder::new(size);
    let mut plain = Decoder::new(size);
    let mut list = FieldList::new();
    let mut encoder = Encoder::default();
    let mut mirror = Decoder::default();
    while let Some((length, tail)) = split_number(rest) {
        let (block, tail) = tail.split_at(length.min(tail.len()));
        rest = tail;
        let expected = plain.decode_into(block, &limits, &mut list);
        let found = cached.decode(block, &limits);
        match (expected, found) {
            (Ok(expected), Ok(found)) => {
                assert!(cached.fields().iter().eq(list.iter()));
                assert_eq!(found.is_too_large, expected.is_too_large);
                assert_eq!((found.list_bytes, found.field_count), (expected.list_bytes, expected.field_count));
            }
            (expected, found) => {
                assert_eq!(expected.err(), found.err());
                return;
            }
        }
        assert!(list.len() <= limits.field_count_max);
        assert!(
            list.iter().map(|field| field.name.len() + field.value.len() + 32).sum::<usize>() <= limits.list_bytes_max
        );
        // A table of 64 KiB at most, a list within the limits, the caches.
        assert!(cached.memory_bytes() <= 400 * 1024, "{}", cached.memory_bytes());
        check_encoder(&mut encoder, &mut mirror, &list, &limits);
    }
});

/// What came in goes out again and means the same.
fn check_encoder(encoder: &mut Encoder, mirror: &mut Decoder, list: &FieldList, limits: &Limits) {
    let mut block = Vec::new();
    for field in list.iter() {
        let field = HeaderField { name: field.name, value: field.value, is_sensitive: field.is_sensitive };
        encoder.encode_field(&field, &mut block);
    }
    mirror.decode(&block, limits).expect("our own block is sound");
    let names =
        |list: &FieldList| list.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect::<Vec<_>>();
    assert_eq!(names(mirror.fields()), names(list));
}

fn split_number(input: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = input.split_first_chunk::<2>()?;
    Some((usize::from(u16::from_be_bytes(*number)), rest))
}
