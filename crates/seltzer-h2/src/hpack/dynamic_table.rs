//! The table that the two sides build while they talk, sections 2.3.2 and 4.

use std::collections::VecDeque;

use crate::hpack::FIELD_OVERHEAD_BYTES;

/// Fields that were sent before, the newest first, in one run of bytes.
///
/// New entries go to the end of the run and old ones leave its beginning; when the end is reached, what lives is moved
/// to the front once. So an entry is always one slice, and inserting allocates nothing once the table is warm.
#[derive(Debug)]
pub(super) struct DynamicTable {
    bytes: Vec<u8>,
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// As section 4.1 counts.
    size: usize,
    size_max: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    name_len: usize,
    value_len: usize,
}

impl Entry {
    fn end(self) -> usize {
        self.start + self.name_len + self.value_len
    }

    fn size(self) -> usize {
        self.name_len + self.value_len + FIELD_OVERHEAD_BYTES
    }
}

impl DynamicTable {
    pub(super) fn new(size_max: usize) -> Self {
        DynamicTable { bytes: Vec::new(), entries: VecDeque::new(), size: 0, size_max }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn size_max(&self) -> usize {
        self.size_max
    }

    /// Name and value of an entry; 0 is the newest.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let position = self.entries.len().checked_sub(index + 1)?;
        let entry = self.entries.get(position)?;
        let (name, value) = self.bytes[entry.start..entry.end()].split_at(entry.name_len);
        Some((name, value))
    }

    /// Adds a field; one larger than the table empties it instead (section 4.4).
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + FIELD_OVERHEAD_BYTES;
        self.evict_to(self.size_max.saturating_sub(size));
        if size > self.size_max {
            return;
        }
        self.make_room(name.len() + value.len());
        let entry = Entry { start: self.bytes.len(), name_len: name.len(), value_len: value.len() };
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push_back(entry);
        self.size += size;
    }

    /// Changes the size, dropping the oldest entries that no longer fit.
    pub(super) fn set_size_max(&mut self, size_max: usize) {
        self.size_max = size_max;
        self.evict_to(size_max);
    }

    fn evict_to(&mut self, size: usize) {
        while self.size > size {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.size -= oldest.size();
        }
    }

    /// Moves what lives to the front once as many bytes are dead as may live, so that the run stays within twice
    /// the table's size.
    fn make_room(&mut self, more: usize) {
        let start = self.entries.front().map_or(self.bytes.len(), |entry| entry.start);
        if start == self.bytes.len() {
            self.bytes.clear();
        } else if start > 0 && self.bytes.len() + more > self.size_max * 2 {
            self.bytes.drain(..start);
            for entry in &mut self.entries {
                entry.start -= start;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(table: &DynamicTable) -> Vec<&[u8]> {
        (0..table.len()).map(|index| table.get(index).expect("it is within the table").0).collect()
    }

    #[test]
    fn the_newest_comes_first_and_the_oldest_leaves() {
        let mut table = DynamicTable::new(3 * (FIELD_OVERHEAD_BYTES + 2));
        for name in [b"a", b"b", b"c", b"d"] {
            table.insert(name, b"v");
        }
        assert_eq!(names(&table), [b"d", b"c", b"b"]);
        assert_eq!(table.size(), table.size_max());
        assert_eq!(table.get(3), None);
        table.set_size_max(FIELD_OVERHEAD_BYTES + 2);
        assert_eq!(names(&table), [b"d"]);
    }

    #[test]
    fn a_field_larger_than_the_table_empties_it() {
        let mut table = DynamicTable::new(100);
        table.insert(b"a", b"v");
        table.insert(b"b", &[0; 100]);
        assert_eq!((table.len(), table.size()), (0, 0));
        table.insert(b"c", b"v");
        assert_eq!(names(&table), [b"c"]);
    }

    #[test]
    fn entries_stay_whole_and_memory_bounded_over_a_long_life() {
        let mut table = DynamicTable::new(500);
        for round in 0..10_000_usize {
            let value = vec![b'x'; round % 97];
            table.insert(format!("name-{round}").as_bytes(), &value);
            let (name, newest) = table.get(0).expect("it was inserted just now");
            assert_eq!((name, newest), (format!("name-{round}").as_bytes(), &value[..]));
            assert!(table.bytes.len() <= 2 * 500 + 110, "{}", table.bytes.len());
        }
    }
}
