//! `grpc.reflection.v1` and `v1alpha`: which services and messages a server knows. Feature `reflection`.
//!
//! With it `grpcurl`, Postman and the like call a server without its schemas:
//!
//! ```
//! # fn example(greeter: impl seltzer::codegen::Service) {
//! use seltzer::Server;
//! use seltzer::reflection::Reflection;
//!
//! let server = Server::builder().add_service(greeter).reflection(&Reflection::new());
//! # drop(server);
//! # }
//! ```
//!
//! All services that the server has are listed; those that Seltzer generated bring their schemas, custom options
//! included. [`Reflection`] adds others, before the server runs and while it does.

mod error;
mod file;
mod handler;
mod index;
mod registry;

pub use self::error::Error;
pub use self::handler::{Answers, ReflectionHandler};
pub use self::registry::Reflection;

use crate::server::Server;

/// The messages, the services and their clients, generated from `grpc/reflection/*/reflection.proto`.
pub mod pb {
    // Generated code answers to its schema.
    #![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all)]

    /// `grpc/reflection/v1/reflection.proto`.
    pub mod v1 {
        include!("../generated/grpc.reflection.v1.rs");
    }

    /// `grpc/reflection/v1alpha/reflection.proto`, what came before v1: the same messages.
    pub mod v1alpha {
        pub use super::v1::{
            ErrorResponse, ExtensionNumberResponse, ExtensionRequest, FileDescriptorResponse, ListServiceResponse,
            ServerReflectionRequest, ServerReflectionResponse, ServiceResponse, server_reflection_request,
            server_reflection_response,
        };

        include!("../generated/grpc.reflection.v1alpha.rs");
    }
}

impl Server {
    /// Tells callers which services this server has, by v1 and by v1alpha.
    ///
    /// Services that are added later in the chain are listed as well.
    ///
    /// ```
    /// let reflection = seltzer::reflection::Reflection::new();
    /// let server = seltzer::Server::builder().reflection(&reflection);
    /// # drop(server);
    /// ```
    pub fn reflection(mut self, reflection: &Reflection) -> Self {
        let served = reflection.clone();
        self.hooks.when_bound(move |router| served.know(router));
        self.add_service(reflection.v1()).add_service(reflection.v1alpha())
    }
}
