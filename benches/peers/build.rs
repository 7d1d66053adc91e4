//! Generates the services that are compared: from the same schemas, by Seltzer's generator and by tonic's. Descriptors
//! for tonic come from protox, which compiles in process.

use std::path::PathBuf;

/// The schemas of this package.
const SCHEMAS: [&str; 2] = ["proto/bench.proto", "proto/probe.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=../../proto/grpc/testing");
    seltzer_build::configure().bytes(".").compile_protos(&SCHEMAS, &["proto"])?;
    if std::env::var_os("CARGO_FEATURE_REST").is_some() {
        // JSON of the same types, as axum and its clients read and write it.
        let serde = "#[derive(serde::Serialize, serde::Deserialize)]\n#[serde(default, rename_all = \"camelCase\")]";
        seltzer_build::configure()
            .message_attribute(".shop", serde)
            .compile_protos(&["proto/shop.proto"], &["proto"])?;
    }
    tonic_services()?;
    tonic_benchmark_service()?;
    if std::env::var_os("CARGO_FEATURE_CONFORMANCE").is_some() {
        let service = "proto/connectrpc/conformance/v1/service.proto";
        let server = "proto/connectrpc/conformance/v1/server_compat.proto";
        let client = "proto/connectrpc/conformance/v1/client_compat.proto";
        seltzer_build::configure().compile_protos(&[service, server, client], &["proto"])?;
    }
    Ok(())
}

/// tonic's side of this package's schemas, on the message types that Seltzer's generator made.
fn tonic_services() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?).join("tonic");
    std::fs::create_dir_all(&directory)?;
    let descriptors = protox::compile(SCHEMAS, ["proto"])?;
    tonic_prost_build::configure()
        .extern_path(".bench", "crate::schemas::bench")
        .extern_path(".probe", "crate::schemas::probe")
        .out_dir(directory)
        .compile_fds(descriptors)?;
    Ok(())
}

/// tonic's side of `grpc.testing.BenchmarkService`, for the bench `peers`.
fn tonic_benchmark_service() -> Result<(), Box<dyn std::error::Error>> {
    // Apart from the repository, as `cargo package` tries it, there is no bench that would need it.
    if !std::path::Path::new("../../proto").exists() {
        return Ok(());
    }
    let descriptors = protox::compile(["grpc/testing/benchmark_service.proto"], ["../../proto"])?;
    tonic_prost_build::configure()
        // One type of message for all, so that all get one input.
        .extern_path(".grpc.testing", "::seltzer::services::schemas::grpc::testing")
        .compile_fds(descriptors)?;
    Ok(())
}
