//! Header blocks into fields, sections 3 and 6.

use crate::hpack::dynamic_table::DynamicTable;
use crate::hpack::static_table::STATIC_TABLE;
use crate::hpack::{Error, FIELD_OVERHEAD_BYTES, TABLE_BYTES_DEFAULT, huffman, integer};

/// Decodes the header blocks of one direction of one connection, in their order.
#[derive(Debug)]
pub struct Decoder {
    table: DynamicTable,
    /// What our SETTINGS_HEADER_TABLE_SIZE allows the peer.
    table_bytes_max: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// How much one header block may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of names and values, with 32 more for each field: how SETTINGS_MAX_HEADER_LIST_SIZE counts.
    pub list_bytes_max: usize,
    /// Fields. A field that costs one byte on the wire costs far more to keep.
    pub field_count_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { list_bytes_max: 16 * 1024, field_count_max: 128 }
    }
}

/// A header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// Whether the peer asks that no table ever keeps it (section 7.1.3).
    pub is_sensitive: bool,
}

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// The size of the whole list, as [`Limits::list_bytes_max`] counts.
    pub list_bytes: usize,
    /// The number of fields.
    pub field_count: usize,
    /// Whether a limit was exceeded. Fields from there on were decoded, to keep the table right, but not handed over.
    pub is_too_large: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new(TABLE_BYTES_DEFAULT)
    }
}

impl Decoder {
    /// A decoder whose peer may use a table of this size.
    #[must_use]
    pub fn new(table_bytes_max: usize) -> Self {
        Decoder {
            table: DynamicTable::new(table_bytes_max.min(TABLE_BYTES_DEFAULT)),
            table_bytes_max,
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Decodes one whole block and hands over its fields in their order.
    ///
    /// # Errors
    /// The block breaks RFC 7541; this decoder is of no use any more.
    pub fn decode(&mut self, block: &[u8], limits: &Limits, mut each: impl FnMut(Field<'_>)) -> Result<Decoded, Error> {
        let mut decoded = Decoded { list_bytes: 0, field_count: 0, is_too_large: false };
        let mut rest = self.take_size_updates(block)?;
        while !rest.is_empty() {
            rest = self.decode_field(rest, |field| {
                decoded.field_count += 1;
                decoded.list_bytes += field.name.len() + field.value.len() + FIELD_OVERHEAD_BYTES;
                decoded.is_too_large |=
                    decoded.list_bytes > limits.list_bytes_max || decoded.field_count > limits.field_count_max;
                if !decoded.is_too_large {
                    each(field);
                }
            })?;
        }
        Ok(decoded)
    }

    /// Size updates stand before the first field only (section 4.2).
    fn take_size_updates<'b>(&mut self, mut block: &'b [u8]) -> Result<&'b [u8], Error> {
        while let Some(first) = block.first()
            && first & 0xe0 == 0x20
        {
            let (size, rest) = integer::decode(block, 5)?;
            if size > self.table_bytes_max {
                return Err(Error::InvalidTableSize);
            }
            self.table.set_size_max(size);
            block = rest;
        }
        Ok(block)
    }

    fn decode_field<'b>(&mut self, block: &'b [u8], each: impl FnOnce(Field<'_>)) -> Result<&'b [u8], Error> {
        let first = *block.first().ok_or(Error::Truncated)?;
        if first & 0x80 != 0 {
            let (index, rest) = integer::decode(block, 7)?;
            let (name, value) = lookup(&self.table, index)?;
            each(Field { name, value, is_sensitive: false });
            return Ok(rest);
        }
        // Literals: with indexing 01, size update 001, never indexed 0001, without indexing 0000.
        let (prefix_bits, is_indexed, is_sensitive) = match first >> 4 {
            4..=7 => (6, true, false),
            2..=3 => return Err(Error::InvalidTableSize),
            1 => (4, false, true),
            _ => (4, false, false),
        };
        let (index, mut rest) = integer::decode(block, prefix_bits)?;
        let Decoder { table, name: name_buffer, value: value_buffer, .. } = self;
        let name = if index == 0 {
            let (name, tail) = string(rest, name_buffer)?;
            rest = tail;
            name
        } else if let Some(&(name, _)) = STATIC_TABLE.get(index - 1) {
            name
        } else {
            // The name lies in the table itself, where inserting may move it.
            name_buffer.clear();
            name_buffer.extend_from_slice(lookup(table, index)?.0);
            name_buffer
        };
        let (value, rest) = string(rest, value_buffer)?;
        each(Field { name, value, is_sensitive });
        if is_indexed {
            table.insert(name, value);
        }
        Ok(rest)
    }
}

fn lookup(table: &DynamicTable, index: usize) -> Result<(&[u8], &[u8]), Error> {
    let position = index.checked_sub(1).ok_or(Error::InvalidIndex)?;
    match STATIC_TABLE.get(position) {
        Some(field) => Ok(*field),
        None => table.get(position - STATIC_TABLE.len()).ok_or(Error::InvalidIndex),
    }
}

/// A string, section 5.2: from the block itself, or decoded into the buffer.
fn string<'b: 'a, 'a>(block: &'b [u8], buffer: &'a mut Vec<u8>) -> Result<(&'a [u8], &'b [u8]), Error> {
    let is_huffman = block.first().ok_or(Error::Truncated)? & 0x80 != 0;
    let (length, rest) = integer::decode(block, 7)?;
    let (raw, rest) = rest.split_at_checked(length).ok_or(Error::Truncated)?;
    if !is_huffman {
        return Ok((raw, rest));
    }
    buffer.clear();
    huffman::decode(raw, buffer)?;
    Ok((buffer, rest))
}
