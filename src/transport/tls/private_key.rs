//! Which kind of private key a file holds, for the error that says why it cannot be used.

use rustls::pki_types::PrivateKeyDer;

use crate::transport::tls::der::{self, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]; // 1.2.840.113549.1.1.1
const ELLIPTIC_CURVE: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]; // 1.2.840.10045.2.1

/// The key's kind and size in words ("ECDSA P-521", "RSA with 1024 bits"); `None` if it is none that we know.
pub(super) fn describe(key: &PrivateKeyDer<'_>) -> Option<String> {
    match key {
        PrivateKeyDer::Pkcs8(key) => describe_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => describe_rsa(key.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(key) => describe_sec1(key.secret_sec1_der()),
        _ => None,
    }
}

/// PrivateKeyInfo, RFC 5208, section 5.
fn describe_pkcs8(der: &[u8]) -> Option<String> {
    let mut fields = Reader::new(der).enter(SEQUENCE)?;
    let _version = fields.content(INTEGER)?;
    let mut algorithm = fields.enter(SEQUENCE)?;
    match algorithm.content(OBJECT_IDENTIFIER)? {
        RSA => describe_rsa(fields.content(OCTET_STRING)?),
        ELLIPTIC_CURVE => describe_curve(algorithm.content(OBJECT_IDENTIFIER)?),
        other => describe_algorithm(other).map(str::to_owned),
    }
}

/// RSAPrivateKey, RFC 8017, appendix A.1.2: the size is that of the modulus.
fn describe_rsa(der: &[u8]) -> Option<String> {
    let mut fields = Reader::new(der).enter(SEQUENCE)?;
    let _version = fields.content(INTEGER)?;
    let modulus = fields.content(INTEGER)?;
    let first = modulus.iter().position(|&byte| byte != 0)?;
    let significant = &modulus[first..];
    let bits = significant.len() * 8 - significant.first()?.leading_zeros() as usize;
    Some(format!("RSA with {bits} bits"))
}

/// ECPrivateKey, RFC 5915, section 3.
fn describe_sec1(der: &[u8]) -> Option<String> {
    let mut fields = Reader::new(der).enter(SEQUENCE)?;
    let _version = fields.content(INTEGER)?;
    let _key = fields.content(OCTET_STRING)?;
    describe_curve(fields.enter(der::context(0))?.content(OBJECT_IDENTIFIER)?)
}

fn describe_curve(identifier: &[u8]) -> Option<String> {
    let curve = match identifier {
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7] => "P-256", // 1.2.840.10045.3.1.7
        [0x2b, 0x81, 4, 0, 0x22] => "P-384",                // 1.3.132.0.34
        [0x2b, 0x81, 4, 0, 0x23] => "P-521",                // 1.3.132.0.35
        [0x2b, 0x81, 4, 0, 0x21] => "P-224",                // 1.3.132.0.33
        [0x2b, 0x81, 4, 0, 0x0a] => "secp256k1",            // 1.3.132.0.10
        _ => "on a curve of its own",
    };
    Some(format!("ECDSA {curve}"))
}

fn describe_algorithm(identifier: &[u8]) -> Option<&'static str> {
    match identifier {
        [0x2b, 0x65, 0x70] => Some("Ed25519"),               // 1.3.101.112
        [0x2b, 0x65, 0x71] => Some("Ed448"),                 // 1.3.101.113
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1] => Some("DSA"), // 1.2.840.10040.4.1
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a] => Some("RSA for PSS only"), // 1.2.840.113549.1.1.10
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use rustls::pki_types::PrivateKeyDer;

    use crate::transport::tls::pem;
    use crate::transport::tls::tests::fixture;

    #[test]
    fn kinds_of_real_keys() {
        let check = |name: &str, pem: &str, expected: &str| {
            let key = pem::private_key(pem.as_bytes(), name).unwrap();
            assert_eq!(super::describe(&key).unwrap(), expected, "{name}");
        };
        for (name, expected) in [
            ("rsa", "RSA with 2048 bits"),
            ("rsa1024", "RSA with 1024 bits"),
            ("ecdsa", "ECDSA P-256"),
            ("p384", "ECDSA P-384"),
            ("p521", "ECDSA P-521"),
            ("ed25519", "Ed25519"),
        ] {
            check(name, fixture::key(name), expected);
        }
        check("rsa-pkcs1.key", fixture::RSA_PKCS1_KEY, "RSA with 2048 bits");
        check("ecdsa-sec1.key", fixture::ECDSA_SEC1_KEY, "ECDSA P-256");
    }

    #[test]
    fn damaged_keys_never_panic() {
        for pem in [fixture::key("p521"), fixture::RSA_PKCS1_KEY, fixture::ECDSA_SEC1_KEY] {
            let key = pem::private_key(pem.as_bytes(), "a key").unwrap();
            for length in 0..key.secret_der().len() {
                let cut = key.secret_der()[..length].to_vec();
                let cut = match &key {
                    PrivateKeyDer::Pkcs1(_) => PrivateKeyDer::Pkcs1(cut.into()),
                    PrivateKeyDer::Sec1(_) => PrivateKeyDer::Sec1(cut.into()),
                    _ => PrivateKeyDer::Pkcs8(cut.into()),
                };
                assert_eq!(super::describe(&cut), None, "cut to {length} bytes");
            }
        }
    }
}
