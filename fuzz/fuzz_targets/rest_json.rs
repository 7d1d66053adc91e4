//! JSON for a message with every kind of field, and as a stream of messages.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, clippy::all)]
mod nested {
    include!(concat!(env!("OUT_DIR"), "/nested.rs"));
}

fuzz_target!(|input: &[u8]| seltzer::fuzzing::json(nested::rest::FILE_DESCRIPTOR_SET, input));
