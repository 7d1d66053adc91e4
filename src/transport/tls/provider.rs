//! Which library does the cryptography.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::transport::error::{Error, Step};

/// The first of these that there is:
///
/// 1. the process's default, if the program has installed one (`CryptoProvider::install_default`);
/// 2. graviola (feature `tls`), if the processor has what it needs;
/// 3. aws-lc-rs (feature `tls-aws-lc`);
/// 4. ring (feature `tls-ring`).
///
/// So a program that must have FIPS leaves the feature `tls` off, or installs its provider; and one that must run
/// on every processor turns `tls-ring` on beside `tls`.
pub(super) fn provider() -> Result<Arc<CryptoProvider>, Error> {
    if let Some(installed) = CryptoProvider::get_default() {
        return Ok(Arc::clone(installed));
    }
    let graviola = graviola();
    if let Ok(provider) = graviola {
        return Ok(Arc::new(provider));
    }
    #[cfg(feature = "tls-aws-lc")]
    return Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc")))]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "tls-aws-lc", feature = "tls-ring")))]
    graviola.map(Arc::new)
}

#[cfg(all(feature = "tls", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn graviola() -> Result<CryptoProvider, Error> {
    let missing = missing_features(&processor_features());
    if missing.is_empty() {
        return Ok(rustls_graviola::default_provider());
    }
    Err(unsupported_processor(&format!("this processor lacks {missing}")))
}

/// graviola does not compile for other processors, so there it is not even a dependency.
#[cfg(all(feature = "tls", not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn graviola() -> Result<CryptoProvider, Error> {
    Err(unsupported_processor("this program is built for another kind of processor"))
}

#[cfg(not(feature = "tls"))]
fn graviola() -> Result<CryptoProvider, Error> {
    Err(Error::new(Step::Tls, "this program is built without cryptography for TLS")
        .with_hint("turn on one of seltzer's features `tls`, `tls-ring` and `tls-aws-lc`"))
}

/// What graviola asks of the processor, and would panic without, each with whether it is there.
///
/// BMI2 it takes for granted with ADX, which is true of every real processor, but not of every emulated one.
#[cfg(all(feature = "tls", target_arch = "x86_64"))]
fn processor_features() -> Vec<(&'static str, bool)> {
    use std::arch::is_x86_feature_detected as has;
    vec![
        ("AES", has!("aes")),
        ("PCLMULQDQ", has!("pclmulqdq")),
        ("BMI1", has!("bmi1")),
        ("BMI2", has!("bmi2")),
        ("ADX", has!("adx")),
        ("AVX", has!("avx")),
        ("AVX2", has!("avx2")),
    ]
}

/// What graviola asks of the processor, and would panic without, each with whether it is there.
#[cfg(all(feature = "tls", target_arch = "aarch64"))]
fn processor_features() -> Vec<(&'static str, bool)> {
    use std::arch::is_aarch64_feature_detected as has;
    vec![("NEON", has!("neon")), ("AES", has!("aes")), ("PMULL", has!("pmull")), ("SHA2", has!("sha2"))]
}

#[cfg(feature = "tls")]
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(dead_code, reason = "nothing to ask where graviola cannot run")
)]
fn missing_features(features: &[(&str, bool)]) -> String {
    let missing: Vec<&str> = features.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    missing.join(", ")
}

#[cfg(feature = "tls")]
fn unsupported_processor(reason: &str) -> Error {
    Error::new(Step::Tls, format!("the cryptography of the feature `tls` cannot run here: {reason}")).with_hint(
        "it needs x86_64 with AVX2, ADX and BMI2, or aarch64 with AES; turn on the feature `tls-ring` as well",
    )
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "tls")]
    #[test]
    fn a_processor_without_the_features_is_an_error_that_names_the_way_out() {
        let missing = super::missing_features(&[("AES", true), ("ADX", false), ("AVX2", false)]);
        assert_eq!(missing, "ADX, AVX2");
        assert_eq!(super::missing_features(&[("AES", true)]), "");
        let error = super::unsupported_processor(&format!("this processor lacks {missing}"));
        assert_eq!(
            error.to_string(),
            "the cryptography of the feature `tls` cannot run here: this processor lacks ADX, AVX2 (it needs x86_64 \
             with AVX2, ADX and BMI2, or aarch64 with AES; turn on the feature `tls-ring` as well)"
        );
    }

    #[cfg(not(any(feature = "tls", feature = "tls-ring", feature = "tls-aws-lc")))]
    #[test]
    fn no_provider_is_an_error_that_names_the_features() {
        let error = super::provider().expect_err("no provider is compiled in");
        assert!(error.to_string().contains("`tls-ring`"), "{error}");
    }
}
