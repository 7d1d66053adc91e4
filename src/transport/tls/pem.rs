//! Certificates and keys out of PEM, with errors that say what is there instead.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::transport::error::{Error, Step};

/// Every certificate of the PEM, in order.
///
/// `owner` names the setting in errors ("the server's identity").
pub(super) fn certificates(pem: &[u8], owner: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wanted = Wanted::Certificate;
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| damaged(wanted, owner, &error))?;
    if certificates.is_empty() {
        return Err(missing(wanted, owner, pem));
    }
    Ok(certificates)
}

/// The first private key of the PEM: PKCS#8, PKCS#1 (RSA) or SEC1 (EC).
pub(super) fn private_key(pem: &[u8], owner: &str) -> Result<PrivateKeyDer<'static>, Error> {
    let wanted = Wanted::PrivateKey;
    // Looked for first: the older form of encryption is not even PEM to a strict reader.
    if contains(pem, "ENCRYPTED PRIVATE KEY-----") || contains(pem, "Proc-Type: 4,ENCRYPTED") {
        return Err(Error::new(Step::Tls, format!("{owner}: the private key is encrypted with a passphrase"))
            .with_hint("take the passphrase off with `openssl pkey -in KEY -out PLAIN-KEY`"));
    }
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(missing(wanted, owner, pem)),
        Err(error) => Err(damaged(wanted, owner, &error)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Certificate,
    PrivateKey,
}

impl Wanted {
    fn noun(self) -> &'static str {
        match self {
            Wanted::Certificate => "certificate",
            Wanted::PrivateKey => "private key",
        }
    }
}

/// The first byte of every certificate and key in DER, and no text anybody would call PEM.
const DER_START: u8 = 0x30;

fn missing(wanted: Wanted, owner: &str, pem: &[u8]) -> Error {
    let noun = wanted.noun();
    let (found, hint) = if pem.is_empty() {
        ("it is empty", "is this the right file?")
    } else if pem.first() == Some(&DER_START) {
        (
            "it is binary (DER)",
            match wanted {
                Wanted::Certificate => "`openssl x509 -inform der -in FILE -out FILE.pem` converts it",
                Wanted::PrivateKey => "`openssl pkey -inform der -in FILE -out FILE.pem` converts it",
            },
        )
    } else if contains(pem, "-----BEGIN CERTIFICATE-----") || contains(pem, "PRIVATE KEY-----") {
        let found = match wanted {
            Wanted::Certificate => "it holds a private key",
            Wanted::PrivateKey => "it holds a certificate",
        };
        (found, "are certificate and key swapped?")
    } else {
        let hint = match wanted {
            Wanted::Certificate => "a certificate starts with the line -----BEGIN CERTIFICATE-----",
            Wanted::PrivateKey => "a private key starts with a line like -----BEGIN PRIVATE KEY-----",
        };
        ("there is no such section in it", hint)
    };
    Error::new(Step::Tls, format!("{owner}: no {noun} in the PEM: {found}")).with_hint(hint)
}

/// Says what is wrong with the PEM's form, in our words: the reader's own quote the text, and that may be a key.
fn damaged(wanted: Wanted, owner: &str, error: &pem::Error) -> Error {
    let reason = match error {
        pem::Error::MissingSectionEnd { .. } => "its END line is missing",
        pem::Error::IllegalSectionStart { .. } => "its BEGIN line is malformed",
        pem::Error::Base64Decode(_) => "its base64 text is malformed",
        _ => "it cannot be read",
    };
    let noun = wanted.noun();
    Error::new(Step::Tls, format!("{owner}: the PEM of the {noun} is damaged: {reason}"))
        .with_hint("was the file cut off or edited?")
}

fn contains(pem: &[u8], text: &str) -> bool {
    pem.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use crate::transport::tls::tests::fixture;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    #[test]
    fn what_is_wrong_with_a_certificate() {
        let check = |pem: &[u8], expected: &str| {
            let error = super::certificates(pem, "the root").unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(b"", "the root: no certificate in the PEM: it is empty (is this the right file?)");
        check(
            b"hello",
            "the root: no certificate in the PEM: there is no such section in it \
             (a certificate starts with the line -----BEGIN CERTIFICATE-----)",
        );
        check(
            KEY.as_bytes(),
            "the root: no certificate in the PEM: it holds a private key (are certificate and key swapped?)",
        );
        check(
            &[0x30, 0x82, 1, 2],
            "the root: no certificate in the PEM: it is binary (DER) \
             (`openssl x509 -inform der -in FILE -out FILE.pem` converts it)",
        );
        check(
            b"-----BEGIN CERTIFICATE-----\nAAAA\n",
            "the root: the PEM of the certificate is damaged: its END line is missing (was the file cut off or \
             edited?)",
        );
        check(
            b"-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----\n",
            "the root: the PEM of the certificate is damaged: its base64 text is malformed (was the file cut off or \
             edited?)",
        );
        check(
            b"-----BEGIN CERTIFICATE---\nAAAA\n-----END CERTIFICATE-----\n",
            "the root: the PEM of the certificate is damaged: its BEGIN line is malformed (was the file cut off or \
             edited?)",
        );
    }

    #[test]
    fn what_is_wrong_with_a_key() {
        let check = |pem: &[u8], expected: &str| {
            let error = super::private_key(pem, "the identity").unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(b"", "the identity: no private key in the PEM: it is empty (is this the right file?)");
        check(
            CERTIFICATE.as_bytes(),
            "the identity: no private key in the PEM: it holds a certificate (are certificate and key swapped?)",
        );
        check(
            &[0x30, 0x82, 1, 2],
            "the identity: no private key in the PEM: it is binary (DER) \
             (`openssl pkey -inform der -in FILE -out FILE.pem` converts it)",
        );
        let passphrase = "the identity: the private key is encrypted with a passphrase \
                          (take the passphrase off with `openssl pkey -in KEY -out PLAIN-KEY`)";
        check(fixture::ENCRYPTED_KEY.as_bytes(), passphrase);
        check(
            b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA \
            PRIVATE KEY-----\n",
            passphrase,
        );
        check(
            b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0*\n-----END PRIVATE KEY-----\n",
            "the identity: the PEM of the private key is damaged: its base64 text is malformed (was the file cut off \
             or edited?)",
        );
    }

    #[test]
    fn text_around_and_other_line_ends_do_no_harm() {
        let pem = format!("Subject: anything\r\n{}{}", KEY.replace('\n', "\r\n"), CERTIFICATE.repeat(2));
        assert_eq!(super::certificates(pem.as_bytes(), "x").unwrap().len(), 2);
        assert_eq!(super::private_key(pem.as_bytes(), "x").unwrap().secret_der(), [0, 0, 0]);
    }
}
