//! The client's side: settings, and the handshake with a server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{ServerName, TrustAnchor};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::transport::error::{Error, Step};
use crate::transport::tls::failure::{self, Peer};
use crate::transport::tls::identity::{Certificate, Identity};
use crate::transport::tls::pinned::{AcceptAnything, ServerVerifier};
use crate::transport::tls::provider::provider;
use crate::transport::tls::stream::TlsStream;
use crate::transport::tls::{ALPN_HTTP1, ALPN_HTTP2, HANDSHAKE_TIMEOUT, native, roots};

/// TLS settings of a client.
///
/// A client needs to know whom to trust: a CA's certificate, a self-signed server's own, or the public CAs that are
/// compiled in with the feature `tls-webpki-roots`.
///
/// ```no_run
/// use seltzer::transport::{Certificate, ClientTlsConfig};
///
/// # fn main() -> std::io::Result<()> {
/// let tls = ClientTlsConfig::new()
///     .ca_certificate(Certificate::from_pem(std::fs::read("ca.pem")?))
///     .domain_name("example.com");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ClientTlsConfig {
    domain_name: Option<String>,
    ca_certificates: Vec<Certificate>,
    files: Files,
    trust_anchors: Vec<TrustAnchor<'static>>,
    webpki_roots: bool,
    native_roots: bool,
    identity: Option<Identity>,
    assume_http2: bool,
    http1_only: bool,
    accept_invalid_certificates: bool,
    use_key_log: bool,
    timeout: Option<Duration>,
}

impl ClientTlsConfig {
    /// Settings that trust nobody yet.
    #[must_use]
    pub fn new() -> Self {
        ClientTlsConfig::default()
    }

    /// Sets the name that the server's certificate must be for: by default the host of the target.
    #[must_use]
    pub fn domain_name(mut self, domain_name: impl Into<String>) -> Self {
        self.domain_name = Some(domain_name.into());
        self
    }

    /// Trusts servers whose certificate was signed by this one, or is this one.
    ///
    /// May be called several times, and the PEM may hold several certificates. A self-signed certificate as
    /// `openssl req -x509` makes it, marked as that of a CA, can be given here as it is.
    #[must_use]
    pub fn ca_certificate(mut self, certificate: Certificate) -> Self {
        self.ca_certificates.push(certificate);
        self
    }

    /// Trusts servers whose certificate was signed by one of these, or is one of these.
    #[must_use]
    pub fn ca_certificates(mut self, certificates: impl IntoIterator<Item = Certificate>) -> Self {
        self.ca_certificates.extend(certificates);
        self
    }

    /// Trusts the certificates of a PEM file, as [`ca_certificate`](Self::ca_certificate) does, and follows the file:
    /// connections that open after it changed trust what it holds then. While it cannot be used, they trust what it
    /// held before, and a warning says why.
    ///
    /// ```
    /// use seltzer::transport::ClientTlsConfig;
    ///
    /// let tls = ClientTlsConfig::new()
    ///     .ca_certificate_file("/etc/greeter/ca.pem")
    ///     .identity_files("/etc/greeter/client.pem", "/etc/greeter/client.key");
    /// # drop(tls);
    /// ```
    #[must_use]
    pub fn ca_certificate_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.ca_certificates.push(path.into());
        self
    }

    /// Trusts servers whose certificate was signed with this key (the type is that of the crate `rustls-pki-types`).
    #[must_use]
    pub fn trust_anchor(mut self, trust_anchor: TrustAnchor<'static>) -> Self {
        self.trust_anchors.push(trust_anchor);
        self
    }

    /// Trusts servers whose certificate was signed with one of these keys.
    #[must_use]
    pub fn trust_anchors(mut self, trust_anchors: impl IntoIterator<Item = TrustAnchor<'static>>) -> Self {
        self.trust_anchors.extend(trust_anchors);
        self
    }

    /// Trusts the public CAs that Mozilla trusts, compiled in.
    #[cfg(feature = "tls-webpki-roots")]
    #[must_use]
    pub fn with_webpki_roots(mut self) -> Self {
        self.webpki_roots = true;
        self
    }

    /// Trusts the CAs that this system trusts. They are read once, when the channel connects for the first time.
    #[cfg(feature = "tls-native-roots")]
    #[must_use]
    pub fn with_native_roots(mut self) -> Self {
        self.native_roots = true;
        self
    }

    /// Trusts the public CAs as far as they are compiled in: with the features `tls-webpki-roots` and
    /// `tls-native-roots`.
    #[must_use]
    pub fn with_enabled_roots(mut self) -> Self {
        self.webpki_roots = cfg!(feature = "tls-webpki-roots");
        self.native_roots = cfg!(feature = "tls-native-roots");
        self
    }

    /// What the client shows of itself to servers that ask for it (mutual TLS).
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The same from PEM files, and follows them: connections that open after they changed show what they hold then.
    /// While the two do not fit together, they show what they held before, and a warning says why.
    #[must_use]
    pub fn identity_files(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.files.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Speaks HTTP/2 to a server that does not agree to it in the handshake (ALPN), as a few old proxies do not.
    #[must_use]
    pub fn assume_http2(mut self, assume_http2: bool) -> Self {
        self.assume_http2 = assume_http2;
        self
    }

    /// Speaks HTTP/1.1 instead.
    #[cfg(feature = "client")]
    pub(crate) fn http1_only(mut self, http1_only: bool) -> Self {
        self.http1_only = http1_only;
        self
    }

    /// Takes **any** certificate of the server: expired, for another name, from anybody.
    ///
    /// For tools and for looking at a server whose certificate is broken. Such a connection is encrypted, but with
    /// whom is anybody's guess: never send a secret over it. A self-signed server needs none of this; give its
    /// certificate to [`ca_certificate`](Self::ca_certificate).
    #[must_use]
    pub fn danger_accept_invalid_certificates(mut self, accept: bool) -> Self {
        self.accept_invalid_certificates = accept;
        self
    }

    /// Writes the keys of every connection to the file that the environment variable `SSLKEYLOGFILE` names, for
    /// Wireshark and its like. Whoever reads that file reads the traffic.
    #[must_use]
    pub fn use_key_log(mut self) -> Self {
        self.use_key_log = true;
        self
    }

    /// Sets how long a handshake may take: 10 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Reads and checks everything. `host` is the target's host, an IPv6 address with or without brackets.
    ///
    /// Keep the result for all connections to the target: they then resume each other's sessions.
    ///
    /// # Errors
    ///
    /// For an identity, root or name that is missing, damaged or unsupported, and without a usable cryptography
    /// provider.
    pub(crate) fn connector(&self, host: &str) -> Result<TlsConnector, Error> {
        let name = self.server_name(host)?;
        let provider = provider()?;
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| {
                Error::new(Step::Tls, "the cryptography provider supports neither TLS 1.2 nor 1.3").with_source(error)
            })?
            .dangerous() // The word is for what `verifier` may be; by default it is rustls' own and a rule more.
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            Some(identity) => {
                let certified = identity.load(&provider, "the client's identity")?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
            None => builder.with_no_client_auth(),
        };
        let spoken = if self.http1_only { ALPN_HTTP1 } else { ALPN_HTTP2 };
        config.alpn_protocols = vec![spoken.to_vec()];
        if self.use_key_log {
            config.key_log = Arc::new(rustls::KeyLogFile::new());
        }
        Ok(TlsConnector {
            inner: tokio_rustls::TlsConnector::from(Arc::new(config)),
            name,
            assume_http2: self.assume_http2,
            http1_only: self.http1_only,
            timeout: self.timeout.unwrap_or(HANDSHAKE_TIMEOUT),
        })
    }

    /// Whether it names a name that certificates must be for.
    #[cfg(feature = "client")]
    pub(crate) fn has_domain_name(&self) -> bool {
        self.domain_name.is_some()
    }

    /// The files that it follows.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let Files { ca_certificates, identity } = &self.files;
        let identity = identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        ca_certificates.iter().chain(identity).cloned().collect()
    }

    /// The same settings with what these files hold, in the order of [`paths`](Self::paths).
    pub(super) fn with_contents(&self, contents: &[Vec<u8>]) -> ClientTlsConfig {
        let mut config = self.clone();
        let (roots, identity) = contents.split_at(self.files.ca_certificates.len().min(contents.len()));
        config.ca_certificates.extend(roots.iter().map(Certificate::from_pem));
        if let [certificate, key] = identity {
            config.identity = Some(Identity::from_pem(certificate, key));
        }
        config
    }

    fn server_name(&self, host: &str) -> Result<ServerName<'static>, Error> {
        let name = self.domain_name.as_deref().unwrap_or(host);
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        ServerName::try_from(bare.to_owned()).map_err(|error| {
            Error::new(
                Step::Tls,
                format!("`{name}` is neither a host name nor an address, so no certificate can be for it"),
            )
            .with_hint("set the name that is in the server's certificate with `ClientTlsConfig::domain_name`")
            .with_source(error)
        })
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        if self.accept_invalid_certificates {
            let provider = Arc::clone(provider);
            return Ok(Arc::new(AcceptAnything { provider }));
        }
        let owner = "the root for servers' certificates";
        let mut roots = Vec::new();
        for certificate in &self.ca_certificates {
            roots.extend(certificate.read(owner)?);
        }
        let mut store = RootCertStore::from_iter(self.trust_anchors.iter().cloned());
        roots::add(&mut store, &roots, owner)?;
        if self.webpki_roots {
            store.extend(PUBLIC_ROOTS.iter().cloned());
        }
        if self.native_roots {
            native::add(&mut store)?;
        }
        if store.is_empty() {
            return Err(no_roots());
        }
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
            .build()
            .map_err(|error| Error::new(Step::Tls, format!("{owner} cannot be used")).with_source(error))?;
        Ok(Arc::new(ServerVerifier { inner, roots }))
    }
}

/// PEM files that are read when a connection opens.
#[derive(Debug, Clone, Default)]
struct Files {
    ca_certificates: Vec<PathBuf>,
    /// The certificate and its key.
    identity: Option<(PathBuf, PathBuf)>,
}

#[cfg(feature = "tls-webpki-roots")]
const PUBLIC_ROOTS: &[TrustAnchor<'static>] = webpki_roots::TLS_SERVER_ROOTS;
#[cfg(not(feature = "tls-webpki-roots"))]
const PUBLIC_ROOTS: &[TrustAnchor<'static>] = &[];

fn no_roots() -> Error {
    let hint = if cfg!(feature = "tls-webpki-roots") {
        "trust the public CAs with `ClientTlsConfig::with_webpki_roots`, or one of your own, or a self-signed server's \
         certificate, with `ClientTlsConfig::ca_certificate`"
    } else {
        "give a CA's certificate, or a self-signed server's own, to `ClientTlsConfig::ca_certificate`; the public CAs \
         come with the features `tls-webpki-roots` and `tls-native-roots`"
    };
    Error::new(Step::Tls, "no root certificate is configured, so no server can be trusted").with_hint(hint)
}

/// Performs handshakes with servers of one name. A cheap clone; clones share sessions.
#[derive(Clone)]
pub(crate) struct TlsConnector {
    inner: tokio_rustls::TlsConnector,
    name: ServerName<'static>,
    assume_http2: bool,
    http1_only: bool,
    timeout: Duration,
}

impl TlsConnector {
    /// Performs the handshake on a new connection.
    ///
    /// # Errors
    ///
    /// When the server speaks no TLS, is not to be trusted, refuses us, does not agree to HTTP/2, or takes too long.
    /// The error names no target: the caller knows the whole address.
    pub(crate) async fn connect<IO>(&self, io: IO) -> Result<TlsStream<IO>, Error>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let connecting = self.inner.connect(self.name.clone(), io);
        let stream = match tokio::time::timeout(self.timeout, connecting).await {
            Ok(Ok(stream)) => TlsStream::new(stream, Peer::Server),
            Ok(Err(error)) => return Err(failure::handshake(error, Peer::Server)),
            Err(_) => return Err(failure::timed_out(self.timeout, Peer::Server)),
        };
        if stream.is_http2() || self.assume_http2 || self.http1_only {
            return Ok(stream);
        }
        Err(Error::new(Step::Tls, "the server did not agree to HTTP/2 in the handshake (ALPN)").with_hint(
            "is this the gRPC port? a proxy in front of the server must have HTTP/2 turned on; if it speaks \
                 HTTP/2 without saying so, set `ClientTlsConfig::assume_http2(true)`",
        ))
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").field("name", &self.name).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
