//! What a server without HTTP/1.1 says to clients that speak it.

use std::io;

use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout_at};

use crate::either::{Either, either};
use crate::transport::drain::{Drain, FAREWELL, FAREWELL_BEHIND_GRACE, GRACE_MAX, farewell};
use crate::transport::io::Io;

/// For whoever sits at the other end, and for whoever they ask.
const EXPLANATION: &str = "\
This server speaks HTTP/2 (gRPC) alone. For HTTP/1.1 beside it (browsers, curl without --http2-prior-knowledge,
what a fallback answers) it is to be built with seltzer's feature `http1`.
";

/// Answers a client that speaks HTTP/1.1, of whose request `head` was read, and lets the answer arrive. Takes about as
/// long as the client needs to read it, and never long.
///
/// # Errors
/// What the socket says.
pub(crate) async fn refuse(mut io: Io, head: &[u8], drain: Drain) -> io::Result<()> {
    let until = Instant::now() + FAREWELL;
    let answer = answer(head);
    let refusal = async move {
        io.write_all(answer.as_bytes()).await?;
        farewell(io, until).await
    };
    let cut = async move {
        drain.begin.cancelled().await;
        tokio::time::sleep(drain.grace.min(GRACE_MAX) + FAREWELL_BEHIND_GRACE).await;
    };
    match either(timeout_at(until, refusal), cut).await {
        Either::First(Ok(refused)) => refused,
        Either::First(Err(_)) | Either::Second(()) => Ok(()),
    }
}

/// The whole answer. One to HEAD has no body (RFC 9110, section 9.3.2).
fn answer(head: &[u8]) -> String {
    let body = if head.starts_with(b"HEAD ") { "" } else { EXPLANATION };
    format!(
        "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        EXPLANATION.len()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn drain(grace: Duration) -> Drain {
        Drain { begin: CancellationToken::new(), grace }
    }

    #[test]
    fn an_answer_is_whole() {
        for (head, has_body) in
            [("GET / HTTP/1.1\r\n", true), ("POST /x HTTP/1.0\r\n", true), ("HEAD / HTTP/1.1", false)]
        {
            let answer = answer(head.as_bytes());
            let (fields, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(fields.contains(&format!("\r\ncontent-length: {}\r\n", EXPLANATION.len())), "{head}: {fields}");
            assert_eq!(body, if has_body { EXPLANATION } else { "" }, "{head}");
        }
    }

    /// Clients that do what no client should, and how long each is put up with.
    #[tokio::test(start_paused = true)]
    async fn nobody_holds_a_connection_up() {
        let short = Duration::from_millis(100);
        let table = [
            ("reads nothing, and there is no room for the answer", 8, None, FAREWELL),
            ("never closes", 4096, None, FAREWELL),
            ("never closes while the server stops", 4096, Some(short), short + FAREWELL_BEHIND_GRACE),
        ];
        for (what, room_bytes, grace, expected) in table {
            let (_client, server) = tokio::io::duplex(room_bytes);
            let drain = drain(grace.unwrap_or(FAREWELL));
            if grace.is_some() {
                drain.begin.cancel();
            }
            let begin = Instant::now();
            refuse(Io::new(server), b"GET / HTTP/1.1\r\n", drain).await.unwrap();
            let took = begin.elapsed();
            assert!(took >= expected && took < expected + Duration::from_millis(5), "a client that {what}: {took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_closes_is_done_with_at_once() {
        let (mut client, server) = tokio::io::duplex(64);
        let begin = Instant::now();
        let refusal = tokio::spawn(refuse(Io::new(server), b"POST / HTTP/1.1\r\n", drain(FAREWELL)));
        // What was on its way, and more than the pipe holds.
        client.write_all(&[b'x'; 48]).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 505 ") && answer.ends_with(EXPLANATION), "{answer}");
        client.write_all(&[b'x'; 1024]).await.unwrap();
        drop(client);
        refusal.await.unwrap().unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
}
