//! The service `grpc.health.v1.Health`.

use tonic::{Request, Response};

use crate::health::pb::health_check_response::ServingStatus as Answered;
use crate::health::pb::health_server::Health;
use crate::health::pb::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use crate::health::reporter::HealthReporter;
use crate::health::watch::Watching;
use crate::status::Status;

/// How many services `List` answers with, the server as a whole among them; with more it is RESOURCE_EXHAUSTED. gRFC
/// A90 leaves the number to servers, and those of other languages have this one.
pub const SERVICES_LISTED_MAX: usize = 100;

/// Tells callers what a [`HealthReporter`] says.
#[derive(Debug, Clone)]
pub struct HealthHandler {
    reporter: HealthReporter,
}

impl HealthHandler {
    pub(super) fn new(reporter: HealthReporter) -> Self {
        HealthHandler { reporter }
    }
}

impl Health for HealthHandler {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        match self.reporter.status(&service) {
            Some(status) => Ok(Response::new(response(status.into()))),
            None => Err(Status::not_found(format!("nothing is known of a service {service:?}"))),
        }
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        let listed = self.reporter.list(SERVICES_LISTED_MAX).map_err(|number| {
            Status::resource_exhausted(format!("{number} services are more than the {SERVICES_LISTED_MAX} of a list"))
        })?;
        let statuses = listed.into_iter().map(|(service, status)| (service, response(status.into()))).collect();
        Ok(Response::new(HealthListResponse { statuses }))
    }

    type WatchStream = Watching;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Watching>, Status> {
        Ok(Response::new(Watching::new(&self.reporter, request.into_inner().service)))
    }
}

pub(super) fn response(status: Answered) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
