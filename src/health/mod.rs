//! `grpc.health.v1.Health`: which services are fit for calls. Feature `health`.
//!
//! A [`HealthReporter`] says how services are doing; [`Server::health`] lets callers ask. Load balancers, Kubernetes'
//! gRPC probes and `grpcurl` ask for the server as a whole (the empty name) or for one service by its full name:
//!
//! - `Check` answers once; a service of which nothing is known is NOT_FOUND.
//! - `Watch` answers at once and then whenever it changes. A service of which nothing is known is SERVICE_UNKNOWN
//!   there, and may become known later.
//! - `List` answers with all of them, up to [`SERVICES_LISTED_MAX`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use seltzer::Server;
//! use seltzer::health::{HealthReporter, ServingStatus};
//!
//! let health = HealthReporter::new();
//! health.set_status("shop.v1.Orders", ServingStatus::NotServing); // until its database is reached
//!
//! let server = Server::builder().health(&health).bind("localhost:0").await?;
//! health.set_status("shop.v1.Orders", ServingStatus::Serving);
//! // From here on all are NOT_SERVING: watchers hear of it before any connection is told to go.
//! server.serve_with_shutdown(async {}).await?;
//! # Ok(())
//! # }
//! ```

mod handler;
mod reporter;
mod watch;

pub use self::handler::{HealthHandler, SERVICES_LISTED_MAX};
pub use self::reporter::{HealthReporter, ServingStatus};
pub use self::watch::Watching;

use crate::server::Server;

/// The messages, the service and its client, generated from `grpc/health/v1/health.proto`.
pub mod pb {
    // Generated code answers to its schema.
    #![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all)]

    include!("../generated/grpc.health.v1.rs");
}

impl Server {
    /// Lets callers ask how services are doing, and ties the answers to this server's life.
    ///
    /// Its services count as serving, unless the reporter was told otherwise before. When the server is told to stop,
    /// all of them stop serving: whoever watches hears that before connections are told to go, and then these streams
    /// end, so that they hold up nothing. Without these ties,
    /// `add_service(health.service())` serves the same answers.
    ///
    /// ```
    /// let health = seltzer::health::HealthReporter::new();
    /// let server = seltzer::Server::builder().health(&health);
    /// # drop(server);
    /// ```
    pub fn health(mut self, health: &HealthReporter) -> Self {
        let (served, drained, shown) = (health.clone(), health.clone(), health.clone());
        self.shown.health = Some(std::sync::Arc::new(move |service| Some(shown.status(service)?.name())));
        self.hooks.when_bound(move |router| served.know(router.names()));
        self.hooks.when_draining(move |stop| drained.drain(stop));
        self.add_service(health.service())
    }
}
