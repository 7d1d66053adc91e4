//! What users hand in: certificates, and a certificate with its private key.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error as TlsError, InconsistentKeys};

use crate::transport::error::{Error, Step};
use crate::transport::tls::{pem, private_key, x509::Fields};

/// Certificates as PEM text: one, a chain, or a bundle of roots.
///
/// The text is kept as it is and read when a server or a channel starts to use it; what is wrong with it is an
/// error from there.
///
/// ```
/// use seltzer::transport::{Certificate, ClientTlsConfig};
///
/// let root = Certificate::from_pem("-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n");
/// let tls = ClientTlsConfig::new().ca_certificate(root);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    pem: Vec<u8>,
}

/// A certificate and its private key as PEM text: what a server, or a client of mutual TLS, shows of itself.
///
/// `Debug` shows nothing of the key.
///
/// ```
/// use seltzer::transport::{Identity, ServerTlsConfig};
///
/// # let (certificate, key) = ("", "");
/// // For example from `std::fs::read("server.pem")?` and `std::fs::read("server.key")?`.
/// let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
/// ```
#[derive(Clone)]
pub struct Identity {
    certificate: Certificate,
    key: Vec<u8>,
}

impl Certificate {
    /// Takes PEM text with one certificate or several.
    #[must_use]
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Self {
        Certificate { pem: pem.as_ref().to_vec() }
    }

    /// The PEM text.
    #[must_use]
    pub fn get_ref(&self) -> &[u8] {
        &self.pem
    }

    /// The PEM text, to be changed in place.
    pub fn get_mut(&mut self) -> &mut [u8] {
        &mut self.pem
    }

    /// Gives the PEM text back.
    #[must_use]
    pub fn into_inner(self) -> Vec<u8> {
        self.pem
    }

    /// Every certificate of the PEM. `owner` names the setting in errors.
    pub(super) fn read(&self, owner: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
        pem::certificates(&self.pem, owner)
    }
}

impl AsRef<[u8]> for Certificate {
    fn as_ref(&self) -> &[u8] {
        &self.pem
    }
}

impl AsMut<[u8]> for Certificate {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.pem
    }
}

/// Its size only: the text is long, and people keep keys in the same file.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes of PEM)", self.pem.len())
    }
}

impl Identity {
    /// Takes a certificate and its private key as PEM text.
    ///
    /// The certificate comes first, followed by the intermediate certificates that lead to a root, if there are
    /// any. The key is RSA of at least 2048 bits, ECDSA on P-256 or P-384, or Ed25519, in any of the usual forms
    /// (`PRIVATE KEY`, `RSA PRIVATE KEY`, `EC PRIVATE KEY`), without a passphrase. Both may be in the same text.
    #[must_use]
    pub fn from_pem(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        Identity { certificate: Certificate::from_pem(certificate), key: key.as_ref().to_vec() }
    }

    /// Reads both and checks that they belong together. `owner` names the setting in errors.
    pub(super) fn load(&self, provider: &CryptoProvider, owner: &str) -> Result<Arc<CertifiedKey>, Error> {
        let chain = self.certificate.read(owner)?;
        let key_der = pem::private_key(&self.key, owner)?;
        let kind = private_key::describe(&key_der);
        let key = provider
            .key_provider
            .load_private_key(key_der)
            .map_err(|error| unusable_key(owner, kind.as_deref(), error))?;
        let certified = CertifiedKey::new(chain, key);
        check_match(&certified, owner)?;
        Ok(Arc::new(certified))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// What every provider supports; some support more.
const SUPPORTED_KEYS: &str = "use RSA with 2048 bits or more, ECDSA on P-256 or P-384, or Ed25519: \
                              `openssl req -x509 -newkey rsa:2048 ...` makes one";

fn unusable_key(owner: &str, kind: Option<&str>, error: TlsError) -> Error {
    let message = match kind {
        Some(kind) => format!("{owner}: a private key of this kind is not supported: {kind}"),
        None => format!("{owner}: the private key is of no known kind, or damaged"),
    };
    Error::new(Step::Tls, message).with_hint(SUPPORTED_KEYS).with_source(error)
}

/// Fails unless the key is the certificate's.
///
/// rustls cannot tell for a certificate of version 1, which it does not read. Such a certificate still serves
/// peers that are less strict, so the keys are compared here.
fn check_match(certified: &CertifiedKey, owner: &str) -> Result<(), Error> {
    let error = match certified.keys_match() {
        Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => return Ok(()),
        Err(error) => error,
    };
    match keys_are_equal(certified.cert.first(), certified.key.as_ref()) {
        Some(true) => Ok(()),
        Some(false) => {
            Err(Error::new(Step::Tls, format!("{owner}: the private key does not belong to the certificate"))
                .with_hint(
                    "the two files come from different pairs, or the chain does not start with its own certificate",
                )
                .with_source(error))
        }
        None => Err(Error::new(Step::Tls, format!("{owner}: the certificate cannot be read"))
            .with_hint("is it an X.509 certificate? `openssl x509 -in FILE -text` shows it")
            .with_source(error)),
    }
}

fn keys_are_equal(certificate: Option<&CertificateDer<'_>>, key: &dyn SigningKey) -> Option<bool> {
    let fields = Fields::read(certificate?)?;
    let public_key = key.public_key()?;
    Some(fields.public_key == public_key.as_ref())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::{Certificate, Identity};
    use crate::transport::tls::provider::provider;
    use crate::transport::tls::tests::fixture;

    /// What loading the pair says; nothing if it works.
    fn check(certificate: &str, key: &str, expected: &str) {
        let identity = Identity::from_pem(certificate, key);
        let result = identity.load(&provider().unwrap(), "the server's identity");
        let message = result.map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(message, expected);
    }

    #[test]
    fn supported_keys_in_every_form() {
        for name in ["rsa", "ecdsa", "p384", "ed25519", "server", "version1"] {
            check(fixture::certificate(name), fixture::key(name), "");
        }
        check(fixture::certificate("rsa"), fixture::RSA_PKCS1_KEY, "");
        check(fixture::certificate("ecdsa"), fixture::ECDSA_SEC1_KEY, "");
        let both = [fixture::key("rsa"), fixture::certificate("rsa")].concat();
        check(&both, &both, "");
    }

    // aws-lc-rs takes P-521.
    #[cfg(not(feature = "tls-aws-lc"))]
    #[test]
    fn p521_is_named() {
        check(
            fixture::certificate("p521"),
            fixture::key("p521"),
            "the server's identity: a private key of this kind is not supported: ECDSA P-521 (use RSA with 2048 bits \
             or more, ECDSA on P-256 or P-384, or Ed25519: `openssl req -x509 -newkey rsa:2048 ...` makes one)",
        );
    }

    #[test]
    fn unusable_pairs_are_named() {
        check(
            fixture::certificate("rsa1024"),
            fixture::key("rsa1024"),
            "the server's identity: a private key of this kind is not supported: RSA with 1024 bits (use RSA with 2048 \
             bits or more, ECDSA on P-256 or P-384, or Ed25519: `openssl req -x509 -newkey rsa:2048 ...` makes one)",
        );
        let mismatch = "the server's identity: the private key does not belong to the certificate \
                        (the two files come from different pairs, or the chain does not start with its own \
                        certificate)";
        check(fixture::certificate("rsa"), fixture::key("ecdsa"), mismatch);
        check(fixture::certificate("ecdsa"), fixture::key("leaf"), mismatch);
        check(fixture::certificate("version1"), fixture::key("leaf"), mismatch);
        check(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            fixture::key("ecdsa"),
            "the server's identity: the certificate cannot be read (is it an X.509 certificate? `openssl x509 -in \
             FILE -text` shows it)",
        );
        check(
            fixture::certificate("ecdsa"),
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "the server's identity: the private key is of no known kind, or damaged (use RSA with 2048 bits or more, \
             ECDSA on P-256 or P-384, or Ed25519: `openssl req -x509 -newkey rsa:2048 ...` makes one)",
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let identity = Identity::from_pem("12345", "secret");
        assert_eq!(format!("{identity:?}"), "Identity { certificate: Certificate(5 bytes of PEM), .. }");
    }

    #[test]
    fn the_text_comes_back_as_it_was() {
        let mut certificate = Certificate::from_pem("abc");
        certificate.get_mut()[0] = b'x';
        assert_eq!(certificate.get_ref(), b"xbc");
        assert_eq!(certificate.into_inner(), b"xbc");
    }
}
