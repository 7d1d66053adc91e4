//! Schemas with words changed at random: every one compiles or is refused, none makes a compiler panic.

use std::fs;
use std::path::Path;

use seltzer_build::configure;

use crate::support::Workspace;

/// As many as take about a second.
const MUTANT_COUNT: usize = 400;

/// Words that are special to the schema language, to prost or to Rust.
const WORDS: &[&str] = &[
    "-1",
    "0",
    "1",
    "536870911",
    "1e999",
    "\"\\377\"",
    "nan",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "=",
    ";",
    "'",
    "message",
    "enum",
    "oneof",
    "group",
    "extend",
    "extensions 1 to max;",
    "reserved 1;",
    "[packed = true]",
    "map<string, int32>",
    "option (x).y = { a: 1 };",
    "repeated",
    "optional",
    "required",
    "stream",
    "_",
    "__",
    "_1",
    "self",
    "Self",
    "type",
    "Foo",
    "foo",
    "FOO",
    "x_1",
    "X1",
    "Option",
    "String",
    "Result",
    "new",
    "default",
    "EchoServer",
    "echo_client",
];

#[test]
fn no_schema_makes_a_compiler_panic() {
    let schemas: Vec<String> =
        ["google/api/http.proto", "google/rpc/error_details.proto", "grpc/health/v1/health.proto"]
            .iter()
            .map(|name| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("proto").join(name)).unwrap())
            .collect();
    let mut random = Random(42);
    let mut compiled = 0;
    for index in 0..MUTANT_COUNT {
        let mutant = mutate(&schemas[index % schemas.len()], &mut random);
        let workspace = Workspace::new(&mutant);
        match workspace.generate(&configure().include_file("all.rs")) {
            Ok(_) => compiled += 1,
            Err(error) => {
                let words = format!("{error} {error:?}");
                for panicked in ["the schema compiler failed", "prost-build cannot", "is not Rust"] {
                    assert!(!words.contains(panicked), "{words}\n{mutant}");
                }
            }
        }
    }
    assert!(compiled > MUTANT_COUNT / 20 && compiled < MUTANT_COUNT, "{compiled} mutants were harmless");
}

/// Changes one to three words.
fn mutate(schema: &str, random: &mut Random) -> String {
    let mut words: Vec<&str> = schema.split_inclusive(char::is_whitespace).collect();
    for _ in 0..=random.below(3) {
        let at = random.below(words.len());
        match random.below(4) {
            0 => drop(words.remove(at)),
            1 => words[at] = WORDS[random.below(WORDS.len())],
            2 => words.insert(at, WORDS[random.below(WORDS.len())]),
            _ => {
                let other = random.below(words.len());
                words.swap(at, other);
            }
        }
    }
    words.join(" ")
}

/// Marsaglia's xorshift: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}
