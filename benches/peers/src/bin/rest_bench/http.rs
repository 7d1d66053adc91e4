//! Callers over plain HTTP, with hyper: what a client of a REST service does, from its types to its types.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use seltzer_peers::schemas::shop::{Invoice, Order};
use tokio::net::TcpStream;

use crate::Error;

/// A connection, as a caller has it.
pub(crate) enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What messages look like on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Encoding {
    Json,
    Protobuf,
}

impl Sender {
    pub(crate) async fn http1(port: u16) -> Result<Self, Error> {
        let (sender, connection) = http1::handshake(connect(port).await?).await?;
        tokio::spawn(connection);
        Ok(Sender::Http1(sender))
    }

    pub(crate) async fn http2(port: u16) -> Result<Self, Error> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        // As large as the bodies: what is compared is not who waits for windows.
        builder.initial_stream_window_size(1 << 22).initial_connection_window_size(1 << 24);
        let (sender, connection) = builder.handshake(connect(port).await?).await?;
        tokio::spawn(connection);
        Ok(Sender::Http2(sender))
    }

    /// Another caller on the same connection, if it takes several.
    pub(crate) fn another(&self) -> Option<Self> {
        match self {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Sender::Http2(sender.clone())),
        }
    }

    pub(crate) async fn price(&mut self, order: &Order, encoding: Encoding) -> Result<Invoice, Error> {
        let (path, content_type, body) = match encoding {
            Encoding::Json => ("/v1/price", "application/json", serde_json::to_vec(order)?),
            Encoding::Protobuf => ("/shop.Shop/Price", "application/proto", order.encode_to_vec()),
        };
        let uri = match self {
            Sender::Http1(_) => path.to_owned(),
            Sender::Http2(_) => format!("http://localhost{path}"),
        };
        let request = http::Request::post(uri).header("host", "localhost").header("content-type", content_type);
        let request = request.body(Full::new(Bytes::from(body)))?;
        let response = match self {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status != http::StatusCode::OK {
            return Err(format!("HTTP {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(match encoding {
            Encoding::Json => serde_json::from_slice(&body)?,
            Encoding::Protobuf => Invoice::decode(body)?,
        })
    }
}

async fn connect(port: u16) -> Result<TokioIo<TcpStream>, Error> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}
