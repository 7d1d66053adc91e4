//! Header blocks, RFC 7541: as much of it as a client needs that talks to well-behaved servers.

use std::collections::VecDeque;

use crate::wire::huffman;
use crate::wire::static_table::STATIC_TABLE;

/// The table's size until somebody changes it, which nobody does here.
const TABLE_BYTES: usize = 4096;

/// What an entry costs besides its bytes (section 4.1).
const ENTRY_BYTES: usize = 32;

/// Something is wrong with a header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// Writes header blocks. Its fields must fit the table together: it never evicts.
#[derive(Debug, Default)]
pub struct Encoder {
    /// The newest is the last.
    entries: Vec<(String, String)>,
}

impl Encoder {
    /// A field by its index; the first time it is put into the table.
    pub fn indexed(&mut self, name: &str, value: &str, block: &mut Vec<u8>) {
        let fixed = STATIC_TABLE.iter().position(|&entry| entry == (name, value));
        let own = || self.entries.iter().rev().position(|entry| entry.0 == name && entry.1 == value);
        if let Some(index) = fixed.or_else(|| own().map(|index| index + STATIC_TABLE.len())) {
            push_integer(block, 0x80, 7, index + 1);
            return;
        }
        self.literal_with(0x40, 6, name, value, block);
        self.entries.push((name.to_owned(), value.to_owned()));
    }

    /// A field as it is, which stays out of the table: what Rust's and C's clients do with `:path`.
    pub fn literal(&self, name: &str, value: &str, block: &mut Vec<u8>) {
        self.literal_with(0x00, 4, name, value, block);
    }

    fn literal_with(&self, mark: u8, bits: u32, name: &str, value: &str, block: &mut Vec<u8>) {
        match STATIC_TABLE.iter().position(|entry| entry.0 == name) {
            Some(index) => push_integer(block, mark, bits, index + 1),
            None => {
                block.push(mark);
                push_string(block, name);
            }
        }
        push_string(block, value);
    }
}

/// Appends a number behind a mark, with so many bits in the first byte (section 5.1).
pub fn push_integer(block: &mut Vec<u8>, mark: u8, bits: u32, value: usize) {
    let most = (1_usize << bits) - 1;
    if value < most {
        block.push(mark | value as u8);
        return;
    }
    block.push(mark | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

fn push_string(block: &mut Vec<u8>, text: &str) {
    let mut code = Vec::with_capacity(text.len());
    huffman::encode(text.as_bytes(), &mut code);
    push_integer(block, 0x80, 7, code.len());
    block.extend_from_slice(&code);
}

/// Reads header blocks.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The newest is the first.
    entries: VecDeque<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
    bytes_max: Option<usize>,
}

impl Decoder {
    /// Shows each field of a block.
    ///
    /// # Errors
    /// The block breaks the rules.
    pub fn decode(&mut self, block: &[u8], mut field: impl FnMut(&[u8], &[u8])) -> Result<(), Broken> {
        let mut rest = block;
        while let Some(&first) = rest.first() {
            if first & 0x80 != 0 {
                let index = integer(&mut rest, 7)?;
                let (name, value) = self.entry(index)?;
                field(name, value);
            } else if first & 0xe0 == 0x20 {
                self.bytes_max = Some(integer(&mut rest, 5)?);
                self.evict();
            } else {
                let is_kept = first & 0x40 != 0;
                let index = integer(&mut rest, if is_kept { 6 } else { 4 })?;
                let name = if index == 0 { string(&mut rest)? } else { self.entry(index)?.0.to_vec() };
                let value = string(&mut rest)?;
                field(&name, &value);
                if is_kept {
                    self.bytes += name.len() + value.len() + ENTRY_BYTES;
                    self.entries.push_front((name, value));
                    self.evict();
                }
            }
        }
        Ok(())
    }

    fn entry(&self, index: usize) -> Result<(&[u8], &[u8]), Broken> {
        let index = index.checked_sub(1).ok_or(Broken)?;
        if let Some((name, value)) = STATIC_TABLE.get(index) {
            return Ok((name.as_bytes(), value.as_bytes()));
        }
        self.entries.get(index - STATIC_TABLE.len()).map(|(name, value)| (&**name, &**value)).ok_or(Broken)
    }

    fn evict(&mut self) {
        while self.bytes > self.bytes_max.unwrap_or(TABLE_BYTES) {
            let Some((name, value)) = self.entries.pop_back() else { return };
            self.bytes -= name.len() + value.len() + ENTRY_BYTES;
        }
    }
}

fn integer(rest: &mut &[u8], bits: u32) -> Result<usize, Broken> {
    let (&first, mut tail) = rest.split_first().ok_or(Broken)?;
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(first) & most;
    if value == most {
        for shift in (0..).step_by(7) {
            let (&byte, after) = tail.split_first().filter(|_| shift < 28).ok_or(Broken)?;
            tail = after;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = tail;
    Ok(value)
}

fn string(rest: &mut &[u8]) -> Result<Vec<u8>, Broken> {
    let is_coded = rest.first().ok_or(Broken)? & 0x80 != 0;
    let length = integer(rest, 7)?;
    let (bytes, tail) = rest.split_at_checked(length).ok_or(Broken)?;
    *rest = tail;
    if is_coded { huffman::decode(bytes).ok_or(Broken) } else { Ok(bytes.to_vec()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A failure is a failed test.

    use super::*;

    fn fields(decoder: &mut Decoder, block: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        decoder.decode(block, |name, value| fields.push((text(name), text(value)))).unwrap();
        fields
    }

    #[test]
    fn the_examples_of_the_specification() {
        // Appendix C.4.1 and C.4.2.
        let mut decoder = Decoder::default();
        let first =
            [0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(fields(&mut decoder, &first)[3], (":authority".to_owned(), "www.example.com".to_owned()));
        let second = [0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
        let second = fields(&mut decoder, &second);
        assert_eq!(second[3], (":authority".to_owned(), "www.example.com".to_owned()));
        assert_eq!(second[4], ("cache-control".to_owned(), "no-cache".to_owned()));
    }

    #[test]
    fn what_is_written_is_read() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        for turn in 0..2 {
            let mut block = Vec::new();
            encoder.indexed(":method", "POST", &mut block);
            encoder.literal(":path", "/bench.Bench/Unary", &mut block);
            encoder.indexed("te", "trailers", &mut block);
            encoder.indexed("content-type", "application/grpc", &mut block);
            let read = fields(&mut decoder, &block);
            assert_eq!(
                read.iter().map(|field| &*field.0).collect::<Vec<_>>(),
                [":method", ":path", "te", "content-type"]
            );
            assert_eq!(read[3].1, "application/grpc");
            assert!(turn == 0 || block.len() < 20, "the second block refers to the table");
        }
        let mut long = Vec::new();
        push_integer(&mut long, 0x80, 7, 5000);
        assert_eq!(integer(&mut &*long, 7), Ok(5000));
    }
}
