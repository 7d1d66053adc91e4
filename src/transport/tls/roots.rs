//! The certificates that others are checked against.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::transport::error::{Error, Step};

/// Adds every certificate, or says which of them is none. `owner` names the setting in errors.
pub(super) fn add(store: &mut RootCertStore, roots: &[CertificateDer<'static>], owner: &str) -> Result<(), Error> {
    for (index, root) in roots.iter().enumerate() {
        store.add(root.clone()).map_err(|error| {
            Error::new(Step::Tls, format!("{owner}: certificate {} of {} cannot be read", index + 1, roots.len()))
                .with_hint("is it an X.509 certificate? `openssl x509 -in FILE -text` shows it")
                .with_source(error)
        })?;
    }
    Ok(())
}
