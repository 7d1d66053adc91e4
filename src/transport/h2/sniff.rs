//! HTTP/2 or HTTP/1.1: told by the first bytes of a connection.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, ReadBuf};

use crate::transport::io::Io;

/// What every HTTP/2 client says first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How a TLS handshake begins (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// The longest first line of HTTP/1.1 that is read to its end before it is believed.
const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;

/// What a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    Http2,
    Http1,
    /// Neither, or it left without a word.
    Neither,
}

/// Reads until it is clear what the peer speaks. The bytes that were read stay in `head`.
///
/// # Errors
/// What the socket says.
pub(crate) async fn sniff(io: &mut Io, head: &mut Vec<u8>) -> io::Result<Spoken> {
    let mut buffer = [0; 256];
    loop {
        let wanted = match spoken(head) {
            Ok(spoken) => return Ok(spoken),
            Err(wanted) => wanted.min(buffer.len()),
        };
        let mut read = ReadBuf::new(&mut buffer[..wanted]);
        poll_fn(|cx| Pin::new(&mut *io).poll_read(cx, &mut read)).await?;
        if read.filled().is_empty() {
            return Ok(Spoken::Neither);
        }
        head.extend_from_slice(read.filled());
    }
}

/// What the first bytes say, or how many more may be read to find out.
fn spoken(head: &[u8]) -> Result<Spoken, usize> {
    let common = head.len().min(PREFACE.len());
    if head[..common] == PREFACE[..common] {
        return if common == PREFACE.len() { Ok(Spoken::Http2) } else { Err(PREFACE.len() - common) };
    }
    // A client that begins TLS here sees by an answer in plain HTTP/1.1 that there is none.
    if head.first() == Some(&TLS_HANDSHAKE) {
        return Ok(Spoken::Http1);
    }
    match head.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(if is_request_line(&head[..end]) { Spoken::Http1 } else { Spoken::Neither }),
        None if head.len() >= REQUEST_LINE_BYTES_MAX => Ok(Spoken::Http1),
        None => Err(REQUEST_LINE_BYTES_MAX - head.len()),
    }
}

/// Whether a line ends as those of HTTP/1 do (RFC 9112, section 3).
fn is_request_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        let table: [(&[u8], Result<Spoken, usize>); 9] = [
            (b"\x16\x03\x01", Ok(Spoken::Http1)),
            (b"", Err(24)),
            (b"PRI * HTTP", Err(14)),
            (PREFACE, Ok(Spoken::Http2)),
            (b"GET / HTTP/1.1\r\n", Ok(Spoken::Http1)),
            (b"PUT /x HTTP/1.0\n", Ok(Spoken::Http1)),
            (b"PRI * HTTP/1.1\r\n", Ok(Spoken::Http1)),
            (b"INVALID CONNECTION PREFACE\r\n\r\n", Ok(Spoken::Neither)),
            (b"GET /", Err(REQUEST_LINE_BYTES_MAX - 5)),
        ];
        for (head, expected) in table {
            assert_eq!(spoken(head), expected, "{:?}", String::from_utf8_lossy(head));
        }
        assert_eq!(spoken(&[b'x'; REQUEST_LINE_BYTES_MAX]), Ok(Spoken::Http1));
    }
}
