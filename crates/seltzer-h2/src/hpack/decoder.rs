//! Header blocks into fields, sections 3 and 6.

use crate::fields::{FieldList, Flaws};
use crate::hpack::block_cache::{BlockCache, Memo};
use crate::hpack::dynamic_table::DynamicTable;
use crate::hpack::known::{STATIC_TOKENS, known_token};
use crate::hpack::literal_cache::LiteralCache;
use crate::hpack::static_table::{STATIC_COUNT, STATIC_TABLE};
use crate::hpack::{Error, FIELD_OVERHEAD_BYTES, TABLE_BYTES_DEFAULT, huffman, integer};
use crate::token::Token;

/// Decodes the header blocks of one direction of one connection, in their order.
///
/// It takes no memory before the first block. A block whose bytes came before, while the table stayed as it was, is
/// found and not decoded.
#[derive(Debug)]
pub struct Decoder {
    table: DynamicTable<Meaning>,
    /// What our SETTINGS_HEADER_TABLE_SIZE allows the peer.
    table_bytes_max: usize,
    /// Whether the next block must begin by making the table smaller (section 4.2).
    must_shrink: bool,
    /// The fields of a block that is not in the cache.
    scratch: FieldList,
    blocks: BlockCache,
    literals: LiteralCache,
    /// Where the fields of the last block are.
    current: Current,
}

/// What the table keeps of a field besides its text, so that nothing is recognised or checked twice.
#[derive(Debug, Clone, Copy)]
struct Meaning {
    token: Token,
    flaws: Flaws,
}

#[derive(Debug, Clone, Copy)]
enum Current {
    Scratch,
    Cached(usize),
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

impl Limits {
    /// Limits of a list's bytes and of its fields.
    #[must_use]
    pub const fn new(list_bytes_max: usize, field_count_max: usize) -> Self {
        Limits { list_bytes_max, field_count_max }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits { list_bytes_max: 16 * 1024, field_count_max: 128 }
    }
}

/// No list is larger, whatever the limits say: positions in it are 32 bits.
const LIST_BYTES_CEILING: usize = 1 << 30;

/// A list that took more memory than this gives it back when the next one did without.
const SCRATCH_BYTES_KEPT: usize = 4096;

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// The block in the cache, or [`Memo::NONE`].
    pub memo: Memo,
    /// What [`Decoder::set_memo_checked`] remembered of the block; 0 if nothing.
    pub checked: u64,
    /// Whether the block was in the cache already, so that nothing was decoded.
    pub is_known: bool,
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
    /// A decoder whose peer may use a table of this size from the start.
    #[must_use]
    pub fn new(table_bytes_max: usize) -> Self {
        Decoder {
            table: DynamicTable::new(table_bytes_max.min(TABLE_BYTES_DEFAULT)),
            table_bytes_max,
            must_shrink: false,
            scratch: FieldList::new(),
            blocks: BlockCache::default(),
            literals: LiteralCache::default(),
            current: Current::Scratch,
        }
    }

    /// The peer has acknowledged another SETTINGS_HEADER_TABLE_SIZE of ours. If its table is larger than that, its next
    /// block must begin by making it smaller (section 4.2).
    pub fn set_table_bytes_max(&mut self, table_bytes_max: usize) {
        self.table_bytes_max = table_bytes_max;
        self.must_shrink = self.table.size_max() > table_bytes_max;
        if self.must_shrink {
            // Where nothing is known, every block is looked at.
            self.blocks.clear();
            self.current = Current::Scratch;
        }
    }

    /// Decodes one whole block; its fields are at [`fields`](Self::fields) until the next one.
    ///
    /// # Errors
    /// The block breaks RFC 7541; this decoder is of no use any more.
    #[inline]
    pub fn decode(&mut self, block: &[u8], limits: &Limits) -> Result<Decoded, Error> {
        if let Some(slot) = self.blocks.find(block, self.table.generation())
            && let Some(list) = self.blocks.list(slot)
            && fits(list, limits)
        {
            let (memo, checked) = self.blocks.memo(slot);
            let decoded = Decoded { memo, checked, is_known: true, ..outcome(list) };
            if let Current::Scratch = self.current {
                self.leave_scratch();
            }
            self.current = Current::Cached(slot);
            return Ok(decoded);
        }
        self.decode_unknown(block, limits)
    }

    #[cold]
    fn leave_scratch(&mut self) {
        if self.scratch.memory_bytes() > SCRATCH_BYTES_KEPT {
            self.scratch = FieldList::new();
        }
    }

    fn decode_unknown(&mut self, block: &[u8], limits: &Limits) -> Result<Decoded, Error> {
        self.current = Current::Scratch;
        let generation = self.table.generation();
        let mut list = std::mem::take(&mut self.scratch);
        if list.memory_bytes() > SCRATCH_BYTES_KEPT && list.size().bytes <= SCRATCH_BYTES_KEPT {
            list = FieldList::new();
        }
        let result = self.decode_into(block, limits, &mut list);
        self.scratch = list;
        let mut decoded = result?;
        // A block that changes the table means something else the next time.
        if self.table.generation() == generation {
            decoded.memo = self.blocks.keep(block, generation, &self.scratch);
        }
        Ok(decoded)
    }

    /// The fields of the last block that [`decode`](Self::decode) took.
    #[must_use]
    #[inline]
    pub fn fields(&self) -> &FieldList {
        match self.current {
            Current::Scratch => &self.scratch,
            Current::Cached(slot) => self.blocks.list(slot).unwrap_or(&self.scratch),
        }
    }

    /// The number that was tied to a block of the cache; 0 if there is none.
    #[must_use]
    #[inline]
    pub fn memo_tag(&self, memo: Memo) -> u32 {
        self.blocks.tag(memo)
    }

    /// Ties a number to a block of the cache, for as long as it stays there.
    pub fn set_memo_tag(&mut self, memo: Memo, tag: u32) {
        self.blocks.set_tag(memo, tag);
    }

    /// Remembers what was found out about a block of the cache: a second number beside the tag, which comes back as
    /// [`Decoded::checked`].
    pub fn set_memo_checked(&mut self, memo: Memo, checked: u64) {
        self.blocks.set_checked(memo, checked);
    }

    /// Gives back all memory but the table's. The fields of the last block are gone.
    pub fn shrink(&mut self) {
        self.scratch = FieldList::new();
        self.current = Current::Scratch;
        self.blocks.clear();
        self.literals.clear();
    }

    /// How much memory it holds besides itself.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
            + self.scratch.memory_bytes()
            + self.blocks.memory_bytes()
            + self.literals.memory_bytes()
    }

    /// Decodes one whole block into a list of the caller's, past the cache of whole blocks.
    ///
    /// # Errors
    /// The block breaks RFC 7541; this decoder is of no use any more.
    pub fn decode_into(&mut self, block: &[u8], limits: &Limits, list: &mut FieldList) -> Result<Decoded, Error> {
        list.clear();
        let mut rest = self.take_size_updates(block)?;
        while let Some(first) = rest.first() {
            rest = if first & 0x80 != 0 {
                let (index, rest) = integer::decode(rest, 7)?;
                self.take_indexed(index, limits, list)?;
                rest
            } else {
                self.take_literal(*first, rest, limits, list)?
            };
        }
        Ok(outcome(list))
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
            self.must_shrink = false;
            self.table.set_size_max(size);
            block = rest;
        }
        if self.must_shrink { Err(Error::InvalidTableSize) } else { Ok(block) }
    }

    /// A field that a table has (section 6.1).
    #[inline]
    fn take_indexed(&self, index: usize, limits: &Limits, list: &mut FieldList) -> Result<(), Error> {
        let position = index.checked_sub(1).ok_or(Error::InvalidIndex)?;
        if let Some((name, value)) = STATIC_TABLE.get(position) {
            if admit(list, name.len() + value.len(), limits) {
                list.push_static(index as u8, STATIC_TOKENS[position]);
            }
            return Ok(());
        }
        let entry = self.table.get_whole(position - STATIC_COUNT).ok_or(Error::InvalidIndex)?;
        if admit(list, entry.size - FIELD_OVERHEAD_BYTES, limits) {
            let text = list.text_mut();
            let start = text.len();
            text.extend_from_slice(entry.text);
            list.push_text(entry.meta.token, start, start + entry.name_len, entry.meta.flaws, false);
        }
        Ok(())
    }

    /// A field that is spelled out, its value at least (section 6.2).
    fn take_literal<'b>(
        &mut self,
        first: u8,
        rest: &'b [u8],
        limits: &Limits,
        list: &mut FieldList,
    ) -> Result<&'b [u8], Error> {
        // With indexing 01, size update 001, never indexed 0001, without indexing 0000.
        let (prefix_bits, is_indexed, is_sensitive) = match first >> 4 {
            4..=7 => (6, true, false),
            2..=3 => return Err(Error::InvalidTableSize),
            1 => (4, false, true),
            _ => (4, false, false),
        };
        let (index, rest) = integer::decode(rest, prefix_bits)?;
        let start = list.text().len();
        let (token, name_flaws, rest) = self.take_name(index, rest, list.text_mut())?;
        let value_start = list.text().len();
        let (value_flaws, rest) = self.take_value(rest, is_indexed, list.text_mut())?;
        let flaws = name_flaws.and(value_flaws);
        let (name, value) = list.text()[start..].split_at(value_start - start);
        let name_len = if token == Token::Other { name.len() } else { token.name().len() };
        let size = name_len + value.len();
        if is_indexed {
            self.table.insert(name, name_len, value, Meaning { token, flaws });
        }
        if admit(list, size, limits) {
            list.push_text(token, start, value_start, flaws, is_sensitive);
        } else {
            list.text_mut().truncate(start);
        }
        Ok(rest)
    }

    /// A literal's name. It is appended only if it has no token.
    #[inline]
    fn take_name<'b>(
        &self,
        index: usize,
        rest: &'b [u8],
        text: &mut Vec<u8>,
    ) -> Result<(Token, Flaws, &'b [u8]), Error> {
        let start = text.len();
        let Some(position) = index.checked_sub(1) else {
            let (raw, is_huffman, rest) = string(rest)?;
            append(raw, is_huffman, text)?;
            let token = known_token(&text[start..]);
            if token == Token::Other {
                return Ok((token, Flaws::of_name(&text[start..]), rest));
            }
            text.truncate(start);
            return Ok((token, Flaws::NONE, rest));
        };
        if let Some((name, _)) = STATIC_TABLE.get(position) {
            let token = STATIC_TOKENS[position];
            if token == Token::Other {
                text.extend_from_slice(name);
            }
            return Ok((token, Flaws::NONE, rest));
        }
        let (name, _, meaning) = self.table.get(position - STATIC_COUNT).ok_or(Error::InvalidIndex)?;
        text.extend_from_slice(name);
        let flaws = if meaning.token == Token::Other { Flaws::of_name(name) } else { Flaws::NONE };
        Ok((meaning.token, flaws, rest))
    }

    /// A literal's value. One that no table keeps may be known from an earlier block.
    #[inline]
    fn take_value<'b>(
        &mut self,
        rest: &'b [u8],
        is_indexed: bool,
        text: &mut Vec<u8>,
    ) -> Result<(Flaws, &'b [u8]), Error> {
        let (raw, is_huffman, rest) = string(rest)?;
        let may_be_known = is_huffman && !is_indexed;
        if may_be_known && let Some(flaws) = self.literals.find(raw, text) {
            return Ok((flaws, rest));
        }
        let start = text.len();
        append(raw, is_huffman, text)?;
        let flaws = Flaws::of_value(&text[start..]);
        if may_be_known {
            self.literals.keep(raw, &text[start..], flaws);
        }
        Ok((flaws, rest))
    }
}

/// Counts a field, and says whether the list may hold it.
#[inline]
fn admit(list: &mut FieldList, text_bytes: usize, limits: &Limits) -> bool {
    let size = list.size_mut();
    size.bytes = size.bytes.saturating_add(text_bytes + FIELD_OVERHEAD_BYTES);
    size.fields += 1;
    size.is_too_large |=
        size.bytes > limits.list_bytes_max.min(LIST_BYTES_CEILING) || size.fields > limits.field_count_max;
    !size.is_too_large
}

#[inline]
fn fits(list: &FieldList, limits: &Limits) -> bool {
    list.size().bytes <= limits.list_bytes_max && list.size().fields <= limits.field_count_max
}

#[inline]
fn outcome(list: &FieldList) -> Decoded {
    let size = list.size();
    Decoded {
        memo: Memo::NONE,
        checked: 0,
        is_known: false,
        list_bytes: size.bytes,
        field_count: size.fields,
        is_too_large: size.is_too_large,
    }
}

/// A string as it stands in the block, whether it is in Huffman code, and what follows it (section 5.2).
#[inline]
fn string(block: &[u8]) -> Result<(&[u8], bool, &[u8]), Error> {
    let is_huffman = block.first().ok_or(Error::Truncated)? & 0x80 != 0;
    let (length, rest) = integer::decode(block, 7)?;
    let (raw, rest) = rest.split_at_checked(length).ok_or(Error::Truncated)?;
    Ok((raw, is_huffman, rest))
}

#[inline]
fn append(raw: &[u8], is_huffman: bool, text: &mut Vec<u8>) -> Result<(), Error> {
    if is_huffman {
        return huffman::decode(raw, text);
    }
    text.extend_from_slice(raw);
    Ok(())
}
