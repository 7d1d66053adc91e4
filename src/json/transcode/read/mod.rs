//! From JSON to protobuf's bytes. Each step asks serde_json what [`read`](mod@crate::json::read) asks it in the same
//! place, so that what is wrong is said with the same words about the same place.

mod element;
mod many;

use std::fmt;

use prost::Message as _;
use prost_reflect::Value;
use serde_core::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::json::read::{MessageSeed, only_one, unknown_field};
use crate::json::reader::{MESSAGE_BYTES, Name, Reader, read_text};
use crate::json::structure::{AnyJson, AnyList, AnyObject};
use crate::json::transcode::read::element::ElementInto;
use crate::json::transcode::read::many::{ListInto, MapInto};
use crate::json::transcode::table::{Count, FieldTable, Form, MessageTable, Tables, What};
use crate::json::transcode::wire::{DELIMITED, WireWriter};
use crate::json::{JsonError, JsonOptions};

/// The bytes of a message that is written in JSON.
///
/// # Errors
/// As [`read_message`](crate::json::read_message).
pub(crate) fn read(
    tables: &Tables,
    message: &MessageTable,
    text: &[u8],
    options: &JsonOptions,
) -> Result<Vec<u8>, JsonError> {
    read_text(text, options, |reader, deserializer| {
        // Bytes are rarely longer than the JSON that they stand for.
        let mut wire = WireWriter::with_capacity(text.len());
        let place = Place { tables, reader, depth: 1 };
        MessageInto { message, place, wire: &mut wire }.deserialize(deserializer)?;
        Ok(wire.finish())
    })
}

/// What goes with all that is read.
#[derive(Clone, Copy)]
struct Place<'a> {
    tables: &'a Tables,
    reader: &'a Reader<'a>,
    depth: usize,
}

/// Writes a message without its key and its length.
struct MessageInto<'a, 'w> {
    message: &'a MessageTable,
    place: Place<'a>,
    wire: &'w mut WireWriter,
}

impl<'de> DeserializeSeed<'de> for MessageInto<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Place { reader, depth, .. } = self.place;
        let is_dynamic = match self.message.form {
            Form::Any | Form::Timestamp | Form::Duration | Form::FieldMask | Form::Empty => true,
            _ => self.message.has_extensions,
        };
        if is_dynamic {
            let message = &self.message.descriptor;
            let read = MessageSeed { message, reader, depth }.deserialize(deserializer)?;
            return read.encode(self.wire.bytes_mut()).map_err(D::Error::custom);
        }
        if depth > reader.options.depth_max {
            let what = format!("messages may lie {} deep within each other, not deeper", reader.options.depth_max);
            return Err(D::Error::custom(what));
        }
        reader.spend(MESSAGE_BYTES)?;
        let known = match self.message.form {
            Form::Value => AnyJson(reader).deserialize(deserializer)?.encode(self.wire.bytes_mut()),
            Form::Struct => deserializer.deserialize_map(AnyObject(reader))?.encode(self.wire.bytes_mut()),
            Form::List => deserializer.deserialize_seq(AnyList(reader))?.encode(self.wire.bytes_mut()),
            Form::Wrapper => return self.read_wrapper(deserializer),
            _ => return deserializer.deserialize_map(self),
        };
        known.map_err(D::Error::custom)
    }
}

impl MessageInto<'_, '_> {
    /// A scalar in a message of its own.
    fn read_wrapper<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(field) = self.message.fields.first() else {
            return Err(D::Error::custom("this wrapper has no value"));
        };
        let (place, wire) = (self.place, self.wire);
        let mut single = ElementInto::of(field, place, wire);
        single.ignore_unknown = false;
        single.deserialize(deserializer).map(drop)
    }
}

impl<'de> Visitor<'de> for MessageInto<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object, the message {}", self.message.full_name())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let MessageInto { message, place, wire } = self;
        let mut seen = Seen::default();
        // The fields that are set of oneofs.
        let mut chosen: Vec<usize> = Vec::new();
        let mut next = 0;
        while let Some(name) = entries.next_key_seed(Name)? {
            let Some(index) = message.by_name(&name, next) else {
                if !place.reader.options.ignore_unknown {
                    return Err(unknown_field(&message.descriptor, &name));
                }
                entries.next_value::<IgnoredAny>()?;
                continue;
            };
            next = index + 1;
            let field = &message.fields[index];
            let passing = || place.reader.passing(|| field.json_name.to_string());
            if !seen.insert(index) {
                return Err(passing()(A::Error::custom("the field is there twice")));
            }
            let seed = FieldInto { field, place, wire: &mut *wire };
            let is_set = entries.next_value_seed(seed).map_err(passing())?;
            if let (true, Some(oneof)) = (is_set, &field.oneof) {
                let is_of_it = |other: &&usize| message.fields[**other].oneof.as_ref() == Some(oneof);
                if let Some(other) = chosen.iter().find(is_of_it) {
                    return Err(passing()(only_one(oneof, &message.fields[*other].json_name)));
                }
                chosen.push(index);
            }
        }
        Ok(())
    }
}

/// Which fields were there.
#[derive(Default)]
struct Seen {
    first: u64,
    /// Behind the first 64, which are all that most messages have.
    rest: Vec<u64>,
}

impl Seen {
    /// Whether a field was not there before.
    fn insert(&mut self, index: usize) -> bool {
        let word = match (index / 64).checked_sub(1) {
            None => &mut self.first,
            Some(place) => {
                if self.rest.len() <= place {
                    self.rest.resize(place + 1, 0);
                }
                &mut self.rest[place]
            }
        };
        let bit = 1 << (index % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Writes a field: whether it is set.
struct FieldInto<'a, 'w> {
    field: &'a FieldTable,
    place: Place<'a>,
    wire: &'w mut WireWriter,
}

impl<'de> DeserializeSeed<'de> for FieldInto<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FieldInto<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        self.visit_none()
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        let FieldInto { field, place, wire } = self;
        match (&field.count, &field.value.what) {
            (Count::One, What::Message(index)) if place.tables.message(*index).form == Form::Value => {
                let null = prost_types::Value { kind: Some(prost_types::value::Kind::NullValue(0)) };
                wire.key(field.number, DELIMITED);
                wire.delimited(&null.encode_to_vec());
                Ok(true)
            }
            (Count::One, What::Null) => Ok(ElementInto::of(field, place, wire).put(Some(Value::EnumNumber(0)))),
            _ => Ok(false),
        }
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let FieldInto { field, place, wire } = self;
        match &field.count {
            Count::One => return ElementInto::of(field, place, wire).deserialize(deserializer),
            Count::List { is_packed: false } => deserializer.deserialize_seq(ListInto { field, place, wire })?,
            Count::List { is_packed: true } => {
                let mark = wire.mark();
                wire.key(field.number, DELIMITED);
                let opened = wire.open();
                deserializer.deserialize_seq(ListInto { field, place, wire: &mut *wire })?;
                if wire.is_empty_since(opened) {
                    wire.take_back(mark);
                } else {
                    wire.close(opened);
                }
            }
            Count::Map(keys) => deserializer.deserialize_map(MapInto { field, keys, place, wire })?,
        }
        Ok(true)
    }
}
