//! The client's side of a connection that hyper carries.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use crate::status::{Code, Status, drop_garbled_details};
use crate::transport::connection::ConnectionSettings;
use crate::transport::error::{Error, Step};
use crate::transport::hyper::body::{ReceivedBody, is_refused, status_of, whole_story};
use crate::transport::hyper::cancel::{cancellable, guarded};
use crate::transport::io::Io;
use crate::transport::progress::{Progress, Unanswered};
use crate::transport::remote::Remote;

/// How long a failed call waits to learn how its connection ended, to be able to say so.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// An open HTTP/2 connection. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    requests: http2::SendRequest<Body>,
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
    /// Exchanges prefaces and starts the task that drives the connection, which ends with its last clone.
    pub(crate) async fn handshake(io: Io, settings: &ConnectionSettings, remote: Remote) -> Result<Self, Error> {
        let (requests, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(settings.stream_window_bytes)
            .initial_connection_window_size(settings.connection_window_bytes)
            .max_header_list_size(settings.header_list_bytes_max)
            .keep_alive_interval(settings.keepalive_interval)
            .keep_alive_timeout(settings.keepalive_timeout)
            .keep_alive_while_idle(settings.keepalive_while_idle)
            .handshake(TokioIo::new(io))
            .await
            .map_err(|error| {
                remote
                    .error(Step::Http2, whole_story(&error))
                    .with_hint("does the server speak HTTP/2 (gRPC), and without TLS if the target says http://?")
                    .with_source(error)
            })?;
        let life = Arc::new(Life {
            remote,
            has_answered: AtomicBool::new(false),
            end: OnceLock::new(),
            ended: CancellationToken::new(),
        });
        tokio::spawn({
            let life = Arc::clone(&life);
            async move {
                if let Err(error) = driver.await {
                    let _ = life.end.set(whole_story(&error));
                }
                life.ended.cancel();
            }
        });
        Ok(Connection { requests, life })
    }

    /// Whether no further request can be sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    /// Resolves when the connection has ended.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.life.ended.clone().cancelled_owned()
    }

    /// Sends a request; resolves with the response's head. Dropping the future resets the stream.
    ///
    /// # Errors
    /// The status that a broken stream or connection means, and the request itself where it surely never left.
    pub(crate) async fn send(&mut self, request: http::Request<Body>) -> Result<http::Response<Body>, Unanswered> {
        let (request, guard) = cancellable(request);
        match self.requests.try_send_request(request).await {
            Ok(response) => {
                self.life.has_answered.store(true, Ordering::Relaxed);
                let mut response = response;
                drop_garbled_details(response.headers_mut());
                Ok(guarded(response.map(|body| Body::new(ReceivedBody::of_response(body))), guard))
            }
            Err(mut error) => {
                // An unsent request is sent again as it is, so its own guard must not cut it off.
                let request = error.take_message();
                if request.is_some() {
                    guard.disarm();
                }
                let progress = match &request {
                    Some(_) => Progress::Unsent,
                    None if is_refused(error.error()) => Progress::Refused,
                    None => Progress::Sent,
                };
                Err(Unanswered { status: self.life.status_of(error.error()).await, progress, request })
            }
        }
    }
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
