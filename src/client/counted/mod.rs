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
use crate::meter::{ClientAttempt, ClientCall, MessageSizes, UnaryAttempt};
use crate::status::{Code, Status, code_for_http_status};
use crate::transport::h2::client::{Opening, ResponseBody};

pub(super) use self::unary::CountedUnary;

/// A call from where it is made to the end of its answer, if anybody wants to know. Dropped before, it was cancelled.
#[derive(Debug, Default)]
pub(super) struct Counted(Option<Box<Parts>>);

/// What is counted of a call; in a box, so that calls which nobody counts are small.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) call: ClientCall,
    /// The attempt that is under way, or that was answered.
    pub(super) attempt: ClientAttempt,
    /// The same of one that began with the call.
    first: Option<UnaryAttempt>,
    /// What has been sent of a request that is not kept.
    sent: Option<Sent>,
}

/// How many bytes of messages a request has sent.
#[derive(Debug)]
enum Sent {
    /// All that there are.
    Whole(u64),
    /// The rest goes on by itself.
    Counter(Arc<AtomicU64>),
}

impl Counted {
    /// Begins to count a call, which began a while ago if that is known.
    #[inline]
    pub(super) fn begin(inner: &Inner, request: &http::Request<Body>, began: Option<Instant>) -> Self {
        Counted(inner.meter.is_on().then(|| Parts::begin(inner, request, began)))
    }

    /// What is counted, or something that does not count.
    pub(super) fn parts<'a>(&'a mut self, off: &'a mut Parts) -> &'a mut Parts {
        self.0.as_deref_mut().unwrap_or(off)
    }

    /// Measures the messages of the request, which is sent once, unless that is done.
    pub(super) fn measure(&mut self, request: http::Request<Body>) -> http::Request<Body> {
        match &mut self.0 {
            Some(parts) if parts.sent.is_none() => {
                request.map(|body| Body::new(parts.outgoing(body, MessageSizes::default(), 0)))
            }
            _ => request,
        }
    }

    /// The same of a request the beginning of which is there.
    #[inline]
    pub(super) fn measure_opening(&mut self, opening: &mut Opening) {
        if let Some(parts) = &mut self.0 {
            parts.measure_opening(opening);
        }
    }

    pub(super) fn begin_attempt(&mut self) {
        if let Some(parts) = &mut self.0 {
            parts.attempt = parts.call.attempt();
            match &parts.sent {
                Some(Sent::Counter(sent)) => parts.attempt.sent_by(Arc::clone(sent)),
                Some(Sent::Whole(bytes)) => parts.attempt.sent(*bytes),
                None => {}
            }
        }
    }

    /// The first attempt begins with the call.
    #[inline]
    pub(super) fn begin_first_attempt(&mut self) {
        if let Some(parts) = &mut self.0 {
            parts.first = parts.call.unary_attempt(true);
        }
    }

    /// The attempt has ended, and the call is made again: the server has surely done nothing for it.
    #[cold]
    pub(super) fn goes_on_transparently(&mut self, code: Code) {
        if let Some(parts) = &mut self.0 {
            parts.end_attempt(code);
            parts.call.retries_transparently();
        }
    }

    /// What has come of the call: its end, or the beginning of an answer whose end is.
    pub(super) fn finish<B>(self, result: Result<http::Response<B>, Status>) -> Result<http::Response<Body>, Status>
    where
        B: http_body::Body<Data = Bytes, Error = Status> + Send + Unpin + 'static,
    {
        let Some(mut parts) = self.0 else { return result.map(|response| response.map(Body::new)) };
        match result {
            Err(status) => {
                parts.end(status.code(), None);
                Err(status)
            }
            Ok(response) => Ok(parts.watch(response)),
        }
    }

    /// The same for an answer as its connection gives it.
    #[inline]
    pub(super) fn finish_answer(self, response: http::Response<ResponseBody>) -> http::Response<Body> {
        match self.0 {
            None => response.map(ResponseBody::boxed),
            Some(parts) => parts.watch_answer(response),
        }
    }
}

impl Parts {
    fn begin(inner: &Inner, request: &http::Request<Body>, began: Option<Instant>) -> Box<Self> {
        let path = request.uri().path();
        let meter = match request.extensions().get::<GrpcMethod<'static>>() {
            Some(named) if is_path_of(path, named) => inner.meter.method(path),
            Some(named) => inner.meter.method(&format!("{}/{}", named.service(), named.method())),
            None => inner.meter.other(),
        };
        Box::new(Parts { call: meter.begin(began), attempt: ClientAttempt::default(), first: None, sent: None })
    }

    fn measure_opening(&mut self, opening: &mut Opening) {
        let mut sizes = MessageSizes::default();
        let bytes = opening.pieces().map(|piece| sizes.take(piece) as u64).sum();
        if opening.is_whole() {
            self.sent = Some(Sent::Whole(bytes));
        } else {
            opening.map_rest(|rest| Body::new(self.outgoing(rest, sizes, bytes)));
        }
    }

    /// A body that is measured from here, after so many bytes.
    fn outgoing(&mut self, body: Body, sizes: MessageSizes, bytes: u64) -> Outgoing {
        let sent = Arc::new(AtomicU64::new(bytes));
        self.sent = Some(Sent::Counter(Arc::clone(&sent)));
        Outgoing { body, sizes, sent }
    }

    /// So many bytes of the answer's messages came.
    fn received(&mut self, bytes: u64) {
        match &mut self.first {
            Some(first) => first.received(bytes),
            None => self.attempt.received(bytes),
        }
    }

    /// The attempt that began with the call, with all that it has sent.
    fn take_first(&mut self) -> Option<UnaryAttempt> {
        let mut first = self.first.take()?;
        first.sent(match &self.sent {
            Some(Sent::Whole(bytes)) => *bytes,
            Some(Sent::Counter(sent)) => sent.load(Ordering::Relaxed),
            None => 0,
        });
        Some(first)
    }

    fn end_attempt(&mut self, code: Code) {
        match self.take_first() {
            Some(first) => self.call.end_attempt(&first, code),
            None => std::mem::take(&mut self.attempt).end(code),
        }
    }

    /// The call has ended, at a time that may be known.
    fn end(&mut self, code: Code, at: Option<Instant>) {
        let call = std::mem::take(&mut self.call);
        match self.take_first() {
            Some(first) => call.end_unary(Some(first), code, at),
            None => call.end_with(std::mem::take(&mut self.attempt), code),
        }
    }

    /// An answer that may be here already, all of it.
    fn watch_answer(mut self: Box<Self>, response: http::Response<ResponseBody>) -> http::Response<Body> {
        let ended = response.body().whole().map(|whole| {
            let mut sizes = MessageSizes::default();
            self.received(whole.pieces.map(|piece| sizes.take(piece) as u64).sum());
            let code = match (code_of(response.headers()), response.status()) {
                (Some(code), _) => code,
                (None, http::StatusCode::OK) => whole.trailers.and_then(code_of).unwrap_or(Code::Unknown),
                (None, other) => code_for_http_status(other),
            };
            (code, whole.read_at)
        });
        match ended {
            Some((code, read_at)) => {
                self.end(code, Some(read_at));
                response.map(ResponseBody::boxed)
            }
            None => self.watch(response),
        }
    }

    fn watch<B>(mut self: Box<Self>, response: http::Response<B>) -> http::Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error = Status> + Send + Unpin + 'static,
    {
        let is_over = response.body().is_end_stream();
        match (code_of(response.headers()), response.status()) {
            (Some(code), _) if is_over => self.end(code, None),
            (None, http::StatusCode::OK) if is_over => self.end(Code::Unknown, None),
            // Headers that are trailers, too; and what comes from something between, not from a gRPC server.
            (Some(code), _) if code != Code::Ok => self.end(code, None),
            (None, other) if other != http::StatusCode::OK => self.end(code_for_http_status(other), None),
            _ => {
                let sizes = MessageSizes::default();
                return response.map(|body| Body::new(Incoming { body, sizes, counted: Some(self) }));
            }
        }
        response.map(Body::new)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let Some(first) = self.take_first() {
            self.call.end_attempt(&first, Code::Cancelled);
        }
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
    counted: Option<Box<Parts>>,
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
                        counted.received(bytes as u64);
                    }
                    None
                }
                None => frame.trailers_ref().map(|trailers| code_of(trailers).unwrap_or(Code::Unknown)),
            },
            Some(Err(status)) => Some(status.code()),
            None => Some(Code::Unknown),
        };
        if let Some(code) = end
            && let Some(mut counted) = self.counted.take()
        {
            counted.end(code, None);
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
