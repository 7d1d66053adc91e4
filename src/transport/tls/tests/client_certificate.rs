//! Whom a server trusts: mutual TLS.

use rustls::version::{TLS12, TLS13};
use tokio::io::AsyncReadExt;

use crate::transport::error::Error;
use crate::transport::tls::tests::foreign::Foreign;
use crate::transport::tls::tests::{
    certificate, check_error, check_works, client, fixture, handshake, identity, server,
};
use crate::transport::tls::{Certificate, ClientTlsConfig, ServerTlsConfig};

#[tokio::test]
async fn mutual_tls_shows_the_client_to_the_server() {
    // A client of a CA; a self-signed one, as its own root; and one of several roots in a PEM.
    for (root, name) in [("ca", "client"), ("client-self-signed", "client-self-signed"), ("for-clients", "for-clients")]
    {
        for optional in [false, true] {
            let server = server("rsa").client_ca_root(certificate(root)).client_auth_optional(optional);
            let connected = check_works(server, client("rsa").identity(identity(name)), "localhost").await;
            let shown = connected.server.peer_certificates().unwrap();
            assert_eq!(shown.chain().first(), Some(&fixture::certificate_der(name)));
        }
    }
    let bundle = [fixture::CA, fixture::certificate("client-self-signed")].concat();
    for name in ["client", "client-self-signed"] {
        let server = server("rsa").client_ca_root(Certificate::from_pem(&bundle));
        check_works(server, client("rsa").identity(identity(name)), "localhost").await;
    }
}

#[tokio::test]
async fn an_optional_client_certificate_may_be_missing() {
    let server = server("rsa").client_ca_root(certificate("ca")).client_auth_optional(true);
    let connected = check_works(server, client("rsa"), "localhost").await;
    assert!(connected.server.peer_certificates().is_none());
}

/// In TLS 1.3 the client's handshake is over before the server has looked at its certificate: the first read tells.
async fn check_client_refused(server: ServerTlsConfig, client: ClientTlsConfig, server_says: &str, client_reads: &str) {
    let (near, far) = handshake(server, client, "localhost").await;
    check_error(&far.unwrap_err(), server_says);
    let error = near.unwrap().read_u8().await.unwrap_err();
    assert_eq!(error.to_string(), client_reads);
    assert!(error.get_ref().unwrap().is::<Error>());
}

#[tokio::test]
async fn a_required_client_certificate_is_missing() {
    check_client_refused(
        server("rsa").client_ca_root(certificate("ca")),
        client("rsa"),
        "the client presented no certificate (give the client an identity, or let such clients in with \
         `client_auth_optional(true)`)",
        "the server requires a certificate and got none (give the client one with `ClientTlsConfig::identity`)",
    )
    .await;
}

#[tokio::test]
async fn client_certificates_that_are_refused() {
    let hint = "(the server must trust it, or its CA; `ClientTlsConfig::identity` sets it)";
    for optional in [false, true] {
        check_client_refused(
            server("rsa").client_ca_root(certificate("client-self-signed")).client_auth_optional(optional),
            client("rsa").identity(identity("client")),
            "the client's certificate comes from nobody who is trusted here (give the certificate of its CA, or the \
             client's own if that is self-signed, to `ServerTlsConfig::client_ca_root`)",
            &format!("the server refused the client's certificate: UnknownCA {hint}"),
        )
        .await;
    }
    check_client_refused(
        server("rsa").client_ca_root(certificate("ca")),
        client("rsa").identity(identity("client-self-signed")),
        "the client's certificate is marked as that of a CA (CA:TRUE) and is none of the roots that are trusted here \
         (a \
         self-signed certificate is trusted when exactly this certificate is given to \
         `ServerTlsConfig::client_ca_root`)",
        &format!("the server refused the client's certificate: CertificateUnknown {hint}"),
    )
    .await;
    check_client_refused(
        server("rsa").client_ca_root(certificate("for-servers")),
        client("rsa").identity(identity("for-servers")),
        "the client's certificate is not meant for clients (its extended key usage leaves clientAuth out)",
        &format!("the server refused the client's certificate: UnsupportedCertificate {hint}"),
    )
    .await;
    let (_, far) = handshake(
        server("rsa").client_ca_root(certificate("expired")),
        client("rsa").identity(identity("expired")),
        "localhost",
    )
    .await;
    let message = far.unwrap_err().to_string();
    assert!(message.starts_with("the client's certificate expired "), "{message}");
}

#[tokio::test]
async fn a_client_is_who_holds_the_key() {
    for version in [&TLS12, &TLS13] {
        let client = |key| Foreign { versions: vec![version], key, ..Foreign::honest("client-self-signed") };
        let server = || server("rsa").client_ca_root(certificate("client-self-signed"));
        let stream = client("client-self-signed").connect(server()).await.unwrap();
        assert_eq!(stream.peer_certificates().unwrap().chain(), [fixture::certificate_der("client-self-signed")]);
        let message = client("leaf").connect(server()).await.unwrap_err().to_string();
        assert!(message.starts_with("the signature of the client's certificate or handshake is wrong"), "{message}");
    }
}
