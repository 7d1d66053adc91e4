//! TLS, on both sides.

use crate::program::{Server, check};

/// A certificate that a client made for itself, and its key.
const CLIENT_CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures/client.pem");
const CLIENT_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures/client.key");

const ADD: [&str; 3] = ["Calculator/Add", "-d", r#"{"a":1,"b":2}"#];
const SUM: &str = "{\"value\":3.0,\"message\":\"1 + 2 = 3\"}\n";

#[test]
fn a_self_signed_server_is_trusted_on_request_only() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let server = Server::start(&["--tls-self-signed", "--tls-self-signed-out", ca]);
    let table: &[(&[&str], i32, &str, &str)] = &[
        (&["--tls-insecure"], 0, SUM, ""),
        (&["--tls-ca", ca], 0, SUM, ""),
        (&["--tls-ca", ca, "--tls-domain", "localhost"], 0, SUM, ""),
        (&["--tls-ca", ca, "--tls-domain", "example.com"], 14, "", "--tls-domain"),
        (&["--tls-ca", CLIENT_CERTIFICATE], 14, "", "hint: give the certificate of its CA"),
        (&["--tls-ca", CLIENT_KEY], 14, "", "no certificate in the PEM"),
        // Without TLS on this side.
        (&[], 14, "", "UNAVAILABLE: "),
    ];
    for (options, code, stdout, stderr) in table {
        check(&server.call(&[&ADD[..], *options].concat()), *code, stdout, stderr);
    }
    let https = format!("https://{}", server.address);
    let call = |options: &[&str]| crate::program::run(&[&["call", &https], &ADD[..], options].concat());
    check(&call(&["--tls-ca", ca]), 0, SUM, "");
    check(&call(&[]), 14, "", "`--tls-ca`");
}

#[test]
fn a_certificate_of_the_client_is_asked_for() {
    let server = Server::start(&["--tls-self-signed", "--tls-client-ca", CLIENT_CERTIFICATE]);
    let with = ["--tls-insecure", "--tls-cert", CLIENT_CERTIFICATE, "--tls-key", CLIENT_KEY];
    check(&server.call(&[&ADD[..], &with].concat()), 0, SUM, "");
    check(&server.call(&[&ADD[..], &["--tls-insecure"]].concat()), 14, "", "UNAVAILABLE: ");
    // The server's side of the story comes without -v.
    let warning = server.program.error_line();
    assert!(warning.starts_with("warn: a TLS handshake failed"), "{warning}");
    assert!(warning.contains("the client presented no certificate"), "{warning}");
}

#[test]
fn a_server_without_tls_says_so() {
    let server = Server::start(&[]);
    let ended = server.call(&[&ADD[..], &["--tls-insecure"]].concat());
    check(&ended, 14, "", "is not TLS\n  hint: for a server without TLS the target starts with http://\n");
}
