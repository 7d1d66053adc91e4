//! A server without the feature `http1`: what it still serves, and what it says to clients that speak HTTP/1.1.
//!
//! `cargo test -p seltzer --test http2_alone`, with `--features tls` for TLS besides. With `http1` there is nothing here.
#![cfg(not(feature = "http1"))]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

#[allow(dead_code, reason = "less of it is needed here than elsewhere")]
#[path = "support/raw.rs"]
mod raw;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use seltzer::Server;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::body::Body;

/// Answers with what was asked for.
#[derive(Clone)]
struct Echo;

impl tower_service::Service<http::Request<Body>> for Echo {
    type Response = http::Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        ready(Ok(http::Response::new(format!("{} {}", request.method(), request.uri().path()))))
    }
}

/// A server that runs until it is told to stop.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), seltzer::transport::Error>>,
}

impl Running {
    async fn start(server: Server) -> Self {
        let server = server.fallback(Echo).bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve_with_shutdown(async {
            let _ = stopped.await;
        }));
        Running { address, stop, serving }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap().unwrap();
    }
}

/// Says all of it and hears all that is answered, without a word about the end of what is said.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn check_refusal(what: &str, answer: &str, has_body: bool) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    assert_eq!(lines.next(), Some("HTTP/1.1 505 HTTP Version Not Supported"), "{what}");
    let fields: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let field = |name| fields.iter().find(|field| field.0 == name).unwrap().1;
    assert_eq!(field("content-type"), "text/plain; charset=utf-8", "{what}");
    assert_eq!(field("connection"), "close", "{what}");
    if has_body {
        assert_eq!(field("content-length"), body.len().to_string(), "{what}");
        assert!(body.contains("HTTP/2 (gRPC) alone") && body.contains("feature `http1`"), "{what}: {body}");
    } else {
        assert_eq!(body, "", "{what}");
    }
}

#[tokio::test]
async fn http_1_is_told_what_to_do() {
    let running = Running::start(Server::builder()).await;
    let upload = [&b"PUT /up HTTP/1.1\r\nhost: here\r\ncontent-length: 300000\r\n\r\n"[..], &[b'x'; 300_000]].concat();
    let table: [(&str, &[u8], bool); 7] = [
        ("a browser", b"GET / HTTP/1.1\r\nhost: here\r\n\r\n", true),
        ("one that is of the old school", b"GET / HTTP/1.0\r\n\r\n", true),
        ("one that asks for the head alone", b"HEAD / HTTP/1.1\r\nhost: here\r\n\r\n", false),
        ("one that would rather speak HTTP/2", b"GET / HTTP/1.1\r\nupgrade: h2c\r\nhost: here\r\n\r\n", true),
        ("gRPC over the wrong HTTP", b"POST /a.B/C HTTP/1.1\r\ncontent-type: application/grpc\r\n\r\n", true),
        ("one that uploads before it listens", &upload, true),
        ("one that begins TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", true),
    ];
    for (what, request, has_body) in table {
        let stream = TcpStream::connect(running.address).await.unwrap();
        check_refusal(what, &exchange(stream, request).await, has_body);
    }
    running.stop().await;
}

#[tokio::test]
async fn http_2_has_its_fallback() {
    let running = Running::start(Server::builder()).await;
    for (method, path) in [("GET", "/pot"), ("POST", "/")] {
        let answer = raw::send(running.address, method, path, &[], b"").await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, format!("{method} {path}").as_bytes()));
    }
    running.stop().await;
}

#[cfg(feature = "tls")]
mod tls {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use seltzer::transport::{Identity, ServerTlsConfig};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::*;

    const CERTIFICATE: &str = include_str!("support/tls/server.pem");
    const CA: &str = include_str!("support/tls/ca.pem");
    const KEY: &str = include_str!("support/tls/server.key");

    fn server() -> Server {
        let identity = Identity::from_pem(CERTIFICATE, KEY);
        Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap()
    }

    async fn connect(address: SocketAddr, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(CA.as_bytes()).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(address).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    #[tokio::test]
    async fn clients_by_what_they_offer() {
        let running = Running::start(server()).await;
        // Who offers nothing may well speak HTTP/1.1.
        let stream = connect(running.address, &[]).await.unwrap();
        let answer = exchange(stream, b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await;
        check_refusal("a client without ALPN", &answer, true);

        let stream = connect(running.address, &["http/1.1", "h2"]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let connection = raw::Connection::over(stream).await.unwrap();
        assert_eq!(connection.send("GET", "/pot", &[], b"").await.unwrap().body, "GET /pot");
        drop(connection);

        let refused = connect(running.address, &["http/1.1"]).await.unwrap_err();
        assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
        running.stop().await;
    }
}
