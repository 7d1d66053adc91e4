//! Peers made with rustls alone, so that they can do what ours never do.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use crate::transport::handshakes::HandshakeLimits;
use crate::transport::tls::pinned::AcceptAnything;
use crate::transport::tls::provider::provider;
use crate::transport::tls::tests::{PIPE_BYTES, Side, fixture};
use crate::transport::tls::{ClientTlsConfig, ServerTlsConfig, pem};

/// What the peer speaks and shows.
pub(super) struct Foreign {
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) protocols: Vec<&'static str>,
    pub(super) certificate: &'static str,
    /// Whose key it signs with; an honest peer's is that of the certificate.
    pub(super) key: &'static str,
}

impl Foreign {
    pub(super) fn honest(certificate: &'static str) -> Self {
        Foreign { versions: rustls::ALL_VERSIONS.to_vec(), protocols: vec!["h2"], certificate, key: certificate }
    }

    /// As a server: what our client makes of it.
    pub(super) async fn serve(self, client: ClientTlsConfig) -> Side {
        let mut config = ServerConfig::builder_with_provider(provider().unwrap())
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(self.certified_key());
        config.alpn_protocols = self.protocols();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let connector = client.connector("localhost").unwrap();
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        tokio::join!(connector.connect(near), acceptor.accept(far)).0
    }

    /// As a client that trusts everybody: what our server makes of it.
    pub(super) async fn connect(self, server: ServerTlsConfig) -> Side {
        let verifier = AcceptAnything { provider: provider().unwrap() };
        let mut config = ClientConfig::builder_with_provider(provider().unwrap())
            .with_protocol_versions(&self.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(self.certified_key());
        config.alpn_protocols = self.protocols();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let acceptor = server.acceptor(HandshakeLimits::default()).unwrap();
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let name = ServerName::try_from("localhost").unwrap();
        tokio::join!(connector.connect(name, near), acceptor.accept(far)).1
    }

    fn protocols(&self) -> Vec<Vec<u8>> {
        self.protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect()
    }

    fn certified_key(&self) -> Arc<SingleCertAndKey> {
        let key = pem::private_key(fixture::key(self.key).as_bytes(), "the key").unwrap();
        let key = provider().unwrap().key_provider.load_private_key(key).unwrap();
        let chain = vec![fixture::certificate_der(self.certificate)];
        Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)))
    }
}
