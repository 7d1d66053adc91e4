//! Sizes of messages whose bytes only pass by.

use crate::codec::frame::PREFIX_BYTES;

/// Follows a stream of prefixed messages, however it is cut.
#[derive(Debug, Default)]
pub(crate) struct FrameScanner {
    prefix: [u8; PREFIX_BYTES],
    /// How much of the prefix is there.
    known: usize,
    /// How much of the message is still to come.
    left: usize,
}

impl FrameScanner {
    /// Looks at the next bytes, and tells of each message that ends in them: whether it is compressed, and its length.
    pub(crate) fn scan(&mut self, mut bytes: &[u8], mut ended: impl FnMut(bool, usize)) {
        loop {
            if self.known < PREFIX_BYTES {
                let taken = bytes.len().min(PREFIX_BYTES - self.known);
                self.prefix[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
                (self.known, bytes) = (self.known + taken, &bytes[taken..]);
                if self.known < PREFIX_BYTES {
                    return;
                }
                self.left = self.length();
            }
            let taken = bytes.len().min(self.left);
            (self.left, bytes) = (self.left - taken, &bytes[taken..]);
            if self.left > 0 {
                return;
            }
            self.known = 0;
            ended(self.prefix[0] != 0, self.length());
        }
    }

    fn length(&self) -> usize {
        let [_, length @ ..] = self.prefix;
        // Where that does not fit, no such message can be there.
        usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let bytes = b"\0\0\0\0\x03abc\x01\0\0\0\x01x\0\0\0\0\0\0\0\0\0\x02no";
        for size in 1..=bytes.len() {
            let (mut scanner, mut found) = (FrameScanner::default(), Vec::new());
            for piece in bytes.chunks(size) {
                scanner.scan(piece, |is_compressed, length| found.push((is_compressed, length)));
            }
            assert_eq!(found, [(false, 3), (true, 1), (false, 0), (false, 2)], "in pieces of {size}");
        }
        let mut scanner = FrameScanner::default();
        scanner.scan(&bytes[..7], |_, _| panic!("it has not ended"));
    }
}
