//! Whole frames from a client, so that nothing is lost on lengths that do not fit.
//!
//! The input is frames: type, flags, stream and the payload's length in one byte each, then the payload.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seltzer_fuzz::{PREFACE, Role, check};

fuzz_target!(|input: &[u8]| {
    let mut bytes = PREFACE.to_vec();
    // An empty SETTINGS.
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let mut rest = input;
    while let Some(([kind, flags, stream, length], tail)) = rest.split_first_chunk::<4>() {
        let (payload, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        bytes.extend([0, 0, payload.len() as u8, *kind, *flags, 0, 0, 0, *stream]);
        bytes.extend(payload);
    }
    check(Role::Server, &bytes);
});
