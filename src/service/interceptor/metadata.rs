//! Code that sees the metadata of each call before its handler does: tonic's kind of interceptor.

use std::sync::Arc;

use tonic::Request;

#[cfg(feature = "server")]
use crate::service::interceptor::{Next, ServerCall, ServerInterceptor, ServerReply};
use crate::service::{ReplyFuture, Service, ServiceConfig, ServiceDescriptor, StreamCall};
use crate::status::Status;

/// Sees the metadata of each call and lets it pass, changed or not, or ends it with a status.
///
/// It runs before the call's messages are read, and does not see how the call ends; a
/// [`ServerInterceptor`](crate::server::ServerInterceptor) does.
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

    fn call(&self, method: usize, mut call: StreamCall) -> ReplyFuture {
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

/// An [`Interceptor`] whose type is forgotten.
pub(crate) type InterceptMetadata = Arc<dyn Fn(Request<()>) -> Result<Request<()>, Status> + Send + Sync>;

/// An [`Interceptor`] among those that see all of a call.
#[cfg(feature = "server")]
pub(crate) struct OfMetadata(pub(crate) InterceptMetadata);

#[cfg(feature = "server")]
impl ServerInterceptor for OfMetadata {
    async fn intercept(&self, mut call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        let metadata = std::mem::take(&mut call.metadata);
        let extensions = std::mem::take(&mut call.extensions);
        let request = (self.0)(Request::from_parts(metadata, extensions, ()))?;
        (call.metadata, call.extensions, ()) = request.into_parts();
        next.run(call).await
    }
}
