//! Whether a server says that it is well (gRFC A17).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tonic::Request;
use tonic::body::Body;

use crate::client::backoff::Backoff;
use crate::client::request::{CallTarget, once};
use crate::client::{Client, Endpoint};
use crate::codec::{ProstCodec, Streaming};
use crate::service::{MethodDescriptor, MethodKind};
use crate::status::{Code, Status};
use crate::task::task;
use crate::transport::connection::{Connection, Origin};

static WATCH: MethodDescriptor = MethodDescriptor::new("/grpc.health.v1.Health/Watch", MethodKind::ServerStreaming);

/// Of `grpc.health.v1.HealthCheckResponse.ServingStatus`.
const SERVING: i32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// What a server says of itself on one connection.
#[derive(Debug, Clone)]
pub(super) enum Health {
    /// It has said nothing yet.
    Unknown,
    /// It serves, or cannot say.
    Serving,
    /// It does not, or no longer says.
    NotServing(Status),
}

/// The task that listens to a server. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct HealthWatch {
    task: AbortHandle,
    /// How many calls it has begun.
    begun: Arc<AtomicU64>,
}

impl HealthWatch {
    /// Calls `report` whenever the server says something else of this service.
    pub(super) fn start(
        connection: Connection,
        endpoint: Arc<Endpoint>,
        service: String,
        report: impl Fn(Health) + Send + Sync + 'static,
    ) -> Self {
        let begun = Arc::<AtomicU64>::default();
        let watched = Arc::clone(&begun);
        let watching = task(async move { watch(connection, endpoint, &service, &watched, report).await });
        HealthWatch { task: tokio::spawn(watching).abort_handle(), begun }
    }

    /// How many calls it has begun, and how many of them run.
    pub(super) fn calls(&self) -> (u64, usize) {
        (self.begun.load(Ordering::Relaxed), usize::from(!self.task.is_finished()))
    }
}

impl Drop for HealthWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(
    connection: Connection,
    endpoint: Arc<Endpoint>,
    service: &str,
    begun: &AtomicU64,
    report: impl Fn(Health) + Sync,
) {
    let mut backoff = Backoff::new(endpoint.backoff);
    let client = Client::new(Over { connection: connection.clone(), endpoint });
    loop {
        let begin = Instant::now();
        begun.fetch_add(1, Ordering::Relaxed);
        let end = listen(&client, service, &mut backoff, &report).await;
        if connection.is_closed() {
            return;
        }
        if end.code() == Code::Unimplemented {
            tracing::warn!(service, "the server has no health service, and counts as well");
            return report(Health::Serving);
        }
        let message = format!("the server does not say whether {service:?} serves: {}", end.message());
        report(Health::NotServing(Status::unavailable(message)));
        // One that had been well for longer than the pause is asked again at once.
        tokio::time::sleep_until(begin + backoff.next_pause()).await;
    }
}

/// Reports what the server says, until it says nothing more; tells how that ended.
async fn listen(client: &Client<Over>, service: &str, backoff: &mut Backoff, report: &impl Fn(Health)) -> Status {
    let request = Request::new(HealthCheckRequest { service: service.to_owned() });
    let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    let mut answers = match client.open(CallTarget::of(&WATCH), codec, request.map(once)).await {
        Ok(response) => Streaming::new(response.reader),
        Err(status) => return status,
    };
    loop {
        match answers.message().await {
            Ok(Some(answer)) => {
                backoff.reset();
                report(match answer.status {
                    SERVING => Health::Serving,
                    _ => Health::NotServing(Status::unavailable(format!(
                        "the server says that {service:?} does not serve"
                    ))),
                });
            }
            Ok(None) => return Status::unknown("it ended the answer"),
            Err(status) => return status,
        }
    }
}

/// Carries calls over one connection.
#[derive(Clone)]
struct Over {
    connection: Connection,
    endpoint: Arc<Endpoint>,
}

impl Over {
    async fn send(self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let Endpoint { target, user_agent, .. } = &*self.endpoint;
        // There is no connection to a target that could not be read.
        let target = target.as_ref().map_err(|error| Status::from(error.clone()))?;
        let scheme = if target.encrypted { "https" } else { "http" };
        let origin = Origin { scheme, authority: target.authority.as_str(), user_agent, replay: None };
        let turn = self.connection.reserve().await?;
        self.endpoint.send_on(turn, request, origin).await.map_err(|unanswered| unanswered.status)
    }
}

impl tower_service::Service<http::Request<Body>> for Over {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}
