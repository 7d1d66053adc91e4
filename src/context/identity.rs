//! Who a peer is, by a certificate that was verified.

use std::sync::OnceLock;

use rustls::pki_types::CertificateDer;

use crate::context::spiffe::SpiffeId;

/// The names that a peer's own certificate gives it, as [`Peer::identity`](crate::context::Peer::identity) tells them.
///
/// Somebody whom this side trusts has signed that the peer goes by them: for a server one of the roots of
/// `ServerTlsConfig::client_ca_root`. They are read when they are first asked for, once a connection.
///
/// ```
/// use seltzer::{Request, Response, Status};
///
/// async fn pay(_request: Request<String>) -> Result<Response<String>, Status> {
///     let context = seltzer::context::current();
///     let caller = context.peer().and_then(|peer| peer.identity());
///     match caller.and_then(|caller| caller.spiffe_id()) {
///         Some(id) if id.trust_domain() == "example.org" && id.path() == "/shop/checkout" => {
///             Ok(Response::new("paid".to_owned()))
///         }
///         _ => Err(Status::permission_denied("only the checkout pays")),
///     }
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerIdentity {
    pub(crate) dns_names: Vec<String>,
    pub(crate) uris: Vec<String>,
    pub(crate) common_name: Option<String>,
    pub(crate) spiffe_id: Option<SpiffeId>,
}

impl PeerIdentity {
    /// The DNS names of its subjectAltName, as they are written there; a wildcard stays one (`*.example.com`).
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// The URIs of its subjectAltName, as they are written there.
    #[must_use]
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// The common name of its subject, if it has exactly one, and that in UTF-8 or ASCII.
    ///
    /// It is free text, which many CAs let whoever asks choose. Prefer the other names to decide what a peer may do.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Its SPIFFE id, if the certificate is an X.509-SVID of a workload: exactly one URI, which is a SPIFFE id, and no
    /// right to sign certificates.
    #[must_use]
    pub fn spiffe_id(&self) -> Option<&SpiffeId> {
        self.spiffe_id.as_ref()
    }
}

/// What a peer has shown, and what was read of it so far.
#[derive(Debug)]
pub(crate) struct PeerCertificates {
    /// Its own first; never empty where TLS hands it over.
    chain: Vec<CertificateDer<'static>>,
    /// Reads the names of a certificate; whoever knows certificates gives it.
    read: ReadIdentity,
    identity: OnceLock<Option<PeerIdentity>>,
}

/// `None` for a certificate that cannot be read.
pub(crate) type ReadIdentity = fn(&CertificateDer<'_>) -> Option<PeerIdentity>;

impl PeerCertificates {
    pub(crate) fn new(chain: Vec<CertificateDer<'static>>, read: ReadIdentity) -> Self {
        PeerCertificates { chain, read, identity: OnceLock::new() }
    }

    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(crate) fn identity(&self) -> Option<&PeerIdentity> {
        self.identity.get_or_init(|| self.chain.first().and_then(self.read)).as_ref()
    }
}
