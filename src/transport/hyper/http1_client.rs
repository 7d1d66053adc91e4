//! The client's side of a connection that speaks HTTP/1.1: one call at a time.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Uri, Version};
use http_body::Frame;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use crate::status::{Code, Status};
use crate::transport::connection::{ConnectionSettings, Origin};
use crate::transport::error::{Error, Step};
use crate::transport::hyper::body::{ReceivedBody, status_of, whole_story};
use crate::transport::io::Io;
use crate::transport::progress::{Progress, Unanswered};
use crate::transport::remote::Remote;

/// How long a failed call waits to learn how its connection ended, to be able to say so.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// An open connection. Clones share it; it ends with the last of them and of the calls on it.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Whose turn it is. There is one, and while nobody has it the sender is in its place and ready.
    turns: Arc<Semaphore>,
    sender: Mutex<Option<http1::SendRequest<Body>>>,
    calls_begun: AtomicU64,
    life: Arc<Life>,
}

/// What is known of a connection by those who use it.
#[derive(Debug)]
struct Life {
    remote: Remote,
    /// Whether any request was ever answered.
    has_answered: AtomicBool,
    /// Why the connection ended.
    end: OnceLock<String>,
    ended: CancellationToken,
}

impl Connection {
    /// Starts the task that drives the connection.
    pub(crate) async fn begin(io: Io, settings: &ConnectionSettings, remote: Remote) -> Result<Self, Error> {
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(buffer_bytes_max(settings))
            .handshake(TokioIo::new(io))
            .await
            .map_err(|error| remote.error(Step::Connect, whole_story(&error)).with_source(error))?;
        let life = Arc::new(Life {
            remote,
            has_answered: AtomicBool::new(false),
            end: OnceLock::new(),
            ended: CancellationToken::new(),
        });
        let turns = Arc::new(Semaphore::new(1));
        tokio::spawn({
            let (life, turns) = (Arc::clone(&life), Arc::clone(&turns));
            async move {
                if let Err(error) = driver.await {
                    let _ = life.end.set(whole_story(&error));
                }
                turns.close();
                life.ended.cancel();
            }
        });
        let shared = Shared { turns, sender: Mutex::new(Some(sender)), calls_begun: AtomicU64::new(0), life };
        Ok(Connection(Arc::new(shared)))
    }

    /// Whether no further request can be sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.turns.is_closed()
    }

    /// Resolves when the connection has ended.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.life.ended.clone().cancelled_owned()
    }

    /// Whether a call can begin at once.
    pub(crate) fn has_place(&self) -> bool {
        !self.is_closed() && self.0.turns.available_permits() > 0
    }

    /// Whether a call runs.
    pub(crate) fn is_busy(&self) -> bool {
        !self.is_closed() && self.0.turns.available_permits() == 0
    }

    /// How many calls have begun on it.
    pub(crate) fn calls_begun(&self) -> u64 {
        self.0.calls_begun.load(Ordering::Relaxed)
    }

    /// Waits for a call's turn.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) async fn reserve(&self) -> Result<Turn, Status> {
        let gone = || Status::unavailable("the connection has ended");
        let permit = Arc::clone(&self.0.turns).acquire_owned().await.map_err(|_| gone())?;
        let sender = self.0.sender.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(gone)?;
        Ok(Turn { shared: Arc::clone(&self.0), sender: Some(sender), permit: Some(permit) })
    }
}

/// The first lines of an answer come into this buffer; hyper wants room for 8 KiB at least.
fn buffer_bytes_max(settings: &ConnectionSettings) -> usize {
    const LEAST: usize = 64 * 1024;
    usize::try_from(settings.header_list_bytes_max).unwrap_or(usize::MAX).max(LEAST)
}

/// A call's turn; passed on when dropped, as soon as the connection is ready for another.
#[derive(Debug)]
pub(crate) struct Turn {
    shared: Arc<Shared>,
    sender: Option<http1::SendRequest<Body>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Sends a request; resolves with the response's head. Dropping the future ends the connection, as nothing else tells
    /// the server.
    ///
    /// # Errors
    /// The status that a broken connection means, and the request itself where it surely never left.
    pub(crate) async fn send(
        mut self,
        request: http::Request<Body>,
        origin: Origin<'_>,
    ) -> Result<http::Response<Body>, Unanswered> {
        let life = Arc::clone(&self.shared.life);
        let Some(sender) = &mut self.sender else {
            let status = Status::internal("the turn is over");
            return Err(Unanswered { status, progress: Progress::Final, request: None });
        };
        self.shared.calls_begun.fetch_add(1, Ordering::Relaxed);
        match sender.try_send_request(complete(request, origin)).await {
            Ok(response) => {
                life.has_answered.store(true, Ordering::Relaxed);
                Ok(response.map(|body| Body::new(AnsweredBody { body: ReceivedBody::of_response(body), _turn: self })))
            }
            Err(mut error) => {
                let request = error.take_message().map(incomplete);
                let progress = if request.is_some() { Progress::Unsent } else { Progress::Sent };
                Err(Unanswered { status: life.status_of(error.error()).await, progress, request })
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (Some(mut sender), Some(permit)) = (self.sender.take(), self.permit.take()) else { return };
        let shared = Arc::clone(&self.shared);
        if sender.is_ready() {
            shared.put_back(sender, permit);
            return;
        }
        // Without a runtime nobody could make another call, either.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if sender.ready().await.is_ok() {
                shared.put_back(sender, permit);
            } else {
                // It is about to end; nobody is to wait for a turn until then.
                shared.turns.close();
            }
        });
    }
}

impl Shared {
    fn put_back(&self, sender: http1::SendRequest<Body>, permit: OwnedSemaphorePermit) {
        *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        drop(permit);
    }
}

/// A request as HTTP/1.1 has it: with the path alone in its first line.
fn complete(mut request: http::Request<Body>, origin: Origin<'_>) -> http::Request<Body> {
    let parts = std::mem::take(request.uri_mut()).into_parts();
    // A client made `with_origin` names an authority of its own.
    let authority = parts.authority.as_ref().map_or(origin.authority, http::uri::Authority::as_str);
    if let Ok(authority) = HeaderValue::from_str(authority) {
        request.headers_mut().insert(HOST, authority);
    }
    *request.uri_mut() = Uri::from(parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/")));
    *request.version_mut() = Version::HTTP_11;
    request.headers_mut().entry(USER_AGENT).or_insert_with(|| origin.user_agent.clone());
    request
}

/// The same before that, as far as another attempt must know.
fn incomplete(mut request: http::Request<Body>) -> http::Request<Body> {
    request.headers_mut().remove(HOST);
    request
}

impl Life {
    async fn status_of(&self, error: &hyper::Error) -> Status {
        let status = status_of(error);
        if status.code() != Code::Unavailable {
            return status;
        }
        // hyper tells a call only that its connection is gone; why is known where the connection ended.
        let _ = tokio::time::timeout(LAST_WORDS, self.ended.cancelled()).await;
        let why = self.end.get().cloned().unwrap_or_else(|| whole_story(error));
        self.remote.broken(&why, self.has_answered.load(Ordering::Relaxed)).into()
    }
}

/// The body of an answer. The turn ends with it.
struct AnsweredBody {
    body: ReceivedBody,
    _turn: Turn,
}

impl http_body::Body for AnsweredBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
