//! Compiles the demo services' schemas, in process, when the `services` feature is on.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "services")]
    services::compile()?;
    Ok(())
}

#[cfg(feature = "services")]
mod services {
    /// Schemas without a package, several of which declare the same names: each goes to a module of its own.
    const UNPACKAGED: [&str; 4] = ["calculator", "contact", "greeter", "simple_cal"];

    /// Schemas that go to the module of their package.
    const PACKAGED: [&str; 5] = ["addressbook", "compute", "hello", "helloworld", "user"];

    /// The messages that the two route guides share.
    const GUIDE_MESSAGES: [&str; 5] = ["Feature", "Point", "Rectangle", "RouteNote", "RouteSummary"];

    /// The schemas of gRPC's own tests, which belong together.
    const TESTING: [&str; 5] = [
        "proto/grpc/core/stats.proto",
        "proto/grpc/testing/benchmark_service.proto",
        "proto/grpc/testing/control.proto",
        "proto/grpc/testing/test.proto",
        "proto/grpc/testing/worker_service.proto",
    ];

    pub(crate) fn compile() -> Result<(), seltzer_build::Error> {
        for module in UNPACKAGED {
            let file = format!("proto/{module}.proto");
            configure().module(module).compile_protos(&[file], &["proto"])?;
        }
        for file in PACKAGED {
            configure().compile_protos(&[format!("proto/{file}.proto")], &["proto"])?;
        }
        compile_route_guides()?;
        configure().compile_protos(&TESTING, &["proto"])
    }

    /// Keeps the comments, which OpenAPI documents show.
    fn configure() -> seltzer_build::Builder {
        seltzer_build::configure().include_source_info(true)
    }

    /// The guide without a package takes its messages from the other, so that one handler's logic serves both. Its
    /// module is not called like its file, because there is a package of that name.
    fn compile_route_guides() -> Result<(), seltzer_build::Error> {
        let json = "#[derive(::serde::Deserialize)]";
        configure()
            .message_attribute("routeguide.Feature", json)
            .message_attribute("routeguide.Point", json)
            .compile_protos(&["proto/route_guide.proto"], &["proto"])?;
        let mut unpackaged = configure().module("routeguide_unpackaged");
        for message in GUIDE_MESSAGES {
            let packaged = format!("crate::services::schemas::route_guide::{message}");
            unpackaged = unpackaged.extern_path(format!(".{message}"), packaged);
        }
        unpackaged.compile_protos(&["proto/routeguide.proto"], &["proto"])
    }
}
