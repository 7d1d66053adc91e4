//! From JSON to messages, along their descriptors.

use std::collections::HashMap;
use std::fmt;

use prost::Message;
use prost_reflect::{
    DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, OneofDescriptor,
    ReflectMessage, Value,
};
use serde_core::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::json::reader::{MESSAGE_BYTES, Name, Reader, VALUE_BYTES, read_text};
use crate::json::scalar::{ScalarSeed, shortened};
use crate::json::structure::{AnyJson, AnyList, AnyObject};
use crate::json::{JsonError, JsonOptions};

/// Reads one message.
///
/// # Errors
/// The text is not UTF-8, not JSON, not of this message, too deep, or says something twice.
pub(crate) fn read_message(
    message: &MessageDescriptor,
    text: &[u8],
    options: &JsonOptions,
) -> Result<DynamicMessage, JsonError> {
    read_text(text, options, |reader, deserializer| {
        let depth = 1;
        MessageSeed { message, reader, depth }.deserialize(deserializer)
    })
}

/// Reads the value of one field into its message.
///
/// # Errors
/// As [`read_message`].
pub(crate) fn read_field(
    message: &mut DynamicMessage,
    field: &FieldDescriptor,
    text: &[u8],
    options: &JsonOptions,
) -> Result<(), JsonError> {
    let value = read_text(text, options, |reader, deserializer| {
        let depth = 1;
        FieldSeed { field, reader, depth }.deserialize(deserializer)
    })?;
    match value {
        Some(value) => message.try_set_field(field, value).map_err(|error| JsonError::unplaced(error.to_string())),
        None => Ok(()),
    }
}

/// Reads one message.
#[derive(Clone, Copy)]
pub(crate) struct MessageSeed<'a> {
    pub(crate) message: &'a MessageDescriptor,
    pub(crate) reader: &'a Reader<'a>,
    pub(crate) depth: usize,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = DynamicMessage;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<DynamicMessage, D::Error> {
        if self.depth > self.reader.options.depth_max {
            let what = format!("messages may lie {} deep within each other, not deeper", self.reader.options.depth_max);
            return Err(D::Error::custom(what));
        }
        self.reader.spend(MESSAGE_BYTES)?;
        let Some(known) = self.message.full_name().strip_prefix("google.protobuf.") else {
            return deserializer.deserialize_map(self);
        };
        match known {
            "Value" => make(self.message, &AnyJson(self.reader).deserialize(deserializer)?),
            "Struct" => make(self.message, &deserializer.deserialize_map(AnyObject(self.reader))?),
            "ListValue" => make(self.message, &deserializer.deserialize_seq(AnyList(self.reader))?),
            "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value"
            | "BoolValue" | "StringValue" | "BytesValue" => self.read_wrapper(deserializer),
            "Any" | "Timestamp" | "Duration" | "FieldMask" | "Empty" => {
                let options = DeserializeOptions::new().deny_unknown_fields(!self.reader.options.ignore_unknown);
                DynamicMessage::deserialize_with_options(self.message.clone(), deserializer, &options)
            }
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl MessageSeed<'_> {
    /// A scalar in a message of its own.
    fn read_wrapper<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<DynamicMessage, D::Error> {
        let mut message = DynamicMessage::new(self.message.clone());
        let value = self.message.get_field(1).ok_or_else(|| D::Error::custom("this wrapper has no value"))?;
        let seed = ScalarSeed { kind: &value.kind(), ignore_unknown: false };
        if let Some(scalar) = seed.deserialize(deserializer)? {
            message.try_set_field(&value, scalar).map_err(D::Error::custom)?;
        }
        Ok(message)
    }

    /// Sets a field, unless it or another of its oneof is set.
    fn set<E: Error>(
        self,
        message: &mut DynamicMessage,
        field: &FieldDescriptor,
        value: Option<Value>,
    ) -> Result<(), E> {
        let Some(value) = value else { return Ok(()) };
        if let Some(oneof) = field.containing_oneof()
            && let Some(other) = oneof.fields().find(|other| message.has_field(other))
        {
            return Err(only_one(&oneof, other.json_name()));
        }
        message.try_set_field(field, value).map_err(E::custom)
    }
}

/// The error that another field of a oneof is set.
pub(crate) fn only_one<E: Error>(oneof: &OneofDescriptor, other: &str) -> E {
    E::custom(format_args!("only one of {} may be set, and {other} is", oneof.name()))
}

/// The error that a message has no such field.
pub(crate) fn unknown_field<E: Error>(message: &MessageDescriptor, name: &str) -> E {
    const NAMES_SHOWN: usize = 12;
    let mut names: Vec<_> = message.fields().map(|field| field.json_name().to_owned()).collect();
    if names.len() > NAMES_SHOWN {
        names.truncate(NAMES_SHOWN);
        names.push("...".to_owned());
    }
    let name = shortened(name);
    let has = if names.is_empty() { "no fields".to_owned() } else { names.join(", ") };
    E::custom(format_args!("the message {} has no field {name:?}: it has {has}", message.full_name()))
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = DynamicMessage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object, the message {}", self.message.full_name())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<DynamicMessage, A::Error> {
        let mut message = DynamicMessage::new(self.message.clone());
        let mut seen = Vec::new();
        while let Some(name) = entries.next_key_seed(Name)? {
            let field = self.message.get_field_by_json_name(&name).or_else(|| self.message.get_field_by_name(&name));
            let Some(field) = field else {
                if let Some(extension) = self.message.get_extension_by_json_name(&name) {
                    let value = entries.next_value_seed(Extension { extension: &extension, seed: self });
                    let value = value.map_err(self.reader.passing(|| name.clone().into_owned()))?;
                    message.set_extension(&extension, value);
                } else if self.reader.options.ignore_unknown {
                    entries.next_value::<IgnoredAny>()?;
                } else {
                    return Err(unknown_field(self.message, &name));
                }
                continue;
            };
            let passing = || self.reader.passing(|| field.json_name().to_owned());
            if seen.contains(&field.number()) {
                return Err(passing()(A::Error::custom("the field is there twice")));
            }
            seen.push(field.number());
            let seed = FieldSeed { field: &field, reader: self.reader, depth: self.depth };
            let value = entries.next_value_seed(seed).map_err(passing())?;
            self.set(&mut message, &field, value).map_err(passing())?;
        }
        Ok(message)
    }
}

/// Reads an extension of a message: these are rare, and prost-reflect knows them as part of a message only.
struct Extension<'a> {
    extension: &'a prost_reflect::ExtensionDescriptor,
    seed: MessageSeed<'a>,
}

impl<'de> DeserializeSeed<'de> for Extension<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let kind = self.extension.kind();
        let element = ElementSeed { kind: &kind, reader: self.seed.reader, depth: self.seed.depth };
        if self.extension.is_list() {
            return deserializer.deserialize_seq(element).map(Value::List);
        }
        element.deserialize(deserializer)?.ok_or_else(|| D::Error::custom("the value is unknown"))
    }
}

/// Reads the value of a field; nothing for one that is not to be set.
#[derive(Clone, Copy)]
struct FieldSeed<'a> {
    field: &'a FieldDescriptor,
    reader: &'a Reader<'a>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<Value>, E> {
        self.visit_none()
    }

    fn visit_none<E: Error>(self) -> Result<Option<Value>, E> {
        if self.field.is_list() || self.field.is_map() {
            return Ok(None);
        }
        match self.field.kind() {
            Kind::Message(message) if message.full_name() == "google.protobuf.Value" => {
                let null = prost_types::Value { kind: Some(prost_types::value::Kind::NullValue(0)) };
                make(&message, &null).map(|null| Some(Value::Message(null)))
            }
            Kind::Enum(values) if values.full_name() == "google.protobuf.NullValue" => Ok(Some(Value::EnumNumber(0))),
            _ => Ok(None),
        }
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        let kind = self.field.kind();
        let element = ElementSeed { kind: &kind, reader: self.reader, depth: self.depth };
        if self.field.is_list() {
            deserializer.deserialize_seq(element).map(|list| Some(Value::List(list)))
        } else if self.field.is_map() {
            let Kind::Message(entry) = &kind else { return Err(D::Error::custom("this map has no entries")) };
            deserializer.deserialize_map(MapSeed { entry, element }).map(|map| Some(Value::Map(map)))
        } else {
            element.deserialize(deserializer)
        }
    }
}

/// Reads one value of a field, or all of a list.
#[derive(Clone, Copy)]
struct ElementSeed<'a> {
    kind: &'a Kind,
    reader: &'a Reader<'a>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        match self.kind {
            Kind::Message(message) => {
                let seed = MessageSeed { message, reader: self.reader, depth: self.depth + 1 };
                seed.deserialize(deserializer).map(|message| Some(Value::Message(message)))
            }
            Kind::Enum(values) if values.full_name() == "google.protobuf.NullValue" => {
                deserializer.deserialize_any(NullSeed { kind: self.kind, options: self.reader.options })
            }
            kind => ScalarSeed { kind, ignore_unknown: self.reader.options.ignore_unknown }.deserialize(deserializer),
        }
    }
}

impl<'de> Visitor<'de> for ElementSeed<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<Value>, A::Error> {
        let mut list = Vec::new();
        for index in 0.. {
            let element = elements.next_element_seed(self).map_err(self.reader.passing(|| format!("[{index}]")))?;
            self.reader.spend(VALUE_BYTES)?;
            match element {
                Some(Some(value)) => list.push(value),
                Some(None) => {}
                None => break,
            }
        }
        Ok(list)
    }
}

/// Reads `google.protobuf.NullValue`, of which there is one, in an array.
pub(crate) struct NullSeed<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) options: &'a JsonOptions,
}

impl Visitor<'_> for NullSeed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<Value>, E> {
        Ok(Some(Value::EnumNumber(0)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<Value>, E> {
        ScalarSeed { kind: self.kind, ignore_unknown: self.options.ignore_unknown }.visit_str(name)
    }
}

/// Reads a map: the keys are texts, whatever they mean.
struct MapSeed<'a> {
    entry: &'a MessageDescriptor,
    element: ElementSeed<'a>,
}

impl<'de> Visitor<'de> for MapSeed<'_> {
    type Value = HashMap<MapKey, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let (key_kind, kind) = (self.entry.map_entry_key_field().kind(), self.entry.map_entry_value_field().kind());
        let element = ElementSeed { kind: &kind, ..self.element };
        let mut map = HashMap::new();
        while let Some(name) = entries.next_key_seed(Name)? {
            let passing = || self.element.reader.passing(|| format!("[{:?}]", shortened(&name)));
            let key = map_key(&key_kind, &name).map_err(|what| passing()(A::Error::custom(what)))?;
            if map.contains_key(&key) {
                return Err(passing()(A::Error::custom("the key is there twice")));
            }
            self.element.reader.spend(VALUE_BYTES + name.len())?;
            if let Some(value) = entries.next_value_seed(element).map_err(passing())? {
                map.insert(key, value);
            }
        }
        Ok(map)
    }
}

/// The key of a map that a text means.
pub(crate) fn map_key(kind: &Kind, text: &str) -> Result<MapKey, String> {
    let value = match (kind, text) {
        (Kind::Bool, "true") => return Ok(MapKey::Bool(true)),
        (Kind::Bool, "false") => return Ok(MapKey::Bool(false)),
        (Kind::String, text) => return Ok(MapKey::String(text.to_owned())),
        (kind, text) => {
            let seed = ScalarSeed { kind, ignore_unknown: false };
            seed.visit_str::<serde_core::de::value::Error>(text).map_err(|error| error.to_string())?
        }
    };
    value.and_then(Value::into_map_key).ok_or_else(|| "this is no key of a map".to_owned())
}

/// A well-known type, as the message that the pool has of it.
fn make<E: Error>(descriptor: &MessageDescriptor, message: &impl Message) -> Result<DynamicMessage, E> {
    let mut dynamic = DynamicMessage::new(descriptor.clone());
    dynamic.transcode_from(message).map_err(E::custom)?;
    debug_assert_eq!(dynamic.descriptor().full_name(), descriptor.full_name());
    Ok(dynamic)
}
