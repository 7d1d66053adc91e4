//! Handshakes in memory, with the certificates of `tests/support/tls`.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod client_certificate;
mod connection;
pub(super) mod fixture;
mod foreign;
mod names;
mod operations;
mod server_certificate;
mod settings;

use crate::transport::handshakes::HandshakeLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::transport::error::{Error, Step};
use crate::transport::tls::stream::TlsStream;
use crate::transport::tls::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

/// More than any flight of a handshake, so that neither side waits for the other to read.
const PIPE_BYTES: usize = 64 * 1024;

fn certificate(name: &str) -> Certificate {
    Certificate::from_pem(fixture::certificate(name))
}

fn identity(name: &str) -> Identity {
    Identity::from_pem(fixture::certificate(name), fixture::key(name))
}

fn server(name: &str) -> ServerTlsConfig {
    ServerTlsConfig::new().identity(identity(name))
}

fn client(root: &str) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(certificate(root))
}

type Side = Result<TlsStream<DuplexStream>, Error>;

/// One handshake with `host` in memory: the client's outcome and the server's.
async fn handshake(server: ServerTlsConfig, client: ClientTlsConfig, host: &str) -> (Side, Side) {
    let acceptor = server.acceptor(HandshakeLimits::default()).unwrap();
    let connector = client.connector(host).unwrap();
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    tokio::join!(connector.connect(near), acceptor.accept(far))
}

/// Asserts that the handshake works, protocol included, and that bytes pass both ways.
async fn check_works(server: ServerTlsConfig, client: ClientTlsConfig, host: &str) -> Connected {
    let (near, far) = handshake(server, client, host).await;
    let mut connected = Connected { client: near.unwrap(), server: far.unwrap() };
    assert_eq!(connected.client.negotiated_protocol(), Some(b"h2".as_slice()));
    assert_eq!(connected.server.negotiated_protocol(), Some(b"h2".as_slice()));
    connected.exchange().await;
    connected
}

struct Connected {
    client: TlsStream<DuplexStream>,
    server: TlsStream<DuplexStream>,
}

impl Connected {
    async fn exchange(&mut self) {
        let mut buffer = [0; 4];
        self.client.write_all(b"ping").await.unwrap();
        self.client.flush().await.unwrap();
        self.server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"ping");
        self.server.write_all(b"pong").await.unwrap();
        self.server.flush().await.unwrap();
        self.client.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"pong");
    }
}

/// Asserts what the client says, and what the server says of the same handshake.
async fn check_fails(server: ServerTlsConfig, client: ClientTlsConfig, client_says: &str, server_says: &str) {
    let (near, far) = handshake(server, client, "localhost").await;
    check_error(&near.unwrap_err(), client_says);
    check_error(&far.unwrap_err(), server_says);
}

fn check_error(error: &Error, message: &str) {
    assert_eq!(error.step(), Step::Tls);
    assert_eq!(error.to_string(), message);
}

const REFUSED_HINT: &str = "(the client must trust it, or its CA, and connect by a name that is in it)";
