//! Calls as telemetry counts them; here those of the general way.

mod unary;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;
use tonic::GrpcMethod;
use tonic::body::Body;

use crate::client::channel::Inner;
use crate::metadata::GRPC_STATUS;
use crate::meter::{ClientAttempt, ClientCall, MessageSizes};
use crate::status::{Code, Status, code_for_http_status};
use crate::transport::connection::Origin;
use crate::transport::h2::client::{Connection, Sent};
use crate::transport::progress::Unanswered;

pub(super) use self::unary::CountedUnary;

/// A call from where it is made to the end of its answer. Dropped before, it was cancelled.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) call: ClientCall,
    /// The attempt that is under way, or that was answered.
    pub(super) attempt: ClientAttempt,
    /// What has been sent of a request that is not kept.
    sent: Option<Arc<AtomicU64>>,
}

impl Counted {
    /// Begins to count a call, which began a while ago if that is known.
    pub(super) fn begin(inner: &Inner, request: &http::Request<Body>, began: Option<Instant>) -> Self {
        if !inner.meter.is_on() {
            return Counted::default();
        }
        let path = request.uri().path();
        let meter = match request.extensions().get::<GrpcMethod<'static>>() {
            Some(named) if is_path_of(path, named) => inner.meter.method(path),
            Some(named) => inner.meter.method(&format!("{}/{}", named.service(), named.method())),
            None => inner.meter.other(),
        };
        Counted { call: meter.begin(began), ..Counted::default() }
    }

    /// Measures the messages of the request, which is sent once, unless that is done.
    pub(super) fn measure(&mut self, request: http::Request<Body>) -> http::Request<Body> {
        if !self.call.is_on() || self.sent.is_some() {
            return request;
        }
        request.map(|body| Body::new(self.outgoing(body)))
    }

    fn outgoing(&mut self, body: Body) -> Outgoing {
        let sent = Arc::clone(self.sent.get_or_insert_default());
        Outgoing { body, sizes: MessageSizes::default(), sent }
    }

    /// Sends a request, if its turn is now.
    pub(super) fn send_at_once(
        &mut self,
        connection: &Connection,
        request: http::Request<Body>,
        origin: Origin<'_>,
    ) -> Result<Sent, Unanswered> {
        if self.call.is_on() {
            return connection.send_at_once(request.map(|body| self.outgoing(body)), origin);
        }
        connection.send_at_once(request, origin)
    }

    pub(super) fn begin_attempt(&mut self) {
        self.attempt = self.call.attempt();
        self.keep_sent();
    }

    /// The first attempt begins with the call.
    pub(super) fn begin_first_attempt(&mut self) {
        self.attempt = self.call.first_attempt();
        self.keep_sent();
    }

    fn keep_sent(&mut self) {
        if let Some(sent) = &self.sent {
            self.attempt.sent_by(Arc::clone(sent));
        }
    }

    /// The attempt has ended, and perhaps the call has not.
    pub(super) fn end_attempt(&mut self, code: Code) {
        std::mem::take(&mut self.attempt).end(code);
    }

    /// What has come of the call: its end, or the beginning of an answer whose end is.
    pub(super) fn finish<B>(self, result: Result<http::Response<B>, Status>) -> Result<http::Response<Body>, Status>
    where
        B: http_body::Body<Data = Bytes, Error = Status> + Send + Unpin + 'static,
    {
        if !self.call.is_on() {
            return result.map(|response| response.map(Body::new));
        }
        match result {
            Err(status) => {
                self.end(status.code());
                Err(status)
            }
            Ok(response) => Ok(self.watch(response)),
        }
    }

    fn end(self, code: Code) {
        self.call.end_with(self.attempt, code);
    }

    fn watch<B>(self, response: http::Response<B>) -> http::Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error = Status> + Send + Unpin + 'static,
    {
        let is_over = response.body().is_end_stream();
        match (code_of(response.headers()), response.status()) {
            (Some(code), _) if is_over => self.end(code),
            (None, http::StatusCode::OK) if is_over => self.end(Code::Unknown),
            // Headers that are trailers, too; and what comes from something between, not from a gRPC server.
            (Some(code), _) if code != Code::Ok => self.end(code),
            (None, other) if other != http::StatusCode::OK => self.end(code_for_http_status(other)),
            _ => {
                let sizes = MessageSizes::default();
                return response.map(|body| Body::new(Incoming { body, sizes, counted: Some(self) }));
            }
        }
        response.map(Body::new)
    }
}

/// Whether a path leads to this method and nowhere else.
fn is_path_of(path: &str, named: &GrpcMethod<'_>) -> bool {
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(named.service()));
    rest.and_then(|rest| rest.strip_prefix('/')) == Some(named.method())
}

/// So few headers are looked through one by one.
const FEW_HEADERS: usize = 4;

fn code_of(headers: &HeaderMap) -> Option<Code> {
    let status = if headers.len() <= FEW_HEADERS {
        // Hashing the name takes longer.
        headers.iter().find(|(name, _)| **name == GRPC_STATUS).map(|(_, value)| value)
    } else {
        headers.get(GRPC_STATUS)
    };
    status.map(|status| Code::from_bytes(status.as_bytes()))
}

/// The same of one attempt, whose request is kept for others.
pub(super) fn measured_attempt(call: &ClientCall, body: Body) -> (ClientAttempt, Body) {
    let mut attempt = call.attempt();
    if !attempt.is_on() {
        return (attempt, body);
    }
    let sent = Arc::<AtomicU64>::default();
    attempt.sent_by(Arc::clone(&sent));
    (attempt, Body::new(Outgoing { body, sizes: MessageSizes::default(), sent }))
}

/// A request whose messages are measured.
struct Outgoing {
    body: Body,
    sizes: MessageSizes,
    sent: Arc<AtomicU64>,
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes = self.sizes.take(data);
            self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer whose end is that of its call.
struct Incoming<B> {
    body: B,
    sizes: MessageSizes,
    counted: Option<Counted>,
}

impl<B> http_body::Body for Incoming<B>
where
    B: http_body::Body<Data = Bytes, Error = Status> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let end = match &frame {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => {
                    let bytes = self.sizes.take(data);
                    if let Some(counted) = &mut self.counted {
                        counted.attempt.received(bytes as u64);
                    }
                    None
                }
                None => frame.trailers_ref().map(|trailers| code_of(trailers).unwrap_or(Code::Unknown)),
            },
            Some(Err(status)) => Some(status.code()),
            None => Some(Code::Unknown),
        };
        if let Some(code) = end
            && let Some(counted) = self.counted.take()
        {
            counted.end(code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
