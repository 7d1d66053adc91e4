//! Generates tonic's side of `grpc.testing.BenchmarkService`, from descriptors that protox compiles in process.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../proto/grpc/testing");
    let descriptors = protox::compile(["grpc/testing/benchmark_service.proto"], ["../../proto"])?;
    tonic_prost_build::configure()
        // One type of message for all, so that all get one input.
        .extern_path(".grpc.testing", "::seltzer::services::schemas::grpc::testing")
        .compile_fds(descriptors)?;
    Ok(())
}
