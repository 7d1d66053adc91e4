//! A client of raw HTTP/1.1: one request a connection, as it stands.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::patiently;

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
    /// Whether the body came to its end as its headers announce it.
    pub(crate) is_whole: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends one request and reads its answer to the end.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let request = request(&address.to_string(), method, target, headers, body);
    exchange(address, &request, method == "HEAD").await
}

/// The same on a connection that is there.
pub(crate) async fn send_over<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    exchange_over(&mut stream, &request("localhost", method, target, headers, body), method == "HEAD").await
}

fn request(host: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding")) {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// Sends bytes and reads what is answered until the connection closes.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8], is_head: bool) -> Answer {
    patiently(async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        exchange_over(&mut stream, request, is_head).await
    })
    .await
}

async fn exchange_over<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &[u8], is_head: bool) -> Answer {
    // A server that has heard enough may close before it has read all.
    let _ = stream.write_all(request).await;
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read).await;
    parse(&read, is_head)
}

/// Reads an answer from bytes.
fn parse(read: &[u8], is_head: bool) -> Answer {
    let end = read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(read)));
    let head = std::str::from_utf8(&read[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = fields(lines);
    let rest = &read[end + 4..];
    let (body, trailers, is_whole) = match headers.get("transfer-encoding") {
        Some(coding) if coding == "chunked" => unchunk(rest),
        _ => {
            let length = headers.get("content-length").map(|length| length.to_str().unwrap().parse::<usize>().unwrap());
            (rest.to_vec(), HeaderMap::new(), is_head || length.is_none_or(|length| length == rest.len()))
        }
    };
    Answer { status, headers, body, trailers, is_whole }
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let fields = lines.map(|line| line.split_once(':').unwrap());
    let fields = fields.map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_bytes(value.trim().as_bytes()).unwrap())
    });
    fields.fold(HeaderMap::new(), |mut fields, (name, value)| {
        fields.append(name, value);
        fields
    })
}

/// Takes a chunked body, and what follows it, out of its chunks.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, HeaderMap, bool) {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|bytes| bytes == b"\r\n");
        let Some(end) = end else { return (body, HeaderMap::new(), false) };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            let trailers = std::str::from_utf8(rest).unwrap();
            let lines = trailers.split("\r\n").take_while(|line| !line.is_empty());
            return (body, fields(lines), trailers.ends_with("\r\n"));
        }
        if rest.len() < size + 2 {
            return (body, HeaderMap::new(), false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}
