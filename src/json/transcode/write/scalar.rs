//! Scalars and keys of maps as JSON, from what stands in protobuf's bytes.

use std::io::Write as _;

use prost_reflect::Kind;

use crate::json::base64;
use crate::json::transcode::table::{FieldTable, ValueTable, What};
use crate::json::transcode::wire::{Content, DELIMITED, GROUP, wire_type};
use crate::json::transcode::write::{Failure, JsonWriter};

impl<'a> Content<'a> {
    /// What a value is that nobody set.
    pub(crate) fn default_of(value: &ValueTable) -> Self {
        match value.wire_type {
            DELIMITED | GROUP => Content::Bytes(&[]),
            _ => Content::Bits(0),
        }
    }

    /// The bytes; there are none of a number.
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Content::Bytes(bytes) => bytes,
            Content::Bits(_) => &[],
        }
    }

    /// The number; there is none of bytes.
    pub(crate) fn bits(self) -> u64 {
        match self {
            Content::Bits(bits) => bits,
            Content::Bytes(_) => 0,
        }
    }

    /// The same for whatever means the same: numbers of 32 bits may come with more of them.
    pub(crate) fn normal(self, kind: &Kind) -> Self {
        match (self, kind) {
            (Content::Bits(bits), Kind::Bool) => Content::Bits(u64::from(bits != 0)),
            (Content::Bits(bits), Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Enum(_)) => {
                Content::Bits(u64::from(bits as u32))
            }
            (same, _) => same,
        }
    }
}

impl ValueTable {
    /// Whether this is what a value is that nobody set.
    pub(crate) fn is_default(&self, content: Content<'_>) -> bool {
        match (content.normal(&self.kind), &self.kind) {
            (Content::Bits(bits), Kind::Double) => f64::from_bits(bits) == 0.0,
            (Content::Bits(bits), Kind::Float) => f32::from_bits(bits as u32) == 0.0,
            (Content::Bits(bits), _) => bits == 0,
            (Content::Bytes(bytes), _) => bytes.is_empty(),
        }
    }
}

impl FieldTable {
    /// Whether its values may come together, behind one key.
    pub(crate) fn is_packable(&self) -> bool {
        self.is_list() && wire_type(&self.value.kind) != DELIMITED
    }
}

impl JsonWriter<'_, '_> {
    /// Writes a scalar or an enum value.
    pub(crate) fn scalar(&mut self, value: &ValueTable, content: Content<'_>) -> Result<(), Failure> {
        let bits = content.bits();
        match &value.kind {
            Kind::Double => self.double(f64::from_bits(bits)),
            Kind::Float => self.float(f32::from_bits(bits as u32)),
            Kind::Int32 | Kind::Sfixed32 => self.plain(&(bits as i32)),
            Kind::Sint32 => self.plain(&((bits as u32 >> 1) as i32 ^ -((bits & 1) as i32))),
            Kind::Uint32 | Kind::Fixed32 => self.plain(&(bits as u32)),
            Kind::Int64 | Kind::Sfixed64 => self.quoted(&(bits as i64)),
            Kind::Sint64 => self.quoted(&((bits >> 1) as i64 ^ -((bits & 1) as i64))),
            Kind::Uint64 | Kind::Fixed64 => self.quoted(&bits),
            Kind::Bool => self.plain(&(bits != 0)),
            Kind::String => self.plain(text(content.bytes())?),
            Kind::Bytes => {
                self.out.push(b'"');
                base64::encode_into(content.bytes(), self.out);
                self.out.push(b'"');
            }
            Kind::Enum(_) => match &value.what {
                What::Enum(names) => match names.name(bits as i32) {
                    Some(name) if !self.options.enum_numbers => self.out.extend_from_slice(name),
                    _ => self.plain(&(bits as i32)),
                },
                _ => self.out.extend_from_slice(b"null"),
            },
            Kind::Message(_) => return Err(Failure::Formless("a message stands where a scalar should".to_owned())),
        }
        Ok(())
    }

    /// Writes the key of a map, which is a text whatever it means.
    pub(crate) fn map_key(&mut self, kind: &Kind, key: Content<'_>) -> Result<(), Failure> {
        let bits = key.bits();
        match kind {
            Kind::String => self.plain(text(key.bytes())?),
            Kind::Bool => self.quoted(&(bits != 0)),
            Kind::Int32 | Kind::Sfixed32 => self.quoted(&(bits as i32)),
            Kind::Sint32 => self.quoted(&((bits as u32 >> 1) as i32 ^ -((bits & 1) as i32))),
            Kind::Uint32 | Kind::Fixed32 => self.quoted(&(bits as u32)),
            Kind::Int64 | Kind::Sfixed64 => self.quoted(&(bits as i64)),
            Kind::Sint64 => self.quoted(&((bits >> 1) as i64 ^ -((bits & 1) as i64))),
            Kind::Uint64 | Kind::Fixed64 => self.quoted(&bits),
            _ => return Err(Failure::Formless("a map has keys of a kind that there is not".to_owned())),
        }
        Ok(())
    }

    fn double(&mut self, value: f64) {
        match not_finite(value) {
            None => self.plain(&value),
            Some(name) => self.out.extend_from_slice(name),
        }
    }

    fn float(&mut self, value: f32) {
        match not_finite(value.into()) {
            None => self.plain(&value),
            Some(name) => self.out.extend_from_slice(name),
        }
    }

    /// Writes what is the same in JSON.
    pub(crate) fn plain<T: serde_core::Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut *self.out, value).expect("memory takes all of it");
    }

    /// Writes as a text what has nothing in it that would have to be escaped.
    pub(crate) fn quoted(&mut self, value: &impl std::fmt::Display) {
        write!(self.out, "\"{value}\"").expect("memory takes all of it");
    }
}

/// The names that JSON has for what is no number.
fn not_finite(value: f64) -> Option<&'static [u8]> {
    if value.is_finite() {
        return None;
    }
    Some(if value.is_nan() {
        b"\"NaN\""
    } else if value > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    })
}

/// What a text is.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| Failure::Damaged("a text is not UTF-8"))
}
