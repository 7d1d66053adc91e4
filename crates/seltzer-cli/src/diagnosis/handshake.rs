//! A handshake in TLS that trusts anybody, to see who there is. Nothing is said on such a connection but the first words
//! of HTTP/2; whom the user trusts is found out by the library, in the step after.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::Failure;

/// Shakes hands.
///
/// # Errors
/// The server does not, or does not speak HTTP/2 afterwards.
pub(super) async fn shake_hands(stream: TcpStream, name: &str) -> Result<(String, TlsStream<TcpStream>), Failure> {
    let provider = Arc::new(rustls_graviola::default_provider());
    let server = ServerName::try_from(name.to_owned())
        .map_err(|_| Failure::new(format!("{name:?} is no name that a certificate could be for")))?;
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(format!("TLS cannot be set up: {error}")))?
        .dangerous() // Nothing is said but what everybody may read.
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TlsConnector::from(Arc::new(config))
        .connect(server, stream)
        .await
        .map_err(|error| Failure::new(format!("the handshake failed: {error}")))?;
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let certificates = session.peer_certificates().map_or(0, <[_]>::len);
    let spoken = match session.alpn_protocol() {
        Some(b"h2") => "ALPN h2".to_owned(),
        Some(b"http/1.1") => {
            return Err(Failure::new(format!(
                "{version}, but the server wants HTTP/1.1 (ALPN), and gRPC needs HTTP/2"
            ))
            .with_hint("is gRPC on another port, or does a proxy in between not let HTTP/2 through?"));
        }
        Some(other) => format!("ALPN {}", String::from_utf8_lossy(other)),
        None => "no ALPN".to_owned(),
    };
    let chain = if certificates == 1 { "one certificate".to_owned() } else { format!("{certificates} certificates") };
    Ok((format!("{version}, {spoken}, {chain}"), stream))
}

/// Trusts anybody, but has signatures checked as ever.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
