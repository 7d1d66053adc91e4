//! A client's connection, whatever carries it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tonic::body::Body;

use crate::status::Status;
use crate::transport::carrier::Carrier;
use crate::transport::error::Error;
use crate::transport::h2::client as engine;
#[cfg(feature = "carrier-hyper")]
use crate::transport::hyper::client as hyper;
#[cfg(feature = "http1-client")]
use crate::transport::hyper::http1_client as http1;
use crate::transport::io::Io;
use crate::transport::keepalive::KeepalivePace;
use crate::transport::progress::Unanswered;
use crate::transport::remote::Remote;
use crate::transport::replay::ReplayMemory;

/// Settings of a client's connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionSettings {
    pub(crate) carrier: Carrier,
    pub(crate) stream_window_bytes: u32,
    pub(crate) connection_window_bytes: u32,
    pub(crate) header_list_bytes_max: u32,
    pub(crate) keepalive_interval: Option<Duration>,
    pub(crate) keepalive_timeout: Duration,
    pub(crate) keepalive_while_idle: bool,
    pub(crate) keepalive_pace: KeepalivePace,
    /// HTTP/1.1 instead of HTTP/2, whatever carries that.
    #[cfg(feature = "http1-client")]
    pub(crate) http1_only: bool,
}

/// Whom a request goes to, and who asks, where it does not say so itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) scheme: &'static str,
    pub(crate) authority: &'a str,
    pub(crate) user_agent: &'a HeaderValue,
    /// What streams of requests are kept in until they are answered, to be sent again where the server has surely done
    /// nothing for them. `None`: whoever sends them keeps them.
    pub(crate) replay: Option<&'a Arc<ReplayMemory>>,
}

/// An open connection. Clones share it.
#[derive(Debug, Clone)]
pub(crate) enum Connection {
    /// Under our own engine.
    Engine(engine::Connection),
    /// Under hyper.
    #[cfg(feature = "carrier-hyper")]
    Hyper(hyper::Connection),
    /// HTTP/1.1.
    #[cfg(feature = "http1-client")]
    Http1(http1::Connection),
}

impl Connection {
    /// Starts the task that drives the connection, which ends with its last clone.
    ///
    /// # Errors
    /// The connection broke at once.
    #[cfg_attr(
        not(any(feature = "carrier-hyper", feature = "http1-client")),
        allow(clippy::unused_async, reason = "hyper's handshake waits")
    )]
    pub(crate) async fn begin(io: Io, settings: &ConnectionSettings, remote: Remote) -> Result<Self, Error> {
        #[cfg(feature = "http1-client")]
        if settings.http1_only {
            return http1::Connection::begin(io, settings, remote).await.map(Connection::Http1);
        }
        match settings.carrier {
            Carrier::Engine => Ok(Connection::Engine(engine::Connection::begin(io, settings, remote))),
            #[cfg(feature = "carrier-hyper")]
            Carrier::Hyper => hyper::Connection::handshake(io, settings, remote).await.map(Connection::Hyper),
        }
    }

    /// Whether no further request can be sent.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Connection::Engine(connection) => connection.is_closed(),
            #[cfg(feature = "carrier-hyper")]
            Connection::Hyper(connection) => connection.is_closed(),
            #[cfg(feature = "http1-client")]
            Connection::Http1(connection) => connection.is_closed(),
        }
    }

    /// Waits until the server has said its settings: then it surely speaks HTTP/2.
    ///
    /// # Errors
    /// The connection broke before.
    pub(crate) async fn established(&self) -> Result<(), Error> {
        match self {
            Connection::Engine(connection) => connection.established().await,
            // Its handshake does not tell.
            #[cfg(feature = "carrier-hyper")]
            Connection::Hyper(_) => Ok(()),
            // There is none.
            #[cfg(feature = "http1-client")]
            Connection::Http1(_) => Ok(()),
        }
    }

    /// Resolves when no further request can be sent. Does not keep the connection open.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let closed: Pin<Box<dyn Future<Output = ()> + Send>> = match self {
            Connection::Engine(connection) => Box::pin(connection.closed()),
            #[cfg(feature = "carrier-hyper")]
            Connection::Hyper(connection) => Box::pin(connection.closed()),
            #[cfg(feature = "http1-client")]
            Connection::Http1(connection) => Box::pin(connection.closed()),
        };
        closed
    }

    /// Whether a call can begin at once.
    pub(crate) fn has_place(&self) -> bool {
        match self {
            Connection::Engine(connection) => connection.has_place(),
            #[cfg(feature = "carrier-hyper")]
            Connection::Hyper(connection) => !connection.is_closed(),
            #[cfg(feature = "http1-client")]
            Connection::Http1(connection) => connection.has_place(),
        }
    }

    /// Waits for a call's turn.
    ///
    /// # Errors
    /// The connection takes no more calls.
    pub(crate) async fn reserve(&self) -> Result<Reserved, Status> {
        match self {
            Connection::Engine(connection) => connection.reserve().await.map(Reserved::Engine),
            // It keeps a queue of its own.
            #[cfg(feature = "carrier-hyper")]
            Connection::Hyper(connection) => Ok(Reserved::Hyper(connection.clone())),
            #[cfg(feature = "http1-client")]
            Connection::Http1(connection) => connection.reserve().await.map(Reserved::Http1),
        }
    }

    /// How many calls have begun on it.
    pub(crate) fn calls_begun(&self) -> u64 {
        match self {
            Connection::Engine(connection) => connection.calls_begun(),
            #[cfg(feature = "carrier-hyper")]
            Connection::Hyper(_) => 0,
            #[cfg(feature = "http1-client")]
            Connection::Http1(connection) => connection.calls_begun(),
        }
    }

    /// Whether more calls run on it than these.
    pub(crate) fn is_busy_beside(&self, calls: usize) -> bool {
        match self {
            Connection::Engine(connection) => connection.calls_running() > calls,
            // It does not tell.
            #[cfg(feature = "carrier-hyper")]
            Connection::Hyper(_) => true,
            #[cfg(feature = "http1-client")]
            Connection::Http1(connection) => connection.is_busy(),
        }
    }
}

/// A call's turn on a connection; passed on when dropped.
#[derive(Debug)]
pub(crate) enum Reserved {
    /// Under our own engine.
    Engine(engine::Reservation),
    /// Under hyper.
    #[cfg(feature = "carrier-hyper")]
    Hyper(hyper::Connection),
    /// HTTP/1.1.
    #[cfg(feature = "http1-client")]
    Http1(http1::Turn),
}

impl Reserved {
    /// Sends a request; resolves with the response's head. Dropping the future resets the stream.
    ///
    /// # Errors
    /// The status that a broken stream or connection means, and the request itself where the server has surely done
    /// nothing for it.
    pub(crate) async fn send(
        self,
        request: http::Request<Body>,
        origin: Origin<'_>,
    ) -> Result<http::Response<Body>, Unanswered> {
        match self {
            Reserved::Engine(reservation) => reservation.send(request, origin).await,
            #[cfg(feature = "carrier-hyper")]
            Reserved::Hyper(mut connection) => connection.send(complete(request, origin)).await,
            #[cfg(feature = "http1-client")]
            Reserved::Http1(turn) => turn.send(request, origin).await,
        }
    }
}

/// A request that says by itself whom it goes to and who asks.
#[cfg(feature = "carrier-hyper")]
fn complete(mut request: http::Request<Body>, origin: Origin<'_>) -> http::Request<Body> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    // A client made `with_origin` names an authority of its own.
    if parts.authority.is_none() {
        parts.authority = origin.authority.parse().ok();
        parts.scheme = origin.scheme.parse().ok();
    }
    parts.scheme.get_or_insert(http::uri::Scheme::HTTP);
    parts.path_and_query.get_or_insert_with(|| http::uri::PathAndQuery::from_static("/"));
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request.headers_mut().entry(http::header::USER_AGENT).or_insert_with(|| origin.user_agent.clone());
    request
}
