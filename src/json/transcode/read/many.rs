//! Lists and maps, from JSON to protobuf's bytes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use prost_reflect::{Kind, MapKey, Value};
use serde_core::de::{Error, MapAccess, SeqAccess, Visitor};

use crate::json::read::map_key;
use crate::json::reader::{Name, VALUE_BYTES};
use crate::json::scalar::shortened;
use crate::json::transcode::read::Place;
use crate::json::transcode::read::element::ElementInto;
use crate::json::transcode::table::{Count, FieldTable};
use crate::json::transcode::wire::{self, DELIMITED, WireWriter};

/// Writes the values of a list.
pub(crate) struct ListInto<'a, 'w> {
    pub(crate) field: &'a FieldTable,
    pub(crate) place: Place<'a>,
    pub(crate) wire: &'w mut WireWriter,
}

impl<'de> Visitor<'de> for ListInto<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let ListInto { field, place, wire } = self;
        let is_packed = matches!(field.count, Count::List { is_packed: true });
        for index in 0.. {
            let mut seed = ElementInto::of(field, place, &mut *wire);
            if is_packed {
                seed.number = None;
            }
            let element = elements.next_element_seed(seed).map_err(place.reader.passing(|| format!("[{index}]")))?;
            place.reader.spend(VALUE_BYTES)?;
            if element.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Writes a map: the keys are texts, whatever they mean.
pub(crate) struct MapInto<'a, 'w> {
    pub(crate) field: &'a FieldTable,
    pub(crate) keys: &'a Kind,
    pub(crate) place: Place<'a>,
    pub(crate) wire: &'w mut WireWriter,
}

impl<'de> Visitor<'de> for MapInto<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        const KEY: u32 = 1;
        const VALUE: u32 = 2;
        let MapInto { field, keys, place, wire } = self;
        let mut seen = HashSet::new();
        while let Some(name) = entries.next_key_seed(Name)? {
            let shown = name.clone();
            let passing = || place.reader.passing(|| format!("[{:?}]", shortened(&shown)));
            let length = name.len();
            let key = Key::of(keys, name).map_err(|what| passing()(A::Error::custom(what)))?;
            if seen.contains(&key) {
                return Err(passing()(A::Error::custom("the key is there twice")));
            }
            place.reader.spend(VALUE_BYTES + length)?;
            let mark = wire.mark();
            wire.key(field.number, DELIMITED);
            let opened = wire.open();
            key.put(keys, KEY, wire);
            let mut seed = ElementInto::of(field, place, &mut *wire);
            seed.number = Some(VALUE);
            if entries.next_value_seed(seed).map_err(passing())? {
                wire.close(opened);
                seen.insert(key);
            } else {
                wire.take_back(mark);
            }
        }
        Ok(())
    }
}

/// A key of a map.
#[derive(PartialEq, Eq, Hash)]
enum Key<'de> {
    Text(Cow<'de, str>),
    Other(MapKey),
}

impl<'de> Key<'de> {
    fn of(kind: &Kind, name: Cow<'de, str>) -> Result<Self, String> {
        match kind {
            Kind::String => Ok(Key::Text(name)),
            _ => map_key(kind, &name).map(Key::Other),
        }
    }

    fn put(&self, kind: &Kind, number: u32, wire: &mut WireWriter) {
        match self {
            Key::Text(text) => {
                wire.key(number, DELIMITED);
                wire.delimited(text.as_bytes());
            }
            Key::Other(key) => {
                wire.key(number, wire::wire_type(kind));
                wire.scalar(kind, &Value::from(key.clone()));
            }
        }
    }
}
