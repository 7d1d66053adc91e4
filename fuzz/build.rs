//! Generates the messages that `protobuf_decode` reads: every kind of field, recursion, groups, well-known types.

fn main() -> Result<(), seltzer_build::Error> {
    println!("cargo::rerun-if-changed=build.rs");
    seltzer_build::configure().include_file("nested.rs").build_client(false).compile_protos(
        &["recursive.proto", "shapes.proto", "old.proto", "well_known.proto"],
        &["../tests/fixtures/proto"],
    )
}
