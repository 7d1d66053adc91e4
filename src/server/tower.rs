//! A generated service as a tower service, for other people's servers.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;

use crate::context::Peer;
use crate::server::dispatch::Dispatcher;
use crate::service::{CallSettings, Interceptors, IntoRoute, Router, Service};
use crate::transport::incoming_body::IncomingBody;
use crate::transport::response_body::ResponseBody;

/// A generated service as a [`tower_service::Service`] of HTTP requests: what `GreeterServer::into_tower` gives.
///
/// It runs on any HTTP/2 server that takes tower services, tonic's among them.
pub struct TowerService<S> {
    dispatcher: Dispatcher,
    service: std::marker::PhantomData<fn() -> S>,
}

impl<S: Service> TowerService<S> {
    /// Wraps a generated service.
    pub fn new(service: S) -> Self {
        let mut router = Router::default();
        router.add(service.into_route(), &CallSettings::default(), &Interceptors::new());
        TowerService {
            dispatcher: Dispatcher { router: Arc::new(router), ..Dispatcher::default() },
            service: std::marker::PhantomData,
        }
    }

    /// Puts interceptors around the service's calls, within those that are there.
    ///
    /// ```
    /// # use seltzer::codegen::{Service, TowerService};
    /// # fn example<S: Service>(greeter: TowerService<S>) -> TowerService<S> {
    /// // GreeterServer::new(MyGreeter).into_tower()
    /// greeter.intercept(seltzer::server::Logging::new())
    /// # }
    /// ```
    #[must_use]
    pub fn intercept(mut self, interceptors: impl Into<Interceptors>) -> Self {
        Arc::make_mut(&mut self.dispatcher.router).intercept(&interceptors.into());
        self
    }
}

impl<S, B> tower_service::Service<http::Request<B>> for TowerService<S>
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let response =
            self.dispatcher.answer(request.map(|body| IncomingBody::Http(Body::new(body))), &Arc::new(Peer::default()));
        Box::pin(async move { Ok(response.await.map(ResponseBody::into_http)) })
    }
}

impl<S: tonic::server::NamedService> tonic::server::NamedService for TowerService<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Clone for TowerService<S> {
    fn clone(&self) -> Self {
        TowerService { dispatcher: self.dispatcher.clone(), service: std::marker::PhantomData }
    }
}

impl<S> fmt::Debug for TowerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerService").field("services", &self.dispatcher.router.names()).finish_non_exhaustive()
    }
}
