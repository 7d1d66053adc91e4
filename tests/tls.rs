//! TLS over real sockets: who trusts whom, and what a handler learns of it.
//!
//! The handshakes themselves, with every kind of certificate, are tested beside the code in `src/transport/tls`.

use std::time::Duration;

use seltzer::client::ConnectivityState;
use seltzer::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig, Step};
use seltzer::{Channel, Code, Server, Status};

use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, patiently};

pub(crate) fn pem(name: &str) -> String {
    let path = format!("{}/tests/support/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity::from_pem(pem(&format!("{name}.pem")), pem(&format!("{name}.key")))
}

pub(crate) fn certificate(name: &str) -> Certificate {
    Certificate::from_pem(pem(&format!("{name}.pem")))
}

async fn server(config: ServerTlsConfig) -> Running {
    let server = Server::builder().tls_config(config).unwrap().add_service(Probe::new().0.server());
    Running::start(server).await
}

async fn connect(server: &Running, config: ClientTlsConfig) -> Result<Channel, seltzer::transport::Error> {
    let target = format!("https://localhost:{}", server.address.port());
    Channel::builder(target).tls_config(config)?.connect().await
}

#[tokio::test]
async fn self_signed_certificates_as_openssl_makes_them() {
    for name in ["rsa", "ecdsa"] {
        let server = server(ServerTlsConfig::new().identity(identity(name))).await;
        let channel = connect(&server, ClientTlsConfig::new().ca_certificate(certificate(name))).await.unwrap();
        let answer = Client::new(channel).unary_call(ask("secure")).await.unwrap();
        assert_eq!(text(answer.get_ref()), "true none", "{name}");
    }
}

#[tokio::test]
async fn mutual_tls_shows_the_handler_who_calls() {
    let config = ServerTlsConfig::new().identity(identity("server")).client_ca_root(certificate("ca"));
    let server = server(config).await;
    let trusting = ClientTlsConfig::new().ca_certificate(certificate("ca"));
    let channel = connect(&server, trusting.clone().identity(identity("client"))).await.unwrap();
    let answer = Client::new(channel).unary_call(ask("secure")).await.unwrap();
    assert_eq!(text(answer.get_ref()), "true 1 certificates");

    // TLS 1.3 tells a client without a certificate so only after its own handshake is done.
    let refused = match connect(&server, trusting).await {
        Ok(channel) => Client::new(channel).unary_call(ask("secure")).await.unwrap_err().message().to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(refused.to_lowercase().contains("certificate"), "{refused}");
}

#[tokio::test]
async fn whom_we_do_not_trust_is_named() {
    let server = server(ServerTlsConfig::new().identity(identity("rsa"))).await;
    for (what, trusted) in [("another root", Some("ecdsa")), ("no root", None)] {
        let mut config = ClientTlsConfig::new();
        if let Some(name) = trusted {
            config = config.ca_certificate(certificate(name));
        }
        let error = connect(&server, config).await.unwrap_err();
        assert_eq!(error.step(), Step::Tls, "{what}: {error}");
        assert!(error.to_string().contains(&server.address.port().to_string()), "{what}: {error}");
    }
}

#[tokio::test]
async fn plaintext_meets_tls_and_the_other_way_round() {
    let encrypted = server(ServerTlsConfig::new().identity(identity("rsa"))).await;
    let client = Client::new(Channel::builder(encrypted.uri()).connect_lazy());
    let status = patiently(client.unary_call(ask("hi"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("https://"), "{}", status.message());

    let plain = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let error = connect(&plain, ClientTlsConfig::new().ca_certificate(certificate("rsa"))).await.unwrap_err();
    assert_eq!(error.step(), Step::Tls, "{error}");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_found_before_the_port_is_taken() {
    let config = ServerTlsConfig::new().identity(Identity::from_pem("nothing", pem("rsa.key")));
    let server = Server::builder().tls_config(config).unwrap();
    let error = server.bind("127.0.0.1:0").await.unwrap_err();
    assert_eq!(error.step(), Step::Tls, "{error}");
}

/// One call, on a channel that closes its connections as soon as it may.
async fn call_on_a_new_connection(channel: &Channel) -> Result<String, Status> {
    let mut states = channel.watch_state();
    patiently(states.wait_for(|state| *state == ConnectivityState::Idle)).await.unwrap();
    let answer = patiently(Client::new(channel.clone()).unary_call(ask("secure"))).await;
    answer.map(|answer| text(answer.get_ref()))
}

const IDLE: Duration = Duration::from_millis(20);

#[tokio::test]
async fn changed_certificates_are_used_by_the_next_connection() {
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    let server = server(ServerTlsConfig::new().identity(identity("rsa"))).await;
    let target = format!("https://localhost:{}", server.address.port());
    let config = ClientTlsConfig::new().ca_certificate_file(&roots);
    let builder = Channel::builder(target).tls_config(config).unwrap().idle_timeout(IDLE);
    let error = builder.connect().await.unwrap_err();
    assert!(error.step() == Step::Tls && error.to_string().contains("roots.pem cannot be read: No such"), "{error}");

    std::fs::write(&roots, pem("rsa.pem")).unwrap();
    let channel = builder.connect().await.unwrap();
    // What is half written, damaged or gone changes nothing; what is another certificate does.
    for (contents, expected) in [
        (Some(pem("rsa.pem")), Ok("true none")),
        (Some(pem("rsa.pem")[..100].to_owned()), Ok("true none")),
        (Some(String::new()), Ok("true none")),
        (None, Ok("true none")),
        (Some(pem("ecdsa.pem")), Err(Code::Unavailable)),
    ] {
        match &contents {
            Some(contents) => std::fs::write(&roots, contents).unwrap(),
            None => std::fs::remove_file(&roots).unwrap(),
        }
        let outcome = call_on_a_new_connection(&channel).await;
        assert_eq!(outcome.as_deref().map_err(Status::code), expected, "{contents:?}");
    }
}

#[tokio::test]
async fn a_changed_identity_is_shown_by_the_next_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("client.pem"), folder.path().join("client.key"));
    let config = ServerTlsConfig::new().identity(identity("server")).client_ca_root(certificate("ca"));
    let server = server(config).await;
    let target = format!("https://localhost:{}", server.address.port());
    let config = ClientTlsConfig::new().ca_certificate(certificate("ca")).identity_files(&chain, &key);
    let builder = Channel::builder(target).tls_config(config).unwrap().idle_timeout(IDLE);

    std::fs::write(&chain, pem("client.pem")).unwrap();
    std::fs::write(&key, pem("rsa.key")).unwrap();
    let error = builder.connect().await.unwrap_err();
    assert!(error.to_string().contains("the private key does not belong to the certificate"), "{error}");

    std::fs::write(&key, pem("client.key")).unwrap();
    let channel = builder.connect().await.unwrap();
    assert_eq!(call_on_a_new_connection(&channel).await.unwrap(), "true 1 certificates");
    // Two files change one after the other: in between the old ones are shown.
    std::fs::write(&chain, pem("client-self-signed.pem")).unwrap();
    assert_eq!(call_on_a_new_connection(&channel).await.unwrap(), "true 1 certificates");
    std::fs::write(&key, pem("client-self-signed.key")).unwrap();
    assert!(call_on_a_new_connection(&channel).await.is_err(), "the server does not trust that one");
}

#[tokio::test]
async fn the_name_of_the_certificate_follows_from_the_target_unless_it_is_named() {
    // Its certificate is for elsewhere.example alone.
    let server = server(ServerTlsConfig::new().identity(identity("wrong-name"))).await;
    let port = server.address.port();
    let trusting = || ClientTlsConfig::new().ca_certificate(certificate("wrong-name"));
    let by_name = || Channel::builder(format!("dns:///localhost:{port}"));
    let by_address = || Channel::builder(format!("ipv4:127.0.0.1:{port}"));
    let table = [
        ("the host", by_name().tls_config(trusting()), false),
        ("the address", by_address().tls_config(trusting()), false),
        ("a domain name", by_name().tls_config(trusting().domain_name("elsewhere.example")), true),
        ("a domain name for an address", by_address().tls_config(trusting().domain_name("elsewhere.example")), true),
        ("another domain name", by_address().tls_config(trusting().domain_name("nowhere.example")), false),
        ("an authority", by_address().tls_config(trusting()).and_then(|b| b.origin("elsewhere.example:1")), true),
        (
            "both",
            by_address()
                .tls_config(trusting().domain_name("elsewhere.example"))
                .and_then(|builder| builder.origin("localhost")),
            true,
        ),
    ];
    for (what, builder, expected) in table {
        match (patiently(builder.unwrap().connect()).await, expected) {
            (Ok(_), true) => {}
            (Err(error), false) => assert_eq!(error.step(), Step::Tls, "{what}: {error}"),
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
    let mixed = ["https://localhost:1", "https://elsewhere.example:1"].map(Channel::from_static);
    let error = patiently(Client::new(Channel::balance_list(mixed.into_iter())).unary_call(ask("hi"))).await;
    assert!(error.unwrap_err().message().contains("certificates of https://localhost:1 and https://elsewhere"));
}

#[cfg(feature = "tls-native-roots")]
#[tokio::test]
async fn the_certificates_of_the_system_are_trusted() {
    const VARIABLE: &str = "SSL_CERT_FILE";
    let ca = format!("{}/tests/support/tls/ca.pem", env!("CARGO_MANIFEST_DIR"));
    if std::env::var(VARIABLE).as_deref() != Ok(&ca) {
        // The variable stands for the system, and belongs to a process of its own.
        let again = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tls::the_certificates_of_the_system_are_trusted"])
            .env(VARIABLE, ca)
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&again.stdout);
        assert!(again.status.success() && output.contains("1 passed"), "{output}");
        return;
    }
    for (name, is_trusted) in [("server", true), ("rsa", false)] {
        let server = server(ServerTlsConfig::new().identity(identity(name))).await;
        let connected = connect(&server, ClientTlsConfig::new().with_native_roots()).await;
        assert_eq!(connected.is_ok(), is_trusted, "{name}: {connected:?}");
    }
}
