//! What holds for every call, whoever answers it: its context is current, its deadline is kept, a panic is its own
//! affair, and whatever watches it learns how it ended.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::{Body as _, Frame};
use tokio::task::AbortHandle;
use tonic::body::Body;

use crate::context::{Context, Peer};
use crate::deadline::Deadline;
use crate::metadata::{GRPC_STATUS, append_user_metadata};
use crate::server::native::{add_status, trailers};
use crate::server::shared_body::{Panicked, PolledFrame, SharedBody, drop_within, poll_within};
use crate::status::{Code, Status, code_name};

/// A call from its first poll to its last byte.
pub(crate) struct Guard<F> {
    answer: Option<Pin<Box<F>>>,
    watch: Option<Watch>,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<F> Guard<F>
where
    F: Future<Output = http::Response<Body>> + Send,
{
    pub(crate) fn new(context: Context, answer: F) -> Self {
        let timer = context.deadline().map(|deadline| Box::pin(tokio::time::sleep_until(deadline.tokio_instant())));
        Guard { answer: Some(Box::pin(answer)), watch: Some(Watch::begin(context)), timer }
    }
}

impl<F> Future for Guard<F>
where
    F: Future<Output = http::Response<Body>> + Send,
{
    type Output = http::Response<Body>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let watch = this.watch.as_mut().expect("a future is not polled after it is ready");
        if let Some(timer) = &mut this.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            drop_within(&watch.context, &mut this.answer);
            return Poll::Ready(watch.refuse(&deadline_status()));
        }
        let answer = this.answer.as_mut().expect("a future is not polled after it is ready");
        let polled = {
            let _entered = watch.context.enter();
            catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx)))
        };
        match polled {
            Err(_panic) => {
                drop_within(&watch.context, &mut this.answer);
                Poll::Ready(watch.refuse(&panic_status()))
            }
            Ok(response) => {
                let response = ready!(response);
                let watch = this.watch.take().expect("it was there a moment ago");
                Poll::Ready(GuardedBody::around(response, watch))
            }
        }
    }
}

impl<F> Drop for Guard<F> {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            drop_within(&watch.context, &mut self.answer);
        }
    }
}

pub(crate) fn deadline_status() -> Status {
    Status::deadline_exceeded("the deadline passed before the call was over")
}

pub(crate) fn panic_status() -> Status {
    Status::internal("the handler panicked")
}

/// Tells the context and the log how the call ended.
struct Watch {
    context: Context,
    /// Only where somebody listens: looking at the clock costs as much as a short handler.
    started: Option<Instant>,
    code: Option<Code>,
}

impl Watch {
    fn begin(context: Context) -> Self {
        let started = is_logging().then(Instant::now);
        Watch { context, started, code: None }
    }

    /// A response that ends the call before any message.
    fn refuse(&mut self, status: &Status) -> http::Response<Body> {
        self.code = Some(status.code());
        self.context.cancel();
        let mut response = http::Response::new(Body::empty());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        add_status(status, response.headers_mut());
        response
    }

    fn see(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get(GRPC_STATUS) {
            self.code = Some(Code::from_bytes(status.as_bytes()));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.code.is_none() {
            // Nobody wants the answer any more: the peer reset the stream, or the connection broke.
            self.context.cancel();
        }
        let code = self.code.unwrap_or(match self.context.deadline() {
            Some(deadline) if deadline.has_passed() => Code::DeadlineExceeded,
            _ => Code::Cancelled,
        });
        if let Some(started) = self.started {
            log_call(self.context.method(), code, started.elapsed(), self.context.peer());
        }
    }
}

/// Whether anybody listens to [`log_call`].
pub(crate) fn is_logging() -> bool {
    tracing::event_enabled!(target: "seltzer::call", tracing::Level::INFO)
}

/// One line a call, for whoever listens; costs next to nothing when nobody does.
pub(crate) fn log_call(method: &str, code: Code, elapsed: Duration, peer: Option<&Peer>) {
    tracing::info!(
        target: "seltzer::call",
        method,
        code = code_name(code),
        elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        peer = peer.and_then(Peer::remote_addr).map(tracing::field::display),
    );
}

/// The rest of a guarded call: its response's body.
struct GuardedBody {
    body: Held,
    watch: Watch,
    is_over: bool,
}

/// A body, and who else holds it.
enum Held {
    /// Nobody.
    Alone(Option<Body>),
    /// The timer of the call's deadline.
    WithTimer { body: Arc<SharedBody>, timer: AbortHandle },
}

impl GuardedBody {
    fn around(response: http::Response<Body>, mut watch: Watch) -> http::Response<Body> {
        let (mut parts, body) = response.into_parts();
        if parts.headers.contains_key(GRPC_STATUS) {
            append_user_metadata(&mut parts.headers, watch.context.take_trailing_metadata());
        }
        watch.see(&parts.headers);
        if body.is_end_stream() {
            return http::Response::from_parts(parts, body);
        }
        let body = match watch.context.deadline() {
            None => Held::Alone(Some(body)),
            Some(deadline) => Held::with_timer(body, deadline, &watch.context),
        };
        http::Response::from_parts(parts, Body::new(GuardedBody { body, watch, is_over: false }))
    }

    fn end_with(&mut self, status: Status) -> Frame<Bytes> {
        self.is_over = true;
        self.body.take(&self.watch.context);
        self.watch.code = Some(status.code());
        self.watch.context.cancel();
        Frame::trailers(trailers(Err(status), &self.watch.context))
    }
}

fn expire_at(deadline: Deadline, body: &Arc<SharedBody>) -> AbortHandle {
    let body: Weak<SharedBody> = Arc::downgrade(body);
    let timer = tokio::spawn(async move {
        tokio::time::sleep_until(deadline.tokio_instant()).await;
        if let Some(body) = body.upgrade() {
            body.expire();
        }
    });
    timer.abort_handle()
}

impl Held {
    fn with_timer(body: Body, deadline: Deadline, context: &Context) -> Self {
        let body = Arc::new(SharedBody::new(body, context.clone()));
        let timer = expire_at(deadline, &body);
        Held::WithTimer { body, timer }
    }

    /// Polls the body; `Err` tells of a panic in it.
    fn poll(&mut self, context: &Context, cx: &mut TaskContext<'_>) -> Result<PolledFrame, Panicked> {
        match self {
            Held::Alone(body) => poll_within(context, body, cx),
            Held::WithTimer { body, .. } => body.poll(cx),
        }
    }

    fn has_expired(&self) -> bool {
        matches!(self, Held::WithTimer { body, .. } if body.has_expired())
    }

    fn take(&mut self, context: &Context) {
        match self {
            Held::Alone(body) => drop_within(context, body),
            Held::WithTimer { body, timer } => {
                timer.abort();
                body.take();
            }
        }
    }
}

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let polled = this.body.poll(&this.watch.context, cx);
        if this.body.has_expired() {
            return Poll::Ready(Some(Ok(self.end_with(deadline_status()))));
        }
        let Ok(polled) = polled else {
            return Poll::Ready(Some(Ok(self.end_with(panic_status()))));
        };
        let mut frame = ready!(polled);
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    // What a tonic-generated handler set; native ones have taken theirs along already.
                    append_user_metadata(trailers, self.watch.context.take_trailing_metadata());
                    self.watch.see(trailers);
                    self.is_over = true;
                }
            }
            // A body that ends without trailers is an ordinary HTTP response.
            None => {
                self.is_over = true;
                self.watch.code.get_or_insert(Code::Ok);
            }
            Some(Err(status)) => {
                self.is_over = true;
                self.watch.code = Some(status.code());
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

impl Drop for GuardedBody {
    fn drop(&mut self) {
        self.body.take(&self.watch.context);
    }
}
