//! What holds for every call, whoever answers it: its context is current, its deadline is kept, a panic is its own
//! affair, and whatever watches it learns how it ended.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::{Body as _, Frame};
use tokio::task::AbortHandle;
use tonic::body::Body;

use crate::codec::{Quota, Rope};
use crate::context::{Context, Peer};
use crate::deadline::Deadline;
use crate::metadata::{GRPC_STATUS, append_user_metadata};
use crate::server::native::{add_status, trailers};
use crate::server::shared_body::{Panicked, SharedBody, drop_within, poll_within};
use crate::status::{Code, Status, code_name};
use crate::transport::response_body::{MessageSource, Messages, ResponseBody};

pin_project_lite::pin_project! {
    /// A call from its first poll to its last byte.
    pub(crate) struct Guard<F> {
        #[pin]
        answer: Option<F>,
        watch: Option<Watch>,
        timer: Option<Pin<Box<tokio::time::Sleep>>>,
    }

    impl<F> PinnedDrop for Guard<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(watch) = &this.watch {
                drop_pinned_within(&watch.context, this.answer);
            }
        }
    }
}

impl<F> Guard<F>
where
    F: Future<Output = http::Response<ResponseBody>> + Send,
{
    pub(crate) fn new(context: Context, answer: F) -> Self {
        Guard::going_on(Watch::begin(context), answer)
    }

    /// The same for a call that was begun.
    pub(crate) fn going_on(watch: Watch, answer: F) -> Self {
        let deadline = watch.context.deadline();
        let timer = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline.tokio_instant())));
        Guard { answer: Some(answer), watch: Some(watch), timer }
    }
}

impl<F> Future for Guard<F>
where
    F: Future<Output = http::Response<ResponseBody>> + Send,
{
    type Output = http::Response<ResponseBody>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let watch = this.watch.as_mut().expect("a future is not polled after it is ready");
        if let Some(timer) = this.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            drop_pinned_within(&watch.context, this.answer);
            return Poll::Ready(watch.refuse(&deadline_status()));
        }
        let answer = this.answer.as_mut().as_pin_mut().expect("a future is not polled after it is ready");
        let polled = {
            let _entered = watch.context.enter();
            catch_unwind(AssertUnwindSafe(|| answer.poll(cx)))
        };
        match polled {
            Err(_panic) => {
                drop_pinned_within(&watch.context, this.answer);
                Poll::Ready(watch.refuse(&panic_status()))
            }
            Ok(response) => {
                let response = ready!(response);
                // What is left of the handler lives no longer than the rest of it.
                drop_pinned_within(&watch.context, this.answer);
                let watch = this.watch.take().expect("it was there a moment ago");
                Poll::Ready(guarded(response, watch))
            }
        }
    }
}

/// Drops a handler that must not be moved as it lived: inside its own context, and with its panics its own affair.
fn drop_pinned_within<T>(context: &Context, mut handler: Pin<&mut Option<T>>) {
    let _entered = context.enter();
    let _ = catch_unwind(AssertUnwindSafe(|| handler.set(None)));
}

pub(crate) fn deadline_status() -> Status {
    Status::deadline_exceeded("the deadline passed before the call was over")
}

pub(crate) fn panic_status() -> Status {
    Status::internal("the handler panicked")
}

/// Tells the context and the log how the call ended.
pub(crate) struct Watch {
    pub(crate) context: Context,
    /// Only where somebody wants to know: looking at the clock costs as much as a short handler.
    started: Option<Instant>,
    pub(crate) code: Option<Code>,
    /// What it ended with in words, where that is recorded.
    #[cfg(feature = "telemetry")]
    message: String,
}

impl Watch {
    pub(crate) fn begin(context: Context) -> Self {
        #[cfg(feature = "channelz")]
        if let Some(tally) = context.tally() {
            tally.calls.began();
        }
        Watch::begun(context, None)
    }

    /// The same for a call that the carrier has known for a while.
    #[cfg(feature = "server")]
    pub(crate) fn begin_since(context: Context, arrived: Instant) -> Self {
        #[cfg(feature = "channelz")]
        if let Some(tally) = context.tally() {
            tally.calls.began();
        }
        Watch::begun(context, Some(arrived))
    }

    /// The same for a call whose beginning its connection has counted.
    pub(crate) fn begun(context: Context, arrived: Option<Instant>) -> Self {
        context.count_start();
        let started = (context.is_counted() || is_logging()).then(|| arrived.unwrap_or_else(Instant::now));
        Watch {
            context,
            started,
            code: None,
            #[cfg(feature = "telemetry")]
            message: String::new(),
        }
    }

    /// A response that ends the call before any message.
    pub(crate) fn refuse(&mut self, status: &Status) -> http::Response<ResponseBody> {
        self.break_off(status);
        let mut response = http::Response::new(ResponseBody::empty());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        add_status(status, response.headers_mut());
        response
    }

    /// The call ends with a status that is not its handler's.
    pub(crate) fn break_off(&mut self, status: &Status) {
        self.fail(status);
        self.context.cancel();
    }

    /// The call ends with this status.
    pub(crate) fn fail(&mut self, status: &Status) {
        self.code = Some(status.code());
        #[cfg(feature = "telemetry")]
        if self.context.span().is_some() {
            status.message().clone_into(&mut self.message);
        }
    }

    /// Looks for the status in the headers of a response, which its handler may have added to.
    pub(crate) fn see_head(&mut self, headers: &mut HeaderMap) {
        if self.see(headers) {
            append_user_metadata(headers, self.context.take_trailing_metadata());
        } else {
            self.context.count_answer(None);
        }
    }

    /// The same in the trailers that a tonic-generated handler made; native ones have taken the metadata along.
    pub(crate) fn see_trailers(&mut self, trailers: &mut HeaderMap) {
        if self.context.has_reply_metadata() {
            append_user_metadata(trailers, self.context.take_trailing_metadata());
        }
        self.see(trailers);
    }

    /// Looks for the status. Tells whether it is there.
    fn see(&mut self, headers: &HeaderMap) -> bool {
        let status = if headers.len() <= FEW_HEADERS {
            // Hashing the name takes longer.
            headers.iter().find(|(name, _)| **name == GRPC_STATUS).map(|(_, value)| value)
        } else {
            headers.get(GRPC_STATUS)
        };
        if let Some(status) = status {
            self.code = Some(Code::from_bytes(status.as_bytes()));
            #[cfg(feature = "telemetry")]
            if self.context.span().is_some()
                && let Some(status) = crate::status::from_peer(headers)
            {
                status.message().clone_into(&mut self.message);
            }
        }
        status.is_some()
    }

    /// The call is over, and its code is known. Returns the context, which another call may use.
    #[cfg(feature = "server")]
    pub(crate) fn end(mut self) -> Context {
        self.log(self.code.unwrap_or(Code::Unknown));
        std::mem::take(&mut self.context)
    }

    fn log(&mut self, code: Code) {
        #[cfg(feature = "channelz")]
        if let Some(tally) = self.context.tally() {
            tally.calls.ended(code);
        }
        #[cfg(feature = "telemetry")]
        if let Some(span) = self.context.span() {
            span.end(code, &self.message);
        }
        if let Some(started) = self.started.take() {
            let elapsed = started.elapsed();
            self.context.count_end(code, elapsed);
            log_call(self.context.method(), code, elapsed, self.context.peer());
        }
    }
}

/// So few headers are looked through one by one.
const FEW_HEADERS: usize = 4;

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
        self.log(code);
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

/// Guards what is left of a call once its response's head is there.
fn guarded(response: http::Response<ResponseBody>, mut watch: Watch) -> http::Response<ResponseBody> {
    let (mut parts, body) = response.into_parts();
    watch.see_head(&mut parts.headers);
    if body.is_end_stream() {
        return http::Response::from_parts(parts, body);
    }
    let body = match body {
        ResponseBody::Http(body) => ResponseBody::Http(guarded_body(body, watch)),
        ResponseBody::Messages(messages) => {
            ResponseBody::messages(Rest { held: Held::new(messages, &watch.context), watch, is_over: false })
        }
    };
    http::Response::from_parts(parts, body)
}

/// The same of a body by itself.
pub(crate) fn guarded_body(body: Body, watch: Watch) -> Body {
    Body::new(Rest { held: Held::new(body, &watch.context), watch, is_over: false })
}

/// The rest of a guarded call: its response's body.
struct Rest<B> {
    held: Held<B>,
    watch: Watch,
    is_over: bool,
}

/// A body, and who else holds it.
enum Held<B> {
    /// Nobody.
    Alone(Option<B>),
    /// The timer of the call's deadline.
    WithTimer { body: Arc<SharedBody<B>>, timer: AbortHandle },
}

impl<B> Rest<B> {
    /// The trailers of a call that ends here and not where its handler wanted.
    fn end_with(&mut self, status: Status) -> HeaderMap {
        self.is_over = true;
        self.held.take(&self.watch.context);
        self.watch.break_off(&status);
        trailers(Err(status), &self.watch.context)
    }
}

impl<B: Send + 'static> Held<B> {
    fn new(body: B, context: &Context) -> Self {
        let Some(deadline) = context.deadline() else { return Held::Alone(Some(body)) };
        let body = Arc::new(SharedBody::new(body, context.clone()));
        let timer = expire_at(deadline, &body);
        Held::WithTimer { body, timer }
    }
}

fn expire_at<B: Send + 'static>(deadline: Deadline, body: &Arc<SharedBody<B>>) -> AbortHandle {
    let body: Weak<SharedBody<B>> = Arc::downgrade(body);
    let timer = tokio::spawn(async move {
        tokio::time::sleep_until(deadline.tokio_instant()).await;
        if let Some(body) = body.upgrade() {
            body.expire();
        }
    });
    timer.abort_handle()
}

impl<B> Held<B> {
    /// Polls the body; `Err` tells of a panic in it.
    fn poll<T>(
        &mut self,
        context: &Context,
        waker: &Waker,
        poll: impl FnOnce(&mut B) -> Poll<Option<T>>,
    ) -> Result<Poll<Option<T>>, Panicked> {
        match self {
            Held::Alone(body) => poll_within(context, body, poll),
            Held::WithTimer { body, .. } => body.poll(waker, poll),
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

impl http_body::Body for Rest<Body> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let polled = this.held.poll(&this.watch.context, cx.waker(), |body| Pin::new(body).poll_frame(cx));
        if this.held.has_expired() {
            return Poll::Ready(Some(Ok(Frame::trailers(this.end_with(deadline_status())))));
        }
        let Ok(polled) = polled else {
            return Poll::Ready(Some(Ok(Frame::trailers(this.end_with(panic_status())))));
        };
        let mut frame = ready!(polled);
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    this.watch.see_trailers(trailers);
                    this.is_over = true;
                }
            }
            // A body that ends without trailers is an ordinary HTTP response.
            None => {
                this.is_over = true;
                this.watch.code.get_or_insert(Code::Ok);
            }
            Some(Err(status)) => {
                this.is_over = true;
                this.watch.fail(status);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

impl MessageSource for Rest<Messages> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        output: &mut Rope,
        quota: Quota,
    ) -> Poll<Option<HeaderMap>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(Some(HeaderMap::new()));
        }
        let start = output.mark();
        let polled = this
            .held
            .poll(&this.watch.context, cx.waker(), |messages| Pin::new(messages).poll_write(cx, output, quota));
        if polled.is_err() {
            // Half a message may have been written.
            output.truncate(start);
        }
        if this.held.has_expired() {
            return Poll::Ready(Some(this.end_with(deadline_status())));
        }
        let Ok(polled) = polled else {
            return Poll::Ready(Some(this.end_with(panic_status())));
        };
        let trailers = ready!(polled);
        if let Some(trailers) = &trailers {
            this.watch.see(trailers);
            this.is_over = true;
        }
        Poll::Ready(trailers)
    }
}

impl<B> Drop for Rest<B> {
    fn drop(&mut self) {
        self.held.take(&self.watch.context);
    }
}
