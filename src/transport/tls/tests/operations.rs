//! Servers whose settings change while they run, and handshakes that wait for their turn.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::transport::handshakes::HandshakeLimits;
use crate::transport::tls::acceptor::TlsAcceptor;
use crate::transport::tls::client::TlsConnector;
use crate::transport::tls::tests::{
    Connected, PIPE_BYTES, certificate, check_error, client, fixture, identity, server,
};
use crate::transport::tls::{ClientTlsConfig, Identity, ServerTlsConfig};

/// A handshake between two who have met before, perhaps.
async fn meet(acceptor: &TlsAcceptor, connector: &TlsConnector) -> Option<Connected> {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let (client, server) = tokio::join!(connector.connect(near), acceptor.accept(far));
    let mut connected = Connected { client: client.ok()?, server: server.ok()? };
    connected.exchange().await;
    Some(connected)
}

fn shown(connected: &Connected) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    connected.client.peer_certificates().unwrap().chain().to_vec()
}

#[tokio::test]
async fn new_settings_are_for_new_connections() {
    let acceptor = server("rsa").acceptor(HandshakeLimits::default()).unwrap();
    let connector = client("rsa").ca_certificate(certificate("ecdsa")).connector("localhost").unwrap();
    let mut before = meet(&acceptor, &connector).await.unwrap();
    acceptor.reload().reload(&server("ecdsa")).unwrap();
    let after = meet(&acceptor, &connector).await.unwrap();
    assert_eq!(shown(&before), [fixture::certificate_der("rsa")]);
    assert_eq!(shown(&after), [fixture::certificate_der("ecdsa")]);
    before.exchange().await;
}

#[tokio::test]
async fn settings_that_cannot_work_change_nothing() {
    let acceptor = server("rsa").acceptor(HandshakeLimits::default()).unwrap();
    let table = [
        (ServerTlsConfig::new(), "TLS needs an identity"),
        (
            ServerTlsConfig::new().identity(Identity::from_pem(fixture::certificate("rsa"), fixture::key("ecdsa"))),
            "belong",
        ),
        (server("ecdsa").client_ca_root(crate::transport::tls::Certificate::from_pem("nothing")), "no certificate"),
        (server("ecdsa").identity_for("a b", identity("rsa")), "`a b` is no name"),
        (server("ecdsa").max_concurrent_handshakes(0), "`ServerTlsConfig::max_concurrent_handshakes`"),
    ];
    let connector = client("rsa").connector("localhost").unwrap();
    for (config, part) in table {
        let error = acceptor.reload().reload(&config).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        let connected = meet(&acceptor, &connector).await.unwrap();
        assert_eq!(shown(&connected), [fixture::certificate_der("rsa")], "{part}");
    }
}

#[tokio::test]
async fn a_session_from_before_lets_nobody_in() {
    let trusting = |root: &str| server("rsa").client_ca_root(certificate(root));
    let acceptor = trusting("ca").acceptor(HandshakeLimits::default()).unwrap();
    let connector = client("rsa").identity(identity("client")).connector("localhost").unwrap();
    assert!(!meet(&acceptor, &connector).await.unwrap().server.is_resumed());
    assert!(meet(&acceptor, &connector).await.unwrap().server.is_resumed(), "sessions are resumed otherwise");
    acceptor.reload().reload(&trusting("client-self-signed")).unwrap();
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let (_, refused) = tokio::join!(connector.connect(near), acceptor.accept(far));
    let error = refused.unwrap_err().to_string();
    assert!(error.starts_with("the client's certificate comes from nobody who is trusted here"), "{error}");
    // Back again: the sessions of the time before are still forgotten.
    acceptor.reload().reload(&trusting("ca")).unwrap();
    assert!(!meet(&acceptor, &connector).await.unwrap().server.is_resumed());
}

/// A client that begins a handshake and does not go on: its first message, to whoever is at the other end.
async fn first_message() -> Vec<u8> {
    let connector = client("rsa").connector("localhost").unwrap();
    let (near, mut far) = tokio::io::duplex(PIPE_BYTES);
    let connecting = tokio::spawn(async move { connector.connect(near).await });
    let mut message = vec![0; PIPE_BYTES];
    let length = far.read(&mut message).await.unwrap();
    connecting.abort();
    message.truncate(length);
    message
}

/// Takes a place: once this returns the server has answered.
async fn begin(acceptor: &TlsAcceptor, first_message: &[u8]) -> (DuplexStream, tokio::task::JoinHandle<String>) {
    let (mut near, far) = tokio::io::duplex(PIPE_BYTES);
    let acceptor = acceptor.clone();
    let accepting = tokio::spawn(async move { acceptor.accept(far).await.unwrap_err().to_string() });
    near.write_all(first_message).await.unwrap();
    near.read_u8().await.unwrap();
    (near, accepting)
}

fn patient(root: &str) -> ClientTlsConfig {
    client(root).timeout(Duration::from_secs(60))
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_keeps_its_place_until_it_times_out() {
    let acceptor = server("rsa").max_concurrent_handshakes(2).acceptor(HandshakeLimits::default()).unwrap();
    let connector = patient("rsa").connector("localhost").unwrap();
    let message = first_message().await;
    let start = Instant::now();
    let first = begin(&acceptor, &message).await;
    // Those who say nothing take no place.
    let (_silent, far) = tokio::io::duplex(PIPE_BYTES);
    let silent = tokio::spawn({
        let acceptor = acceptor.clone();
        async move { acceptor.accept(far).await.map(drop) }
    });
    meet(&acceptor, &connector).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 0, "there was a place");
    tokio::time::advance(Duration::from_secs(4)).await;
    let second = begin(&acceptor, &message).await;
    meet(&acceptor, &connector).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10, "the first one's");
    assert!(first.1.await.unwrap().starts_with("the client did not finish the handshake within 10s"));
    assert!(silent.await.unwrap().is_err());
    assert!(second.1.await.unwrap().starts_with("the client did not finish the handshake within 10s"));
    assert_eq!(start.elapsed().as_secs(), 14);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_not_to_blame() {
    let acceptor = server("rsa").max_concurrent_handshakes(1).acceptor(HandshakeLimits::default()).unwrap();
    let connector = patient("rsa").connector("localhost").unwrap();
    let message = first_message().await;
    // Another place is free after the settings have changed, but only for as many as there are more.
    let stalled = begin(&acceptor, &message).await;
    acceptor.reload().reload(&server("rsa").max_concurrent_handshakes(1).timeout(Duration::from_secs(3))).unwrap();
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let (refused, said) = tokio::join!(connector.connect(near), acceptor.accept(far));
    assert!(refused.is_err());
    check_error(
        &said.unwrap_err(),
        "a client waited for 3s for its handshake to begin: 1 others were going on \
         (`ServerTlsConfig::max_concurrent_handshakes` permits more, if this machine can do them)",
    );
    acceptor.reload().reload(&server("rsa").max_concurrent_handshakes(2)).unwrap();
    meet(&acceptor, &connector).await.unwrap();
    drop(stalled);
}
