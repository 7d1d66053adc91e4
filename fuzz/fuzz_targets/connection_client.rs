//! Any bytes from a server to a client with three calls under way: in one piece, and in small ones.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seltzer_fuzz::{Role, check};

fuzz_target!(|input: &[u8]| check(Role::Client, input));
