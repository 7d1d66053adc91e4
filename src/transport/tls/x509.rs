//! What a certificate says about itself, where rustls does not tell (RFC 5280, section 4.1).

use crate::transport::tls::der::{
    self, IA5_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, PRINTABLE_STRING, Reader, SEQUENCE, SET, UTF8_STRING,
};

/// The fields of a certificate that we look at. Its signature is not checked here.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    subject: &'a [u8],
    /// The key's algorithm and bits, as DER: the SubjectPublicKeyInfo.
    pub(super) public_key: &'a [u8],
    extensions: Vec<Extension<'a>>,
}

#[derive(Debug)]
struct Extension<'a> {
    identifier: &'a [u8],
    value: &'a [u8],
}

/// What a certificate's key may be used for, as the extended key usage extension names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    ServerAuthentication,
    ClientAuthentication,
}

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03]; // 2.5.4.3
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11]; // 2.5.29.17
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e]; // 2.5.29.30
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25]; // 2.5.29.37

impl Purpose {
    fn identifier(self) -> &'static [u8] {
        match self {
            Purpose::ServerAuthentication => &[0x2b, 6, 1, 5, 5, 7, 3, 1], // 1.3.6.1.5.5.7.3.1
            Purpose::ClientAuthentication => &[0x2b, 6, 1, 5, 5, 7, 3, 2], // 1.3.6.1.5.5.7.3.2
        }
    }
}

impl<'a> Fields<'a> {
    /// Reads a certificate of any version. `None` if any part of it is malformed.
    pub(super) fn read(certificate: &'a [u8]) -> Option<Self> {
        let mut signed = Reader::new(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
        let _version = signed.content(der::context(0));
        let _serial = signed.content(INTEGER)?;
        let _signature_algorithm = signed.content(SEQUENCE)?;
        let _issuer = signed.content(SEQUENCE)?;
        let _validity = signed.content(SEQUENCE)?;
        let subject = signed.content(SEQUENCE)?;
        let public_key = signed.element().filter(|key| key.tag == SEQUENCE)?.encoding;
        let mut extensions = Vec::new();
        while !signed.is_empty() {
            // Two unique identifiers may come before the extensions; nobody has used them for decades.
            let field = signed.element()?;
            if field.tag == der::context(3) {
                extensions = read_extensions(field.content)?;
            }
        }
        Some(Fields { subject, public_key, extensions })
    }

    /// Whether it lists host names or addresses in the place that is meant for them.
    pub(super) fn has_alternative_names(&self) -> bool {
        self.extension(SUBJECT_ALTERNATIVE_NAME).is_some()
    }

    /// Whether it limits the names that it, or what it issues, may carry.
    pub(super) fn has_name_constraints(&self) -> bool {
        self.extension(NAME_CONSTRAINTS).is_some()
    }

    /// Whether its key may serve the purpose: yes unless it lists purposes and this is not one of them.
    pub(super) fn allows(&self, purpose: Purpose) -> bool {
        let Some(usage) = self.extension(EXTENDED_KEY_USAGE) else {
            return true;
        };
        let Some(mut purposes) = Reader::new(usage).enter(SEQUENCE) else {
            return false;
        };
        while let Some(identifier) = purposes.content(OBJECT_IDENTIFIER) {
            if identifier == purpose.identifier() {
                return true;
            }
        }
        false
    }

    /// The subject's common name, if it has exactly one.
    pub(super) fn common_name(&self) -> Option<&'a str> {
        let mut found = None;
        let mut sets = Reader::new(self.subject);
        while !sets.is_empty() {
            let mut attributes = sets.enter(SET)?;
            while !attributes.is_empty() {
                let mut attribute = attributes.enter(SEQUENCE)?;
                let is_common_name = attribute.content(OBJECT_IDENTIFIER)? == COMMON_NAME;
                let value = attribute.element()?;
                if is_common_name && found.replace(value).is_some() {
                    return None;
                }
            }
        }
        let value = found?;
        match value.tag {
            UTF8_STRING | PRINTABLE_STRING | IA5_STRING => str::from_utf8(value.content).ok(),
            _ => None,
        }
    }

    fn extension(&self, identifier: &[u8]) -> Option<&'a [u8]> {
        self.extensions.iter().find(|extension| extension.identifier == identifier).map(|extension| extension.value)
    }
}

/// All or nothing: an extension that cannot be read must not count as absent.
fn read_extensions(field: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut list = Reader::new(field).enter(SEQUENCE)?;
    let mut extensions = Vec::new();
    while !list.is_empty() {
        let mut extension = list.enter(SEQUENCE)?;
        let identifier = extension.content(OBJECT_IDENTIFIER)?;
        let value = match extension.content(OCTET_STRING) {
            Some(value) => value,
            None => {
                let _critical = extension.element()?;
                extension.content(OCTET_STRING)?
            }
        };
        extensions.push(Extension { identifier, value });
    }
    Some(extensions)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::{Fields, Purpose};
    use crate::transport::tls::tests::fixture;

    #[test]
    fn fields_of_real_certificates() {
        struct Expected {
            common_name: &'static str,
            alternative_names: bool,
            constraints: bool,
            server: bool,
            client: bool,
        }
        let check = |name: &str, expected: Expected| {
            let certificate = fixture::certificate_der(name);
            let fields = Fields::read(&certificate).unwrap();
            assert_eq!(fields.common_name(), Some(expected.common_name), "{name}");
            assert_eq!(fields.has_alternative_names(), expected.alternative_names, "{name}");
            assert_eq!(fields.has_name_constraints(), expected.constraints, "{name}");
            assert_eq!(fields.allows(Purpose::ServerAuthentication), expected.server, "{name}");
            assert_eq!(fields.allows(Purpose::ClientAuthentication), expected.client, "{name}");
        };
        let plain = || Expected {
            common_name: "localhost",
            alternative_names: true,
            constraints: false,
            server: true,
            client: true,
        };
        for name in ["rsa", "ecdsa", "p384", "ed25519", "p521", "leaf"] {
            check(name, plain());
        }
        for name in ["common-name", "version1"] {
            check(name, Expected { alternative_names: false, ..plain() });
        }
        check("for-clients", Expected { server: false, ..plain() });
        check("for-servers", Expected { client: false, ..plain() });
        check("constrained", Expected { constraints: true, ..plain() });
    }

    #[test]
    fn damaged_certificates_are_refused_and_never_panic() {
        let whole = fixture::certificate_der("for-clients");
        assert!(Fields::read(&whole).is_some());
        for length in 0..whole.len() {
            assert!(Fields::read(&whole[..length]).is_none(), "cut to {length} bytes");
        }
        for position in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.to_vec();
                damaged[position] ^= 1 << bit;
                if let Some(fields) = Fields::read(&damaged) {
                    let _ = (fields.common_name(), fields.allows(Purpose::ServerAuthentication));
                }
            }
        }
    }
}
