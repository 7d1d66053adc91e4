//! One value of a scalar field, written as JSON or as plain text.

use std::fmt;

use prost_reflect::{EnumDescriptor, Kind, Value};
use serde_core::de::{DeserializeSeed, Deserializer, Error, Visitor};

use crate::json::{base64, number};

/// The scalar as JSON writes it.
enum Written<'a> {
    Bool(bool),
    Integer(i128),
    Double(f64),
    Text(&'a str),
}

/// Reads a scalar or an enum value; nothing for the name of an enum value that is unknown and may be.
pub(crate) struct ScalarSeed<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) ignore_unknown: bool,
}

impl<'de> DeserializeSeed<'de> for ScalarSeed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for ScalarSeed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&expected(self.kind))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        self.take(&Written::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.take(&Written::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.take(&Written::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.take(&Written::Double(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        self.take(&Written::Text(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Self::Value, E> {
        match self.kind {
            Kind::String => Ok(Some(Value::String(value))),
            _ => self.visit_str(&value),
        }
    }
}

impl ScalarSeed<'_> {
    fn take<E: Error>(self, written: &Written<'_>) -> Result<Option<Value>, E> {
        scalar(self.kind, written, self.ignore_unknown).map_err(|what| match written {
            Written::Bool(value) => E::custom(format_args!("{value}: {what}")),
            Written::Integer(value) => E::custom(format_args!("{value}: {what}")),
            Written::Double(value) => E::custom(format_args!("{value}: {what}")),
            Written::Text(value) => E::custom(format_args!("{:?}: {what}", shortened(value))),
        })
    }
}

/// Reads a scalar or an enum value from plain text, as it stands in a URL.
///
/// # Errors
/// What was expected instead.
pub(crate) fn scalar_from_text(kind: &Kind, text: &str) -> Result<Value, String> {
    let written = match (kind, text) {
        (Kind::Bool, "true") => Written::Bool(true),
        (Kind::Bool, "false") => Written::Bool(false),
        _ => Written::Text(text),
    };
    let found = match (kind, scalar(kind, &written, false)) {
        // An enum value by its number.
        (Kind::Enum(_), Err(_)) => match number::integer_from_text(text) {
            Ok(number) => scalar(kind, &Written::Integer(number), false),
            Err(_) => scalar(kind, &written, false),
        },
        (_, found) => found,
    };
    found
        .map(|value| value.expect("only what is ignored is nothing"))
        .map_err(|what| format!("{:?}: {what}", shortened(text)))
}

/// As much of a text as an error shows.
pub(crate) fn shortened(text: &str) -> String {
    const CHARACTERS_SHOWN: usize = 60;
    match text.char_indices().nth(CHARACTERS_SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn scalar(kind: &Kind, written: &Written<'_>, ignore_unknown: bool) -> Result<Option<Value>, String> {
    let wrong = || Err(format!("{} was expected", expected(kind)));
    let value = match (kind, written) {
        (Kind::Bool, Written::Bool(value)) => Value::Bool(*value),
        (Kind::String, Written::Text(text)) => Value::String((*text).to_owned()),
        (Kind::Bytes, Written::Text(text)) => Value::Bytes(base64::decode(text)?.into()),
        (Kind::Double, Written::Integer(number)) => Value::F64(*number as f64),
        (Kind::Double, Written::Double(number)) => Value::F64(*number),
        (Kind::Double, Written::Text(text)) => Value::F64(number::double_from_text(text)?),
        (Kind::Float, Written::Integer(number)) => Value::F32(*number as f32),
        (Kind::Float, Written::Double(number)) => Value::F32(number::float_from_double(*number)?),
        (Kind::Float, Written::Text(text)) => Value::F32(number::float_from_double(number::double_from_text(text)?)?),
        (Kind::Enum(values), Written::Text(name)) => match enum_number(values, name) {
            Some(number) => Value::EnumNumber(number),
            None if ignore_unknown => return Ok(None),
            None => return Err(unknown_value(values)),
        },
        (Kind::Message(_) | Kind::Bool | Kind::String | Kind::Bytes, _) | (_, Written::Bool(_)) => return wrong(),
        (_, Written::Integer(number)) => return integer(kind, *number).map(Some),
        (_, Written::Double(double)) => return integer(kind, number::integer_from_double(*double)?).map(Some),
        (_, Written::Text(text)) => match number::integer_from_text(text) {
            Ok(number) => return integer(kind, number).map(Some),
            Err(_) => return wrong(),
        },
    };
    Ok(Some(value))
}

/// The number of an enum value, by its name.
fn enum_number(values: &EnumDescriptor, name: &str) -> Option<i32> {
    values.get_value_by_name(name).map(|value| value.number())
}

/// What an enum has instead of a value that it has not.
fn unknown_value(values: &EnumDescriptor) -> String {
    const NAMES_SHOWN: usize = 8;
    let mut names: Vec<_> = values.values().take(NAMES_SHOWN + 1).map(|value| value.name().to_owned()).collect();
    if names.len() > NAMES_SHOWN {
        names[NAMES_SHOWN] = "...".to_owned();
    }
    format!("the enum {} has no such value: it has {}", values.full_name(), names.join(", "))
}

fn integer(kind: &Kind, number: i128) -> Result<Value, String> {
    let value = match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number.try_into().map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number.try_into().map(Value::I64),
        Kind::Uint32 | Kind::Fixed32 => number.try_into().map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => number.try_into().map(Value::U64),
        _ => number.try_into().map(Value::EnumNumber),
    };
    value.map_err(|_| format!("the number is out of range: {} was expected", expected(kind)))
}

/// What a field takes, in words.
fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Double | Kind::Float => "a number".to_owned(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a whole number of 32 bits".to_owned(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a whole number of 64 bits".to_owned(),
        Kind::Uint32 | Kind::Fixed32 => "a whole number of 32 bits, not negative".to_owned(),
        Kind::Uint64 | Kind::Fixed64 => "a whole number of 64 bits, not negative".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::String => "a text".to_owned(),
        Kind::Bytes => "base64".to_owned(),
        Kind::Enum(values) => format!("a name or number of the enum {}", values.full_name()),
        Kind::Message(message) => format!("a {}", message.full_name()),
    }
}
