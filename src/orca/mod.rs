//! Load reports (ORCA, gRFC A51): how busy a server is, and what a call cost it. Feature `orca`.
//!
//! Clients that balance by load read them, such as gRPC's `weighted_round_robin`. They come in two ways:
//!
//! - **With each call**, in its trailers: [`record`] inside a handler, and [`ServerMetrics::interceptor`] for what
//!   concerns the server as a whole.
//! - **Apart from calls**, on a stream that clients open and hear from every few seconds: [`Server::load_reports`].
//!
//! ```
//! use seltzer::orca::{self, ServerMetrics};
//! use seltzer::{Request, Response, Server, Status};
//!
//! let metrics = ServerMetrics::new();
//! metrics.update(|report| report.cpu_utilization = 0.4);
//! let server = Server::builder().load_reports(&metrics).interceptor(metrics.interceptor());
//!
//! async fn search(request: Request<String>) -> Result<Response<String>, Status> {
//!     orca::record(|report| {
//!         report.request_cost.insert("rows".into(), 120.0);
//!     })?;
//!     Ok(Response::new(String::new()))
//! }
//! # drop(server);
//! ```

mod call;
mod handler;
mod metrics;

pub use self::call::record;
pub use self::handler::{OpenRcaHandler, REPORT_INTERVAL_MIN, Reports};
pub use self::metrics::ServerMetrics;
pub use crate::service::OrcaLoadReport;

use crate::server::Server;

/// The messages, the service and its client, generated from `xds/service/orca/v3/orca.proto`.
pub mod pb {
    // Generated code answers to its schema.
    #![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all)]

    pub use crate::service::OrcaLoadReport;

    include!("../generated/xds.service.orca.v3.rs");
}

impl Server {
    /// Reports load apart from calls (`xds.service.orca.v3.OpenRcaService`), to each listener as often as it asks, but
    /// not more often than every [`REPORT_INTERVAL_MIN`]. The streams end when the server does.
    ///
    /// ```
    /// let metrics = seltzer::orca::ServerMetrics::new();
    /// let server = seltzer::Server::builder().load_reports(&metrics);
    /// # drop(server);
    /// ```
    pub fn load_reports(self, metrics: &ServerMetrics) -> Self {
        self.serve_load_reports(OpenRcaHandler::new(metrics))
    }

    /// The same with settings of its own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use seltzer::orca::{OpenRcaHandler, ServerMetrics};
    ///
    /// let reports = OpenRcaHandler::new(&ServerMetrics::new()).min_interval(Duration::from_secs(1));
    /// let server = seltzer::Server::builder().serve_load_reports(reports);
    /// # drop(server);
    /// ```
    pub fn serve_load_reports(mut self, reports: OpenRcaHandler) -> Self {
        let ended = reports.ended();
        self.hooks.when_draining(move |_| {
            ended.cancel();
            std::future::ready(())
        });
        self.add_service(pb::open_rca_service_server::OpenRcaServiceServer::new(reports))
    }
}
