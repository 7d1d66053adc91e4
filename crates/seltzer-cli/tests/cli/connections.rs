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
fn files_for_tls_are_checked_before_anything_is_connected() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    let folder = env!("CARGO_MANIFEST_DIR");
    let table: &[(&[&str], &str)] = &[
        (&["--tls-ca", "/no/ca.pem"], "error: cannot read the certificate /no/ca.pem: "),
        (&["--tls-ca", folder], "\n  hint: name a file in it\n"),
        (&["--tls-ca", empty], "the file is empty\n"),
        (&["--tls-ca", CLIENT_KEY], "it holds a private key\n  hint: are certificate and key swapped?\n"),
        (&["--tls-ca", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], "Cargo.toml: it is not PEM"),
        (&["--tls-cert", "/no/a.pem", "--tls-key", CLIENT_KEY], "error: cannot read the certificate /no/a.pem: "),
        (&["--tls-cert", CLIENT_CERTIFICATE, "--tls-key", "/no/a.key"], "cannot read the private key /no/a.key: "),
        (&["--tls-cert", CLIENT_KEY, "--tls-key", CLIENT_CERTIFICATE], "fixtures/client.key: it holds a private key"),
        (&["--tls-cert", CLIENT_CERTIFICATE, "--tls-key", CLIENT_CERTIFICATE], "error: there is no private key in "),
    ];
    for (options, stderr) in table {
        // Nobody listens there: connecting would be UNAVAILABLE.
        check(&crate::program::run(&[&["call", "127.0.0.1:1"], &ADD[..], options].concat()), 64, "", stderr);
    }
}

#[test]
fn a_server_without_tls_says_so() {
    let server = Server::start(&[]);
    let ended = server.call(&[&ADD[..], &["--tls-insecure"]].concat());
    check(&ended, 14, "", "is not TLS\n  hint: for a server without TLS the target starts with http://\n");
}
