//! The server's side: settings. Handshakes are in `acceptor`.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use tokio::sync::Semaphore;

use crate::transport::error::{Error, Step};
use crate::transport::handshakes::HandshakeLimits;
use crate::transport::tls::acceptor::{Loaded, TlsAcceptor};
use crate::transport::tls::identities::Identities;
use crate::transport::tls::identity::{Certificate, Identity};
use crate::transport::tls::pinned::ClientVerifier;
use crate::transport::tls::provider::provider;
use crate::transport::tls::{ALPN_OF_SERVERS, roots};

/// TLS settings of a server.
///
/// An identity is needed, for all clients or for those that ask for a name; the rest is optional. Clients are asked for a certificate only if there is a root to check
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
    named_identities: Vec<(String, Identity)>,
    client_ca_root: Option<Certificate>,
    client_auth_optional: bool,
    ignore_client_order: bool,
    use_key_log: bool,
    timeout: Option<Duration>,
    max_concurrent_handshakes: Option<usize>,
}

impl ServerTlsConfig {
    /// Settings without an identity, so not yet enough for a server.
    #[must_use]
    pub fn new() -> Self {
        ServerTlsConfig::default()
    }

    /// What the server shows of itself: its certificate and key. Beside [`identity_for`](Self::identity_for) it is
    /// what clients see that ask for another name, or for none.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// What the server shows to clients that ask for this name (SNI): a host, or `*.example.com` for all hosts one label
    /// below `example.com` that have no identity of their own.
    ///
    /// May be called for several names. Without an [`identity`](Self::identity) for all others a client that asks for
    /// an unknown name is refused, and told so.
    ///
    /// ```no_run
    /// use seltzer::transport::{Identity, ServerTlsConfig};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let read = |name: &str| -> std::io::Result<Identity> {
    ///     Ok(Identity::from_pem(std::fs::read(format!("{name}.pem"))?, std::fs::read(format!("{name}.key"))?))
    /// };
    /// let tls = ServerTlsConfig::new()
    ///     .identity_for("api.example.com", read("api")?)
    ///     .identity_for("*.customers.example.com", read("customers")?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn identity_for(mut self, name: impl Into<String>, identity: Identity) -> Self {
        self.named_identities.push((name.into(), identity));
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

    /// Sets how many handshakes may run at a time: 1024 by default. Clients beyond that wait for their turn, in their
    /// order and within the [`timeout`](Self::timeout) of their own handshake.
    ///
    /// A handshake is the most that a stranger can have a server compute. A client that connects and says nothing takes
    /// no place; one that begins and does not go on keeps its place until it times out.
    ///
    /// ```
    /// use seltzer::transport::ServerTlsConfig;
    ///
    /// let tls = ServerTlsConfig::new().max_concurrent_handshakes(64);
    /// # drop(tls);
    /// ```
    #[must_use]
    pub fn max_concurrent_handshakes(mut self, handshakes: usize) -> Self {
        self.max_concurrent_handshakes = Some(handshakes);
        self
    }

    /// What performs handshakes with these settings.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub(crate) fn acceptor(&self, defaults: HandshakeLimits) -> Result<TlsAcceptor, Error> {
        Ok(TlsAcceptor::new(self.load(defaults)?, defaults))
    }

    /// Reads and checks everything. What is not set about handshakes is as in `defaults`.
    ///
    /// # Errors
    ///
    /// For an identity or root that is missing, damaged or unsupported, and without a usable cryptography provider.
    pub(super) fn load(&self, defaults: HandshakeLimits) -> Result<Loaded, Error> {
        let places_max = self.max_concurrent_handshakes.unwrap_or(defaults.concurrent_max);
        if places_max == 0 {
            return Err(Error::new(Step::Tls, "a server that may make no handshake lets nobody in")
                .with_hint("`ServerTlsConfig::max_concurrent_handshakes` takes 1 and more"));
        }
        let provider = provider()?;
        let identities = Arc::new(Identities::load(self.identity.as_ref(), &self.named_identities, &provider)?);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| {
                Error::new(Step::Tls, "the cryptography provider supports neither TLS 1.2 nor 1.3").with_source(error)
            })?;
        let builder = match &self.client_ca_root {
            Some(roots) => builder.with_client_cert_verifier(self.client_verifier(roots, provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&identities) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = ALPN_OF_SERVERS.iter().map(|protocol| protocol.to_vec()).collect();
        config.ignore_client_order = self.ignore_client_order;
        if self.use_key_log {
            config.key_log = Arc::new(rustls::KeyLogFile::new());
        }
        Ok(Loaded {
            config: Arc::new(config),
            identities,
            timeout: self.timeout.unwrap_or(defaults.timeout),
            places: Arc::new(Semaphore::new(places_max.min(Semaphore::MAX_PERMITS))),
            places_max,
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
