//! What a server speaks, found out by the first words of HTTP/2.
//!
//! They are the same for everybody and tell nothing of the call. A server without TLS answers them with its SETTINGS; one
//! with TLS takes them for a broken handshake, and complains in TLS or hangs up: then a handshake tells.

use std::time::Duration;

use seltzer::Endpoint;
use seltzer::transport::ClientTlsConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// How long a server that took the connection may be silent. All servers of HTTP/2 speak at once.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// The connection preface of RFC 9113 section 3.4: the magic words, and SETTINGS without any.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Enough to tell a TLS record from a frame.
const ANSWER_BYTES: usize = 5;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    Plaintext,
    Tls,
    /// It hung up without a word, as some do on what is no TLS.
    HungUp,
    /// It cannot be reached, or does not answer.
    Nothing,
}

/// Asks the server at HOST:PORT, on a connection of its own.
pub(crate) async fn ask(address: &str, connect_timeout: Duration) -> Spoken {
    let connect = tokio::time::timeout(connect_timeout, TcpStream::connect(address));
    let Ok(Ok(mut stream)) = connect.await else { return Spoken::Nothing };
    let end = Instant::now() + SILENCE_MAX;
    let mut answer = Vec::new();
    let asked = timeout_at(end, async {
        stream.write_all(PREFACE).await?;
        while answer.len() < ANSWER_BYTES {
            if stream.read_buf(&mut answer).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    });
    match asked.await {
        // Silence: what is wrong shows when a connection for calls is opened.
        Err(_) => Spoken::Nothing,
        Ok(_) => understand(&answer),
    }
}

/// Whether a server at HOST:PORT shakes hands in TLS, whoever it is. Nothing is said to it afterwards.
pub(crate) async fn shakes_hands(address: &str, connect_timeout: Duration) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(format!("https://{address}")) else { return false };
    let anybody = ClientTlsConfig::new().danger_accept_invalid_certificates(true);
    match endpoint.connect_timeout(connect_timeout).tls_config(anybody) {
        Ok(endpoint) => endpoint.connect().await.is_ok(),
        Err(_) => false,
    }
}

/// What the beginning of an answer is, up to where the server hung up.
fn understand(answer: &[u8]) -> Spoken {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    const SSL_3_AND_LATER: u8 = 3;
    match answer {
        [ALERT | HANDSHAKE, SSL_3_AND_LATER, ..] => Spoken::Tls,
        [] => Spoken::HungUp,
        _ => Spoken::Plaintext,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn servers_are_known_by_their_first_words() {
        let table: &[(&[u8], Spoken)] = &[
            (b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", Spoken::Plaintext),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Spoken::Plaintext),
            (b"\x15\x03\x01\0\x02\x02\x46", Spoken::Tls),
            (b"\x15\x03\x03\0\x02\x02\x0a", Spoken::Tls),
            (b"", Spoken::HungUp),
        ];
        for (words, expected) in table {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback has free ports");
            let address = listener.local_addr().expect("it is bound").to_string();
            let server = async {
                let (mut stream, _) = listener.accept().await.expect("the probe connects");
                let mut heard = [0; PREFACE.len()];
                stream.read_exact(&mut heard).await.expect("the probe speaks first");
                stream.write_all(words).await.expect("the probe reads");
                heard
            };
            let (heard, found) = tokio::join!(server, ask(&address, SILENCE_MAX));
            assert_eq!((found, &heard[..]), (*expected, PREFACE), "{words:?}");
        }
    }

    #[tokio::test]
    async fn who_does_not_listen_says_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback has free ports");
        let address = listener.local_addr().expect("it is bound").to_string();
        drop(listener);
        assert_eq!(ask(&address, SILENCE_MAX).await, Spoken::Nothing);
    }
}
