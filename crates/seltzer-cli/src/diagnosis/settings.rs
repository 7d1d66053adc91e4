//! The first words of HTTP/2: what a server says of itself.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::connection::PREFACE;
use crate::error::Failure;

/// The head of a frame (RFC 9113 section 4.1).
const HEAD_BYTES: usize = 9;

/// The types of frames that say something here.
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// A frame of settings that is longer is none that anybody sends.
const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

/// The names of settings (RFC 9113 section 6.5.2, RFC 8441).
const NAMES: &[(u16, &str)] = &[
    (1, "header table"),
    (2, "push"),
    (3, "streams at once"),
    (4, "stream window"),
    (5, "frame size"),
    (6, "header list"),
    (8, "extended CONNECT"),
];

/// Says the first words and reads the server's.
///
/// # Errors
/// The server does not speak HTTP/2, or sends us away.
pub(super) async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(String, ()), Failure> {
    let broken = |error: std::io::Error| Failure::new(format!("the connection broke: {error}"));
    stream.write_all(PREFACE).await.map_err(broken)?;
    let mut head = [0; HEAD_BYTES];
    stream.read_exact(&mut head).await.map_err(broken)?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    if head.starts_with(b"HTTP/") {
        return Err(Failure::new("the server answers in HTTP/1.1"));
    }
    if !matches!(head[3], SETTINGS | GOAWAY) || length > PAYLOAD_BYTES_MAX {
        return Err(Failure::new(format!("the server does not answer in HTTP/2, but with the bytes {head:02x?}")));
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.map_err(broken)?;
    if head[3] == GOAWAY {
        return Err(Failure::new(sent_away(&payload)));
    }
    Ok((describe(&payload), ()))
}

/// What SETTINGS say, in the order in which they came.
fn describe(payload: &[u8]) -> String {
    let setting = |bytes: &[u8]| {
        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
        let value = u32::from_be_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]);
        match NAMES.iter().find(|(known, _)| *known == number) {
            Some((_, name)) => format!("{name} {value}"),
            None => format!("setting {number:#x} {value}"),
        }
    };
    let settings: Vec<String> = payload.chunks_exact(6).map(setting).collect();
    if settings.is_empty() { "the usual settings".to_owned() } else { settings.join(", ") }
}

fn sent_away(payload: &[u8]) -> String {
    match payload {
        [_, _, _, _, a, b, c, d, reason @ ..] => {
            let code = u32::from_be_bytes([*a, *b, *c, *d]);
            format!("the server sends us away (GOAWAY {code}): {}", String::from_utf8_lossy(reason))
        }
        _ => "the server sends us away".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn servers_are_understood_by_their_first_frame() {
        let table: &[(&[u8], Result<&str, &str>)] = &[
            (b"\0\0\0\x04\0\0\0\0\0", Ok("the usual settings")),
            (
                b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\x01\0\0\xca\xfe\0\0\0\x01",
                Ok("streams at once 100, stream window 65536, setting 0xcafe 1"),
            ),
            (b"HTTP/1.1 400 Bad Request\r\n", Err("the server answers in HTTP/1.1")),
            (b"\0\0\x0c\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0bbusy", Err("the server sends us away (GOAWAY 11): busy")),
            (b"220 mail.example ESMTP", Err("the server does not answer in HTTP/2, but with the bytes")),
            (b"\0\0", Err("the connection broke: ")),
        ];
        for (answer, expected) in table {
            let (ours, mut theirs) = tokio::io::duplex(1024);
            theirs.write_all(answer).await.expect("there is room");
            theirs.shutdown().await.expect("it is open");
            match (exchange(ours).await, expected) {
                (Ok((found, ())), Ok(expected)) => assert_eq!(found, *expected),
                (Err(failure), Err(part)) => assert!(failure.message().starts_with(part), "{}", failure.message()),
                (found, _) => panic!("{answer:?}: {:?}", found.map(|found| found.0)),
            }
        }
    }
}
