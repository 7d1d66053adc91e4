//! A client of raw HTTP/2, for what no proper gRPC client would send.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use h2::SendStream;
use h2::client::ResponseFuture;
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Answer {
    /// The gRPC status, wherever it stands.
    pub(crate) fn grpc_status(&self) -> Option<&str> {
        let value = self.headers.get("grpc-status").or_else(|| self.trailers.get("grpc-status"))?;
        value.to_str().ok()
    }

    pub(crate) fn grpc_message(&self) -> &str {
        let value = self.headers.get("grpc-message").or_else(|| self.trailers.get("grpc-message"));
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// A connection that says what it is told to.
pub(crate) struct Connection {
    client: h2::client::SendRequest<Bytes>,
    driver: tokio::task::JoinHandle<Result<(), h2::Error>>,
    content_type: Option<&'static str>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, h2::Error> {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    pub(crate) async fn over<S>(stream: S) -> Result<Self, h2::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self::with(&h2::client::Builder::new(), stream).await
    }

    /// A connection with settings of its own.
    pub(crate) async fn with<S>(settings: &h2::client::Builder, stream: S) -> Result<Self, h2::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (client, connection) = settings.handshake(stream).await?;
        Ok(Connection { client, driver: tokio::spawn(connection), content_type: None })
    }

    /// Says this content type in all its requests, whatever they ask for.
    pub(crate) fn speaking(mut self, content_type: &'static str) -> Self {
        self.content_type = Some(content_type);
        self
    }

    /// Begins a request whose body is still to be sent.
    pub(crate) async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        is_end: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let mut request = http::Request::builder().method(method).uri(format!("http://localhost{path}"));
        for (name, value) in headers {
            let value = self.content_type.filter(|_| *name == "content-type").unwrap_or(value);
            request = request.header(*name, value);
        }
        self.client.clone().ready().await?.send_request(request.body(()).unwrap(), is_end)
    }

    /// Sends a whole request and reads its answer to the end.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, h2::Error> {
        let (response, mut sender) = self.begin(method, path, headers, body.is_empty()).await?;
        if !body.is_empty() {
            sender.send_data(Bytes::copy_from_slice(body), true)?;
        }
        read(response).await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Reads an answer to the end.
pub(crate) async fn read(response: ResponseFuture) -> Result<Answer, h2::Error> {
    let (parts, mut incoming) = response.await?.into_parts();
    let mut collected = BytesMut::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk?;
        incoming.flow_control().release_capacity(chunk.len())?;
        collected.extend_from_slice(&chunk);
    }
    let trailers = incoming.trailers().await?.unwrap_or_default();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: collected.freeze(), trailers })
}

/// Sends one request on a connection of its own and reads its answer to the end.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, h2::Error> {
    Connection::open(address).await?.send(method, path, headers, body).await
}

/// A message with its prefix.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flag];
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}
