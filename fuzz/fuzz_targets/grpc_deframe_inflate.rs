//! Bytes of messages with their prefixes, compressed and not, in one piece and in small ones.
//!
//! The input's first byte says how they are compressed and what the rest means, the second how large a message may be.
//! The rest is bytes as they arrive; or messages, each after its flag and its length in a byte each; or one message
//! that is compressed here and then damaged, after four bytes: how often it repeats, what is damaged where, and how.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seltzer::Code;
use seltzer::codec::CompressionEncoding;
use seltzer::fuzzing::{compressed, stream_messages, unary_message};
use seltzer_fuzz::pieces_of;

/// What a message may have. One is above the step by which the decompressor's buffer grows; it is seldom, because it costs
/// as much as all others together.
const LIMITS: [usize; 16] = [0, 1, 2, 5, 10, 50, 100, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 4_000, 33_000];

/// What a message of our own making has at most, and the longest that is made where the largest limit is.
const MADE_BYTES_MAX: usize = 4_100;
const MADE_BYTES_SELDOM: usize = 33_100;

fuzz_target!(|input: &[u8]| {
    let Some(([kind, limit], rest)) = input.split_first_chunk::<2>() else { return };
    let bytes_max = LIMITS[usize::from(limit % 16)];
    let encoding = CompressionEncoding::BUILT_IN.get(usize::from(kind & 3)).copied();
    match (kind >> 2 & 3, encoding) {
        (0, _) => check(rest, encoding, bytes_max),
        (1, _) => check(&framed(rest), encoding, bytes_max),
        (_, Some(encoding)) => damaged(rest, encoding, bytes_max),
        (_, None) => {}
    }
});

/// However the bytes arrive, the same messages come of them, and none is larger than allowed.
fn check(bytes: &[u8], encoding: Option<CompressionEncoding>, bytes_max: usize) {
    let whole = stream_messages(&[bytes], encoding, bytes_max);
    let pieces = pieces_of(bytes);
    let split = stream_messages(&pieces, encoding, bytes_max);
    assert_eq!(whole, split, "what is read depends on how the bytes arrive");
    assert!(whole.0.iter().all(|message| message.len() <= bytes_max), "a message is larger than {bytes_max} bytes");

    let unary = unary_message(&[bytes], bytes_max);
    assert_eq!(unary, unary_message(&pieces, bytes_max), "a unary message depends on how its bytes arrive");
    // What a stream of plain messages makes of the same bytes.
    let (messages, code) = stream_messages(&[bytes], None, bytes_max);
    match (unary, &messages[..]) {
        (Ok((false, payload)), [message]) => assert!(payload == message && code == Code::Ok),
        (Ok((true, _)), []) => assert_eq!(code, Code::Internal),
        (Err(Code::Unimplemented), []) => assert!(bytes.is_empty() || code == Code::Internal),
        // More than one message, or one and what is wrong behind it.
        (Err(Code::Unimplemented), [_, ..]) => {}
        (Err(unary), []) => assert_eq!(unary, code),
        (unary, messages) => panic!("{unary:?} as a unary call, {messages:?} and {code:?} as a stream"),
    }
}

/// Messages whose prefixes are right.
fn framed(mut rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(([flag, length], tail)) = rest.split_first_chunk::<2>() {
        let (payload, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        push(*flag & 1 == 1, payload, &mut bytes);
    }
    bytes
}

fn push(is_compressed: bool, payload: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(u8::from(is_compressed));
    bytes.extend(u32::try_from(payload.len()).expect("inputs are small").to_be_bytes());
    bytes.extend(payload);
}

/// A message of our own making with one byte changed; with none changed it comes back as it was.
fn damaged(rest: &[u8], encoding: CompressionEncoding, bytes_max: usize) {
    let Some(([repeats, at_high, at_low, change], pattern)) = rest.split_first_chunk::<4>() else { return };
    let mut message = pattern.repeat(1 + usize::from(*repeats));
    message.truncate(if bytes_max > MADE_BYTES_MAX { MADE_BYTES_SELDOM } else { MADE_BYTES_MAX });
    let mut payload = compressed(encoding, u32::from(at_low % 10), &message);
    if let Some(at) = usize::from(u16::from_be_bytes([*at_high, *at_low])).checked_rem(payload.len()) {
        payload[at] ^= change;
    }
    let mut bytes = Vec::new();
    push(true, &payload, &mut bytes);
    if *change == 0 && payload.len() <= bytes_max {
        let expected = if message.len() <= bytes_max {
            (vec![message.into()], Code::Ok)
        } else {
            (Vec::new(), Code::ResourceExhausted)
        };
        assert_eq!(stream_messages(&[&bytes], Some(encoding), bytes_max), expected);
    }
    check(&bytes, Some(encoding), bytes_max.max(payload.len()));
}
