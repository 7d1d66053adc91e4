//! What a certificate says about itself, where rustls does not tell (RFC 5280, section 4.1).

use crate::transport::tls::der::{
    self, BIT_STRING, BOOLEAN, IA5_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, PRINTABLE_STRING, Reader,
    SEQUENCE, SET, UTF8_STRING,
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

/// Names of the subjectAltName, as far as they are text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AlternativeNames<'a> {
    pub(super) dns_names: Vec<&'a str>,
    pub(super) uris: Vec<&'a str>,
}

/// What a certificate's key may be used for, as the extended key usage extension names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    ServerAuthentication,
    ClientAuthentication,
}

const DNS_NAME: u8 = der::context_primitive(2);
const URI: u8 = der::context_primitive(6);

/// The first byte of a key usage: the rights to sign certificates, and lists of revoked ones.
const KEY_CERT_SIGN: u8 = 0x04;
const CRL_SIGN: u8 = 0x02;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03]; // 2.5.4.3
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f]; // 2.5.29.15
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11]; // 2.5.29.17
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13]; // 2.5.29.19
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

    /// The host names and URIs among them, none without the extension. `None` if anything there is malformed: a name
    /// that cannot be read must not count as absent.
    pub(super) fn alternative_names(&self) -> Option<AlternativeNames<'a>> {
        let mut names = AlternativeNames::default();
        let mut extensions = self.extensions.iter().filter(|found| found.identifier == SUBJECT_ALTERNATIVE_NAME);
        let Some(extension) = extensions.next() else {
            return Some(names);
        };
        let mut value = Reader::new(extension.value);
        let mut list = value.enter(SEQUENCE)?;
        if extensions.next().is_some() || !value.is_empty() {
            return None;
        }
        while !list.is_empty() {
            let name = list.element()?;
            match name.tag {
                DNS_NAME => names.dns_names.push(visible(name.content)?),
                URI => names.uris.push(visible(name.content)?),
                _ => {}
            }
        }
        Some(names)
    }

    /// Whether it may sign other certificates, or lists of revoked ones; also if it cannot be told.
    pub(super) fn may_sign(&self) -> bool {
        let is_authority = self.extension(BASIC_CONSTRAINTS).is_some_and(|value| {
            // The field is left out where it is false.
            let is_authority = |mut fields: Reader<'_>| fields.content(BOOLEAN).is_some_and(|value| value != [0]);
            Reader::new(value).enter(SEQUENCE).is_none_or(is_authority)
        });
        let signs = self.extension(KEY_USAGE).is_some_and(|value| {
            // The first byte says how many bits of the last one do not count.
            let bits = Reader::new(value).content(BIT_STRING).and_then(|bits| bits.get(1));
            bits.is_none_or(|bits| bits & (KEY_CERT_SIGN | CRL_SIGN) != 0)
        });
        is_authority || signs
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

/// A name in ASCII without spaces and control characters, which no host name and no URI has.
fn visible(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok().filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
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
                    let _ = (fields.alternative_names(), fields.may_sign());
                }
            }
        }
    }
}
