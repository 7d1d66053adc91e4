//! Huffman strings that were decoded lately.
//!
//! Several clients send the path as a literal in every request. A look at the raw bytes is cheaper than decoding them
//! and looking through the text again.

use crate::fields::Flaws;
use crate::hpack::hash;

/// A few recent strings; no memory before the first one.
#[derive(Debug, Default)]
pub(super) struct LiteralCache {
    slots: Option<Box<[Literal; SLOTS]>>,
}

#[derive(Debug, Default)]
struct Literal {
    raw: Box<[u8]>,
    text: Box<[u8]>,
    flaws: Flaws,
    /// What missed this slot last: a string enters when it comes a second time.
    candidate: u32,
}

const SLOTS: usize = 4;

/// A shorter string is decoded as quickly as it is found.
const RAW_BYTES_MIN: usize = 12;

/// A longer string would cost too much memory on every connection.
const RAW_BYTES_MAX: usize = 128;

impl LiteralCache {
    /// Appends the text of a raw string that is known.
    #[inline]
    pub(super) fn find(&self, raw: &[u8], output: &mut Vec<u8>) -> Option<Flaws> {
        let literal = &self.slots.as_ref()?[slot_of(raw)?.0];
        if *literal.raw != *raw {
            return None;
        }
        output.extend_from_slice(&literal.text);
        Some(literal.flaws)
    }

    /// Keeps a string that was decoded, if it came before.
    pub(super) fn keep(&mut self, raw: &[u8], text: &[u8], flaws: Flaws) {
        let Some((slot, hash)) = slot_of(raw) else { return };
        let literal = &mut self.slots.get_or_insert_default()[slot];
        if literal.candidate == hash {
            *literal = Literal { raw: raw.into(), text: text.into(), flaws, candidate: hash };
        } else {
            literal.candidate = hash;
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let Some(slots) = &self.slots else { return 0 };
        let kept: usize = slots.iter().map(|literal| literal.raw.len() + literal.text.len()).sum();
        size_of_val(&**slots) + kept
    }

    /// Gives all memory back.
    pub(super) fn clear(&mut self) {
        self.slots = None;
    }
}

#[inline]
fn slot_of(raw: &[u8]) -> Option<(usize, u32)> {
    if !(RAW_BYTES_MIN..=RAW_BYTES_MAX).contains(&raw.len()) {
        return None;
    }
    let hash = hash::of_value(0, raw);
    Some((hash as usize % SLOTS, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(cache: &LiteralCache, raw: &[u8]) -> Option<Vec<u8>> {
        let mut output = Vec::new();
        cache.find(raw, &mut output).map(|_| output)
    }

    #[test]
    fn a_string_enters_at_its_second_sight_and_only_it_is_found() {
        let mut cache = LiteralCache::default();
        let raw = [0; RAW_BYTES_MIN];
        for round in 0..3 {
            assert_eq!(find(&cache, &raw), (round == 2).then(|| b"text".to_vec()));
            cache.keep(&raw, b"text", Flaws::NONE);
        }
        // Others of the same length, a quarter of them in the same slot.
        for number in 1..100 {
            assert_eq!(find(&cache, &[number; RAW_BYTES_MIN]), None);
            cache.keep(&[number; RAW_BYTES_MIN], b"other", Flaws::NONE);
        }
        assert_eq!(find(&cache, &raw), Some(b"text".to_vec()), "what comes once displaces nothing");
        cache.clear();
        assert_eq!((find(&cache, &raw), cache.memory_bytes()), (None, 0));
    }

    #[test]
    fn short_and_long_strings_stay_out() {
        let mut cache = LiteralCache::default();
        for raw in [&[0; RAW_BYTES_MIN - 1][..], &[0; RAW_BYTES_MAX + 1]] {
            for _ in 0..3 {
                cache.keep(raw, b"text", Flaws::NONE);
            }
            assert_eq!(find(&cache, raw), None);
        }
        assert_eq!(cache.memory_bytes(), 0);
    }
}
