//! A client as pages and curl are: one request, over HTTP/1.1 or over HTTP/2.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::support::raw::{self, Answer};
use crate::support::{http1, patiently};

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

pub(crate) const BOTH: [Http; 2] = [Http::One, Http::Two];

/// Sends one request on a connection of its own and reads its answer to the end.
pub(crate) async fn request(
    http: Http,
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    patiently(async {
        let stream = TcpStream::connect(address).await.unwrap();
        request_over(stream, http, method, path, headers, body).await
    })
    .await
}

/// The same on a connection that is there, and used for nothing else.
pub(crate) async fn request_over<S>(
    stream: S,
    http: Http,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match http {
        Http::One => {
            let http1::Answer { status, headers, body, trailers, is_whole } =
                http1::send_over(stream, method, path, headers, body).await;
            assert!(is_whole, "the answer was cut off after {} bytes", body.len());
            Answer { status, headers, body: Bytes::from(body), trailers }
        }
        Http::Two => raw::Connection::over(stream).await.unwrap().send(method, path, headers, body).await.unwrap(),
    }
}

/// The frames of a body: each with its flag.
pub(crate) fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [flag, a, b, c, d, rest @ ..] = body {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        frames.push((*flag, rest[..length].to_vec()));
        body = &rest[length..];
    }
    assert!(body.is_empty(), "{body:?} is no frame");
    frames
}
