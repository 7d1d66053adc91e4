//! Fields into header blocks, section 6.

use crate::hpack::dynamic_table::DynamicTable;
use crate::hpack::static_table::STATIC_TABLE;
use crate::hpack::{FIELD_OVERHEAD_BYTES, TABLE_BYTES_DEFAULT, huffman, integer};

/// Encodes the header blocks of one direction of one connection, in their order.
#[derive(Debug)]
pub struct Encoder {
    table: DynamicTable,
    /// The smallest and the last size that must be announced in the next block (section 4.2).
    announce: Option<(usize, usize)>,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { table: DynamicTable::new(TABLE_BYTES_DEFAULT), announce: None }
    }
}

/// A field larger than this share of the table is not kept: it would push everything else out.
const TABLE_SHARE: usize = 4;

impl Encoder {
    /// Obeys the peer's SETTINGS_HEADER_TABLE_SIZE, of which no more is used than the default: what headers of calls
    /// need fits, and a peer cannot make us keep more.
    pub fn set_table_bytes_max(&mut self, peer_allows: usize) {
        let size = peer_allows.min(TABLE_BYTES_DEFAULT);
        if size == self.table.size_max() && self.announce.is_none() {
            return;
        }
        let smallest = self.announce.map_or(size, |(smallest, _)| smallest.min(size));
        self.announce = Some((smallest, size));
        self.table.set_size_max(size);
    }

    /// Begins a block: announces a change of the table's size. [`encode`](Self::encode) does it by itself.
    fn begin(&mut self, block: &mut Vec<u8>) {
        if let Some((smallest, last)) = self.announce.take() {
            if smallest < last {
                integer::encode(smallest, 5, 0x20, block);
            }
            integer::encode(last, 5, 0x20, block);
        }
    }

    /// Appends a field, and keeps it in the table where that pays.
    pub fn encode(&mut self, name: &[u8], value: &[u8], block: &mut Vec<u8>) {
        self.begin(block);
        match self.find(name, value) {
            Found::Field(index) => integer::encode(index, 7, 0x80, block),
            Found::Name(index) => self.encode_literal(Some(index), name, value, block),
            Found::Nothing => self.encode_literal(None, name, value, block),
        }
    }

    /// Appends a field that no table on the way may keep: credentials (section 7.1.3).
    pub fn encode_sensitive(&mut self, name: &[u8], value: &[u8], block: &mut Vec<u8>) {
        self.begin(block);
        let index = match self.find(name, value) {
            Found::Field(index) | Found::Name(index) => index,
            Found::Nothing => 0,
        };
        integer::encode(index, 4, 0x10, block);
        if index == 0 {
            encode_string(name, block);
        }
        encode_string(value, block);
    }

    fn encode_literal(&mut self, index: Option<usize>, name: &[u8], value: &[u8], block: &mut Vec<u8>) {
        let size = name.len() + value.len() + FIELD_OVERHEAD_BYTES;
        let is_kept = size <= self.table.size_max() / TABLE_SHARE;
        let (prefix_bits, pattern) = if is_kept { (6, 0x40) } else { (4, 0x00) };
        integer::encode(index.unwrap_or(0), prefix_bits, pattern, block);
        if index.is_none() {
            encode_string(name, block);
        }
        encode_string(value, block);
        if is_kept {
            self.table.insert(name, value);
        }
    }

    fn find(&self, name: &[u8], value: &[u8]) -> Found {
        let mut found = Found::Nothing;
        let dynamic = (0..self.table.len()).filter_map(|index| self.table.get(index));
        for (position, field) in STATIC_TABLE.iter().copied().chain(dynamic).enumerate() {
            if field.0 == name {
                if field.1 == value {
                    return Found::Field(position + 1);
                }
                if matches!(found, Found::Nothing) {
                    found = Found::Name(position + 1);
                }
            }
        }
        found
    }
}

enum Found {
    Field(usize),
    Name(usize),
    Nothing,
}

fn encode_string(bytes: &[u8], block: &mut Vec<u8>) {
    let length = huffman::encoded_len(bytes);
    if length < bytes.len() {
        integer::encode(length, 7, 0x80, block);
        huffman::encode(bytes, block);
    } else {
        integer::encode(bytes.len(), 7, 0x00, block);
        block.extend_from_slice(bytes);
    }
}
