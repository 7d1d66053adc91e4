//! The names that are known from the start, found by their hash: the static table's and the tokens'.

use crate::hpack::encoder_table::Found;
use crate::hpack::hash;
use crate::hpack::static_table::{STATIC_COUNT, STATIC_TABLE};
use crate::token::{TOKEN_COUNT, Token};

/// A name known from the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) name: &'static [u8],
    pub(super) token: Token,
    /// The first field of the static table with this name, counted from 1; 0 if there is none.
    pub(super) static_index: u8,
}

/// Four times the names, so that most are found at the first look.
const BUCKETS: usize = 256;

/// More names than both tables together have.
const KNOWN_MAX: usize = STATIC_COUNT + TOKEN_COUNT;

struct Index {
    known: [Known; KNOWN_MAX],
    /// One more than the position in `known`; 0 is free. A taken bucket sends the search to the next one.
    buckets: [u8; BUCKETS],
}

static INDEX: Index = compute_index();

/// The token of each field of the static table.
pub(super) static STATIC_TOKENS: [Token; STATIC_COUNT] = compute_static_tokens();

/// Looks a name up.
#[inline]
pub(super) fn find(name: &[u8], name_hash: u32) -> Option<&'static Known> {
    let mut bucket = bucket_of(name_hash);
    loop {
        let position = INDEX.buckets[bucket];
        let known = &INDEX.known[usize::from(position.checked_sub(1)?)];
        if known.name == name {
            return Some(known);
        }
        bucket = (bucket + 1) % BUCKETS;
    }
}

/// Looks for a value among the static table's fields of a name, which stand together.
#[inline]
pub(super) fn find_static(known: &Known, value: &[u8]) -> Found {
    let first = usize::from(known.static_index);
    if first == 0 {
        return Found::Nothing;
    }
    for index in first..=STATIC_COUNT {
        let (name, static_value) = STATIC_TABLE[index - 1];
        if index > first && name != known.name {
            break;
        }
        if static_value == value {
            return Found::Field(index);
        }
    }
    Found::Name(first)
}

/// The token of a name.
#[inline]
pub(crate) fn known_token(name: &[u8]) -> Token {
    find(name, hash::of_name(name)).map_or(Token::Other, |known| known.token)
}

#[inline]
const fn bucket_of(name_hash: u32) -> usize {
    name_hash as usize % BUCKETS
}

const fn compute_index() -> Index {
    let mut index =
        Index { known: [Known { name: b"", token: Token::Other, static_index: 0 }; KNOWN_MAX], buckets: [0; BUCKETS] };
    let mut count = 0;
    let mut number = 0;
    while number < TOKEN_COUNT {
        let token = Token::from_number(number);
        let name = token.name();
        index.known[count] = Known { name, token, static_index: static_index_of(name) };
        count += 1;
        number += 1;
    }
    let mut position = 0;
    while position < STATIC_COUNT {
        let name = STATIC_TABLE[position].0;
        if static_index_of(name) as usize == position + 1 && token_of(name) as usize == TOKEN_COUNT {
            index.known[count] = Known { name, token: Token::Other, static_index: position as u8 + 1 };
            count += 1;
        }
        position += 1;
    }
    let mut number = 0;
    while number < count {
        let mut bucket = bucket_of(hash::of_name(index.known[number].name));
        while index.buckets[bucket] != 0 {
            bucket = (bucket + 1) % BUCKETS;
        }
        index.buckets[bucket] = number as u8 + 1;
        number += 1;
    }
    index
}

const fn compute_static_tokens() -> [Token; STATIC_COUNT] {
    let mut tokens = [Token::Other; STATIC_COUNT];
    let mut position = 0;
    while position < STATIC_COUNT {
        tokens[position] = token_of(STATIC_TABLE[position].0);
        position += 1;
    }
    tokens
}

const fn token_of(name: &[u8]) -> Token {
    let mut number = 0;
    while number < TOKEN_COUNT {
        let token = Token::from_number(number);
        if is_same(token.name(), name) {
            return token;
        }
        number += 1;
    }
    Token::Other
}

const fn static_index_of(name: &[u8]) -> u8 {
    let mut position = 0;
    while position < STATIC_COUNT {
        if is_same(STATIC_TABLE[position].0, name) {
            return position as u8 + 1;
        }
        position += 1;
    }
    0
}

const fn is_same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut position = 0;
    while position < left.len() {
        if left[position] != right[position] {
            return false;
        }
        position += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_static_name_is_found_with_its_first_index() {
        for (position, (name, _)) in STATIC_TABLE.iter().enumerate() {
            let known = find(name, hash::of_name(name)).expect("the static table's names are known");
            let first = STATIC_TABLE.iter().position(|field| field.0 == *name).expect("it is there");
            assert_eq!(usize::from(known.static_index), first + 1);
            assert_eq!(known.token, STATIC_TOKENS[position]);
        }
        assert!(find(b"x-unknown", hash::of_name(b"x-unknown")).is_none());
    }
}
