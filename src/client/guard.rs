//! What holds for every call that a channel makes: the earliest of the deadlines that apply, and the end of the call
//! that it is made for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::body::Body;

use crate::client::options::CallOptions;
use crate::context::{self, Context};
use crate::deadline::{Deadline, format_timeout};
use crate::either::{Either, either};
use crate::metadata::GRPC_TIMEOUT;
use crate::status::{Code, Status};
use crate::transport::h2::client::{ANSWER, deadline_status};

/// When a call must be over: the earliest of its own timeout (or, if it has none, the channel's), its own deadline,
/// and the deadline of the call that is handled right now.
pub(crate) fn deadline(
    headers: &HeaderMap,
    options: &CallOptions,
    channel_timeout: Option<Duration>,
    current: &Context,
) -> Option<Deadline> {
    let own = options.own_timeout(headers).or(channel_timeout).map(Deadline::after);
    Deadline::earlier(Deadline::earlier(own, options.own_deadline()), current.deadline())
}

/// The same for a call that began a while ago, and whose method has a timeout of its own, the shorter of which counts.
pub(crate) fn deadline_from(
    begin: Instant,
    headers: &HeaderMap,
    options: &CallOptions,
    timeouts: Timeouts,
    current: &Context,
) -> Option<Deadline> {
    let own = options.own_timeout(headers).or(timeouts.of_channel);
    let timeout = match (own, timeouts.of_method) {
        (Some(own), Some(method)) => Some(own.min(method)),
        (own, method) => own.or(method),
    };
    let own = timeout.map(|timeout| Deadline::counted_from(begin, timeout));
    Deadline::earlier(Deadline::earlier(own, options.own_deadline()), current.deadline())
}

/// Timeouts that a call does not bring along.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// Where the call has none.
    pub(crate) of_channel: Option<Duration>,
    /// In any case.
    pub(crate) of_method: Option<Duration>,
}

/// The limits of one call in time.
pub(crate) struct CallGuard {
    timer: Option<Pin<Box<Sleep>>>,
    cancelled: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl CallGuard {
    /// Reads the request's own timeout, the channel's and the deadline of the call that is handled right now, and
    /// writes the earliest into the request.
    pub(crate) fn begin(request: &mut http::Request<Body>, channel_timeout: Option<Duration>) -> Self {
        let current = context::current();
        let options = CallOptions::of(request.extensions());
        let deadline = deadline(request.headers(), options, channel_timeout, &current);
        if let Some(deadline) = deadline {
            request.headers_mut().insert(GRPC_TIMEOUT, format_timeout(deadline.remaining()));
        }
        let mut guard = CallGuard::without_timer(&current);
        guard.start_timer(deadline);
        guard
    }

    /// The same for a call whose deadline somebody else looks after, until the timer is started.
    pub(crate) fn without_timer(current: &Context) -> Self {
        CallGuard { timer: None, cancelled: current.cancelled_owned().map(Box::pin) }
    }

    pub(crate) fn start_timer(&mut self, deadline: Option<Deadline>) {
        self.timer = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline.tokio_instant())));
    }

    /// Whether its time is up already. Its timer would notice up to a millisecond later.
    pub(crate) fn is_late(&self) -> bool {
        self.timer.as_ref().is_some_and(|timer| timer.deadline() <= Instant::now())
    }

    /// Runs something within the limits of the call. `late`: what it ends with when its time is up.
    ///
    /// # Errors
    /// The work's own, or that the call may not go on.
    pub(crate) async fn within<T>(
        &mut self,
        late: impl Fn() -> Status,
        work: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        match either(std::future::poll_fn(|cx| self.poll_over(cx, &late)), work).await {
            Either::First(status) => Err(status),
            Either::Second(done) => done,
        }
    }

    /// Runs the call up to its response's head, and guards the body after it.
    pub(crate) async fn run<F>(mut self, late: impl Fn() -> Status, call: F) -> Result<http::Response<Body>, Status>
    where
        F: Future<Output = Result<http::Response<Body>, Status>>,
    {
        let response = self.within(late, call).await.map_err(|status| self.explain(status))?;
        Ok(self.guard(response))
    }

    /// Guards a response's body, if there is anything to guard it from.
    pub(crate) fn guard(self, response: http::Response<Body>) -> http::Response<Body> {
        if !self.has_limits() {
            return response;
        }
        response.map(|body| Body::new(GuardedBody { body, guard: self, is_over: false }))
    }

    /// Whether there is anything that could end the call.
    pub(crate) fn has_limits(&self) -> bool {
        self.timer.is_some() || self.cancelled.is_some()
    }

    /// Ready when the call must not go on. `late`: what it ends with when its time is up.
    #[inline]
    pub(crate) fn poll_over(&mut self, cx: &mut TaskContext<'_>, late: impl FnOnce() -> Status) -> Poll<Status> {
        if let Some(timer) = &mut self.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(late());
        }
        if let Some(cancelled) = &mut self.cancelled
            && cancelled.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Status::cancelled("the call that this one was made for is over"));
        }
        Poll::Pending
    }
}

impl CallGuard {
    /// What a call ends with that failed: a server that resets it because its time is up says no more than CANCEL, and
    /// may be heard before the timer here.
    pub(crate) fn explain(&self, status: Status) -> Status {
        if self.is_late() && status.code() == Code::Cancelled { deadline_status(ANSWER) } else { status }
    }
}

/// A response's body that ends when its call must.
struct GuardedBody {
    body: Body,
    guard: CallGuard,
    is_over: bool,
}

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(status) = self.guard.poll_over(cx, || deadline_status("the rest of the server's answer")) {
            self.is_over = true;
            // Dropping the body resets the stream: the server need not go on.
            self.body = Body::empty();
            return Poll::Ready(Some(Err(status)));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(|status| self.guard.explain(status))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }
}
