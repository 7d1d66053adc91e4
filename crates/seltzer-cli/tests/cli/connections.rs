//! TLS, on both sides.

use crate::program::{Server, check};

/// A certificate that a client made for itself, and its key.
const CLIENT_CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures/client.pem");
const CLIENT_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures/client.key");

/// Two certificates for `localhost` and 127.0.0.1, and their keys.
const SERVER_CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures/server.pem");
const SERVER_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures/server.key");
const OTHER_CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures/other.pem");
const OTHER_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures/other.key");

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

#[cfg(unix)]
#[test]
fn a_hangup_has_certificates_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("server.pem"), path("server.key"));
    std::fs::copy(SERVER_CERTIFICATE, &cert).unwrap();
    std::fs::copy(SERVER_KEY, &key).unwrap();
    let server = Server::start(&["--tls-cert", &cert, "--tls-key", &key]);
    let mut open = server.start_call(&["Contact/sendStatus", "-d", "@", "--tls-ca", SERVER_CERTIFICATE]);
    let mut say = |word: &str| {
        open.send(&format!(r#"{{"msg":"{word}"}}"#));
        assert_eq!(open.line(), format!("{{\"ret\":\"received: {word}\"}}"));
    };
    say("before");
    // (what happens to the files, what is said of it, which certificate is shown then)
    type Change<'a> = &'a dyn Fn();
    let kept = "cannot reload the certificates, those from before stay in use: ";
    let no_file = format!("{kept}cannot read the certificate {cert}: ");
    let mismatch = format!("{kept}the server's identity: the private key does not belong to the certificate (");
    let table: [(Change<'_>, &str, &str); 4] = [
        (&|| std::fs::remove_file(&cert).unwrap(), &no_file, SERVER_CERTIFICATE),
        (&|| std::fs::write(&cert, std::fs::read(OTHER_CERTIFICATE).unwrap()).unwrap(), &mismatch, SERVER_CERTIFICATE),
        (
            &|| std::fs::write(&key, std::fs::read(OTHER_KEY).unwrap()).unwrap(),
            "reloaded the certificates: new connections use them, those that are open go on",
            OTHER_CERTIFICATE,
        ),
        (&|| std::fs::write(&key, "").unwrap(), kept, OTHER_CERTIFICATE),
    ];
    for (change, said, trusted) in table {
        change();
        server.program.signal("HUP");
        let line = server.program.error_line();
        assert!(line.starts_with(said), "{line}");
        check(&server.call(&[&ADD[..], &["--tls-ca", trusted]].concat()), 0, SUM, "");
        say("meanwhile");
    }
    check(&server.call(&[&ADD[..], &["--tls-ca", SERVER_CERTIFICATE]].concat()), 14, "", "UNAVAILABLE: ");
    check(&open.ended(), 0, "", "");
}

#[cfg(unix)]
#[test]
fn a_hangup_has_the_cas_of_clients_read_again_beside_a_made_up_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (clients, ca) = (folder.path().join("clients.pem"), folder.path().join("ca.pem"));
    std::fs::copy(OTHER_CERTIFICATE, &clients).unwrap();
    let ca = ca.to_str().unwrap();
    let with_clients = ["--tls-self-signed", "--tls-self-signed-out", ca, "--tls-client-ca", clients.to_str().unwrap()];
    let server = Server::start(&with_clients);
    let call = [&ADD[..], &["--tls-ca", ca, "--tls-cert", CLIENT_CERTIFICATE, "--tls-key", CLIENT_KEY]].concat();
    check(&server.call(&call), 14, "", "UNAVAILABLE: ");
    assert!(server.program.error_line().starts_with("warn: a TLS handshake failed"));
    std::fs::write(&clients, std::fs::read(CLIENT_CERTIFICATE).unwrap()).unwrap();
    server.program.signal("HUP");
    assert!(server.program.error_line().starts_with("reloaded the certificates: "));
    check(&server.call(&call), 0, SUM, "");
}

#[cfg(unix)]
#[test]
fn a_hangup_without_files_ends_the_server() {
    if hangups_are_ignored() {
        // Under nohup: programs inherit that, and are right to keep to it.
        return;
    }
    for arguments in [&[][..], &["--tls-self-signed"]] {
        let server = Server::start(arguments);
        server.program.signal("HUP");
        assert_eq!(server.program.ended().code, None, "the signal ended it");
    }
}

/// Whether SIGHUP is ignored here, and thus by what is started from here; as far as the system tells.
#[cfg(unix)]
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
    // SIGHUP is the first of all signals.
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|ignored| ignored & 1 == 1)
}

#[test]
fn a_certificate_for_each_name() {
    let named = format!("localhost={SERVER_CERTIFICATE}:{SERVER_KEY}");
    let server = Server::start(&["--tls-sni", &named]);
    let trusting = [&ADD[..], &["--tls-ca", SERVER_CERTIFICATE]].concat();
    check(&server.call(&[&trusting[..], &["--tls-domain", "localhost"]].concat()), 0, SUM, "");
    check(&server.call(&[&trusting[..], &["--tls-domain", "a.example"]].concat()), 14, "", "does not go by this name");
    let warning = server.program.error_line();
    assert!(warning.contains("the client asks for `a.example`, for which this server has no identity"), "{warning}");
    let mistake = format!("127.0.0.1={SERVER_CERTIFICATE}:{SERVER_KEY}");
    let ended = crate::program::run(&["serve", "--listen", "127.0.0.1:0", "--tls-sni", &mistake]);
    check(&ended, 1, "", "`--tls-cert` and `--tls-key`, which serve clients that ask for no name");
}
