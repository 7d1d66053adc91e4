//! What hyper does not tell of a head: a length that it left out because the body comes in chunks. Two servers may
//! disagree on where such a request ends (RFC 9112, section 6.3), so that it is refused.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const CONTENT_LENGTH: &[u8] = b"content-length";

/// What is known of the heads of a connection's requests, as their bytes come. Heads that come together with what is
/// before them are not looked at: their connections end with them, as hyper has it.
#[derive(Debug, Default)]
pub(crate) struct Heads(Mutex<Scan>);

#[derive(Debug)]
struct Scan {
    /// What comes belongs to a head.
    is_head: bool,
    /// How the line begins that is not complete.
    line: [u8; CONTENT_LENGTH.len()],
    line_bytes: usize,
    /// A line of the head has begun so.
    has_length: bool,
    has_lines: bool,
}

impl Default for Scan {
    fn default() -> Self {
        Scan { is_head: true, line: [0; CONTENT_LENGTH.len()], line_bytes: 0, has_length: false, has_lines: false }
    }
}

impl Heads {
    /// A request came: tells whether its head has a length. What follows is its body, until that has
    /// [ended](Self::expect).
    pub(crate) fn take(&self) -> bool {
        let before = std::mem::take(&mut *self.scan());
        self.scan().is_head = false;
        before.has_length
    }

    /// What comes now is a head.
    pub(crate) fn expect(&self) {
        *self.scan() = Scan::default();
    }

    fn scan(&self) -> MutexGuard<'_, Scan> {
        // Only plain moves happen under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scan {
    fn look(&mut self, mut bytes: &[u8]) {
        while self.is_head && !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let count = part.len().min(self.line.len() - self.line_bytes);
            self.line[self.line_bytes..self.line_bytes + count].copy_from_slice(&part[..count]);
            self.line_bytes += count;
            let Some(end) = end else { return };
            self.end_line();
            bytes = &bytes[end + 1..];
        }
    }

    fn end_line(&mut self) {
        let line = &self.line[..std::mem::take(&mut self.line_bytes)];
        match line {
            // Empty lines before a request mean nothing (RFC 9112, section 2.2).
            b"" | b"\r" => self.is_head = !self.has_lines,
            line => {
                self.has_lines = true;
                self.has_length |= line.eq_ignore_ascii_case(CONTENT_LENGTH);
            }
        }
    }
}

/// A connection whose heads are looked at as they are read.
pub(crate) struct Watching<S> {
    io: S,
    heads: Arc<Heads>,
}

impl<S> Watching<S> {
    pub(crate) fn new(io: S, heads: &Arc<Heads>) -> Self {
        Watching { io, heads: Arc::clone(heads) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watching<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        self.heads.scan().look(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watching<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_seen_however_a_head_is_cut() {
        let table = [
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", true),
            ("\r\nPOST / HTTP/1.1\r\nhost: a\r\ncontent-length:5\r\n\r\nhello", true),
            ("POST / HTTP/1.1\ncontent-length: 5\n\n", true),
            ("POST / HTTP/1.1\r\nhost: a\r\n\r\ncontent-length: 5\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nx-content-length: 5\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nx: content-length\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nx: 1", false),
        ];
        for (text, expected) in table {
            for cut in 0..=text.len() {
                let heads = Heads::default();
                heads.scan().look(&text.as_bytes()[..cut]);
                heads.scan().look(&text.as_bytes()[cut..]);
                assert_eq!(heads.take(), expected, "{text:?} cut at {cut}");
                // The body is nobody's head, and what follows it is one.
                heads.scan().look(b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n");
                assert!(!heads.take());
                heads.expect();
                heads.scan().look(b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n");
                assert!(heads.take());
            }
        }
    }
}
