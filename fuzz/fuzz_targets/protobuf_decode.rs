//! Bytes as messages of generated types: borrowed and shared must mean the same, and what was understood goes out again
//! and means the same.
//!
//! The input's first byte says which type.

#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use prost::Message;
use seltzer::codec::{Codec, ProstCodec};

#[allow(dead_code, clippy::all)]
mod nested {
    include!(concat!(env!("OUT_DIR"), "/nested.rs"));
}

use nested::{old, recursive, shapes, well_known};

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % 8 {
        0 => check::<recursive::Node>(bytes),
        1 => check::<recursive::Expression>(bytes),
        2 => check::<shapes::Maps>(bytes),
        3 => check::<shapes::Choices>(bytes),
        4 => check::<shapes::Optional>(bytes),
        5 => check::<old::Search>(bytes),
        6 => check::<well_known::All>(bytes),
        _ => check::<prost_types::FileDescriptorProto>(bytes),
    }
});

fn check<M: Message + Default + std::fmt::Debug + 'static>(bytes: &[u8]) {
    let mut codec = ProstCodec::<M, M>::default();
    let borrowed = codec.decode_slice(bytes);
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
