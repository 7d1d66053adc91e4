//! The sender's dynamic table, with an index by hash.

use crate::hpack::dynamic_table::DynamicTable;
use crate::hpack::static_table::STATIC_COUNT;
use crate::hpack::{FIELD_OVERHEAD_BYTES, TABLE_BYTES_DEFAULT};

/// Where a field is, in either table, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Field(usize),
    /// A field of the same name.
    Name(usize),
    Nothing,
}

/// Fields that were sent before.
///
/// Fields with the same hash of their names form a chain from the newest to the oldest, by the numbers that they got
/// when they came. Leaving the table costs nothing: a number that is too old ends the chain.
#[derive(Debug)]
pub(super) struct EncoderTable {
    table: DynamicTable<Link>,
    /// The number of the newest field of each chain; no memory before the first field.
    heads: Vec<u32>,
    /// The number of the newest field of all.
    newest: u32,
    /// Counts fields since one last pushed others out.
    fields_since_eviction: u32,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    name_hash: u32,
    field_hash: u32,
    /// The number of the next older field in the chain.
    older: u32,
}

/// Chains; a common table has fewer fields.
const CHAINS: usize = 32;

/// Fields between two that push others out. Fields that take turns in a table too small for them would otherwise make
/// every block a new one.
const FIELDS_PER_EVICTION: u32 = 256;

impl Default for EncoderTable {
    fn default() -> Self {
        EncoderTable {
            table: DynamicTable::new(TABLE_BYTES_DEFAULT),
            heads: Vec::new(),
            newest: 0,
            fields_since_eviction: FIELDS_PER_EVICTION,
        }
    }
}

impl EncoderTable {
    #[inline]
    pub(super) fn size_max(&self) -> usize {
        self.table.size_max()
    }

    pub(super) fn set_size_max(&mut self, size_max: usize) {
        self.table.set_size_max(size_max);
    }

    /// A number that changes with every change of the table.
    #[inline]
    pub(super) fn generation(&self) -> u32 {
        self.table.generation()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.table.memory_bytes() + self.heads.capacity() * size_of::<u32>()
    }

    /// Counts a field that is being sent.
    #[inline]
    pub(super) fn count_field(&mut self) {
        self.fields_since_eviction = self.fields_since_eviction.saturating_add(1);
    }

    pub(super) fn find(&self, name: &[u8], value: &[u8], name_hash: u32, field_hash: u32) -> Found {
        let mut found = Found::Nothing;
        let Some(head) = self.heads.get(name_hash as usize % CHAINS) else { return found };
        let mut number = *head;
        loop {
            let age = self.newest.wrapping_sub(number) as usize;
            let Some((known_name, known_value, link)) = self.table.get(age) else { return found };
            if link.name_hash == name_hash && known_name == name {
                if link.field_hash == field_hash && known_value == value {
                    return Found::Field(STATIC_COUNT + 1 + age);
                }
                if found == Found::Nothing {
                    found = Found::Name(STATIC_COUNT + 1 + age);
                }
            }
            number = link.older;
        }
    }

    /// Whether the field is not larger than the table.
    #[inline]
    pub(super) fn can_hold(&self, name: &[u8], value: &[u8]) -> bool {
        field_size(name, value) <= self.table.size_max()
    }

    /// Whether the field may enter: it is a small share of the table, and pushes nothing out, or nothing was pushed out
    /// for long.
    pub(super) fn has_room(&self, name: &[u8], value: &[u8], share: usize) -> bool {
        let size = field_size(name, value);
        size <= self.table.size_max() / share
            && (self.table.size() + size <= self.table.size_max() || self.fields_since_eviction >= FIELDS_PER_EVICTION)
    }

    /// Adds a field that the table can hold.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8], name_hash: u32, field_hash: u32) {
        if self.heads.is_empty() {
            self.heads = vec![0; CHAINS];
        }
        if self.table.size() + field_size(name, value) > self.table.size_max() {
            self.fields_since_eviction = 0;
        }
        let chain = name_hash as usize % CHAINS;
        let link = Link { name_hash, field_hash, older: self.heads[chain] };
        if self.table.insert(name, name.len(), value, link) {
            self.newest = self.newest.wrapping_add(1);
            self.heads[chain] = self.newest;
        }
    }
}

fn field_size(name: &[u8], value: &[u8]) -> usize {
    name.len() + value.len() + FIELD_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hpack::hash;

    fn find(table: &EncoderTable, name: &str, value: &str) -> Found {
        let name_hash = hash::of_name(name.as_bytes());
        table.find(name.as_bytes(), value.as_bytes(), name_hash, hash::of_value(name_hash, value.as_bytes()))
    }

    fn insert(table: &mut EncoderTable, name: &str, value: &str) {
        let name_hash = hash::of_name(name.as_bytes());
        table.insert(name.as_bytes(), value.as_bytes(), name_hash, hash::of_value(name_hash, value.as_bytes()));
    }

    #[test]
    fn the_index_agrees_with_a_search_through_everything() {
        let mut table = EncoderTable::default();
        table.set_size_max(1000);
        // The numbers wrap on the way.
        table.newest = u32::MAX - 300;
        table.heads = vec![table.newest; CHAINS];
        let mut kept: Vec<(String, String)> = Vec::new();
        for round in 0..2000_usize {
            let (name, value) = (format!("name-{}", round * 7 % 40), (round * 13 % 11).to_string());
            let expected = match kept.iter().position(|field| *field == (name.clone(), value.clone())) {
                Some(age) => Found::Field(62 + age),
                None => {
                    kept.iter().position(|field| field.0 == name).map_or(Found::Nothing, |age| Found::Name(62 + age))
                }
            };
            assert_eq!(find(&table, &name, &value), expected, "round {round}");
            insert(&mut table, &name, &value);
            kept.insert(0, (name, value));
            kept.truncate(table.table.len());
        }
    }

    #[test]
    fn pushing_out_is_rationed() {
        let mut table = EncoderTable::default();
        table.set_size_max(100);
        insert(&mut table, "a", "1");
        assert!(table.has_room(b"b", b"1", 1), "it fits");
        insert(&mut table, "b", "1");
        assert!(table.has_room(b"c", b"1", 1), "nothing was pushed out so far");
        assert!(!table.has_room(b"c", b"1", 4), "the share is too large");
        insert(&mut table, "c", "1");
        for _ in 0..FIELDS_PER_EVICTION {
            assert!(!table.has_room(b"d", b"1", 1));
            table.count_field();
        }
        assert!(table.has_room(b"d", b"1", 1));
    }
}
