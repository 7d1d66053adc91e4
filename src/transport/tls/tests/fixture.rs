//! The files of `tests/support/tls`.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

macro_rules! pairs {
    ($($name:literal)*) => {
        const PAIRS: &[(&str, &str, &str)] = &[$((
            $name,
            include_str!(concat!("../../../../tests/support/tls/", $name, ".pem")),
            include_str!(concat!("../../../../tests/support/tls/", $name, ".key")),
        )),*];
    };
}

pairs! {
    "rsa" "ecdsa" "p384" "ed25519" "p521" "rsa1024" "wrong-name" "common-name" "client-self-signed" "for-clients"
    "for-servers" "constrained" "leaf" "expired" "not-yet" "workload" "version1" "server" "client"
}

pub(crate) const CA: &str = include_str!("../../../../tests/support/tls/ca.pem");
pub(crate) const RSA_PKCS1_KEY: &str = include_str!("../../../../tests/support/tls/rsa-pkcs1.key");
pub(crate) const ECDSA_SEC1_KEY: &str = include_str!("../../../../tests/support/tls/ecdsa-sec1.key");
pub(crate) const ENCRYPTED_KEY: &str = include_str!("../../../../tests/support/tls/encrypted.key");

fn pair(name: &str) -> &'static (&'static str, &'static str, &'static str) {
    PAIRS.iter().find(|pair| pair.0 == name).expect("the fixture is listed above")
}

pub(crate) fn certificate(name: &str) -> &'static str {
    if name == "ca" { CA } else { pair(name).1 }
}

pub(crate) fn key(name: &str) -> &'static str {
    pair(name).2
}

pub(crate) fn certificate_der(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(certificate(name).as_bytes()).expect("fixtures are certificates")
}
