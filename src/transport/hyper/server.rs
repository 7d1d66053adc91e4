//! The server's side of a connection that hyper carries.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use hyper::body::Incoming;
#[cfg(not(feature = "carrier-hyper"))]
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
#[cfg(feature = "carrier-hyper")]
use hyper_util::{rt::TokioExecutor, server::conn::auto};
use tonic::body::Body;

use crate::transport::drain::{Drain, FAREWELL, GRACE_MAX};
use crate::transport::h2::ReadyQueue;
use crate::transport::hyper::body::ReceivedBody;
use crate::transport::hyper::head;
use crate::transport::hyper::watch::{Heads, Watching};
use crate::transport::incoming_body::IncomingBody;
use crate::transport::io::{Io, Moved};
use crate::transport::response_body::ResponseBody;

/// The least that hyper may buffer: enough to move bodies in pieces that are worth it.
const BUFFER_BYTES_MIN: usize = 64 * 1024;

/// Settings of a connection under hyper.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "carrier-hyper"), allow(dead_code, reason = "all but one of them concern HTTP/2"))]
pub(crate) struct ConnectionSettings {
    pub(crate) stream_window_bytes: u32,
    pub(crate) connection_window_bytes: u32,
    pub(crate) concurrent_streams_max: u32,
    pub(crate) header_list_bytes_max: u32,
    pub(crate) frame_bytes_max: u32,
    pub(crate) keepalive_interval: Option<Duration>,
    pub(crate) keepalive_timeout: Duration,
    pub(crate) header_read_timeout: Duration,
}

/// Serves a connection until the peer leaves, or until it is drained. What waits of it counts in `memory`.
///
/// # Errors
/// What ended the connection early, in hyper's words.
pub(crate) async fn serve_connection<H, F>(
    io: Io,
    settings: &ConnectionSettings,
    handler: H,
    drain: Drain,
    memory: Arc<ReadyQueue>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    H: Fn(http::Request<IncomingBody>) -> F + Clone + Send + 'static,
    F: Future<Output = http::Response<ResponseBody>> + Send + 'static,
{
    let active = Arc::new(AtomicUsize::new(0));
    let header_list_bytes_max = usize::try_from(settings.header_list_bytes_max).unwrap_or(usize::MAX);
    let heads = Arc::new(Heads::default());
    let service = service_fn({
        let (active, heads) = (Arc::clone(&active), Arc::clone(&heads));
        move |request: http::Request<Incoming>| {
            let call = ActiveCall::begin(&active);
            let refused = head::refusal(&request, header_list_bytes_max, heads.take());
            let (request, invitation) = ReceivedBody::of_request(request, &memory, &heads);
            let request = request.map(|body| IncomingBody::Http(Body::new(body)));
            let response = refused.map_or_else(|| Ok(handler(request)), Err);
            async move {
                let mut response = match response {
                    Ok(response) => response.await,
                    Err(refused) => refused,
                };
                if invitation.is_some_and(|invitation| invitation.is_declined()) {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| CountedBody { body, _call: call }))
            }
        }
    });
    let moved = Arc::new(Moved::default());
    let io = TokioIo::new(Watching::new(io.counting(&moved), &heads));
    let watched = Watched { active, moved };
    #[cfg(feature = "carrier-hyper")]
    {
        let builder = any_version(settings);
        let connection = pin!(builder.serve_connection(io, service));
        drive(connection, auto::Connection::graceful_shutdown, &watched, drain).await
    }
    #[cfg(not(feature = "carrier-hyper"))]
    {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(settings.header_read_timeout);
        builder.max_buf_size(buffer_bytes_max(settings));
        let connection = pin!(builder.serve_connection(io, service));
        drive(connection, http1::Connection::graceful_shutdown, &watched, drain).await
    }
}

/// What hyper may buffer of one direction of a connection: heads of requests that are not complete, and pieces of bodies.
fn buffer_bytes_max(settings: &ConnectionSettings) -> usize {
    BUFFER_BYTES_MIN.max(usize::try_from(settings.header_list_bytes_max).unwrap_or(usize::MAX))
}

/// What tells whether a connection that drains still does anything.
struct Watched {
    active: Arc<AtomicUsize>,
    moved: Arc<Moved>,
}

/// Drives a connection to its end, or through its drain.
async fn drive<C, E>(
    mut connection: Pin<&mut C>,
    shut_down: impl FnOnce(Pin<&mut C>),
    watched: &Watched,
    drain: Drain,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    C: Future<Output = Result<(), E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let ended = drain.begin.run_until_cancelled(poll_fn(|cx| connection.as_mut().poll(cx))).await;
    if let Some(ended) = ended {
        return ended.map_err(Into::into);
    }
    shut_down(connection.as_mut());
    let deadline = tokio::time::Instant::now() + drain.grace.min(GRACE_MAX);
    // A body that was handed over may still be on its way, so a connection ends when its calls are over and no byte
    // has moved for a while. One that behaves ends by itself.
    let mut moved_before = u64::MAX;
    loop {
        let now = tokio::time::Instant::now();
        let next_look = (now + FAREWELL).min(deadline);
        if let Ok(ended) = tokio::time::timeout_at(next_look, poll_fn(|cx| connection.as_mut().poll(cx))).await {
            return ended.map_err(Into::into);
        }
        let moved_now = watched.moved.bytes();
        let is_quiet = watched.active.load(Ordering::Acquire) == 0 && moved_now == moved_before;
        if next_look >= deadline || is_quiet {
            return Ok(());
        }
        moved_before = moved_now;
    }
}

/// HTTP/1.1 and HTTP/2, as the peer begins.
#[cfg(feature = "carrier-hyper")]
fn any_version(settings: &ConnectionSettings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_read_timeout)
        .max_buf_size(buffer_bytes_max(settings));
    builder
        .http2()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .initial_stream_window_size(settings.stream_window_bytes)
        .initial_connection_window_size(settings.connection_window_bytes)
        .max_concurrent_streams(settings.concurrent_streams_max)
        .max_header_list_size(settings.header_list_bytes_max)
        .max_frame_size(settings.frame_bytes_max)
        .keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout);
    builder
}

/// Counts a call until its last byte is handed over for sending or it is dropped.
struct ActiveCall(Arc<AtomicUsize>);

impl ActiveCall {
    fn begin(active: &Arc<AtomicUsize>) -> Self {
        active.fetch_add(1, Ordering::AcqRel);
        ActiveCall(Arc::clone(active))
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A response body that counts as an active call while it exists.
struct CountedBody {
    body: ResponseBody,
    _call: ActiveCall,
}

impl http_body::Body for CountedBody {
    type Data = bytes::Bytes;
    type Error = crate::status::Status;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, crate::status::Status>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
