//! The names in a peer's certificate. It was verified before; here it is only read.

use rustls::pki_types::CertificateDer;

use crate::context::{PeerIdentity, SpiffeId};
use crate::transport::tls::x509::Fields;

/// Reads the names of a certificate. `None` if it, or one of its names, is malformed.
pub(super) fn read(certificate: &CertificateDer<'_>) -> Option<PeerIdentity> {
    let fields = Fields::read(certificate)?;
    let names = fields.alternative_names()?;
    let spiffe_id = match &*names.uris {
        // Other URIs beside it, or a certificate that signs others, make it none of a workload (X509-SVID, sections 2
        // and 4).
        [uri] if !fields.may_sign() => uri.parse::<SpiffeId>().ok(),
        _ => None,
    };
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Some(PeerIdentity {
        dns_names: owned(names.dns_names),
        uris: owned(names.uris),
        common_name: fields.common_name().filter(|name| !name.contains(char::is_control)).map(str::to_owned),
        spiffe_id,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use rustls::pki_types::CertificateDer;

    use super::read;
    use crate::context::{PeerIdentity, SpiffeId};
    use crate::transport::tls::der::{
        BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, UTF8_STRING, context,
        context_primitive,
    };
    use crate::transport::tls::tests::fixture;

    const WORKLOAD: &str = "spiffe://example.org/shop/checkout";

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        // Two bytes of length, always: a reader of BER's lengths takes them.
        [&[tag, 0x82], &u16::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
    }

    fn extension(identifier: u8, value: &[u8]) -> Vec<u8> {
        let identifier = element(OBJECT_IDENTIFIER, &[0x55, 0x1d, identifier]);
        element(SEQUENCE, &[identifier, element(OCTET_STRING, value)].concat())
    }

    /// The subjectAltName with these names, by their numbers: 2 of a host, 6 of a URI.
    fn names(names: &[(u8, &[u8])]) -> Vec<u8> {
        let names: Vec<_> = names.iter().map(|(number, name)| element(context_primitive(*number), name)).collect();
        extension(0x11, &element(SEQUENCE, &names.concat()))
    }

    fn authority(is_authority: &[u8]) -> Vec<u8> {
        extension(0x13, &element(SEQUENCE, is_authority))
    }

    fn key_usage(bits: &[u8]) -> Vec<u8> {
        extension(0x0f, &element(BIT_STRING, bits))
    }

    fn certificate(common_name: &str, extensions: &[Vec<u8>]) -> CertificateDer<'static> {
        let attribute = [element(OBJECT_IDENTIFIER, &[0x55, 4, 3]), element(UTF8_STRING, common_name.as_bytes())];
        let subject = element(SEQUENCE, &element(SET, &element(SEQUENCE, &attribute.concat())));
        let empty = || element(SEQUENCE, &[]);
        let extensions = element(context(3), &element(SEQUENCE, &extensions.concat()));
        let signed = [element(INTEGER, &[1]), empty(), empty(), empty(), subject, empty(), extensions].concat();
        CertificateDer::from(element(SEQUENCE, &element(SEQUENCE, &signed)))
    }

    /// The names of hosts and the URIs that are found, and whether there is a SPIFFE id; `None` if all is refused.
    fn check(what: &str, extensions: &[Vec<u8>], expected: Option<(&[&str], &[&str], bool)>) {
        let found = read(&certificate("a name", extensions));
        let expected = expected.map(|(dns_names, uris, is_spiffe)| PeerIdentity {
            dns_names: dns_names.iter().map(|&name| name.to_owned()).collect(),
            uris: uris.iter().map(|&uri| uri.to_owned()).collect(),
            common_name: Some("a name".to_owned()),
            spiffe_id: is_spiffe.then(|| uris[0].parse::<SpiffeId>().unwrap()),
        });
        assert_eq!(found, expected, "{what}");
    }

    #[test]
    fn names_are_told_apart() {
        check("nothing", &[], Some((&[], &[], false)));
        check("an empty list", &[names(&[])], Some((&[], &[], false)));
        check(
            "hosts, an address and a mailbox",
            &[names(&[(2, b"a.example"), (7, &[127, 0, 0, 1]), (1, b"a@b.example"), (2, b"*.b.example")])],
            Some((&["a.example", "*.b.example"], &[], false)),
        );
        check("a URI", &[names(&[(6, b"https://a.example/b")])], Some((&[], &["https://a.example/b"], false)));
        check("twice the extension", &[names(&[(2, b"a")]), names(&[(2, b"b")])], None);
        check("an empty name", &[names(&[(2, b"")])], None);
        for bad in ["a b", "a\0.example", "a\n", "\u{e4}.example"] {
            check(bad, &[names(&[(2, bad.as_bytes())])], None);
            check(bad, &[names(&[(6, WORKLOAD.as_bytes()), (6, bad.as_bytes())])], None);
        }
        check("no text", &[names(&[(2, &[0xff, 0xfe])])], None);
        check("no list", &[extension(0x11, b"hello")], None);
        check("something behind the list", &[extension(0x11, &[element(SEQUENCE, &[]), vec![0]].concat())], None);
    }

    #[test]
    fn exactly_one_uri_of_a_workload_is_a_spiffe_id() {
        let id = WORKLOAD.as_bytes();
        let one = || names(&[(6, id)]);
        let yes: Option<(&[&str], &[&str], bool)> = Some((&[], &[WORKLOAD], true));
        let no: Option<(&[&str], &[&str], bool)> = Some((&[], &[WORKLOAD], false));
        check("alone", &[one()], yes);
        check("with a host", &[names(&[(2, b"a.example"), (6, id)])], Some((&["a.example"], &[WORKLOAD], true)));
        check("twice", &[names(&[(6, id), (6, id)])], Some((&[], &[WORKLOAD, WORKLOAD], false)));
        check("beside another", &[names(&[(6, b"urn:x"), (6, id)])], Some((&[], &["urn:x", WORKLOAD], false)));
        check("malformed", &[names(&[(6, b"spiffe://a/b/")])], Some((&[], &["spiffe://a/b/"], false)));
        check("no CA, unsaid", &[one(), authority(&[])], yes);
        check("no CA", &[one(), authority(&element(BOOLEAN, &[0]))], yes);
        check("a CA", &[one(), authority(&element(BOOLEAN, &[0xff]))], no);
        check("perhaps a CA", &[one(), extension(0x13, &[1])], no);
        check("a key to sign messages", &[one(), key_usage(&[7, 0x80])], yes);
        check("a key to sign certificates", &[one(), key_usage(&[2, 0x04])], no);
        check("a key to revoke certificates", &[one(), key_usage(&[1, 0x02])], no);
        check("a key for nobody knows what", &[one(), key_usage(&[])], no);
    }

    #[test]
    fn a_common_name_is_no_line_break() {
        let name = |name| read(&certificate(name, &[])).unwrap().common_name().map(str::to_owned);
        assert_eq!(name("Ann of B\u{e4}r"), Some("Ann of B\u{e4}r".to_owned()));
        assert_eq!(name("Ann\nroot"), None);
    }

    #[test]
    fn real_certificates() {
        let identity = read(&fixture::certificate_der("server")).unwrap();
        assert_eq!((identity.dns_names(), identity.uris().len()), (["localhost".to_owned()].as_slice(), 0));
        assert_eq!(identity.common_name(), Some("localhost"));
        let identity = read(&fixture::certificate_der("workload")).unwrap();
        assert_eq!(identity.spiffe_id().map(SpiffeId::as_str), Some(WORKLOAD));
        assert_eq!(identity.dns_names(), ["checkout.example.org"]);
        assert_eq!(identity.common_name(), Some("a workload"));
    }

    #[test]
    fn damaged_certificates_never_panic() {
        let made =
            certificate("a name", &[names(&[(2, b"a.example"), (6, WORKLOAD.as_bytes())]), key_usage(&[7, 0x80])]);
        assert!(read(&made).unwrap().spiffe_id().is_some());
        for whole in [made, fixture::certificate_der("workload")] {
            for length in 0..whole.len() {
                assert_eq!(read(&CertificateDer::from(&whole[..length])), None, "cut to {length} bytes");
            }
            for position in 0..whole.len() {
                for byte in [0, 1, 0x7f, 0x80, 0x84, 0xff] {
                    let mut damaged = whole.to_vec();
                    damaged[position] = byte;
                    let _ = read(&CertificateDer::from(damaged));
                }
            }
        }
    }
}
