//! Several identities, chosen by the name that the client asks for.

use crate::transport::handshakes::HandshakeLimits;
use crate::transport::tls::tests::{
    certificate, check_error, check_works, client, fixture, handshake, identity, server,
};
use crate::transport::tls::{ClientTlsConfig, ServerTlsConfig};

/// A server with identities by name, told apart by their certificates, whatever names those are for.
fn named() -> ServerTlsConfig {
    ServerTlsConfig::new()
        .identity_for("a.example", identity("rsa"))
        .identity_for("*.B.example", identity("ecdsa"))
        .identity_for("special.b.example", identity("p384"))
}

/// A client that takes any certificate, to see which one it is.
fn curious() -> ClientTlsConfig {
    ClientTlsConfig::new().danger_accept_invalid_certificates(true)
}

/// Which certificate a client sees that asks for the host; `None` if it is refused.
async fn check(server: ServerTlsConfig, host: &str, expected: Option<&str>) {
    let (near, far) = handshake(server, curious(), host).await;
    match (near, expected) {
        (Ok(stream), Some(name)) => {
            let certificates = stream.peer_certificates().unwrap();
            assert_eq!(certificates.chain(), [fixture::certificate_der(name)], "{host}");
        }
        (Err(_), None) => assert!(far.is_err(), "{host}"),
        (other, _) => panic!("{host}: {other:?} instead of {expected:?}"),
    }
}

#[tokio::test]
async fn the_name_chooses() {
    // (what is asked for, what is shown without a default, and what with one)
    let table = [
        ("a.example", Some("rsa"), "rsa"),
        ("A.Example", Some("rsa"), "rsa"),
        ("x.b.example", Some("ecdsa"), "ecdsa"),
        ("X.b.EXAMPLE", Some("ecdsa"), "ecdsa"),
        ("special.b.example", Some("p384"), "p384"),
        ("b.example", None, "ed25519"),
        ("x.y.b.example", None, "ed25519"),
        ("x.a.example", None, "ed25519"),
        ("example", None, "ed25519"),
        // Nobody is asked for by an address.
        ("127.0.0.1", None, "ed25519"),
    ];
    for (host, alone, beside_default) in table {
        check(named(), host, alone).await;
        check(named().identity(identity("ed25519")), host, Some(beside_default)).await;
    }
}

#[tokio::test]
async fn who_asks_for_an_unknown_name_is_told_so() {
    let hint = "(`ServerTlsConfig::identity_for` adds a name, `ServerTlsConfig::identity` serves all others)";
    let table = [
        (
            "c.example",
            "the server does not go by this name (`ClientTlsConfig::domain_name` sets another one)",
            "the client asks for `c.example`, for which this server has no identity",
        ),
        (
            "127.0.0.1",
            "the server refused the handshake: MissingExtension (it may have to be asked for by name: connect by its \
             host name, not by its address)",
            "the client asks for no name, and this server has identities for names alone",
        ),
    ];
    for (host, client_says, server_says) in table {
        let (near, far) = handshake(named(), curious(), host).await;
        check_error(&near.unwrap_err(), client_says);
        check_error(&far.unwrap_err(), &format!("{server_says} {hint}"));
    }
}

#[tokio::test]
async fn a_name_with_its_own_certificate_is_verified_as_any() {
    let server = server("rsa").identity_for("elsewhere.example", identity("wrong-name"));
    let both = client("rsa").ca_certificate(certificate("wrong-name"));
    for host in ["localhost", "elsewhere.example"] {
        check_works(server.clone(), both.clone(), host).await;
    }
}

#[test]
fn names_that_cannot_work() {
    let check = |names: &[&str], expected: &str| {
        let add = |config: ServerTlsConfig, name: &&str| config.identity_for(*name, identity("rsa"));
        let config = names.iter().fold(server("rsa"), add);
        check_error(&config.acceptor(HandshakeLimits::default()).unwrap_err(), expected);
    };
    let hint = "(write a host as in `api.example.com`, or `*.example.com` for all that are one label below \
                `example.com`)";
    for name in
        ["", " ", "a b", "*", "*.", "a.*.example", "**.example", "*.*.example", "-a.example", "https://a", "a:1"]
    {
        check(&[name], &format!("`{name}` is no name that clients can ask for {hint}"));
    }
    for name in ["127.0.0.1", "::1", "*.127.0.0.1"] {
        check(
            &[name],
            &format!(
                "`{name}` is an address, and clients ask for names alone (SNI) (give its identity to \
                 `ServerTlsConfig::identity`, which serves clients that ask for no name)"
            ),
        );
    }
    let hint = "(one of them could never be shown; upper and lower case make no difference)";
    for names in [["a.example", "a.example"], ["a.example", "A.example"], ["*.a.example", "*.a.EXAMPLE"]] {
        check(&names, &format!("the server has two identities for `{}` {hint}", names[1]));
    }
    let config = server("rsa").identity_for("a.example", identity("rsa1024"));
    let error = config.acceptor(HandshakeLimits::default()).unwrap_err().to_string();
    assert!(error.starts_with("the server's identity for `a.example`: a private key of this kind is not"), "{error}");
}
