//! Path templates of REST, and paths to match with them: in the input, a line each.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (template, path) = input.split_once('\n').unwrap_or((input, "/"));
    seltzer::fuzzing::template(template, path);
});
