//! Any bytes from a client, its preface included: in one piece, and in small ones.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seltzer_fuzz::{Role, check};

fuzz_target!(|input: &[u8]| check(Role::Server, input));
