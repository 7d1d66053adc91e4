//! Code that sees each call before its handler does.

use crate::service::{ReplyFuture, ServerCall, Service, ServiceConfig, ServiceDescriptor};

/// Sees the metadata of each call and lets it pass, changed or not, or ends it with a status.
///
/// tonic's trait: any `FnMut(Request<()>) -> Result<Request<()>, Status>` is one. It is cloned for each call, so what
/// it counts belongs into an `Arc`.
///
/// ```
/// use seltzer::{Request, Status};
///
/// fn authenticate(request: Request<()>) -> Result<Request<()>, Status> {
///     match request.metadata().get("authorization") {
///         Some(token) if token == "Bearer token123" => Ok(request),
///         _ => Err(Status::unauthenticated("send `authorization: Bearer ...`")),
///     }
/// }
/// ```
pub use tonic::service::Interceptor;

/// A generated service behind an [`Interceptor`]: what `GreeterServer::with_interceptor` gives.
#[derive(Debug, Clone)]
pub struct Intercepted<S, I> {
    service: S,
    interceptor: I,
}

impl<S, I> Intercepted<S, I> {
    /// Puts an interceptor in front of a service.
    pub fn new(service: S, interceptor: I) -> Self {
        Intercepted { service, interceptor }
    }
}

impl<S, I> Service for Intercepted<S, I>
where
    S: Service,
    I: Interceptor + Clone + Send + Sync + 'static,
{
    fn descriptor(&self) -> &'static ServiceDescriptor {
        self.service.descriptor()
    }

    fn config(&self) -> &ServiceConfig {
        self.service.config()
    }

    fn call(&self, method: usize, mut call: ServerCall) -> ReplyFuture {
        let mut interceptor = self.interceptor.clone();
        match call.intercept(|request| interceptor.call(request)) {
            Ok(()) => self.service.call(method, call),
            Err(status) => call.refuse(status),
        }
    }
}

impl<S: tonic::server::NamedService, I> tonic::server::NamedService for Intercepted<S, I> {
    const NAME: &'static str = S::NAME;
}
