//! What a server is told to have around its calls: interceptors and layers.

use std::sync::Arc;

use bytes::Bytes;
use tonic::body::Body;
use tower_layer::Layer;

use crate::server::Server;
use crate::server::layers::{self, ServerService};
use crate::service::interceptor::ErrorTable;
use crate::service::{InterceptMetadata, Interceptor, Interceptors, OfMetadata};

impl Server {
    /// Shows every call's metadata to an interceptor before its service sees it, and before its messages are read.
    ///
    /// [`intercept`](Self::intercept) is for those that see all of a call. Of either kind the first one added is the
    /// outermost: it sees calls first.
    pub fn interceptor<I>(mut self, interceptor: I) -> Self
    where
        I: Interceptor + Clone + Send + Sync + 'static,
    {
        let interceptor: InterceptMetadata = Arc::new(move |request| interceptor.clone().call(request));
        if self.interceptors.is_empty() {
            self.first_interceptors.push(interceptor);
        } else {
            self.interceptors = self.interceptors.with(OfMetadata(interceptor));
        }
        self
    }

    /// Puts an interceptor around all calls that find their methods, or several ([`Interceptors`]); the first one added
    /// is the outermost.
    ///
    /// It is asynchronous, sees messages, trailers and the final status, and may change all of that; see
    /// [`ServerInterceptor`](crate::server::ServerInterceptor). A single service has those of
    /// [`IntoRoute::intercept`](crate::service::IntoRoute::intercept), within the server's. Messages of services that
    /// tonic generated are bytes to interceptors, and the server's
    /// [`max_decoding_message_size`](Self::max_decoding_message_size) holds for them as well as the service's own.
    ///
    /// ```
    /// use seltzer::Server;
    /// use seltzer::server::{Logging, Next, RequestIds, ServerCall};
    ///
    /// let server = Server::builder()
    ///     .intercept(RequestIds::new())
    ///     .intercept(Logging::new())
    ///     .intercept(async |call: ServerCall, next: Next| {
    ///         let mut reply = next.run(call).await?;
    ///         reply.metadata_mut().insert("x-served-by", "one".parse().expect("ASCII"));
    ///         Ok(reply)
    ///     });
    /// # drop(server);
    /// ```
    pub fn intercept(mut self, interceptors: impl Into<Interceptors>) -> Self {
        self.interceptors = self.interceptors.around(&interceptors.into());
        self
    }

    /// Puts a layer of tower around everything that the server answers, calls and other requests alike; the first one
    /// added is the outermost. Several in a `tower::ServiceBuilder` are one layer.
    ///
    /// Among a request's extensions layers find the [`Peer`](crate::context::Peer) and, of calls, the
    /// [`Context`](crate::Context). A call's deadline covers its layers, and a panic in one ends its own call. With any
    /// layer all calls go the general way, which costs more than the short one.
    ///
    /// A layer that fails a call with an error ends it with the [`Status`](crate::Status) among the error's sources, or
    /// with what [`layer_errors`](Self::layer_errors) makes of it, or as UNKNOWN.
    ///
    /// ```
    /// # fn example<L: tower_layer::Layer<seltzer::server::ServerService, Service = seltzer::server::ServerService>>(
    /// #     trace: L,
    /// # ) -> seltzer::Server
    /// # where
    /// #     L: Send + Sync + 'static,
    /// # {
    /// // For example `tower_http::trace::TraceLayer::new_for_grpc()`.
    /// seltzer::Server::builder().layer(trace)
    /// # }
    /// ```
    pub fn layer<L, B>(mut self, layer: L) -> Self
    where
        L: Layer<ServerService> + Send + Sync + 'static,
        L::Service: tower_service::Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
        <L::Service as tower_service::Service<http::Request<Body>>>::Future: Send,
        <L::Service as tower_service::Service<http::Request<Body>>>::Error:
            Into<Box<dyn std::error::Error + Send + Sync>>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.layers.push(layers::erase(layer));
        self
    }

    /// Says which statuses the errors of layers become, by their types.
    ///
    /// ```
    /// # #[derive(Debug)]
    /// # struct Overloaded;
    /// # impl std::fmt::Display for Overloaded {
    /// #     fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) }
    /// # }
    /// # impl std::error::Error for Overloaded {}
    /// use seltzer::{Server, Status, server::ErrorTable};
    ///
    /// // For example tower's `load_shed::error::Overloaded`.
    /// let errors = ErrorTable::new().map(|_: &Overloaded| Status::resource_exhausted("too many calls at once"));
    /// let server = Server::builder().layer_errors(errors);
    /// # drop(server);
    /// ```
    pub fn layer_errors(mut self, errors: ErrorTable) -> Self {
        self.layer_errors = errors;
        self
    }
}
