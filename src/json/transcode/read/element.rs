//! One value of a field, from JSON to protobuf's bytes.

use std::fmt;

use prost_reflect::{Kind, Value};
use serde_core::de::{DeserializeSeed, Deserializer, Error, Visitor};

use crate::json::read::NullSeed;
use crate::json::scalar::ScalarSeed;
use crate::json::transcode::read::{MessageInto, Place};
use crate::json::transcode::table::{Count, FieldTable, ValueTable, What};
use crate::json::transcode::wire::{DELIMITED, GROUP, WireWriter};

/// Writes one value: whether it is one.
pub(crate) struct ElementInto<'a, 'w> {
    pub(crate) value: &'a ValueTable,
    /// That of its field; without it the value stands in a packed list.
    pub(crate) number: Option<u32>,
    /// Whether what nobody set is the same as what is set to its default.
    is_default_left_out: bool,
    pub(crate) ignore_unknown: bool,
    place: Place<'a>,
    wire: &'w mut WireWriter,
}

impl<'a, 'w> ElementInto<'a, 'w> {
    pub(crate) fn of(field: &'a FieldTable, place: Place<'a>, wire: &'w mut WireWriter) -> Self {
        ElementInto {
            value: &field.value,
            number: Some(field.number),
            is_default_left_out: !field.has_presence && matches!(field.count, Count::One),
            ignore_unknown: place.reader.options.ignore_unknown,
            place,
            wire,
        }
    }

    fn scalar(&self) -> ScalarSeed<'a> {
        ScalarSeed { kind: &self.value.kind, ignore_unknown: self.ignore_unknown }
    }

    pub(crate) fn put(self, value: Option<Value>) -> bool {
        let Some(value) = value else { return false };
        if !(self.is_default_left_out && is_zero(&value)) {
            if let Some(number) = self.number {
                self.wire.key(number, self.value.wire_type);
            }
            self.wire.scalar(&self.value.kind, &value);
        }
        true
    }
}

impl<'de> DeserializeSeed<'de> for ElementInto<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let index = match &self.value.what {
            What::Message(index) => *index,
            What::Null => {
                let seed = NullSeed { kind: &self.value.kind, options: self.place.reader.options };
                let value = deserializer.deserialize_any(seed)?;
                return Ok(self.put(value));
            }
            What::Scalar | What::Enum(_) => return deserializer.deserialize_any(self),
        };
        let ElementInto { value, number, place, wire, .. } = self;
        let number = number.unwrap_or_default();
        wire.key(number, value.wire_type);
        let place = Place { depth: place.depth + 1, ..place };
        let message = place.tables.message(index);
        if value.wire_type == GROUP {
            MessageInto { message, place, wire: &mut *wire }.deserialize(deserializer)?;
            wire.group_end(number);
        } else {
            let opened = wire.open();
            MessageInto { message, place, wire: &mut *wire }.deserialize(deserializer)?;
            wire.close(opened);
        }
        Ok(true)
    }
}

/// Scalars.
impl Visitor<'_> for ElementInto<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scalar().expecting(f)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        self.scalar().visit_bool(value).map(|value| self.put(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
        self.scalar().visit_i64(value).map(|value| self.put(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        self.scalar().visit_u64(value).map(|value| self.put(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<bool, E> {
        self.scalar().visit_f64(value).map(|value| self.put(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        if !matches!(self.value.kind, Kind::String) {
            return self.scalar().visit_str(text).map(|value| self.put(value));
        }
        if !(self.is_default_left_out && text.is_empty()) {
            self.wire.key(self.number.unwrap_or_default(), DELIMITED);
            self.wire.delimited(text.as_bytes());
        }
        Ok(true)
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::I32(value) | Value::EnumNumber(value) => *value == 0,
        Value::I64(value) => *value == 0,
        Value::U32(value) => *value == 0,
        Value::U64(value) => *value == 0,
        // Zero below zero is another one.
        Value::F32(value) => value.to_bits() == 0,
        Value::F64(value) => value.to_bits() == 0,
        Value::String(value) => value.is_empty(),
        Value::Bytes(value) => value.is_empty(),
        Value::Message(_) | Value::List(_) | Value::Map(_) => false,
    }
}
