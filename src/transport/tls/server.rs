//! The server's side: settings, and the handshake with a client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::transport::error::{Error, Step};
use crate::transport::tls::failure::{self, Peer};
use crate::transport::tls::identity::{Certificate, Identity};
use crate::transport::tls::pinned::ClientVerifier;
use crate::transport::tls::provider::provider;
use crate::transport::tls::stream::TlsStream;
use crate::transport::tls::{ALPN_HTTP2, ALPN_HTTP11, HANDSHAKE_TIMEOUT, roots};

/// TLS settings of a server.
///
/// An identity is needed, the rest is optional. Clients are asked for a certificate only if there is a root to check
/// it with (mutual TLS); handlers find it in their context.
///
/// ```no_run
/// use seltzer::transport::{Certificate, Identity, ServerTlsConfig};
///
/// # fn main() -> std::io::Result<()> {
/// let tls = ServerTlsConfig::new()
///     .identity(Identity::from_pem(std::fs::read("server.pem")?, std::fs::read("server.key")?))
///     .client_ca_root(Certificate::from_pem(std::fs::read("clients-ca.pem")?));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServerTlsConfig {
    identity: Option<Identity>,
    client_ca_root: Option<Certificate>,
    client_auth_optional: bool,
    ignore_client_order: bool,
    use_key_log: bool,
    timeout: Option<Duration>,
}

impl ServerTlsConfig {
    /// Settings without an identity, so not yet enough for a server.
    #[must_use]
    pub fn new() -> Self {
        ServerTlsConfig::default()
    }

    /// What the server shows of itself: its certificate and key.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Requires every client to show a certificate that one of these roots has signed (mutual TLS).
    ///
    /// A self-signed client certificate is accepted if it is itself among the roots.
    #[must_use]
    pub fn client_ca_root(mut self, certificate: Certificate) -> Self {
        self.client_ca_root = Some(certificate);
        self
    }

    /// Lets clients in that show no certificate; one that is shown must still be good.
    ///
    /// Makes no difference without [`client_ca_root`](Self::client_ca_root). By default a certificate is required.
    #[must_use]
    pub fn client_auth_optional(mut self, optional: bool) -> Self {
        self.client_auth_optional = optional;
        self
    }

    /// Chooses the cipher by the server's preference instead of the client's.
    #[must_use]
    pub fn ignore_client_order(mut self, ignore_client_order: bool) -> Self {
        self.ignore_client_order = ignore_client_order;
        self
    }

    /// Writes the keys of every connection to the file that the environment variable `SSLKEYLOGFILE` names, for
    /// Wireshark and its like. Whoever reads that file reads the traffic.
    #[must_use]
    pub fn use_key_log(mut self) -> Self {
        self.use_key_log = true;
        self
    }

    /// Sets how long a handshake may take before the connection is closed: 10 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    ///
    /// For an identity or root that is missing, damaged or unsupported, and without a usable cryptography provider.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let Some(identity) = &self.identity else {
            return Err(Error::new(Step::Tls, "TLS needs an identity of the server")
                .with_hint("set one with `ServerTlsConfig::identity(Identity::from_pem(certificate, key))`"));
        };
        let provider = provider()?;
        let certified = identity.load(&provider, "the server's identity")?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| {
                Error::new(Step::Tls, "the cryptography provider supports neither TLS 1.2 nor 1.3").with_source(error)
            })?;
        let builder = match &self.client_ca_root {
            Some(roots) => builder.with_client_cert_verifier(self.client_verifier(roots, provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP11.to_vec()];
        config.ignore_client_order = self.ignore_client_order;
        if self.use_key_log {
            config.key_log = Arc::new(rustls::KeyLogFile::new());
        }
        Ok(TlsAcceptor {
            inner: tokio_rustls::TlsAcceptor::from(Arc::new(config)),
            timeout: self.timeout.unwrap_or(HANDSHAKE_TIMEOUT),
        })
    }

    fn client_verifier(
        &self,
        certificate: &Certificate,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let owner = "the root for clients' certificates";
        let roots = certificate.read(owner)?;
        let mut store = RootCertStore::empty();
        roots::add(&mut store, &roots, owner)?;
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider);
        if self.client_auth_optional {
            builder = builder.allow_unauthenticated();
        }
        let inner = builder
            .build()
            .map_err(|error| Error::new(Step::Tls, format!("{owner} cannot be used")).with_source(error))?;
        Ok(Arc::new(ClientVerifier { inner, roots }))
    }
}

/// Performs handshakes with clients. A cheap clone.
#[derive(Clone)]
pub(crate) struct TlsAcceptor {
    inner: tokio_rustls::TlsAcceptor,
    timeout: Duration,
}

impl TlsAcceptor {
    /// Performs the handshake on a new connection.
    ///
    /// # Errors
    ///
    /// When the client speaks no TLS, is refused, refuses us, or takes too long. The client is told where TLS has an
    /// alert for it.
    pub(crate) async fn accept<IO>(&self, io: IO) -> Result<TlsStream<IO>, Error>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        match tokio::time::timeout(self.timeout, self.inner.accept(io).into_fallible()).await {
            Ok(Ok(stream)) => Ok(TlsStream::new(stream, Peer::Client)),
            Ok(Err((error, io))) => {
                part(io).await;
                Err(failure::handshake(error, Peer::Client))
            }
            Err(_) => Err(failure::timed_out(self.timeout, Peer::Client)),
        }
    }
}

/// How long a refused client may take to hear why.
const PARTING: Duration = Duration::from_millis(500);

/// How much of what it sent meanwhile is read: its first requests, not an upload.
const PARTING_BYTES_MAX: u64 = 64 * 1024;

/// Lets the alert arrive. A client may have written before it knows that it is refused; closing a socket with unread
/// bytes would reset the connection, and the alert would be lost with it.
async fn part<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO) {
    let parting = async {
        if io.shutdown().await.is_ok() {
            let mut rest = io.take(PARTING_BYTES_MAX);
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        }
    };
    let _ = tokio::time::timeout(PARTING, parting).await;
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
