//! Generates the messages that targets read: every kind of field, recursion, groups, well-known types, and what REST is
//! tested with.

fn main() -> Result<(), seltzer_build::Error> {
    println!("cargo::rerun-if-changed=build.rs");
    seltzer_build::configure().include_file("nested.rs").build_client(false).compile_protos(
        &["recursive.proto", "shapes.proto", "old.proto", "well_known.proto", "rest.proto"],
        &["../tests/fixtures/proto"],
    )
}
