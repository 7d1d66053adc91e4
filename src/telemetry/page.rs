//! The page for Prometheus as a tower service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Full;
use tonic::body::Body;

use crate::telemetry::{Telemetry, prometheus};

/// Where the page is.
const PATH: &str = "/metrics";

/// Answers `GET /metrics`; see [`Telemetry::prometheus_service`].
#[derive(Debug, Clone)]
pub struct PrometheusService {
    telemetry: Telemetry,
}

impl PrometheusService {
    pub(super) fn new(telemetry: &Telemetry) -> Self {
        PrometheusService { telemetry: telemetry.clone() }
    }

    fn answer(&self, method: &Method, path: &str) -> http::Response<Full<Bytes>> {
        let (status, content_type, text) = match (method, path) {
            (_, path) if path != PATH => (StatusCode::NOT_FOUND, PLAIN, "metrics are at /metrics\n".to_owned()),
            (&Method::GET | &Method::HEAD, _) => {
                (StatusCode::OK, prometheus::CONTENT_TYPE, self.telemetry.prometheus_page())
            }
            _ => (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "metrics are read by GET\n".to_owned()),
        };
        let mut response = http::Response::new(Full::from(text));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

impl tower_service::Service<http::Request<Body>> for PrometheusService {
    type Response = http::Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        ready(Ok(self.answer(request.method(), request.uri().path())))
    }
}
