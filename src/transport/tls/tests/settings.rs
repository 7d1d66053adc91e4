//! Settings that cannot work.

use crate::transport::handshakes::HandshakeLimits;
use crate::transport::tls::tests::{certificate, check_error, client, fixture, identity, server};
use crate::transport::tls::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

#[test]
fn settings_of_a_server_that_cannot_work() {
    let check = |config: ServerTlsConfig, expected: &str| {
        check_error(&config.acceptor(HandshakeLimits::default()).unwrap_err(), expected);
    };
    check(
        ServerTlsConfig::new(),
        "TLS needs an identity of the server (set one with \
         `ServerTlsConfig::identity(Identity::from_pem(certificate, key))`)",
    );
    check(
        ServerTlsConfig::new().identity(Identity::from_pem("", fixture::key("rsa"))),
        "the server's identity: no certificate in the PEM: it is empty (is this the right file?)",
    );
    check(
        server("rsa").client_ca_root(Certificate::from_pem("nothing")),
        "the root for clients' certificates: no certificate in the PEM: there is no such section in it (a certificate \
         starts with the line -----BEGIN CERTIFICATE-----)",
    );
    check(
        server("rsa")
            .client_ca_root(Certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
        "the root for clients' certificates: certificate 1 of 1 cannot be read (is it an X.509 certificate? `openssl \
         x509 \
         -in FILE -text` shows it)",
    );
}

#[test]
fn settings_of_a_client_that_cannot_work() {
    let check = |config: ClientTlsConfig, host: &str, expected: &str| {
        check_error(&config.connector(host).unwrap_err(), expected);
    };
    check(
        client("rsa"),
        "not a host",
        "`not a host` is neither a host name nor an address, so no certificate can be for it (set the name that is in \
         the \
         server's certificate with `ClientTlsConfig::domain_name`)",
    );
    check(
        client("rsa").identity(Identity::from_pem(fixture::certificate("client"), fixture::key("rsa"))),
        "localhost",
        "the client's identity: the private key does not belong to the certificate (the two files come from different \
         pairs, or the chain does not start with its own certificate)",
    );
    check(
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem("")),
        "localhost",
        "the root for servers' certificates: no certificate in the PEM: it is empty (is this the right file?)",
    );
    let error = ClientTlsConfig::new().connector("localhost").unwrap_err().to_string();
    assert!(error.starts_with("no root certificate is configured, so no server can be trusted ("), "{error}");
}

#[test]
fn debug_shows_no_key() {
    let server = server("rsa").client_ca_root(certificate("ca"));
    let client = client("rsa").identity(identity("client"));
    for text in [
        format!("{server:?}"),
        format!("{client:?}"),
        format!("{:?}", server.acceptor(HandshakeLimits::default()).unwrap()),
        format!("{:?}", client.connector("localhost").unwrap()),
    ] {
        assert!(!text.contains("BEGIN") && !text.contains("45, 45, 45"), "{text}");
    }
}
