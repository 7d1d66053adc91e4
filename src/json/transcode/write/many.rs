//! Lists and maps as JSON, from protobuf's bytes.

use std::collections::HashMap;
use std::ops::Range;

use prost_reflect::Kind;

use crate::json::transcode::table::{FieldTable, MessageTable, ValueTable, What};
use crate::json::transcode::wire::{Content, WireReader, wire_type};
use crate::json::transcode::write::{Depth, Failure, JsonWriter};

/// The fields of a map's entry.
const KEY: u32 = 1;
const VALUE: u32 = 2;

impl<'a> JsonWriter<'a, '_> {
    pub(crate) fn list(&mut self, field: &'a FieldTable, places: Range<usize>, depth: Depth) -> Result<(), Failure> {
        let message = self.message_of(&field.value);
        let is_packable = field.is_packable();
        let mut is_first = true;
        self.out.push(b'[');
        for place in places {
            let content = self.fields[place].1;
            match (content, message) {
                (Content::Bytes(packed), _) if is_packable => {
                    let mut reader = WireReader::new(packed);
                    while !reader.is_empty() {
                        self.comma(&mut is_first);
                        let bits = reader.bits(wire_type(&field.value.kind))?;
                        self.scalar(&field.value, Content::Bits(bits))?;
                    }
                }
                (_, Some(message)) => {
                    self.comma(&mut is_first);
                    self.message(message, content.bytes(), depth)?;
                }
                (_, None) => {
                    self.comma(&mut is_first);
                    self.scalar(&field.value, content)?;
                }
            }
        }
        self.out.push(b']');
        Ok(())
    }

    /// Writes a map; of entries with one key the last.
    pub(crate) fn map(
        &mut self,
        field: &'a FieldTable,
        keys: &Kind,
        places: Range<usize>,
        depth: Depth,
    ) -> Result<(), Failure> {
        let mut entries = Vec::with_capacity(places.len());
        for place in places {
            let entry = self.fields[place].1.bytes();
            entries.push((entry_key(keys, entry)?, entry));
        }
        if entries.len() > 1 {
            let last: HashMap<_, _> = entries.iter().map(|(key, _)| *key).zip(0..).collect();
            let mut place = 0..;
            entries.retain(|(key, _)| place.next() == last.get(key).copied());
        }
        if field.is_sorted {
            entries.sort_by(|one, other| one.0.bytes().cmp(other.0.bytes()));
        }
        let mut is_first = true;
        self.out.push(b'{');
        for (key, entry) in entries {
            self.comma(&mut is_first);
            self.map_key(keys, key)?;
            self.out.push(b':');
            self.entry_value(field, entry, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn entry_value(&mut self, field: &'a FieldTable, entry: &'a [u8], depth: Depth) -> Result<(), Failure> {
        let base = self.fields.len();
        let mut reader = WireReader::new(entry);
        while !reader.is_empty() {
            let (number, wire_type, content) = reader.field()?;
            if number == VALUE && wire_type != field.value.wire_type {
                return Err(Failure::Damaged("the value of a map has the wire type of another kind"));
            }
            if number == VALUE {
                self.fields.push((0, content));
            }
        }
        if self.fields.len() == base {
            self.fields.push((0, Content::default_of(&field.value)));
        }
        let last = self.fields.len() - 1;
        match &field.value.what {
            What::Message(place) => self.merged(*place, base..last + 1, depth)?,
            _ => self.scalar(&field.value, self.fields[last].1)?,
        }
        self.fields.truncate(base);
        Ok(())
    }

    fn message_of(&self, value: &ValueTable) -> Option<&'a MessageTable> {
        match &value.what {
            What::Message(place) => Some(self.tables.message(*place)),
            _ => None,
        }
    }

    fn comma(&mut self, is_first: &mut bool) {
        if !std::mem::take(is_first) {
            self.out.push(b',');
        }
    }
}

/// The key of an entry.
fn entry_key<'a>(kind: &Kind, entry: &'a [u8]) -> Result<Content<'a>, Failure> {
    let expected = wire_type(kind);
    let mut key = if matches!(kind, Kind::String) { Content::Bytes(&[]) } else { Content::Bits(0) };
    let mut reader = WireReader::new(entry);
    while !reader.is_empty() {
        let (number, wire_type, content) = reader.field()?;
        if number == KEY && wire_type != expected {
            return Err(Failure::Damaged("the key of a map has the wire type of another kind"));
        }
        if number == KEY {
            key = content;
        }
    }
    Ok(key.normal(kind))
}
