//! A certificate for `--tls-self-signed`: made at start, kept in memory, good for this machine's names.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use graviola::hashing::Sha256;
use graviola::signing::ecdsa::{P256, SigningKey};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, PublicKeyData, SerialNumber,
    SignatureAlgorithm,
};

use crate::error::Failure;

/// A self-signed certificate and its private key, both as PEM.
pub(crate) struct SelfSigned {
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

/// Long enough for a day of trying things out that turns into a month, short enough to be no habit.
const VALIDITY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Clocks of two machines differ: the certificate is valid a little before it was made.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60 * 60);

/// 128 bits: unique without keeping count.
const SERIAL_BYTES: usize = 16;

/// More than the 138 bytes of a P-256 key as PKCS#8, and the 72 of a signature.
const DER_BYTES_MAX: usize = 256;

/// Characters on a line of PEM (RFC 7468, section 2).
const PEM_LINE_CHARACTERS: usize = 64;

impl SelfSigned {
    /// Makes a key (ECDSA on P-256) and a certificate for the names, which are host names and addresses.
    ///
    /// # Errors
    /// A name cannot stand in a certificate, the system gives no randomness, or the processor is too old.
    pub(crate) fn generate(names: &[String]) -> Result<Self, Failure> {
        check_processor()?;
        let key = Key::generate()?;
        let mut parameters = CertificateParams::new(names.to_vec()).map_err(|error| no_certificate(&error))?;
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, "seltzer, self-signed");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.serial_number = Some(SerialNumber::from_slice(&serial_number()?));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        parameters.not_before = epoch + now.saturating_sub(CLOCK_TOLERANCE);
        parameters.not_after = epoch + (now + VALIDITY);
        let certificate = parameters.self_signed(&key).map_err(|error| no_certificate(&error))?;
        Ok(SelfSigned { certificate_pem: pem("CERTIFICATE", certificate.der()), key_pem: key.to_pem()? })
    }
}

/// The cryptography would panic on a processor that lacks what it takes for granted.
fn check_processor() -> Result<(), Failure> {
    #[cfg(target_arch = "x86_64")]
    let is_good = {
        use std::arch::is_x86_feature_detected as has;
        has!("aes") && has!("pclmulqdq") && has!("adx") && has!("bmi1") && has!("bmi2") && has!("avx") && has!("avx2")
    };
    #[cfg(target_arch = "aarch64")]
    let is_good = {
        use std::arch::is_aarch64_feature_detected as has;
        has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
    };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let is_good = false;
    if is_good {
        return Ok(());
    }
    Err(Failure::new("cannot make a certificate: TLS needs instructions that this processor does not have")
        .with_hint("it takes x86_64 with AVX2, ADX and BMI2, or aarch64 with AES; leave the TLS options out"))
}

fn serial_number() -> Result<[u8; SERIAL_BYTES], Failure> {
    let mut serial = [0; SERIAL_BYTES];
    graviola::random::fill(&mut serial).map_err(|error| no_key(&error))?;
    // A positive number of full length (RFC 5280, section 4.1.2.2).
    serial[0] = (serial[0] & 0x7f) | 0x40;
    Ok(serial)
}

fn no_certificate(error: &rcgen::Error) -> Failure {
    Failure::new(format!("cannot make a certificate: {error}"))
        .with_hint("are the host names of `--listen` plain ASCII?")
}

fn no_key(error: &graviola::Error) -> Failure {
    Failure::new(format!("cannot make a key: {error:?}")).with_hint("does the system give random numbers?")
}

/// The signing key as rcgen wants it.
struct Key {
    inner: SigningKey<P256>,
    /// The point, uncompressed (SEC 1): 65 bytes.
    public: Vec<u8>,
}

impl Key {
    fn generate() -> Result<Self, Failure> {
        let inner = SigningKey::<P256>::generate().map_err(|error| no_key(&error))?;
        let public = inner.private_key.public_key_uncompressed().to_vec();
        Ok(Key { inner, public })
    }

    fn to_pem(&self) -> Result<String, Failure> {
        let mut buffer = [0; DER_BYTES_MAX];
        let der = self.inner.to_pkcs8_der(&mut buffer).map_err(|error| no_key(&error))?;
        Ok(pem("PRIVATE KEY", der))
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut buffer = [0; DER_BYTES_MAX];
        match self.inner.sign_asn1::<Sha256>(&[message], &mut buffer) {
            Ok(signature) => Ok(signature.to_vec()),
            Err(_) => Err(rcgen::Error::RemoteKeyError),
        }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(PEM_LINE_CHARACTERS) {
        pem.extend(line.iter().map(|&byte| char::from(byte)));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_certificate_is_another() {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let one = SelfSigned::generate(&names).expect("it can be made");
        let other = SelfSigned::generate(&names).expect("it can be made");
        assert_ne!(one.certificate_pem, other.certificate_pem);
        assert_ne!(one.key_pem, other.key_pem);
        assert!(one.key_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(one.certificate_pem.lines().all(|line| line.len() <= PEM_LINE_CHARACTERS));
    }

    #[test]
    fn a_name_that_no_certificate_can_be_for_is_an_error() {
        let error = SelfSigned::generate(&["名".to_owned()]).map(|_| ()).expect_err("not ASCII");
        assert!(error.to_string().contains("cannot make a certificate"), "{error}");
    }
}
