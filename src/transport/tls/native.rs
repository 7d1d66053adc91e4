//! The certificates that this system trusts.

use rustls::RootCertStore;

use crate::transport::error::Error;

/// Adds those of the system; what cannot be read among them is left out, as every system has some of that.
///
/// # Errors
/// There are none at all.
#[cfg(feature = "tls-native-roots")]
pub(super) fn add(store: &mut RootCertStore) -> Result<(), Error> {
    use crate::transport::error::Step;

    let found = rustls_native_certs::load_native_certs();
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(());
    }
    let why = found.errors.first().map_or_else(|| "none were found".to_owned(), ToString::to_string);
    Err(Error::new(Step::Tls, format!("the CAs that this system trusts cannot be read: {why}")).with_hint(
        "install the system's CA certificates (`ca-certificates`), or name their file in SSL_CERT_FILE; or compile \
         Mozilla's in, with the feature `tls-webpki-roots`",
    ))
}

/// Nobody asks without the feature.
#[cfg(not(feature = "tls-native-roots"))]
#[allow(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
pub(super) fn add(_: &mut RootCertStore) -> Result<(), Error> {
    Ok(())
}
