//! A channel's calls in their traces: a span for each call, and one for each of its attempts (gRFC A72).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tonic::body::Body;

use crate::client::retry::code_of_head;
use crate::context::Context;
use crate::observe::{Attempt, CallSpan, DELAYED_PICK, DELAYED_RESOLUTION, MessageSize, MessageWatch, Traced, Tracer};
use crate::status::{self, Code, Status};
use crate::transport::progress::Unanswered;
use crate::transport::scanned_body::{Direction, PlainSizes, ScannedBody};

/// A call in its trace. Lies among a request's extensions on its way.
#[derive(Clone)]
pub(super) struct CallTrace(Arc<Shared>);

struct Shared {
    tracer: Arc<dyn Tracer>,
    path: String,
    call: Traced,
    /// How many attempts have begun.
    attempts: AtomicU32,
}

/// One attempt of a call in its trace. Dropped without an end, it was given up.
pub(super) struct AttemptTrace {
    span: Option<Arc<dyn CallSpan>>,
    /// The message that was encoded for it and is not on its way.
    encoded: Option<Arc<Encoded>>,
}

/// The size of a message that was encoded.
#[derive(Default)]
struct Encoded(Mutex<Option<MessageSize>>);

impl MessageWatch for Encoded {
    fn received(&self, _: MessageSize) {}

    fn sent(&self, size: MessageSize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(size);
    }
}

/// What tells of the messages of an answer, for whoever reads them.
#[derive(Clone)]
pub(super) struct AnswerTrace {
    pub(super) span: Arc<dyn CallSpan>,
    is_told: Arc<AtomicBool>,
}

impl CallTrace {
    /// Begins a call: as a part of the one that is handled right now, or of what its metadata says.
    pub(super) fn begin(tracer: &Arc<dyn Tracer>, path: &str, headers: &HeaderMap, current: &Context) -> Self {
        let parent = match current.traced() {
            Some(traced) => Some(traced.context.clone()),
            None => tracer.extract(headers),
        };
        let call = tracer.client_call(path, parent.as_ref());
        // Nobody asks for the name of a call that is not recorded.
        let path = if call.span.is_some() { path.to_owned() } else { String::new() };
        let tracer = Arc::clone(tracer);
        CallTrace(Arc::new(Shared { tracer, path, call, attempts: AtomicU32::new(0) }))
    }

    /// Whether it is recorded.
    pub(super) fn is_recorded(&self) -> bool {
        self.0.call.span.is_some()
    }

    /// Says to the server where the call stands, where no attempt does.
    pub(super) fn inject(&self, headers: &mut HeaderMap) {
        self.0.tracer.inject(&self.0.call.context, headers);
    }

    /// Begins an attempt, and says to the server where it stands.
    pub(super) fn attempt(&self, is_transparent: bool, headers: &mut HeaderMap) -> AttemptTrace {
        let Shared { tracer, path, call, attempts } = &*self.0;
        let attempt = Attempt { before: attempts.fetch_add(1, Ordering::Relaxed), is_transparent };
        let Traced { context, span } = tracer.client_attempt(path, call, attempt);
        tracer.inject(&context, headers);
        AttemptTrace { span, encoded: None }
    }

    /// The call had to wait for its target's name to be resolved.
    pub(super) fn resolution_was_delayed(&self) {
        if let Some(span) = &self.0.call.span {
            span.happened(DELAYED_RESOLUTION);
        }
    }

    /// The call is over.
    pub(super) fn end<T>(&self, result: &Result<T, Status>) {
        if let Some(span) = &self.0.call.span {
            match result {
                Ok(_) => span.end(Code::Ok, ""),
                Err(status) => span.end(status.code(), status.message()),
            }
        }
    }

    /// The call ends with this response.
    pub(super) fn watch(&self, response: http::Response<Body>) -> http::Response<Body> {
        match &self.0.call.span {
            Some(span) => watched(response, span),
            None => response,
        }
    }
}

impl AttemptTrace {
    pub(super) fn span(&self) -> Option<&Arc<dyn CallSpan>> {
        self.span.as_ref()
    }

    /// What keeps the size of its one message until it is on its way.
    pub(super) fn encoding(&mut self) -> Option<Arc<dyn MessageWatch>> {
        self.span.as_ref()?;
        Some(Arc::clone(self.encoded.get_or_insert_default()) as _)
    }

    /// The attempt has found its connection.
    pub(super) fn placed(&self, was_delayed: bool) {
        let Some(span) = &self.span else { return };
        if was_delayed {
            span.happened(DELAYED_PICK);
        }
        if let Some(encoded) = &self.encoded
            && let Some(size) = encoded.0.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            span.sent(size);
        }
    }

    /// Tells of the messages of a request.
    pub(super) fn scan(&self, request: http::Request<Body>) -> http::Request<Body> {
        let Some(span) = &self.span else { return request };
        let (head, body) = request.into_parts();
        let body = ScannedBody::new(body, Arc::clone(span) as _, Direction::Sent)
            .with_sizes(head.extensions.get::<PlainSizes>());
        http::Request::from_parts(head, Body::new(body))
    }

    /// The attempt is over.
    pub(super) fn ended(&self, code: Code, message: &str) {
        if let Some(span) = &self.span {
            span.end(code, message);
        }
    }

    /// The same, as its result says.
    pub(super) fn ended_with<T>(&self, result: &Result<T, Status>) {
        match result {
            Ok(_) => self.ended(Code::Ok, ""),
            Err(status) => self.ended(status.code(), status.message()),
        }
    }

    /// The attempt ends with this.
    pub(super) fn watch(
        self,
        sent: Result<http::Response<Body>, Unanswered>,
    ) -> Result<http::Response<Body>, Unanswered> {
        match (sent, self.span) {
            (Ok(response), Some(span)) => {
                let is_told = Arc::default();
                let response = response.map(|body| {
                    Body::new(ScannedBody::new(body, Arc::clone(&span) as _, Direction::Received).unless(&is_told))
                });
                let mut response = watched(response, &span);
                response.extensions_mut().insert(AnswerTrace { span, is_told });
                Ok(response)
            }
            (Err(unanswered), Some(span)) => {
                span.end(unanswered.status.code(), unanswered.status.message());
                Err(unanswered)
            }
            (sent, None) => sent,
        }
    }
}

impl AnswerTrace {
    /// Takes over to tell of the messages.
    pub(super) fn take(extensions: &mut http::Extensions) -> Option<Arc<dyn CallSpan>> {
        let AnswerTrace { span, is_told } = extensions.remove()?;
        is_told.store(true, Ordering::Relaxed);
        Some(span)
    }
}

/// A response at whose end a span is over.
fn watched(response: http::Response<Body>, span: &Arc<dyn CallSpan>) -> http::Response<Body> {
    let code = code_of_head(response.status(), response.headers());
    let status = status::from_peer(response.headers());
    if code != Code::Ok || response.body().is_end_stream() {
        let message = status.as_ref().map_or("", Status::message);
        let code = if response.status().is_success() && status.is_none() { Code::Unknown } else { code };
        span.end(code, message);
        return response;
    }
    let span = Some(Arc::clone(span));
    response.map(|body| Body::new(WatchedBody { body, span }))
}

/// A body at whose end a span is over.
struct WatchedBody {
    body: Body,
    span: Option<Arc<dyn CallSpan>>,
}

impl WatchedBody {
    fn end(&mut self, code: Code, message: &str) {
        if let Some(span) = self.span.take() {
            span.end(code, message);
        }
    }
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    match status::from_peer(trailers) {
                        Some(status) => self.end(status.code(), status.message()),
                        None => self.end(Code::Unknown, "the server ended the call without a status"),
                    }
                }
            }
            Some(Err(status)) => {
                let (code, message) = (status.code(), status.message().to_owned());
                self.end(code, &message);
            }
            None => self.end(Code::Unknown, "the server ended the call without a status"),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.end(Code::Cancelled, "the caller dropped the call");
    }
}

/// The trace that a call on its way belongs to.
pub(super) fn of(extensions: &http::Extensions) -> Option<&CallTrace> {
    extensions.get::<CallTrace>()
}
