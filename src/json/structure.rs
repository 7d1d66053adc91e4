//! JSON within JSON: `google.protobuf.Value`, `Struct` and `ListValue`.

use std::fmt;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_core::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::json::reader::Reader;
use crate::json::scalar::shortened;

/// Reads any JSON; an object that has a name twice is refused.
#[derive(Clone, Copy)]
pub(crate) struct AnyJson<'a>(pub(crate) &'a Reader<'a>);

impl<'de> DeserializeSeed<'de> for AnyJson<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.spend_any()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyJson<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value { kind: Some(Kind::NullValue(0)) })
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value { kind: Some(Kind::BoolValue(value)) })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value { kind: Some(Kind::NumberValue(value)) })
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value { kind: Some(Kind::StringValue(value)) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Value, A::Error> {
        AnyList(self.0).visit_seq(elements).map(|list| Value { kind: Some(Kind::ListValue(list)) })
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Value, A::Error> {
        AnyObject(self.0).visit_map(entries).map(|fields| Value { kind: Some(Kind::StructValue(fields)) })
    }
}

/// Reads a JSON array.
pub(crate) struct AnyList<'a>(pub(crate) &'a Reader<'a>);

impl<'de> Visitor<'de> for AnyList<'_> {
    type Value = ListValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<ListValue, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(AnyJson(self.0))? {
            values.push(value);
        }
        Ok(ListValue { values })
    }
}

/// Reads a JSON object.
pub(crate) struct AnyObject<'a>(pub(crate) &'a Reader<'a>);

impl<'de> Visitor<'de> for AnyObject<'_> {
    type Value = Struct;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Struct, A::Error> {
        let mut fields = Struct::default();
        while let Some(name) = entries.next_key::<String>()? {
            if fields.fields.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{:?} is there twice", shortened(&name))));
            }
            let value = entries.next_value_seed(AnyJson(self.0))?;
            fields.fields.insert(name, value);
        }
        Ok(fields)
    }
}
