//! Compiles the demo services' schemas, in process, when the `services` feature is on.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "services")]
    services::compile()?;
    Ok(())
}

#[cfg(feature = "services")]
mod services {
    /// Schemas without a package, several of which declare the same names, and the module of each. One of them is
    /// not called like its file, because there is a package of that name.
    const UNPACKAGED: [(&str, &str); 5] = [
        ("calculator", "calculator"),
        ("contact", "contact"),
        ("greeter", "greeter"),
        ("routeguide", "routeguide_unpackaged"),
        ("simple_cal", "simple_cal"),
    ];

    /// Schemas that go to the module of their package.
    const PACKAGED: [&str; 6] = ["addressbook", "compute", "hello", "helloworld", "route_guide", "user"];

    /// The schemas of gRPC's own tests, which belong together.
    const TESTING: [&str; 5] = [
        "proto/grpc/core/stats.proto",
        "proto/grpc/testing/benchmark_service.proto",
        "proto/grpc/testing/control.proto",
        "proto/grpc/testing/test.proto",
        "proto/grpc/testing/worker_service.proto",
    ];

    pub(crate) fn compile() -> Result<(), seltzer_build::Error> {
        for (file, module) in UNPACKAGED {
            let file = format!("proto/{file}.proto");
            seltzer_build::configure().module(module).compile_protos(&[file], &["proto"])?;
        }
        for file in PACKAGED {
            seltzer_build::compile_protos(&[format!("proto/{file}.proto")], &["proto"])?;
        }
        seltzer_build::compile_protos(&TESTING, &["proto"])
    }
}
