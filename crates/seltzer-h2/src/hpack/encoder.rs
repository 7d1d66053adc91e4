//! Fields into header blocks, section 6.

use bytes::BufMut;

use crate::fields::HeaderField;
use crate::hpack::encoder_table::{EncoderTable, Found};
pub(crate) use crate::hpack::prepared_cache::BYTES_MAX as SETTLED_BYTES_MAX;
use crate::hpack::prepared_cache::PreparedCache;
use crate::hpack::recent::Recent;
use crate::hpack::{TABLE_BYTES_DEFAULT, hash, huffman, integer, known};
use crate::prepared::Prepared;
use crate::token::Token;

/// Encodes the header blocks of one direction of one connection, in their order.
///
/// It takes no memory before the first field that enters its table.
#[derive(Debug, Default)]
pub struct Encoder {
    table: EncoderTable,
    /// The smallest and the last size that must be announced in the next block (section 4.2).
    announce: Option<(usize, usize)>,
    prepared: PreparedCache,
    /// Hashes of what did not enter the table: a field enters when it comes a second time.
    candidates: Recent<CANDIDATES>,
}

/// What the table does with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexing {
    /// What repeats enters the table, as long as it does not push out what is there; credentials never do.
    Automatic,
    /// The field enters the table if it is not larger than that (section 6.2.1).
    Always,
    /// The field does not enter the table (section 6.2.2).
    Without,
    /// No table on the way may keep the field (section 6.2.3).
    Never,
}

/// A field with what the tables are asked for. [`Prepared`] keeps it from one time to the next.
#[derive(Debug, Clone, Copy)]
struct Lookup<'a> {
    name: &'a [u8],
    value: &'a [u8],
    name_hash: u32,
    field_hash: u32,
    in_static: Found,
    indexing: Indexing,
}

/// A field of a [`Prepared`] block.
#[derive(Debug)]
pub(crate) struct PreparedField {
    name: Box<[u8]>,
    value: Box<[u8]>,
    name_hash: u32,
    field_hash: u32,
    in_static: Found,
    indexing: Indexing,
}

/// A field larger than this share of the table is not kept unless asked for: it would push everything else out.
const TABLE_SHARE: usize = 4;

/// More than the fields of a common block that are new each time.
const CANDIDATES: usize = 32;

/// A cookie shorter than this may be guessed by watching how well it compresses.
const COOKIE_BYTES_SAFE: usize = 20;

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

    /// Appends a field and decides by itself whether the table keeps it.
    #[inline]
    pub fn encode_field(&mut self, field: &HeaderField<'_>, output: &mut impl BufMut) {
        self.encode(field, Indexing::Automatic, output);
    }

    /// Appends a field. A sensitive one is never indexed, whatever is asked for.
    pub fn encode(&mut self, field: &HeaderField<'_>, indexing: Indexing, output: &mut impl BufMut) {
        self.begin(output);
        let lookup = Lookup::new(field, indexing);
        self.encode_lookup(&lookup, Intent::Once, output);
    }

    /// Appends a block of fixed fields.
    #[inline]
    pub fn encode_prepared(&mut self, block: &Prepared, output: &mut impl BufMut) {
        self.begin(output);
        match self.prepared.find(block.id(), self.table.generation()) {
            Some(bytes) => output.put_slice(bytes),
            None => self.encode_prepared_fields(block, output),
        }
    }

    /// Whether encoding the block now would change no table: it is known, and no change of size must be announced.
    #[must_use]
    #[inline]
    pub fn is_settled(&self, block: &Prepared) -> bool {
        self.announce.is_none()
            && (self.table.size_max() == 0 || self.prepared.knows(block.id(), self.table.generation()))
    }

    /// The bytes of a block whose encoding changes no table now, as the first of some more. `None`: it does, or they are
    /// not kept.
    #[inline]
    pub(crate) fn settled(&self, block: &Prepared) -> Option<(&[u8; SETTLED_BYTES_MAX], usize)> {
        if self.announce.is_some() || self.table.size_max() == 0 {
            return None;
        }
        self.prepared.find_padded(block.id(), self.table.generation())
    }

    /// Gives back all memory but the table's.
    pub fn shrink(&mut self) {
        self.prepared = PreparedCache::default();
    }

    /// How much memory it holds besides itself.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes() + self.prepared.memory_bytes() + self.candidates.memory_bytes()
    }

    /// Begins a block: announces a change of the table's size.
    #[inline]
    fn begin(&mut self, output: &mut impl BufMut) {
        if let Some((smallest, last)) = self.announce.take() {
            if smallest < last {
                integer::encode(smallest, 5, 0x20, output);
            }
            integer::encode(last, 5, 0x20, output);
        }
    }

    #[cold]
    fn encode_prepared_fields(&mut self, block: &Prepared, output: &mut impl BufMut) {
        if self.table.size_max() == 0 {
            output.put_slice(block.literal());
            return;
        }
        let generation = self.table.generation();
        let mut bytes = Vec::new();
        for field in block.prepared_fields() {
            self.encode_lookup(&field.lookup(), Intent::Often, &mut bytes);
        }
        output.put_slice(&bytes);
        if self.table.generation() == generation {
            self.prepared.keep(block.id(), generation, &bytes);
        }
    }

    fn encode_lookup(&mut self, lookup: &Lookup<'_>, intent: Intent, output: &mut impl BufMut) {
        self.table.count_field();
        let found = self.find(lookup);
        match (found, lookup.indexing) {
            (Found::Field(index), Indexing::Automatic | Indexing::Always | Indexing::Without) => {
                integer::encode(index, 7, 0x80, output);
            }
            (_, Indexing::Never) => literal(found, lookup, Form::NEVER, output),
            (_, Indexing::Always) => self.encode_and_keep(found, lookup, output),
            (_, Indexing::Automatic) if self.is_worth_keeping(found, lookup, intent) => {
                self.encode_and_keep(found, lookup, output);
            }
            (_, Indexing::Automatic | Indexing::Without) => literal(found, lookup, Form::WITHOUT, output),
        }
    }

    #[inline]
    fn find(&self, lookup: &Lookup<'_>) -> Found {
        if let Found::Field(_) = lookup.in_static {
            return lookup.in_static;
        }
        match self.table.find(lookup.name, lookup.value, lookup.name_hash, lookup.field_hash) {
            Found::Name(_) if lookup.in_static != Found::Nothing => lookup.in_static,
            Found::Nothing => lookup.in_static,
            found => found,
        }
    }

    fn encode_and_keep(&mut self, found: Found, lookup: &Lookup<'_>, output: &mut impl BufMut) {
        if !self.table.can_hold(lookup.name, lookup.value) {
            return literal(found, lookup, Form::WITHOUT, output);
        }
        literal(found, lookup, Form::INDEXED, output);
        self.table.insert(lookup.name, lookup.value, lookup.name_hash, lookup.field_hash);
    }

    /// What came before will come again. Of a name that no table has, the name alone is worth it.
    fn is_worth_keeping(&mut self, found: Found, lookup: &Lookup<'_>, intent: Intent) -> bool {
        if !self.table.has_room(lookup.name, lookup.value, TABLE_SHARE) {
            return false;
        }
        let hash = if found == Found::Nothing { lookup.name_hash } else { lookup.field_hash };
        intent == Intent::Often || self.candidates.came_before(hash)
    }
}

/// How often a field is going to be sent, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Intent {
    Once,
    Often,
}

impl<'a> Lookup<'a> {
    #[inline]
    fn new(field: &HeaderField<'a>, indexing: Indexing) -> Self {
        let HeaderField { name, value, is_sensitive } = *field;
        let name_hash = hash::of_name(name);
        let known = known::find(name, name_hash);
        let indexing = match known.map_or(Token::Other, |known| known.token) {
            _ if is_sensitive => Indexing::Never,
            _ if indexing != Indexing::Automatic => indexing,
            Token::Authorization | Token::ProxyAuthorization => Indexing::Never,
            Token::Cookie if value.len() < COOKIE_BYTES_SAFE => Indexing::Never,
            // It belongs to one user and does not come again.
            Token::SetCookie => Indexing::Without,
            _ => Indexing::Automatic,
        };
        let in_static = known.map_or(Found::Nothing, |known| known::find_static(known, value));
        Lookup { name, value, name_hash, field_hash: hash::of_value(name_hash, value), in_static, indexing }
    }
}

impl PreparedField {
    pub(crate) fn new(field: &HeaderField<'_>) -> Self {
        let Lookup { name, value, name_hash, field_hash, in_static, indexing } =
            Lookup::new(field, Indexing::Automatic);
        PreparedField { name: name.into(), value: value.into(), name_hash, field_hash, in_static, indexing }
    }

    pub(crate) fn field(&self) -> HeaderField<'_> {
        HeaderField { name: &self.name, value: &self.value, is_sensitive: self.indexing == Indexing::Never }
    }

    /// Appends the field as it is for a peer without a table.
    pub(crate) fn encode_literal(&self, output: &mut impl BufMut) {
        match (self.in_static, self.indexing) {
            (Found::Field(index), Indexing::Automatic) => integer::encode(index, 7, 0x80, output),
            (found, Indexing::Never) => literal(found, &self.lookup(), Form::NEVER, output),
            (found, _) => literal(found, &self.lookup(), Form::WITHOUT, output),
        }
    }

    #[inline]
    fn lookup(&self) -> Lookup<'_> {
        let PreparedField { name, value, name_hash, field_hash, in_static, indexing } = self;
        Lookup {
            name,
            value,
            name_hash: *name_hash,
            field_hash: *field_hash,
            in_static: *in_static,
            indexing: *indexing,
        }
    }
}

/// How a literal begins (section 6.2).
#[derive(Clone, Copy)]
struct Form {
    prefix_bits: u32,
    pattern: u8,
}

impl Form {
    const INDEXED: Form = Form { prefix_bits: 6, pattern: 0x40 };
    const WITHOUT: Form = Form { prefix_bits: 4, pattern: 0x00 };
    const NEVER: Form = Form { prefix_bits: 4, pattern: 0x10 };

    /// Whether strings are worth the time that Huffman coding takes on both sides: once for what the table keeps.
    const fn is_compressed(self) -> bool {
        self.prefix_bits == 6
    }
}

fn literal(found: Found, lookup: &Lookup<'_>, form: Form, output: &mut impl BufMut) {
    let index = match found {
        Found::Field(index) | Found::Name(index) => index,
        Found::Nothing => 0,
    };
    integer::encode(index, form.prefix_bits, form.pattern, output);
    if index == 0 {
        string(lookup.name, form.is_compressed(), output);
    }
    string(lookup.value, form.is_compressed(), output);
}

fn string(bytes: &[u8], is_compressed: bool, output: &mut impl BufMut) {
    let length = if is_compressed { huffman::encoded_len(bytes) } else { 0 };
    if is_compressed && length <= bytes.len() && !bytes.is_empty() {
        integer::encode(length, 7, 0x80, output);
        huffman::encode(bytes, output);
    } else {
        integer::encode(bytes.len(), 7, 0x00, output);
        output.put_slice(bytes);
    }
}
