//! Tower layers around everything that a server answers.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::server::dispatch::{Dispatcher, is_grpc, plain, refuse};
use crate::service::TowerHandler;
use crate::service::interceptor::ErrorTable;
use crate::status::{Code, Status};
use crate::transport::response_body::ResponseBody;

/// Everything that a server answers, as a tower service: what the innermost layer of
/// [`Server::layer`](crate::Server::layer) stands around.
#[derive(Clone)]
pub struct ServerService(TowerHandler);

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<http::Request<Body>> for ServerService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let handler = self.0.clone();
        Box::pin(async move { Ok(handler.call(request).await) })
    }
}

/// A layer whose type is forgotten.
pub(crate) type AnyLayer = Box<dyn FnOnce(ServerService, Arc<ErrorTable>) -> ServerService + Send + Sync>;

/// Forgets the type of a layer.
pub(crate) fn erase<L, B>(layer: L) -> AnyLayer
where
    L: Layer<ServerService> + Send + Sync + 'static,
    L::Service: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    <L::Service as Service<http::Request<Body>>>::Future: Send,
    <L::Service as Service<http::Request<Body>>>::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    Box::new(move |inner, errors| {
        // Each call has a clone of its own; not every service of tower's may be cloned by several threads at once.
        let service = Mutex::new(layer.layer(inner));
        ServerService(TowerHandler::from_fn(move |request| {
            let service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (errors, is_grpc) = (Arc::clone(&errors), is_grpc(request.headers()));
            async move {
                match run(service, request).await {
                    Ok(response) => response.map(Body::new),
                    Err(error) => failed(error.into(), &errors, is_grpc),
                }
            }
        }))
    })
}

async fn run<S, B>(mut service: S, request: http::Request<Body>) -> Result<http::Response<B>, S::Error>
where
    S: Service<http::Request<Body>, Response = http::Response<B>>,
{
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

/// The dispatcher with layers around it, the first of them outermost.
pub(crate) fn around(mut dispatcher: Dispatcher, layers: Vec<AnyLayer>, errors: ErrorTable) -> Dispatcher {
    if layers.is_empty() {
        return dispatcher;
    }
    let (inner, errors) = (Arc::new(dispatcher.clone()), Arc::new(errors));
    let innermost = ServerService(TowerHandler::from_fn(move |request| {
        let inner = Arc::clone(&inner);
        async move { inner.answer_within_layers(request).await.map(ResponseBody::into_http) }
    }));
    let outermost = layers.into_iter().rev().fold(innermost, |inner, layer| layer(inner, Arc::clone(&errors)));
    Arc::make_mut(&mut dispatcher.around).layered = Some(outermost.0);
    dispatcher
}

/// The answer to a request that a layer failed.
fn failed(error: BoxError, errors: &ErrorTable, is_grpc: bool) -> http::Response<Body> {
    let status = errors.find(&*error).unwrap_or_else(|| Status::from_error(error));
    if is_grpc {
        return refuse(&status).map(ResponseBody::into_http);
    }
    let code = match status.code() {
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    plain(code, format!("{}\n", status.message())).map(ResponseBody::into_http)
}

impl fmt::Debug for ServerService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerService").finish_non_exhaustive()
    }
}
