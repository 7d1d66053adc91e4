//! The table that the two sides build while they talk, sections 2.3.2 and 4.

use std::collections::VecDeque;

use crate::hpack::FIELD_OVERHEAD_BYTES;

/// Fields that were sent before, the newest first, in one run of bytes.
///
/// New entries go to the end of the run and old ones leave its beginning; when the end is reached, what lives is moved
/// to the front once. So an entry is always one slice, and inserting allocates nothing once the table is warm.
/// Each side keeps what it needs to know about an entry beside it.
#[derive(Debug)]
pub(super) struct DynamicTable<M> {
    bytes: Vec<u8>,
    /// What the first byte of the run has as its position. Positions count on through moves, and wrap.
    base: u32,
    /// Oldest first.
    entries: VecDeque<Entry<M>>,
    /// As section 4.1 counts.
    size: usize,
    size_max: usize,
    /// Counts what changes the meaning of an index: insertions and changes of the size.
    generation: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry<M> {
    start: u32,
    name_len: u32,
    value_len: u32,
    /// As section 4.1 counts: of the true name, which may be kept elsewhere.
    size: u32,
    meta: M,
}

/// An entry as it is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<'a, M> {
    /// The name, if it is kept, and the value.
    pub(super) text: &'a [u8],
    pub(super) name_len: usize,
    /// As section 4.1 counts.
    pub(super) size: usize,
    pub(super) meta: M,
}

/// How much the run of bytes grows at least: most connections need no more than this.
const GROWTH_BYTES: usize = 128;

impl<M: Copy> DynamicTable<M> {
    pub(super) fn new(size_max: usize) -> Self {
        DynamicTable { bytes: Vec::new(), base: 0, entries: VecDeque::new(), size: 0, size_max, generation: 0 }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    #[inline]
    pub(super) fn size_max(&self) -> usize {
        self.size_max
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry<M>>()
    }

    /// A number that changes with every change of the table.
    #[inline]
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// Name, value and the rest of an entry; 0 is the newest.
    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8], M)> {
        let entry = self.get_whole(index)?;
        let (name, value) = entry.text.split_at_checked(entry.name_len)?;
        Some((name, value, entry.meta))
    }

    /// An entry as it is kept; 0 is the newest.
    #[inline]
    pub(super) fn get_whole(&self, index: usize) -> Option<Whole<'_, M>> {
        let position = self.entries.len().checked_sub(index + 1)?;
        let entry = self.entries.get(position)?;
        let start = entry.start.wrapping_sub(self.base) as usize;
        let name_len = entry.name_len as usize;
        let text = self.bytes.get(start..start + name_len + entry.value_len as usize)?;
        Some(Whole { text, name_len, size: entry.size as usize, meta: entry.meta })
    }

    /// Adds a field; one larger than the table empties it instead (section 4.4). `name` is what is kept of a name of
    /// `name_len` bytes. Says whether the field was kept.
    pub(super) fn insert(&mut self, name: &[u8], name_len: usize, value: &[u8], meta: M) -> bool {
        let size = name_len + value.len() + FIELD_OVERHEAD_BYTES;
        self.generation = self.generation.wrapping_add(1);
        self.evict_to(self.size_max.saturating_sub(size));
        if size > self.size_max {
            return false;
        }
        self.make_room(name.len() + value.len());
        let start = self.base.wrapping_add(self.bytes.len() as u32);
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact((self.entries.len() / 2).max(4));
        }
        self.entries.push_back(Entry {
            start,
            name_len: name.len() as u32,
            value_len: value.len() as u32,
            size: size as u32,
            meta,
        });
        self.size += size;
        true
    }

    /// Changes the size, dropping the oldest entries that no longer fit.
    pub(super) fn set_size_max(&mut self, size_max: usize) {
        self.generation = self.generation.wrapping_add(1);
        self.size_max = size_max;
        self.evict_to(size_max);
    }

    fn evict_to(&mut self, size: usize) {
        while self.size > size {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.size -= oldest.size as usize;
        }
    }

    /// Makes the run long enough: by moving what lives to its front where that gains much, else by growing.
    fn make_room(&mut self, more: usize) {
        let length = self.bytes.len();
        let dead = self.entries.front().map_or(length, |entry| entry.start.wrapping_sub(self.base) as usize);
        if dead == length {
            self.base = self.base.wrapping_add(length as u32);
            self.bytes.clear();
        } else if length + more > self.bytes.capacity() && dead * 2 >= length - dead {
            self.base = self.base.wrapping_add(dead as u32);
            self.bytes.drain(..dead);
        }
        if self.bytes.len() + more > self.bytes.capacity() {
            self.bytes.reserve_exact(more.max(self.bytes.len() / 2).max(GROWTH_BYTES));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(table: &DynamicTable<()>) -> Vec<&[u8]> {
        (0..table.len()).map(|index| table.get(index).expect("it is within the table").0).collect()
    }

    #[test]
    fn the_newest_comes_first_and_the_oldest_leaves() {
        let mut table = DynamicTable::new(3 * (FIELD_OVERHEAD_BYTES + 2));
        for name in [b"a", b"b", b"c", b"d"] {
            let before = table.generation();
            assert!(table.insert(name, 1, b"v", ()));
            assert_ne!(table.generation(), before);
        }
        assert_eq!(names(&table), [b"d", b"c", b"b"]);
        assert_eq!(table.size(), table.size_max());
        assert_eq!(table.get(3), None);
        let before = table.generation();
        table.set_size_max(FIELD_OVERHEAD_BYTES + 2);
        assert_eq!(names(&table), [b"d"]);
        assert_ne!(table.generation(), before);
    }

    #[test]
    fn a_field_larger_than_the_table_empties_it() {
        let mut table = DynamicTable::new(100);
        table.insert(b"a", 1, b"v", ());
        assert!(!table.insert(b"b", 1, &[0; 100], ()));
        assert_eq!((table.len(), table.size()), (0, 0));
        table.insert(b"c", 1, b"v", ());
        assert_eq!(names(&table), [b"c"]);
    }

    #[test]
    fn a_name_kept_elsewhere_counts() {
        let mut table = DynamicTable::new(100);
        table.insert(b"", 7, b"v", 3);
        assert_eq!((table.size(), table.get(0)), (40, Some((&b""[..], &b"v"[..], 3))));
    }

    #[test]
    fn entries_stay_whole_and_memory_bounded_over_a_long_life() {
        for base in [0, u32::MAX - 1000] {
            let mut table = DynamicTable::new(500);
            table.base = base;
            for round in 0..10_000_usize {
                let value = vec![b'x'; round % 97];
                let name = format!("name-{round}");
                table.insert(name.as_bytes(), name.len(), &value, round);
                for index in 0..table.len() {
                    let then = round - index;
                    let (name, value, meta) = table.get(index).expect("it is within the table");
                    assert_eq!((name, value.len(), meta), (format!("name-{then}").as_bytes(), then % 97, then));
                }
                assert!(table.bytes.capacity() <= 1200, "{}", table.bytes.capacity());
            }
        }
    }
}
