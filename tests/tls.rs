//! TLS over real sockets: who trusts whom, and what a handler learns of it.
//!
//! The handshakes themselves, with every kind of certificate, are tested beside the code in `src/transport/tls`.

use seltzer::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig, Step};
use seltzer::{Channel, Code, Server};

use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, patiently};

fn pem(name: &str) -> String {
    let path = format!("{}/tests/support/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn identity(name: &str) -> Identity {
    Identity::from_pem(pem(&format!("{name}.pem")), pem(&format!("{name}.key")))
}

fn certificate(name: &str) -> Certificate {
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
