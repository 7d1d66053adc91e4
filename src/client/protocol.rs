//! Other protocols than gRPC: calls leave a channel in other clothes, and their answers come back in them.
//!
//! All of a channel speaks gRPC, down to where an attempt is sent. There its request is translated, and its answer back:
//! whatever stands above sees gRPC.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http_body_util::Full;
use tonic::body::Body;

use crate::client::request::MethodTraits;
use crate::status::Status;
use crate::transport::connection::{Origin, Reserved};
use crate::transport::progress::{Progress, Unanswered};

/// What a channel speaks instead of gRPC, for [`Endpoint::speak`](crate::Endpoint::speak).
#[derive(Clone)]
pub struct ClientProtocol(Arc<dyn Translate>);

/// Turns calls into requests of a protocol, and answers back.
pub(crate) trait Translate: fmt::Debug + Send + Sync + 'static {
    /// The request of a call.
    ///
    /// The future fails with why the call cannot be made in this protocol.
    fn translate(&self, head: Parts, body: Body) -> BoxFuture<Outgoing>;
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, Status>> + Send>>;

/// A translated call.
pub(crate) struct Outgoing {
    pub(crate) request: http::Request<Body>,
    /// What it was, to translate it again.
    pub(crate) original: Original,
    /// Makes gRPC's answer of the protocol's.
    pub(crate) read: Read,
}

/// Makes gRPC's answer of a protocol's. The future fails with what is wrong with it.
pub(crate) type Read = Box<dyn FnOnce(http::Response<Body>) -> BoxFuture<http::Response<Body>> + Send>;

/// A call before it was translated.
pub(crate) struct Original {
    pub(crate) head: Parts,
    /// Where it was taken apart; else what is sent is what it was.
    pub(crate) body: Option<Bytes>,
}

/// What is known of a call besides its request, among that one's extensions. Clients that tonic generated tell nothing.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "connect-client"), allow(dead_code, reason = "gRPC-Web frames all calls alike"))]
pub(crate) struct CallTraits {
    pub(crate) method: MethodTraits,
    pub(crate) decoding_bytes_max: usize,
}

/// Among a request's extensions: another attempt may follow, unless an answer begins. In gRPC the head of an answer says
/// whether there is more; where its body does, that has to be waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AwaitsFirstWord;

impl ClientProtocol {
    pub(crate) fn new(translate: impl Translate) -> Self {
        ClientProtocol(Arc::new(translate))
    }

    /// Sends a request of gRPC's when its turn has come.
    pub(super) async fn send(
        &self,
        reserved: Reserved,
        request: http::Request<Body>,
        origin: Origin<'_>,
    ) -> Result<http::Response<Body>, Unanswered> {
        let (head, body) = request.into_parts();
        let Outgoing { request, original, read } =
            self.0.translate(head, body).await.map_err(|status| lost(status, Progress::Final))?;
        match reserved.send(request, origin).await {
            Ok(response) => read(response).await.map_err(|status| lost(status, Progress::Sent)),
            Err(Unanswered { status, progress, request }) => {
                let request = request.map(|unsent| original.with_body(unsent.into_body()));
                Err(Unanswered { status, progress, request })
            }
        }
    }
}

impl Original {
    fn with_body(self, unsent: Body) -> http::Request<Body> {
        let body = self.body.map_or(unsent, |bytes| Body::new(Full::new(bytes)));
        http::Request::from_parts(self.head, body)
    }
}

impl fmt::Debug for ClientProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn lost(status: Status, progress: Progress) -> Unanswered {
    Unanswered { status, progress, request: None }
}
