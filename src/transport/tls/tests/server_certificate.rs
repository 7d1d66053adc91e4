//! Whom a client trusts.

use rustls::version::{TLS12, TLS13};

use crate::transport::tls::tests::foreign::Foreign;
use crate::transport::tls::tests::{
    REFUSED_HINT, certificate, check_error, check_fails, check_works, client, fixture, handshake, server,
};
use crate::transport::tls::{Certificate, ClientTlsConfig};

#[tokio::test]
async fn self_signed_certificates_of_every_kind() {
    for name in ["rsa", "ecdsa", "p384", "ed25519", "leaf", "for-servers"] {
        for host in ["localhost", "127.0.0.1", "::1", "[::1]"] {
            let connected = check_works(server(name), client(name), host).await;
            let shown = connected.client.peer_certificates().unwrap();
            assert_eq!(shown.chain(), [fixture::certificate_der(name)]);
            assert!(connected.server.peer_certificates().is_none());
        }
    }
}

#[tokio::test]
async fn a_certificate_with_its_chain_is_checked_against_the_ca() {
    let connected = check_works(server("server"), client("ca"), "localhost").await;
    assert_eq!(connected.client.peer_certificates().unwrap().chain().len(), 2);
    let roots = ClientTlsConfig::new().ca_certificates([certificate("rsa"), certificate("ca")]);
    check_works(server("server"), roots.clone(), "localhost").await;
    check_works(server("rsa"), roots, "localhost").await;
    let bundle = [fixture::certificate("rsa"), fixture::CA].concat();
    let roots = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(bundle));
    check_works(server("server"), roots, "localhost").await;
}

#[tokio::test]
async fn trust_anchors_are_roots() {
    let root = fixture::certificate_der("ca");
    let mut store = rustls::RootCertStore::empty();
    store.add(root).unwrap();
    let anchor = store.roots.remove(0);
    let config = ClientTlsConfig::new().trust_anchor(anchor.clone());
    check_works(server("server"), config, "localhost").await;
    let config = ClientTlsConfig::new().trust_anchors([anchor]);
    check_works(server("server"), config, "localhost").await;
}

#[tokio::test]
async fn the_name_may_be_set_apart_from_the_host() {
    let config = client("wrong-name").domain_name("elsewhere.example");
    check_works(server("wrong-name"), config, "localhost").await;
    let config = client("wrong-name").domain_name("192.0.2.1");
    check_works(server("wrong-name"), config, "unused host!").await;
}

#[tokio::test]
async fn a_root_without_alternative_names_may_use_its_common_name() {
    check_works(server("common-name"), client("common-name"), "LOCALHOST").await;
    // Its alternative names are elsewhere.example and 192.0.2.1, so that its common name does not count.
    for (name, host) in [("wrong-name", "elsewhere"), ("common-name", "localhost.example")] {
        let (near, _) = handshake(server(name), client(name), host).await;
        let message = near.unwrap_err().to_string();
        assert!(message.starts_with("the server's certificate is "), "{message}");
    }
    let (near, _) = handshake(server("common-name"), client("common-name"), "127.0.0.1").await;
    check_error(
        &near.unwrap_err(),
        "the server's certificate is not for 127.0.0.1: it names no host and no address (no subjectAltName) (`openssl \
         req -x509 -addext subjectAltName=IP:127.0.0.1 ...` makes one that is)",
    );
}

#[tokio::test]
async fn wrong_name() {
    check_fails(
        server("wrong-name"),
        client("wrong-name"),
        "the server's certificate is for elsewhere.example, 192.0.2.1, not for localhost (if that is the server you \
         mean, say \
         so with `ClientTlsConfig::domain_name(\"elsewhere.example\")`)",
        &format!("the client refused the server's certificate: BadCertificate {REFUSED_HINT}"),
    )
    .await;
}

#[tokio::test]
async fn unknown_issuer() {
    let says = "the server's certificate comes from nobody who is trusted here (give the \
                certificate of its CA, or the server's own if that is self-signed, to \
                `ClientTlsConfig::ca_certificate`)";
    let refused = format!("the client refused the server's certificate: UnknownCA {REFUSED_HINT}");
    check_fails(server("server"), client("rsa"), says, &refused).await;
    check_fails(server("leaf"), client("ca"), says, &refused).await;
}

#[tokio::test]
async fn self_signed_and_not_configured() {
    check_fails(
        server("rsa"),
        client("ecdsa"),
        "the server's certificate is marked as that of a CA (CA:TRUE) and is none of the roots \
         that are trusted here (a self-signed certificate is trusted when exactly this certificate is given to \
         `ClientTlsConfig::ca_certificate`)",
        &format!("the client refused the server's certificate: CertificateUnknown {REFUSED_HINT}"),
    )
    .await;
}

#[tokio::test]
async fn dates_are_checked_even_of_roots() {
    for (name, words) in [("expired", "expired "), ("not-yet", "is valid only ")] {
        let (near, far) = handshake(server(name), client(name), "localhost").await;
        let message = near.unwrap_err().to_string();
        let start = format!("the server's certificate {words}");
        assert!(message.starts_with(&start), "{message}");
        check_error(
            &far.unwrap_err(),
            &format!("the client refused the server's certificate: CertificateExpired {REFUSED_HINT}"),
        );
    }
}

#[tokio::test]
async fn purpose_and_constraints_are_checked_even_of_roots() {
    check_fails(
        server("for-clients"),
        client("for-clients"),
        "the server's certificate is not meant for servers (its extended key usage leaves \
         serverAuth out)",
        &format!("the client refused the server's certificate: UnsupportedCertificate {REFUSED_HINT}"),
    )
    .await;
    let (near, _) = handshake(server("constrained"), client("constrained"), "localhost").await;
    assert!(near.unwrap_err().to_string().contains("CA:TRUE"));
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken() {
    for version in [&TLS12, &TLS13] {
        for name in ["rsa", "ecdsa", "p384"] {
            let server = Foreign { versions: vec![version], ..Foreign::honest(name) };
            assert!(server.serve(client(name)).await.unwrap().is_http2());
        }
    }
}

#[tokio::test]
async fn a_root_is_no_use_without_its_key() {
    let says = "the signature of the server's certificate or handshake is wrong (is another certificate of the same \
    name \
                configured as root here? or is its key too small? RSA takes 2048 bits)";
    for version in [&TLS12, &TLS13] {
        for config in [client("ecdsa"), ClientTlsConfig::new().danger_accept_invalid_certificates(true)] {
            let thief = Foreign { versions: vec![version], key: "leaf", ..Foreign::honest("ecdsa") };
            check_error(&thief.serve(config).await.unwrap_err(), says);
        }
    }
}

#[tokio::test]
async fn danger_accepts_what_is_otherwise_refused() {
    for name in ["expired", "wrong-name", "for-clients", "rsa", "server"] {
        let config = ClientTlsConfig::new().danger_accept_invalid_certificates(true);
        check_works(server(name), config, "localhost").await;
    }
}

#[tokio::test]
async fn version_1_certificates_are_named() {
    check_fails(
        server("version1"),
        client("version1"),
        "the server's certificate is of X.509 version 1, which is not supported (`openssl req \
         -x509 -addext subjectAltName=DNS:NAME ...` makes one of version 3)",
        &format!("the client refused the server's certificate: CertificateUnknown {REFUSED_HINT}"),
    )
    .await;
}

#[cfg(feature = "tls-webpki-roots")]
#[tokio::test]
async fn public_roots_are_roots_but_not_of_ours() {
    for config in [ClientTlsConfig::new().with_webpki_roots(), ClientTlsConfig::new().with_enabled_roots()] {
        let (near, _) = handshake(server("server"), config, "localhost").await;
        assert!(near.unwrap_err().to_string().contains("comes from nobody who is trusted here"));
    }
}
