//! Trust in a self-signed certificate that is itself configured as a root.
//!
//! `openssl req -x509` marks what it makes as the certificate of a CA (CA:TRUE), and rustls does not let a CA's
//! certificate identify a server or client (`CaUsedAsEndEntity`). Everybody's first certificate is like that, and
//! to give it to both sides is how they are set up. So when the peer shows, byte for byte, one of the configured
//! roots, that one objection is set aside. Whoever can show a root and prove to hold its key could also issue any
//! certificate under it: nothing is trusted here that was not before.
//!
//! rustls goes through a certificate in this order: dates, the CA mark, the extended key usage, the chain, and for a
//! server the name. When it stops at the mark, the dates are good; the rest is done here:
//!
//! - the extended key usage must allow the purpose;
//! - the chain has no other link: the certificate is the root;
//! - name constraints, which rustls would apply along the chain, are not interpreted: a root that has any is refused;
//! - the name is checked by rustls, in the subjectAltName. A root without that extension may carry a server's host
//!   name as its only common name instead, as gRPC's C core allows.
//!
//! The signatures of the handshake are always checked by rustls.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, SignatureScheme};

use crate::transport::tls::failure::is_ca_as_end_entity;
use crate::transport::tls::x509::{Fields, Purpose};

/// Checks servers' certificates.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    pub(super) inner: Arc<dyn ServerCertVerifier>,
    pub(super) roots: Vec<CertificateDer<'static>>,
}

/// Checks clients' certificates.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    pub(super) inner: Arc<dyn ClientCertVerifier>,
    pub(super) roots: Vec<CertificateDer<'static>>,
}

/// Takes any certificate of a server. The server must still hold its key.
#[derive(Debug)]
pub(super) struct AcceptAnything {
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let result = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match result {
            Err(error) if self.roots.contains(end_entity) => {
                accept_root_server(error, end_entity, server_name).map(|()| ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        match self.inner.verify_client_cert(end_entity, intermediates, now) {
            Err(error) if self.roots.contains(end_entity) => {
                accept_root(error, end_entity, Purpose::ClientAuthentication).map(|()| ClientCertVerified::assertion())
            }
            result => result,
        }
    }

    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl ServerCertVerifier for AcceptAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// For a server that shows a configured root and that rustls refuses with `error`: whether to accept it after all.
fn accept_root_server(error: TlsError, root: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), TlsError> {
    let name_error = if is_name_error(&error) {
        // A root that is not marked as a CA: rustls has checked all but the name.
        error
    } else {
        accept_root(error, root, Purpose::ServerAuthentication)?;
        match verify_server_name(&ParsedCertificate::try_from(root)?, name) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        }
    };
    if is_common_name(root, name) { Ok(()) } else { Err(name_error) }
}

/// For a peer that shows a configured root and that rustls refuses with `error`: whether to set the error aside.
/// The name is not looked at.
fn accept_root(error: TlsError, root: &CertificateDer<'_>, purpose: Purpose) -> Result<(), TlsError> {
    if !is_ca_as_end_entity(&error) {
        return Err(error);
    }
    match Fields::read(root) {
        Some(fields) if fields.has_name_constraints() => Err(error),
        Some(fields) if !fields.allows(purpose) => Err(CertificateError::InvalidPurpose.into()),
        Some(_) => Ok(()),
        None => Err(error),
    }
}

fn is_name_error(error: &TlsError) -> bool {
    matches!(
        error,
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

/// Whether the root names the server in its subject, for want of a subjectAltName. Addresses are never found there.
fn is_common_name(root: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let (Some(fields), ServerName::DnsName(name)) = (Fields::read(root), name) else {
        return false;
    };
    !fields.has_alternative_names()
        && fields.common_name().is_some_and(|common_name| common_name.eq_ignore_ascii_case(name.as_ref()))
}
