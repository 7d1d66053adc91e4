//! Text from files and pipes: the mark that some editors put in front of it, and the encoding that some shells use.

use std::io::{self, BufRead, Read};

/// What may stand in front of a text, and means nothing in UTF-8.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// The mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads without the mark in front.
///
/// Nothing is read ahead of what is asked for: a message on a pipe is seen as soon as it is complete.
pub(crate) struct Utf8<R> {
    inner: R,
    /// Bytes that began as the mark does and went on otherwise; they come first.
    pending: &'static [u8],
    has_started: bool,
}

impl<R: BufRead> Utf8<R> {
    pub(crate) fn new(inner: R) -> Self {
        Utf8 { inner, pending: &[], has_started: false }
    }

    fn skip_mark(&mut self) -> io::Result<()> {
        for (index, expected) in MARK.iter().enumerate() {
            match self.inner.fill_buf()?.first() {
                Some(byte) if byte == expected => self.inner.consume(1),
                // The first byte of either order's mark, and of nothing in UTF-8.
                Some(0xfe | 0xff) if index == 0 => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "it is UTF-16; save it as UTF-8"));
                }
                _ => {
                    self.pending = &MARK[..index];
                    break;
                }
            }
        }
        self.has_started = true;
        Ok(())
    }
}

impl<R: BufRead> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.has_started {
            self.skip_mark()?;
        }
        if self.pending.is_empty() {
            return self.inner.read(buffer);
        }
        self.pending.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(bytes: &[u8], buffer_bytes: usize) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let mut reader = Utf8::new(BufReader::with_capacity(buffer_bytes, bytes));
        reader.read_to_end(&mut text).map(|_| text).map_err(|error| error.to_string())
    }

    #[test]
    fn only_a_mark_in_front_is_left_out() {
        let table: &[(&[u8], &[u8])] = &[
            (b"", b""),
            (b"{}", b"{}"),
            (b"\xef\xbb\xbf{}", b"{}"),
            (b"\xef\xbb\xbf", b""),
            (b"\xef\xbb{}", b"\xef\xbb{}"),
            (b"\xef", b"\xef"),
            (b"{}\xef\xbb\xbf", b"{}\xef\xbb\xbf"),
        ];
        for (bytes, expected) in table {
            // A pipe may give a byte at a time.
            for buffer_bytes in [1, 64] {
                assert_eq!(read(bytes, buffer_bytes).as_deref(), Ok(*expected), "{bytes:?}");
            }
        }
    }

    #[test]
    fn utf_16_is_named() {
        for bytes in [b"\xff\xfe{\0}\0", b"\xfe\xff\0{\0}"] {
            assert_eq!(read(bytes, 64), Err("it is UTF-16; save it as UTF-8".to_owned()));
        }
    }
}
