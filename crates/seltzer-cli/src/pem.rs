//! Whether a file has the certificate or key that an option names it for, before anything is connected.
//!
//! The library reads PEM again and checks more, but it does not know the file's name.

use std::path::Path;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Failure;

/// What a file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Certificate,
    PrivateKey,
}

impl Wanted {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Wanted::Certificate => "certificate",
            Wanted::PrivateKey => "private key",
        }
    }
}

/// The first byte of certificates and keys that are not PEM but DER, which is binary.
const DER_START: u8 = 0x30;

/// Fails unless the text has a section of the wanted kind, and all of them can be read.
///
/// # Errors
/// What is there instead, with the name of the file.
pub(crate) fn check(text: &[u8], wanted: Wanted, path: &Path) -> Result<(), Failure> {
    let count = match wanted {
        Wanted::Certificate => {
            CertificateDer::pem_slice_iter(text).try_fold(0, |count, section| section.map(|_| count + 1))
        }
        // The older form of encryption has lines that a strict reader takes for damage.
        Wanted::PrivateKey if is_encrypted(text) => Ok(0),
        Wanted::PrivateKey => match PrivateKeyDer::from_pem_slice(text) {
            Ok(_) => Ok(1),
            Err(pem::Error::NoItemsFound) => Ok(0),
            Err(error) => Err(error),
        },
    };
    let noun = wanted.noun();
    match count {
        Ok(0) => {
            let (found, hint) = instead(text, wanted);
            Err(Failure::new(format!("there is no {noun} in {}: {found}", path.display())).with_hint(hint))
        }
        Ok(_) => Ok(()),
        // What the reader says of it quotes the text, and that may be a key.
        Err(_) => Err(Failure::new(format!("the {noun} in {} is damaged PEM", path.display()))
            .with_hint("was the file cut off or edited?")),
    }
}

/// What a file holds that has not what is wanted, and what to do about it.
fn instead(text: &[u8], wanted: Wanted) -> (&'static str, &'static str) {
    if text.is_empty() {
        return ("the file is empty", "is this the right file?");
    }
    match wanted {
        Wanted::Certificate if text[0] == DER_START => {
            ("it is binary (DER), not PEM", "`openssl x509 -inform der -in FILE -out FILE.pem` converts it")
        }
        Wanted::PrivateKey if text[0] == DER_START => {
            ("it is binary (DER), not PEM", "`openssl pkey -inform der -in FILE -out FILE.pem` converts it")
        }
        Wanted::PrivateKey if is_encrypted(text) => {
            ("it is encrypted with a passphrase", "`openssl pkey -in KEY -out PLAIN-KEY` takes the passphrase off")
        }
        Wanted::Certificate if contains(text, "PRIVATE KEY-----") => {
            ("it holds a private key", "are certificate and key swapped?")
        }
        Wanted::PrivateKey if contains(text, "-----BEGIN CERTIFICATE-----") => {
            ("it holds a certificate", "are certificate and key swapped?")
        }
        Wanted::Certificate => {
            ("it is not PEM, or PEM of another kind", "a certificate starts with -----BEGIN CERTIFICATE-----")
        }
        Wanted::PrivateKey => (
            "it is not PEM, or PEM of another kind",
            "a private key starts with a line like -----BEGIN PRIVATE KEY-----",
        ),
    }
}

fn is_encrypted(text: &[u8]) -> bool {
    contains(text, "ENCRYPTED PRIVATE KEY-----") || contains(text, "Proc-Type: 4,ENCRYPTED")
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

    #[test]
    fn what_is_there_instead_is_said() {
        let both = format!("Subject: anything\n{KEY}{CERTIFICATE}{CERTIFICATE}");
        let encrypted = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let encrypted_old =
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        let table: &[(Wanted, &str, Option<&str>)] = &[
            (Wanted::Certificate, CERTIFICATE, None),
            (Wanted::Certificate, &both, None),
            (Wanted::Certificate, "", Some("there is no certificate in a.pem: the file is empty")),
            (Wanted::Certificate, "hello", Some("hint: a certificate starts with")),
            (Wanted::Certificate, "0\u{1}", Some("openssl x509")),
            (Wanted::Certificate, KEY, Some("there is no certificate in a.pem: it holds a private key")),
            (Wanted::Certificate, &CERTIFICATE[..40], Some("the certificate in a.pem is damaged PEM")),
            (Wanted::Certificate, &CERTIFICATE.replace("AAAA", "A*AA"), Some("damaged")),
            (Wanted::PrivateKey, KEY, None),
            (Wanted::PrivateKey, &both, None),
            (Wanted::PrivateKey, "", Some("there is no private key in a.pem: the file is empty")),
            (Wanted::PrivateKey, "hello", Some("hint: a private key starts with")),
            (Wanted::PrivateKey, "0\u{1}", Some("openssl pkey -inform der")),
            (Wanted::PrivateKey, CERTIFICATE, Some("are certificate and key swapped?")),
            (Wanted::PrivateKey, &encrypted, Some("encrypted with a passphrase")),
            (Wanted::PrivateKey, encrypted_old, Some("encrypted with a passphrase")),
            (Wanted::PrivateKey, &KEY[..30], Some("the private key in a.pem is damaged PEM")),
        ];
        for (wanted, text, expected) in table {
            let found = check(text.as_bytes(), *wanted, Path::new("a.pem")).err().map(|failure| failure.to_string());
            match (&found, expected) {
                (None, None) => {}
                (Some(found), Some(part)) if found.contains(part) => {}
                _ => panic!("{wanted:?} {text:?}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
