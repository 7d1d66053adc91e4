//! Peers that speak something else, or not at all.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::transport::handshakes::HandshakeLimits;
use crate::transport::tls::ClientTlsConfig;
use crate::transport::tls::tests::foreign::Foreign;
use crate::transport::tls::tests::{PIPE_BYTES, Side, check_error, check_works, client, handshake, server};

#[tokio::test]
async fn a_client_in_plain_text() {
    for greeting in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        let acceptor = server("rsa").acceptor(HandshakeLimits::default()).unwrap();
        let (mut near, far) = tokio::io::duplex(PIPE_BYTES);
        near.write_all(greeting.as_bytes()).await.unwrap();
        check_error(
            &acceptor.accept(far).await.unwrap_err(),
            "what the client sent is not TLS (the client connects in plain text: its target must start with https://, \
             or \
             it must use a secure channel)",
        );
    }
}

#[tokio::test]
async fn a_server_in_plain_text() {
    // An HTTP/2 server's SETTINGS frame, and an HTTP/1.1 server's complaint.
    for answer in [b"\0\0\0\x04\0\0\0\0\0".as_slice(), b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let connector = client("rsa").connector("localhost").unwrap();
        let (near, mut far) = tokio::io::duplex(PIPE_BYTES);
        far.write_all(answer).await.unwrap();
        check_error(
            &connector.connect(near).await.unwrap_err(),
            "what the server sent is not TLS (for a server without TLS the target starts with http://)",
        );
    }
}

#[tokio::test]
async fn a_peer_that_hangs_up() {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    drop(far);
    check_error(
        &client("rsa").connector("localhost").unwrap().connect(near).await.unwrap_err(),
        "the server closed the connection during the handshake (does this port speak TLS? for a \
         server without it the target starts with http://)",
    );
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    drop(near);
    check_error(
        &server("rsa").acceptor(HandshakeLimits::default()).unwrap().accept(far).await.unwrap_err(),
        "the client closed the connection during the handshake (a client does so when it does not trust the server's \
         certificate, or only looks whether the port is open)",
    );
}

#[tokio::test]
async fn a_peer_that_cuts_the_connection_off() {
    let says = |error: std::io::Error, expected: &str| {
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), expected);
    };
    let mut connected = check_works(server("rsa"), client("rsa"), "localhost").await;
    drop(connected.server);
    says(connected.client.read_u8().await.unwrap_err(), "the server cut the connection off, without an end of TLS");
    let (near, far) = handshake(server("rsa"), client("rsa"), "localhost").await;
    drop(far.unwrap());
    says(
        near.unwrap().read_u8().await.unwrap_err(),
        "the server cut the connection off right after the handshake (does it require a client certificate that it \
         trusts? `ClientTlsConfig::identity` sets it; its log may say more)",
    );
    let (near, far) = handshake(server("rsa"), client("rsa"), "localhost").await;
    drop(near.unwrap());
    says(far.unwrap().read_u8().await.unwrap_err(), "the client cut the connection off, without an end of TLS");
}

#[tokio::test]
async fn a_connection_ends_in_order() {
    let mut connected = check_works(server("rsa"), client("rsa"), "localhost").await;
    connected.server.shutdown().await.unwrap();
    assert_eq!(connected.client.read(&mut [0; 4]).await.unwrap(), 0);
}

/// A server with other protocols than ours, and what our client makes of it.
async fn against_protocols(protocols: Vec<&'static str>, client: ClientTlsConfig) -> Side {
    Foreign { protocols, ..Foreign::honest("rsa") }.serve(client).await
}

#[tokio::test]
async fn a_server_that_does_not_agree_to_http2() {
    let error = against_protocols(vec![], client("rsa")).await.unwrap_err();
    check_error(
        &error,
        "the server did not agree to HTTP/2 in the handshake (ALPN) (is this the gRPC port? a \
         proxy in front of the server must have HTTP/2 turned on; if it speaks HTTP/2 without saying so, set \
         `ClientTlsConfig::assume_http2(true)`)",
    );
    let stream = against_protocols(vec![], client("rsa").assume_http2(true)).await.unwrap();
    assert!(!stream.is_http2());
    let error = against_protocols(vec!["http/1.1"], client("rsa")).await.unwrap_err();
    check_error(&error, "the server does not speak HTTP/2 on this port (ALPN) (is this the gRPC port?)");
}

/// A client with other protocols than ours, and what our server makes of it.
async fn from_protocols(protocols: Vec<&'static str>) -> Side {
    Foreign { protocols, ..Foreign::honest("rsa") }.connect(server("rsa")).await
}

#[tokio::test]
async fn clients_with_other_protocols() {
    for (offered, chosen) in [(vec![], None), (vec!["http/1.1", "h2"], Some("h2"))] {
        let stream = from_protocols(offered).await.unwrap();
        assert_eq!(stream.negotiated_protocol(), chosen.map(str::as_bytes));
    }
    let http1 = from_protocols(vec!["http/1.1"]).await;
    let unknown = from_protocols(vec!["spdy/3"]).await.unwrap_err();
    if cfg!(feature = "http1") {
        assert_eq!(http1.unwrap().negotiated_protocol(), Some(&b"http/1.1"[..]));
        check_error(
            &unknown,
            "the client offers neither HTTP/2 nor HTTP/1.1 in the handshake (ALPN) (a gRPC client offers `h2`)",
        );
    } else {
        for error in [http1.unwrap_err(), unknown] {
            check_error(
                &error,
                "the client does not offer HTTP/2 in the handshake (ALPN) (a gRPC client offers `h2`; for HTTP/1.1 the \
                 server is to be built with seltzer's feature `http1`)",
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn handshakes_end_in_time() {
    for (limit, seconds) in [(None, 10), (Some(Duration::from_secs(3)), 3)] {
        let (mut server, mut client) = (server("rsa"), client("rsa"));
        if let Some(limit) = limit {
            (server, client) = (server.timeout(limit), client.timeout(limit));
        }
        // Nobody answers on either pipe, and both stay open.
        let (near, _silent_server) = tokio::io::duplex(PIPE_BYTES);
        let (_silent_client, far) = tokio::io::duplex(PIPE_BYTES);
        let begin = tokio::time::Instant::now();
        let error = client.connector("localhost").unwrap().connect(near).await.unwrap_err();
        assert_eq!(begin.elapsed().as_secs(), seconds);
        check_error(
            &error,
            &format!(
                "the server did not finish the handshake within {seconds}s (does this port speak \
                 TLS? `ClientTlsConfig::timeout` sets another limit)"
            ),
        );
        let begin = tokio::time::Instant::now();
        let error = server.acceptor(HandshakeLimits::default()).unwrap().accept(far).await.unwrap_err();
        assert_eq!(begin.elapsed().as_secs(), seconds);
        check_error(
            &error,
            &format!(
                "the client did not finish the handshake within {seconds}s (`ServerTlsConfig::timeout` sets another \
                 limit)"
            ),
        );
    }
}
