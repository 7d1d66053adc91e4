//! Header fields: one at a time, and the list that a header block becomes.

use std::fmt;

use crate::hpack::{FIELD_OVERHEAD_BYTES, static_field};
use crate::token::{Token, TokenSet};

/// A field that came from the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as one byte.
    pub token: Token,
    /// The name.
    pub name: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Whether the peer asks that no table ever keeps it (RFC 7541 section 7.1.3).
    pub is_sensitive: bool,
}

/// A field to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderField<'a> {
    /// The name, in lower case.
    pub name: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Whether no table on the way may keep it (RFC 7541 section 7.1.3). Credentials are treated so in any case.
    pub is_sensitive: bool,
}

impl<'a> HeaderField<'a> {
    /// A field.
    #[must_use]
    #[inline]
    pub const fn new(name: &'a [u8], value: &'a [u8]) -> Self {
        HeaderField { name, value, is_sensitive: false }
    }

    /// What it costs in a header list, as SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 section 6.5.2).
    #[inline]
    pub(crate) const fn list_bytes(&self) -> usize {
        self.name.len() + self.value.len() + FIELD_OVERHEAD_BYTES
    }

    /// A field that no table on the way may keep.
    #[must_use]
    #[inline]
    pub const fn sensitive(name: &'a [u8], value: &'a [u8]) -> Self {
        HeaderField { name, value, is_sensitive: true }
    }
}

/// The fields of one header block in their order, pseudo-fields included.
///
/// Besides the fields it knows what the rules of RFC 9113 section 8 ask about, so that a well-formed block is
/// accepted without another look at its bytes. Its memory is used again for the next block.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FieldList {
    /// Names that have no token, and values that the static table does not have.
    text: Vec<u8>,
    entries: Vec<Entry>,
    tokens: TokenSet,
    repeated: TokenSet,
    flaws: Flaws,
    has_regular: bool,
    size: ListSize,
}

/// How large a list is, what did not fit included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ListSize {
    pub(crate) bytes: usize,
    pub(crate) fields: usize,
    pub(crate) is_too_large: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Where the text of this field begins: the name if it has no token, then the value.
    start: u32,
    /// 0 if the token says the name.
    name_len: u32,
    value_len: u32,
    token: Token,
    /// The field of the static table that this is, counted from 1; 0 if it is none.
    static_index: u8,
    is_sensitive: bool,
}

/// What is wrong with a field; each a bit, so that a list has the sum of its fields'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flaws(u8);

impl Flaws {
    pub(crate) const NONE: Flaws = Flaws(0);
    /// A name that is not lower case or not a name, or a value with control characters.
    const MALFORMED: Flaws = Flaws(1);
    /// A value that begins or ends with a space or a tab.
    const OUTER_WHITESPACE: Flaws = Flaws(2);
    /// A pseudo-field after a regular one.
    const LATE_PSEUDO: Flaws = Flaws(4);

    /// What is wrong with a name that has no token.
    pub(crate) fn of_name(name: &[u8]) -> Flaws {
        let is_valid = !name.is_empty() && name.iter().all(|byte| NAME_BYTES[usize::from(*byte)]);
        if is_valid { Flaws::NONE } else { Flaws::MALFORMED }
    }

    /// What is wrong with a value.
    #[inline]
    pub(crate) fn of_value(value: &[u8]) -> Flaws {
        let (Some(first), Some(last)) = (value.first(), value.last()) else { return Flaws::NONE };
        // Without a branch for each byte, so that the compiler can take many at once.
        let is_broken =
            value.iter().fold(false, |any, byte| any | ((*byte < 0x20) & (*byte != b'\t')) | (*byte == 0x7f));
        let is_space = |byte: u8| byte == b' ' || byte == b'\t';
        let mut flaws = if is_broken { Flaws::MALFORMED } else { Flaws::NONE };
        if is_space(*first) || is_space(*last) {
            flaws = flaws.and(Flaws::OUTER_WHITESPACE);
        }
        flaws
    }

    #[inline]
    pub(crate) const fn and(self, other: Flaws) -> Flaws {
        Flaws(self.0 | other.0)
    }

    const fn has(self, flaw: Flaws) -> bool {
        self.0 & flaw.0 != 0
    }
}

/// The bytes of a name: RFC 9110's token without its upper-case letters.
static NAME_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let punctuation = b"!#$%&'*+-.^_`|~";
    let mut position = 0;
    while position < punctuation.len() {
        allowed[punctuation[position] as usize] = true;
        position += 1;
    }
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_lowercase() || (byte as u8).is_ascii_digit() {
            allowed[byte] = true;
        }
        byte += 1;
    }
    allowed
};

impl FieldList {
    /// An empty list, without memory.
    #[must_use]
    pub fn new() -> Self {
        FieldList::default()
    }

    /// The fields in their order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Field<'_>> + Clone {
        self.entries.iter().map(|entry| self.field(entry))
    }

    /// The value of the first field of this name; nothing for [`Token::Other`].
    #[must_use]
    #[inline]
    pub fn get(&self, name: Token) -> Option<&[u8]> {
        if !self.tokens.contains(name) {
            return None;
        }
        self.entries.iter().find(|entry| entry.token == name).map(|entry| self.field(entry).value)
    }

    /// How many fields there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The known names that occur.
    #[must_use]
    #[inline]
    pub fn tokens(&self) -> TokenSet {
        self.tokens
    }

    /// The known names that occur more than once.
    #[must_use]
    #[inline]
    pub fn repeated(&self) -> TokenSet {
        self.repeated
    }

    /// Whether a pseudo-field stands after a regular one (RFC 9113 section 8.3).
    #[must_use]
    #[inline]
    pub fn has_pseudo_after_regular(&self) -> bool {
        self.flaws.has(Flaws::LATE_PSEUDO)
    }

    /// Whether a name is not a lower-case field name or known pseudo-field, or a value has a control character other
    /// than tab (RFC 9113 section 8.2.1).
    #[must_use]
    #[inline]
    pub fn has_malformed(&self) -> bool {
        self.flaws.has(Flaws::MALFORMED)
    }

    /// Whether a value begins or ends with a space or a tab.
    ///
    /// RFC 9113 section 8.2.1 forbids it; gRPC's specification lets it pass.
    #[must_use]
    #[inline]
    pub fn has_outer_whitespace(&self) -> bool {
        self.flaws.has(Flaws::OUTER_WHITESPACE)
    }

    /// Adds a field.
    pub fn push(&mut self, field: HeaderField<'_>) {
        let token = Token::from_name(field.name);
        let start = self.text.len();
        let mut flaws = Flaws::of_value(field.value);
        if token == Token::Other {
            flaws = flaws.and(Flaws::of_name(field.name));
            self.text.extend_from_slice(field.name);
        }
        let value_start = self.text.len();
        self.text.extend_from_slice(field.value);
        self.size.bytes += field.list_bytes();
        self.size.fields += 1;
        self.push_text(token, start, value_start, flaws, field.is_sensitive);
    }

    /// Takes all fields out; the memory stays.
    #[inline]
    pub fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.tokens = TokenSet::EMPTY;
        self.repeated = TokenSet::EMPTY;
        self.flaws = Flaws::NONE;
        self.has_regular = false;
        self.size = ListSize::default();
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    #[inline]
    pub(crate) fn size(&self) -> ListSize {
        self.size
    }

    #[inline]
    pub(crate) fn size_mut(&mut self) -> &mut ListSize {
        &mut self.size
    }

    /// The text to which a field's is appended before [`push_text`](Self::push_text).
    #[inline]
    pub(crate) fn text_mut(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Adds a field of the static table, of which the first has the index 1.
    #[inline]
    pub(crate) fn push_static(&mut self, static_index: u8, token: Token) {
        let entry = Entry { start: 0, name_len: 0, value_len: 0, token, static_index, is_sensitive: false };
        self.push_entry(entry, Flaws::NONE);
    }

    /// Adds a field whose text was appended: from `start` the name unless it has a token, from `value_start` the value.
    #[inline]
    pub(crate) fn push_text(
        &mut self,
        token: Token,
        start: usize,
        value_start: usize,
        flaws: Flaws,
        is_sensitive: bool,
    ) {
        let entry = Entry {
            start: start as u32,
            name_len: (value_start - start) as u32,
            value_len: (self.text.len() - value_start) as u32,
            token,
            static_index: 0,
            is_sensitive,
        };
        self.push_entry(entry, flaws);
    }

    #[inline]
    fn push_entry(&mut self, entry: Entry, flaws: Flaws) {
        self.flaws = self.flaws.and(flaws);
        if !entry.token.is_pseudo() {
            self.has_regular = true;
        } else if self.has_regular {
            self.flaws = self.flaws.and(Flaws::LATE_PSEUDO);
        }
        if self.tokens.contains(entry.token) {
            self.repeated.insert(entry.token);
        }
        self.tokens.insert(entry.token);
        self.entries.push(entry);
    }

    #[inline]
    fn field(&self, entry: &Entry) -> Field<'_> {
        let Entry { token, is_sensitive, .. } = *entry;
        if entry.static_index != 0 {
            let (name, value) = static_field(entry.static_index);
            return Field { token, name, value, is_sensitive };
        }
        let start = entry.start as usize;
        let value_start = start + entry.name_len as usize;
        let value = &self.text[value_start..value_start + entry.value_len as usize];
        let name = if token == Token::Other { &self.text[start..value_start] } else { token.name() };
        Field { token, name, value, is_sensitive }
    }
}

impl fmt::Debug for FieldList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for field in self.iter() {
            let value = if field.is_sensitive { "(sensitive)".into() } else { String::from_utf8_lossy(field.value) };
            map.entry(&String::from_utf8_lossy(field.name), &value);
        }
        map.finish()
    }
}

impl<'a> FromIterator<HeaderField<'a>> for FieldList {
    fn from_iter<I: IntoIterator<Item = HeaderField<'a>>>(fields: I) -> Self {
        let mut list = FieldList::new();
        for field in fields {
            list.push(field);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(fields: &[(&str, &str)]) -> FieldList {
        fields.iter().map(|(name, value)| HeaderField::new(name.as_bytes(), value.as_bytes())).collect()
    }

    #[test]
    fn fields_come_back_in_their_order() {
        let list = list(&[(":path", "/a"), ("x-one", "1"), ("te", "trailers"), ("x-one", "")]);
        let names: Vec<_> = list.iter().map(|field| (field.token, field.name, field.value)).collect();
        assert_eq!(
            names,
            [
                (Token::Path, &b":path"[..], &b"/a"[..]),
                (Token::Other, b"x-one", b"1"),
                (Token::Te, b"te", b"trailers"),
                (Token::Other, b"x-one", b""),
            ]
        );
        assert_eq!(list.get(Token::Path), Some(&b"/a"[..]));
        assert_eq!((list.get(Token::Other), list.get(Token::Host)), (None, None));
        assert_eq!(list.tokens(), TokenSet::of(&[Token::Path, Token::Te]));
        assert!(list.repeated().is_empty());
    }

    #[test]
    fn the_list_knows_what_is_wrong_with_it() {
        // Malformed, whitespace outside, a pseudo-field after a regular one.
        let table = [
            (":path", "/", [false, false, false]),
            ("x-good", "a b\tc \u{e9}", [false, false, false]),
            ("x-empty", "", [false, false, false]),
            ("X-Upper", "a", [true, false, false]),
            ("Te", "trailers", [true, false, false]),
            ("", "a", [true, false, false]),
            (":unknown", "a", [true, false, false]),
            ("a b", "a", [true, false, false]),
            ("a\u{e9}", "a", [true, false, false]),
            ("a", "a\r", [true, false, false]),
            ("a", "a\nb", [true, false, false]),
            ("a", "\0", [true, false, false]),
            ("a", "a\u{7f}", [true, false, false]),
            ("te", "x\u{1}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", [true, false, false]),
            ("a", " a", [false, true, false]),
            ("a", "a\t", [false, true, false]),
        ];
        for (name, value, expected) in table {
            let list = list(&[(name, value)]);
            let found = [list.has_malformed(), list.has_outer_whitespace(), list.has_pseudo_after_regular()];
            assert_eq!(found, expected, "{name:?}: {value:?}");
        }
        assert!(list(&[("te", "a"), (":path", "/")]).has_pseudo_after_regular());
        assert!(list(&[("a", "a"), (":path", "/")]).has_pseudo_after_regular());
        assert_eq!(list(&[(":path", "/"), (":path", "/b")]).repeated(), TokenSet::of(&[Token::Path]));
    }

    #[test]
    fn credentials_are_not_printed() {
        let list: FieldList = [HeaderField::sensitive(b"authorization", b"secret")].into_iter().collect();
        assert!(!format!("{list:?}").contains("secret"));
    }
}
