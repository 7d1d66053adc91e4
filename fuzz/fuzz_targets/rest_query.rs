//! Query parameters of REST, for a message with every kind of field.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, clippy::all)]
mod nested {
    include!(concat!(env!("OUT_DIR"), "/nested.rs"));
}

fuzz_target!(|input: &str| seltzer::fuzzing::query(nested::rest::FILE_DESCRIPTOR_SET, input));
