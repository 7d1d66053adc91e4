//! The client's side of a connection that hyper carries.

use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tonic::body::Body;

use crate::status::Status;
use crate::transport::error::{Error, Step};
use crate::transport::hyper::body::{ReceivedBody, status_of, whole_story};
use crate::transport::hyper::cancel::{cancellable, guarded};
use crate::transport::io::Io;

/// Settings of a client's connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionSettings {
    pub(crate) stream_window_bytes: u32,
    pub(crate) connection_window_bytes: u32,
    pub(crate) header_list_bytes_max: u32,
    pub(crate) keepalive_interval: Option<Duration>,
    pub(crate) keepalive_timeout: Duration,
    pub(crate) keepalive_while_idle: bool,
}

/// An open HTTP/2 connection. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    requests: http2::SendRequest<Body>,
}

impl Connection {
    /// Exchanges prefaces and starts the task that drives the connection, which ends with its last clone.
    pub(crate) async fn handshake(io: Io, settings: &ConnectionSettings, target: &str) -> Result<Self, Error> {
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
                Error::new(Step::Http2, whole_story(&error))
                    .with_target(target)
                    .with_hint("does the server speak HTTP/2 (gRPC), and without TLS if the target says http://?")
                    .with_source(error)
            })?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(error = whole_story(&error), "a connection ended");
            }
        });
        Ok(Connection { requests })
    }

    /// Whether no further request can be sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    /// Sends a request; resolves with the response's head. Dropping the future resets the stream.
    ///
    /// # Errors
    /// The status that a broken stream or connection means, and the request itself where it surely never left.
    pub(crate) async fn send(
        &mut self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, (Status, Option<http::Request<Body>>)> {
        let (request, guard) = cancellable(request);
        match self.requests.try_send_request(request).await {
            Ok(response) => Ok(guarded(response.map(|body| Body::new(ReceivedBody(body))), guard)),
            Err(mut error) => {
                let request = error.take_message();
                Err((status_of(error.error()), request))
            }
        }
    }
}
