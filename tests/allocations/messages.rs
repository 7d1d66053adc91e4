//! Messages that ask for far more than their bytes: too deep, or with elements that are nothing on the wire and something
//! in memory.

use seltzer::Code;
use seltzer::codec::{Codec, DECODING_BYTES_MAX_DEFAULT, ProstCodec};
use seltzer::codegen::{ShapeOf, shape_of};
use seltzer::prost::Message;
use seltzer::prost_types::{FieldMask, ListValue, Struct};
use seltzer_fixtures::nested::old::Search;
use seltzer_fixtures::nested::recursive::{Expression, Node};
use seltzer_fixtures::nested::shapes::{Maps, Optional};

/// What a message of the usual limit may hold; the vectors that hold it may have room for as much again, and while one
/// grows the old one is still there.
const HELD_BYTES_MAX: u64 = 3 * 32 * DECODING_BYTES_MAX_DEFAULT as u64;

/// Decoding of these bytes, with the stack that threads have by default: what comes of it, and the most memory that it
/// held.
fn decoded<M: Message + Default + 'static>(shape: Option<ShapeOf>, bytes: Vec<u8>) -> (Code, u64) {
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
        let mut code = Code::Ok;
        let counted = allocation_counter::measure(|| {
            let decoded = ProstCodec::<M, M>::with_shape(shape).decode_slice(&bytes);
            code = decoded.map_or_else(|status| status.code(), |_| Code::Ok);
        });
        (code, counted.bytes_max)
    });
    thread.unwrap().join().unwrap()
}

/// As many of these bytes as a message of the usual limit has room for.
fn many(piece: &[u8]) -> Vec<u8> {
    piece.repeat(DECODING_BYTES_MAX_DEFAULT / piece.len())
}

/// As many empty elements as there is room for, behind these bytes.
fn behind(first: &[u8]) -> Vec<u8> {
    [first, &[0x12, 0].repeat(DECODING_BYTES_MAX_DEFAULT / 2 - first.len())].concat()
}

/// A field with a length around a field with a length and so on, with these keys in turn from the outside; the innermost
/// has this content.
fn nested(keys: &[u8], depth: usize, content: &[u8]) -> Vec<u8> {
    let mut reversed: Vec<u8> = content.iter().rev().copied().collect();
    for level in (0..depth).rev() {
        let mut length = Vec::new();
        seltzer::prost::encoding::encode_varint(reversed.len() as u64, &mut length);
        reversed.extend(length.iter().rev());
        reversed.push(keys[level % keys.len()]);
    }
    reversed.reverse();
    reversed
}

/// Groups in groups.
fn groups(number: u8, depth: usize) -> Vec<u8> {
    [vec![number << 3 | 3; depth], vec![number << 3 | 4; depth]].concat()
}

/// All of the numbers, packed, behind their length.
fn packed(key: u8, numbers: usize) -> Vec<u8> {
    let mut bytes = vec![key];
    seltzer::prost::encoding::encode_varint(numbers as u64, &mut bytes);
    bytes.resize(bytes.len() + numbers, 1);
    bytes
}

#[test]
fn depth_is_bounded_and_needs_no_stack() {
    const MILLION: usize = 1_000_000;
    let node = shape_of!(Node);
    let expression = shape_of!(Expression);
    let deep = |keys: &[u8]| nested(keys, MILLION, &[]);
    let table = [
        ("messages, as deep as it goes", decoded::<Node>(node, nested(&[0x0a], 99, &[])), Code::Ok),
        ("messages, a little deeper", decoded::<Node>(node, nested(&[0x0a], 102, &[])), Code::Internal),
        ("messages", decoded::<Node>(node, deep(&[0x0a])), Code::Internal),
        ("messages in vectors", decoded::<Node>(node, deep(&[0x12])), Code::Internal),
        ("messages in entries", decoded::<Node>(node, deep(&[0x1a, 0x12])), Code::Internal),
        ("messages in choices", decoded::<Expression>(expression, deep(&[0x12])), Code::Internal),
        ("lists", decoded::<ListValue>(shape_of!(ListValue), deep(&[0x0a, 0x32])), Code::Internal),
        ("structs", decoded::<Struct>(shape_of!(Struct), deep(&[0x0a, 0x12, 0x2a])), Code::Internal),
        ("groups", decoded::<Search>(shape_of!(Search), groups(8, MILLION)), Code::Internal),
        ("unknown groups", decoded::<Node>(node, groups(15, MILLION)), Code::Internal),
        ("unknown groups without a shape", decoded::<Node>(None, groups(15, MILLION)), Code::Internal),
    ];
    for (name, (code, held), expected) in table {
        println!("{name}: {code:?}, {held} bytes held");
        assert_eq!(code, expected, "{name}");
        assert!(held < 64 * 1024, "{name}: {held} bytes");
    }
}

#[test]
fn elements_are_counted_before_they_are_made() {
    let (node, maps) = (shape_of!(Node), shape_of!(Maps));
    let far_inside = nested(&[0x1a, 0x12], 20, &[0x12, 0].repeat(DECODING_BYTES_MAX_DEFAULT / 2 - 100));
    let table = [
        ("empty messages", decoded::<Node>(node, many(&[0x12, 0])), Code::ResourceExhausted),
        ("one level down", decoded::<Node>(node, many(&[0x12, 4, 0x12, 0, 0x12, 0])), Code::ResourceExhausted),
        ("far inside", decoded::<Node>(node, far_inside), Code::ResourceExhausted),
        // prost takes an entry for what it is whatever its wire type says, and so must whoever counts.
        (
            "behind an entry that calls itself a group",
            decoded::<Node>(node, behind(&[0x1b, 0])),
            Code::ResourceExhausted,
        ),
        (
            "behind an entry that calls itself a number",
            decoded::<Node>(node, behind(&[0x18, 2, 0x12, 0])),
            Code::ResourceExhausted,
        ),
        // Nobody who is honest says one thing millions of times.
        ("boxes that replace each other", decoded::<Node>(node, many(&[0x0a, 0])), Code::ResourceExhausted),
        // What is honest, and what costs no more than that.
        ("values", decoded::<ListValue>(shape_of!(ListValue), many(&[0x0a, 0])), Code::Ok),
        ("empty groups", decoded::<Search>(shape_of!(Search), many(&[0x43, 0x44])), Code::Ok),
        ("empty strings", decoded::<FieldMask>(shape_of!(FieldMask), many(&[0x0a, 0])), Code::Ok),
        ("packed", decoded::<Optional>(shape_of!(Optional), packed(0x32, 4_000_000)), Code::Ok),
        ("not packed", decoded::<Optional>(shape_of!(Optional), many(&[0x38, 1])), Code::Ok),
        ("short texts", decoded::<Maps>(maps, texts()), Code::Ok),
        (
            "small messages",
            decoded::<Node>(node, many(&nested(&[0x12, 0x1a, 0x0a], 3, b"a name of 19 bytes"))),
            Code::Ok,
        ),
        ("below what is looked at", decoded::<Node>(node, [0x12, 0].repeat(128 * 1024 - 1)), Code::Ok),
    ];
    for (name, (code, held), expected) in table {
        println!("{name}: {code:?}, {held} bytes held");
        assert_eq!(code, expected, "{name}: {held} bytes held");
        let held_max = if code == Code::Ok { HELD_BYTES_MAX } else { 4 * 1024 };
        assert!(held <= held_max, "{name}: {held} bytes");
    }
}

/// Different keys with short values.
fn texts() -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..300_000_u32 {
        let key = format!("{number:06}");
        bytes.extend([0x0a, 10, 0x0a, 6]);
        bytes.extend(key.as_bytes());
        bytes.extend([0x12, 0]);
    }
    bytes
}

#[test]
fn a_message_that_is_refused_says_why() {
    let status = ProstCodec::<Node, Node>::with_shape(shape_of!(Node)).decode_slice(&many(&[0x12, 0])).unwrap_err();
    assert_eq!(
        status.message(),
        "a message of 4194304 bytes would take more than 134217728 bytes of memory: it has too many elements for its size"
    );
}
