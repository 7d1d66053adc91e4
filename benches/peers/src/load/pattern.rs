//! Long bodies that nobody has to keep: made piece by piece when sent, compared piece by piece when received.

use crate::handlers::BODY_BYTE;

/// gRPC's prefix of a message: a flag and a length.
const PREFIX_BYTES: usize = 5;

/// Tags of the fields of `bench.Msg`.
const BODY_TAG: u8 = 0x0a;
const ID_TAG: u8 = 0x10;

/// The bytes of a request or of an answer, from where one is in them to the end.
#[derive(Debug, Default)]
pub struct Pattern {
    message: Vec<u8>,
    position: usize,
    /// The part of `message` that all messages have in common.
    common: usize,
    id: u64,
    /// Messages after this one.
    left: u32,
}

impl Pattern {
    /// Begins anew with one message of these bytes.
    pub fn fixed(&mut self, message: &[u8]) {
        self.message.clear();
        self.message.extend_from_slice(&[0; PREFIX_BYTES]);
        self.message.extend_from_slice(message);
        self.prefix();
        self.left = 0;
    }

    /// Begins anew with so many `bench.Msg` whose ids count up from `id`.
    pub fn messages(&mut self, id: u64, count: u32, size: usize) {
        self.message.clear();
        self.position = 0;
        (self.id, self.left) = (id, count);
        self.message.extend_from_slice(&[0; PREFIX_BYTES]);
        if size > 0 {
            self.message.push(BODY_TAG);
            push_varint(&mut self.message, size as u64);
            self.message.resize(self.message.len() + size, BODY_BYTE);
        }
        self.common = self.message.len();
        if count == 0 {
            self.message.clear();
        } else {
            self.next_message();
        }
    }

    fn next_message(&mut self) {
        self.message.truncate(self.common);
        if self.id != 0 {
            self.message.push(ID_TAG);
            push_varint(&mut self.message, self.id);
        }
        self.id += 1;
        self.left -= 1;
        self.prefix();
    }

    fn prefix(&mut self) {
        let length = (self.message.len() - PREFIX_BYTES) as u32;
        self.message[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
        self.position = 0;
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.left == 0 && self.position == self.message.len()
    }

    /// Whether any of it has been made or matched.
    pub fn has_begun(&self) -> bool {
        self.position > 0
    }

    /// Makes the next bytes: `most`, or fewer at the end; with `one`, none of the next message.
    pub fn make(&mut self, mut most: usize, one: bool, output: &mut Vec<u8>) {
        loop {
            let rest = &self.message[self.position..];
            let count = rest.len().min(most);
            output.extend_from_slice(&rest[..count]);
            self.position += count;
            most -= count;
            if most == 0 || self.left == 0 || (one && count > 0) {
                return;
            }
            self.next_message();
        }
    }

    /// Whether these are the next bytes.
    #[must_use]
    pub fn matches(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let rest = &self.message[self.position..];
            let count = rest.len().min(bytes.len());
            if rest[..count] != bytes[..count] {
                return false;
            }
            self.position += count;
            bytes = &bytes[count..];
            if bytes.is_empty() {
                return true;
            }
            if self.left == 0 {
                return false;
            }
            self.next_message();
        }
    }
}

/// Appends a protobuf number.
pub fn push_varint(output: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        output.push(value as u8 | 0x80);
        value >>= 7;
    }
    output.push(value as u8);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A failure is a failed test.

    use super::*;
    use crate::schemas::bench::Msg;
    use prost::Message as _;

    fn made(id: u64, count: u32, size: usize, most: usize) -> Vec<u8> {
        let (mut pattern, mut bytes) = (Pattern::default(), Vec::new());
        pattern.messages(id, count, size);
        while !pattern.is_over() {
            pattern.make(most, false, &mut bytes);
        }
        bytes
    }

    #[test]
    fn it_is_what_prost_makes() {
        for (id, count, size) in [(0, 3, 100), (126, 4, 0), (0, 1, 70_000), (5, 0, 10)] {
            let mut expected = Vec::new();
            for id in id..id + u64::from(count) {
                let body = bytes::Bytes::from(vec![BODY_BYTE; size]);
                let message = Msg { body, id, name: String::new() }.encode_to_vec();
                expected.push(0);
                expected.extend_from_slice(&(message.len() as u32).to_be_bytes());
                expected.extend_from_slice(&message);
            }
            for most in [1, 7, 16_384] {
                assert_eq!(made(id, count, size, most), expected);
            }
        }
    }

    #[test]
    fn what_is_made_matches_in_any_pieces_and_nothing_else_does() {
        let bytes = made(0, 20, 30, 1000);
        for piece in [1, 3, 1000] {
            let mut pattern = Pattern::default();
            pattern.messages(0, 20, 30);
            assert!(bytes.chunks(piece).all(|piece| pattern.matches(piece)));
            assert!(pattern.is_over());
            assert!(!pattern.matches(b"x"), "more than expected");
        }
        for at in [0, 4, 20, bytes.len() - 1] {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            let mut pattern = Pattern::default();
            pattern.messages(0, 20, 30);
            assert!(!pattern.matches(&wrong), "byte {at}");
        }
    }

    #[test]
    fn one_message_at_a_time() {
        let (mut pattern, mut sizes) = (Pattern::default(), Vec::new());
        pattern.messages(1, 3, 10);
        while !pattern.is_over() {
            let mut bytes = Vec::new();
            pattern.make(1000, true, &mut bytes);
            sizes.push(bytes.len());
        }
        assert_eq!(sizes, [19, 19, 19]);
    }
}
