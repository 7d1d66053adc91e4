//! Bytes as messages of generated types: borrowed and shared must mean the same, and what was understood goes out again
//! and means the same. Decoding holds no more memory than was reckoned from the bytes before.
//!
//! The input's first byte says which type.

#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use prost::Message;
use seltzer::codec::{Codec, ProstCodec};
use seltzer::codegen::{ShapeOf, shape_of};
use seltzer::fuzzing::held_bytes;

#[allow(dead_code, clippy::all)]
mod nested {
    include!(concat!(env!("OUT_DIR"), "/nested.rs"));
}

use nested::{old, recursive, shapes, well_known};

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % 9 {
        0 => check::<recursive::Node>(shape_of!(recursive::Node), bytes),
        1 => check::<recursive::Expression>(shape_of!(recursive::Expression), bytes),
        2 => check::<shapes::Maps>(shape_of!(shapes::Maps), bytes),
        3 => check::<shapes::Choices>(shape_of!(shapes::Choices), bytes),
        4 => check::<shapes::Optional>(shape_of!(shapes::Optional), bytes),
        5 => check::<old::Search>(shape_of!(old::Search), bytes),
        6 => check::<well_known::All>(shape_of!(well_known::All), bytes),
        7 => check::<prost_types::ListValue>(shape_of!(prost_types::ListValue), bytes),
        _ => check::<prost_types::FileDescriptorProto>(shape_of!(prost_types::FileDescriptorProto), bytes),
    }
});

fn check<M: Message + Default + std::fmt::Debug + 'static>(shape: Option<ShapeOf>, bytes: &[u8]) {
    let mut codec = ProstCodec::<M, M>::default();
    let mut borrowed = None;
    let counted = allocation_counter::measure(|| borrowed = Some(codec.decode_slice(bytes)));
    let borrowed = borrowed.expect("it was decoded");
    if let (Some(shape), Ok(_)) = (shape, &borrowed) {
        let (held, reckoned) = (counted.bytes_current, held_bytes(shape, bytes));
        // Room for as many elements again, and short texts in longer allocations.
        let held_max = 2 * reckoned + 4 * bytes.len() + 1024;
        assert!(held <= held_max as i64, "{held} bytes held, {reckoned} reckoned, of {} bytes", bytes.len());
    }
    let shared = codec.decode(Bytes::copy_from_slice(bytes));
    let (first, second) = match (borrowed, shared) {
        (Ok(borrowed), Ok(shared)) => (borrowed, shared),
        (Err(borrowed), Err(shared)) => {
            assert_eq!((borrowed.code(), borrowed.message()), (shared.code(), shared.message()));
            return;
        }
        (borrowed, shared) => panic!("{borrowed:?} when borrowed, {shared:?} when shared"),
    };
    // Compared as text: a number that is none does not equal itself, and maps have no order in bytes.
    assert_eq!(sorted(&first), sorted(&second));
    let mut buffer = BytesMut::new();
    codec.encode(&first, &mut buffer).expect("a message has a form in bytes");
    assert_eq!(buffer.len(), first.encoded_len());
    let again = codec.decode_slice(&buffer).expect("what we wrote can be read");
    assert_eq!(sorted(&again), sorted(&first));
}

/// A message's text, in an order that maps do not change.
fn sorted(message: &impl std::fmt::Debug) -> Vec<u8> {
    let mut text = format!("{message:?}").into_bytes();
    text.sort_unstable();
    text
}
