//! Whole header blocks that came before.
//!
//! A client that repeats a call mostly repeats the bytes of its header block. As long as the dynamic table is the same,
//! the same bytes mean the same fields.

use crate::fields::FieldList;
use crate::hpack::hash;
use crate::hpack::recent::Recent;

/// Names a header block in a connection's cache; [`Memo::NONE`] names none.
///
/// It stays valid until the block gives way to another one; from then on it is as good as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memo(u32);

impl Memo {
    /// Of a block that is not in the cache.
    pub const NONE: Memo = Memo(0);

    /// Whether it names no block.
    #[must_use]
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// A few blocks with their fields; no memory before the first one.
#[derive(Debug, Default)]
pub(super) struct BlockCache {
    slots: Vec<Slot>,
    /// The slot that was found last: the likeliest to be found next.
    latest: usize,
    /// The slot that gives way next.
    victim: usize,
    /// Hashes of blocks that missed: a block enters when it comes a second time.
    candidates: Recent<CANDIDATES>,
    /// Counts the blocks that entered, for their memos.
    serial: u32,
}

#[derive(Debug, Default)]
struct Slot {
    block: Box<[u8]>,
    /// Of the dynamic table for which it holds.
    generation: u32,
    memo: Memo,
    tag: u32,
    checked: u64,
    list: FieldList,
}

/// As many methods as a client commonly calls in turns. A power of two.
const SLOTS: usize = 8;

/// Blocks that may come between two of the same.
const CANDIDATES: usize = 16;

/// A longer block hardly repeats.
const BLOCK_BYTES_MAX: usize = 256;

/// The names and values of one block; with the limits above, no cache is larger than about ten kilobytes.
const LIST_BYTES_MAX: usize = 1024;

impl BlockCache {
    /// The slot of a block.
    #[inline]
    pub(super) fn find(&mut self, block: &[u8], generation: u32) -> Option<usize> {
        let is_it = |slot: &Slot| slot.generation == generation && *slot.block == *block;
        if self.slots.get(self.latest).is_some_and(is_it) {
            return Some(self.latest);
        }
        let found = self.slots.iter().position(is_it)?;
        self.latest = found;
        Some(found)
    }

    #[inline]
    pub(super) fn list(&self, slot: usize) -> Option<&FieldList> {
        self.slots.get(slot).map(|slot| &slot.list)
    }

    #[inline]
    pub(super) fn memo(&self, slot: usize) -> (Memo, u64) {
        self.slots.get(slot).map_or((Memo::NONE, 0), |slot| (slot.memo, slot.checked))
    }

    /// Keeps a block that was decoded, if it came before, and gives its slot.
    pub(super) fn keep(&mut self, block: &[u8], generation: u32, list: &FieldList) -> Memo {
        if block.len() > BLOCK_BYTES_MAX || list.size().bytes > LIST_BYTES_MAX || list.size().is_too_large {
            return Memo::NONE;
        }
        if !self.candidates.came_before(hash::of_value(generation, block)) {
            return Memo::NONE;
        }
        let slot = self.take_slot(generation);
        self.serial = if self.serial >= u32::MAX / 8 { 1 } else { self.serial + 1 };
        let memo = Memo(self.serial * 8 + slot as u32);
        self.slots[slot] = Slot { block: block.into(), generation, memo, tag: 0, checked: 0, list: list.clone() };
        self.latest = slot;
        memo
    }

    /// A free slot, else one that no longer holds, else the next in turn.
    fn take_slot(&mut self, generation: u32) -> usize {
        if let Some(stale) = self.slots.iter().position(|slot| slot.generation != generation) {
            return stale;
        }
        if self.slots.len() < SLOTS {
            self.slots.reserve_exact(1);
            self.slots.push(Slot::default());
            return self.slots.len() - 1;
        }
        self.victim = (self.victim + 1) % SLOTS;
        self.victim
    }

    #[inline]
    fn slot(&self, memo: Memo) -> Option<&Slot> {
        self.slots.get(memo.0 as usize % SLOTS).filter(|slot| slot.memo == memo && !memo.is_none())
    }

    #[inline]
    pub(super) fn tag(&self, memo: Memo) -> u32 {
        self.slot(memo).map_or(0, |slot| slot.tag)
    }

    pub(super) fn set_tag(&mut self, memo: Memo, tag: u32) {
        if self.slot(memo).is_some() {
            self.slots[memo.0 as usize % SLOTS].tag = tag;
        }
    }

    pub(super) fn set_checked(&mut self, memo: Memo, checked: u64) {
        if self.slot(memo).is_some() {
            self.slots[memo.0 as usize % SLOTS].checked = checked;
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let kept: usize = self.slots.iter().map(|slot| slot.block.len() + slot.list.memory_bytes()).sum();
        self.slots.capacity() * size_of::<Slot>() + self.candidates.memory_bytes() + kept
    }

    /// Gives all memory back; memos from before name nothing.
    pub(super) fn clear(&mut self) {
        *self = BlockCache { serial: self.serial, ..BlockCache::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::HeaderField;
    use crate::token::Token;

    fn list(path: &str) -> FieldList {
        [HeaderField::new(b":path", path.as_bytes())].into_iter().collect()
    }

    #[test]
    fn a_block_enters_at_its_second_sight_and_holds_for_one_generation() {
        let mut cache = BlockCache::default();
        assert_eq!(cache.keep(b"block", 1, &list("/a")), Memo::NONE);
        assert_eq!(cache.find(b"block", 1), None);
        let memo = cache.keep(b"block", 1, &list("/a"));
        assert_ne!(memo, Memo::NONE);
        let slot = cache.find(b"block", 1).expect("it was kept");
        assert_eq!(cache.list(slot).and_then(|list| list.get(Token::Path)), Some(&b"/a"[..]));
        assert_eq!((cache.find(b"block", 2), cache.find(b"bloc", 1)), (None, None));
    }

    #[test]
    fn tags_belong_to_one_block() {
        let mut cache = BlockCache::default();
        let mut memos = Vec::new();
        for number in 0..SLOTS as u8 * 2 {
            let block = [number; 3];
            while cache.find(&block, 0).is_none() {
                let memo = cache.keep(&block, 0, &list("/"));
                assert_eq!(cache.tag(memo), 0);
                cache.set_tag(memo, 7);
                cache.set_checked(memo, 8);
                if !memo.is_none() {
                    let slot = cache.find(&block, 0).expect("it was kept");
                    assert_eq!((cache.tag(memo), cache.memo(slot)), (7, (memo, 8)));
                    memos.push(memo);
                }
            }
        }
        assert_eq!(cache.slots.len(), SLOTS);
        let known = memos.iter().filter(|memo| cache.tag(**memo) == 7).count();
        assert_eq!(known, SLOTS, "the others gave way");
        cache.clear();
        assert!(memos.iter().all(|memo| cache.tag(*memo) == 0));
        assert_eq!(cache.tag(Memo::NONE), 0);
    }

    #[test]
    fn large_blocks_stay_out() {
        let mut cache = BlockCache::default();
        let long_list = list(&"/".repeat(LIST_BYTES_MAX));
        for _ in 0..3 {
            assert!(cache.keep(&[1; BLOCK_BYTES_MAX + 1], 0, &list("/")).is_none());
            assert!(cache.keep(b"block", 0, &long_list).is_none());
        }
    }
}
