//! A client of raw HTTP/2, for what no proper gRPC client would send.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
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

/// Sends one request on a connection of its own and reads its answer to the end.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, h2::Error> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await?;
    let driver = tokio::spawn(connection);
    let mut request = http::Request::builder().method(method).uri(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut client = client.ready().await?;
    let (response, mut sender) = client.send_request(request.body(()).unwrap(), body.is_empty())?;
    if !body.is_empty() {
        sender.send_data(Bytes::copy_from_slice(body), true)?;
    }
    let response = response.await?;
    let (parts, mut incoming) = response.into_parts();
    let mut collected = BytesMut::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk?;
        incoming.flow_control().release_capacity(chunk.len())?;
        collected.extend_from_slice(&chunk);
    }
    let trailers = incoming.trailers().await?.unwrap_or_default();
    driver.abort();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: collected.freeze(), trailers })
}

/// A message with its prefix.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flag];
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}
