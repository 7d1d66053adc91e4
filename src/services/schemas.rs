//! The messages, services and clients of the demo services, one module a schema.
//!
//! Several schemas have no package and some of these declare the same names, so each is compiled by itself into a
//! module of its own. Where a schema has a package, the module has its name.

// Generated code answers to its schema.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all)]

/// `proto/addressbook.proto`, package `tutorial`: an address book, without a service.
pub mod tutorial {
    crate::include_proto!("tutorial");
}

/// `proto/calculator.proto`, no package.
pub mod calculator {
    crate::include_proto!("calculator");
}

/// `proto/compute.proto`.
pub mod compute {
    crate::include_proto!("compute");
}

/// `proto/contact.proto`, no package.
pub mod contact {
    crate::include_proto!("contact");
}

/// `proto/greeter.proto`, no package.
pub mod greeter {
    crate::include_proto!("greeter");
}

/// `proto/hello.proto`.
pub mod hello {
    crate::include_proto!("hello");
}

/// `proto/helloworld.proto`.
pub mod helloworld {
    crate::include_proto!("helloworld");
}

/// `proto/route_guide.proto`, package `routeguide`.
pub mod route_guide {
    crate::include_proto!("routeguide");
}

/// `proto/routeguide.proto`, no package: its own service, and the messages of [`route_guide`].
pub mod routeguide {
    pub use crate::services::schemas::route_guide::{Feature, Point, Rectangle, RouteNote, RouteSummary};

    crate::include_proto!("routeguide_unpackaged");
}

/// `proto/simple_cal.proto`, no package.
pub mod simple_cal {
    crate::include_proto!("simple_cal");
}

/// `proto/user.proto`.
pub mod user {
    crate::include_proto!("user");
}

/// The schemas under `proto/grpc/`.
pub mod grpc {
    /// `proto/grpc/core/`.
    pub mod core {
        crate::include_proto!("grpc.core");
    }

    /// `proto/grpc/testing/`.
    pub mod testing {
        crate::include_proto!("grpc.testing");
    }
}
