//! What is known of messages before the first of them comes: names, numbers and kinds, ready to be looked up.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor,
};

use crate::json::transcode::wire::{self, DELIMITED, GROUP};

/// All messages of a pool.
#[derive(Debug)]
pub(crate) struct Tables {
    messages: Vec<MessageTable>,
    by_name: HashMap<Box<str>, usize>,
}

/// A message.
#[derive(Debug)]
pub(crate) struct MessageTable {
    pub(crate) descriptor: MessageDescriptor,
    pub(crate) form: Form,
    /// In the order in which JSON has them: by number, extensions behind the message's own.
    pub(crate) fields: Vec<FieldTable>,
    /// Whether fields are among them that others added to the message.
    pub(crate) has_extensions: bool,
    /// Whether not all of its fields can be set at once.
    pub(crate) has_oneofs: bool,
    /// Names for JSON and names in the schema, each with its field; in order.
    names: Vec<(Box<str>, u32)>,
    /// Numbers, each with its field; in order.
    numbers: Vec<(u32, u32)>,
}

/// What a message looks like in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// An object with its fields.
    Fields,
    /// The scalar that is its only field.
    Wrapper,
    Value,
    Struct,
    List,
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Empty,
}

/// A field.
#[derive(Debug)]
pub(crate) struct FieldTable {
    pub(crate) number: u32,
    pub(crate) name: Box<str>,
    pub(crate) json_name: Box<str>,
    pub(crate) count: Count,
    pub(crate) value: ValueTable,
    /// Whether it may be set to what it is if nobody set it.
    pub(crate) has_presence: bool,
    pub(crate) oneof: Option<OneofDescriptor>,
    /// Whether somebody else than the message's author added it.
    pub(crate) is_extension: bool,
    /// Whether it is a map whose keys are written in their order: those of JSON within JSON.
    pub(crate) is_sorted: bool,
    json_key: Box<[u8]>,
    proto_key: Box<[u8]>,
}

/// How many values a field has.
#[derive(Debug)]
pub(crate) enum Count {
    One,
    List {
        is_packed: bool,
    },
    /// By keys of this kind. The field's value is what they lead to.
    Map(Kind),
}

/// A value of a field.
#[derive(Debug)]
pub(crate) struct ValueTable {
    pub(crate) kind: Kind,
    pub(crate) wire_type: u8,
    pub(crate) what: What,
}

/// What a value is, besides its kind.
#[derive(Debug)]
pub(crate) enum What {
    Scalar,
    /// `google.protobuf.NullValue`.
    Null,
    Enum(Arc<EnumTable>),
    /// A message, by its place among all.
    Message(usize),
}

/// The names of an enum's values as JSON, by their numbers; in order.
#[derive(Debug)]
pub(crate) struct EnumTable(Vec<(i32, Box<[u8]>)>);

impl Tables {
    /// The tables of a pool.
    pub(crate) fn of(pool: &DescriptorPool) -> Self {
        let by_name: HashMap<Box<str>, usize> =
            pool.all_messages().map(|message| message.full_name().into()).zip(0..).collect();
        let mut making = Making { by_name: &by_name, enums: HashMap::new() };
        let messages = pool.all_messages().map(|message| making.message(message)).collect();
        Tables { messages, by_name }
    }

    /// A message by its place among all.
    pub(crate) fn message(&self, place: usize) -> &MessageTable {
        &self.messages[place]
    }

    /// A message by its full name.
    pub(crate) fn by_name(&self, full_name: &str) -> Option<&MessageTable> {
        self.by_name.get(full_name).map(|place| &self.messages[*place])
    }

    /// The place of a message of the pool.
    ///
    /// # Panics
    /// It is of another pool.
    pub(crate) fn place(&self, message: &MessageDescriptor) -> usize {
        *self.by_name.get(message.full_name()).expect("the message is of this pool")
    }
}

impl MessageTable {
    /// The place of a field by one of its names. Names come in the order of the schema more often than not: `next` is
    /// the place where it is looked for first.
    pub(crate) fn by_name(&self, name: &str, next: usize) -> Option<usize> {
        if self.fields.get(next).is_some_and(|field| *field.json_name == *name) {
            return Some(next);
        }
        let found = self.names.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(self.names[found].1 as usize)
    }

    /// The same by its number.
    pub(crate) fn by_number(&self, number: u32, next: usize) -> Option<usize> {
        let near = next.saturating_sub(1)..(next + 1).min(self.fields.len());
        if let Some(found) = near.into_iter().find(|index| self.fields[*index].number == number) {
            return Some(found);
        }
        let found = self.numbers.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        Some(self.numbers[found].1 as usize)
    }

    pub(crate) fn full_name(&self) -> &str {
        self.descriptor.full_name()
    }
}

impl FieldTable {
    /// `"name":`, as it stands in JSON.
    pub(crate) fn key(&self, proto_names: bool) -> &[u8] {
        if proto_names { &self.proto_key } else { &self.json_key }
    }

    /// The wire type of each of its values; a map's are its entries.
    pub(crate) fn wire_type(&self) -> u8 {
        if matches!(self.count, Count::Map(_)) { DELIMITED } else { self.value.wire_type }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.count, Count::List { .. })
    }
}

impl EnumTable {
    fn of(descriptor: &EnumDescriptor) -> Self {
        let mut numbers: Vec<_> = descriptor.values().map(|value| value.number()).collect();
        numbers.dedup();
        let named = |number| descriptor.get_value(number).map(|value| (number, quoted(value.name(), "")));
        EnumTable(numbers.into_iter().filter_map(named).collect())
    }

    /// The name of a value in quotes.
    pub(crate) fn name(&self, number: i32) -> Option<&[u8]> {
        let found = self.0.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        Some(&self.0[found].1)
    }
}

/// What is needed while tables are made.
struct Making<'a> {
    by_name: &'a HashMap<Box<str>, usize>,
    enums: HashMap<String, Arc<EnumTable>>,
}

impl Making<'_> {
    fn message(&mut self, descriptor: MessageDescriptor) -> MessageTable {
        let mut fields: Vec<_> = descriptor.fields().map(|field| self.field(&field)).collect();
        let own = fields.len();
        fields.extend(descriptor.extensions().map(|extension| self.extension(&extension)));
        fields[own..].sort_by_key(|field| field.number);
        let mut names: Vec<(Box<str>, u32)> = Vec::new();
        // A name for JSON comes before one in the schema, and extensions are read elsewhere.
        let json_names = fields[..own].iter().map(|field| &field.json_name).zip(0..);
        let proto_names = fields[..own].iter().map(|field| &field.name).zip(0..);
        names.extend(json_names.chain(proto_names).map(|(name, index)| (name.clone(), index)));
        names.sort_by(|one, other| one.0.cmp(&other.0));
        names.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut numbers: Vec<(u32, u32)> = fields.iter().map(|field| field.number).zip(0..).collect();
        numbers.sort_unstable();
        let has_extensions = fields.len() > own;
        let has_oneofs = fields.iter().any(|field| field.oneof.is_some());
        let form = form(&descriptor);
        MessageTable { descriptor, form, fields, has_extensions, has_oneofs, names, numbers }
    }

    fn field(&mut self, field: &FieldDescriptor) -> FieldTable {
        let (kind, is_packed) = (field.kind(), field.is_packed());
        let (count, value) = match &kind {
            Kind::Message(entry) if field.is_map() => {
                let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
                (Count::Map(key.kind()), self.value(value.kind(), value.is_group()))
            }
            _ if field.is_list() => (Count::List { is_packed }, self.value(kind, field.is_group())),
            _ => (Count::One, self.value(kind, field.is_group())),
        };
        let (name, json_name) = (field.name(), field.json_name());
        FieldTable {
            number: field.number(),
            name: name.into(),
            json_name: json_name.into(),
            count,
            value,
            has_presence: field.supports_presence(),
            oneof: field.containing_oneof().filter(|oneof| oneof.fields().len() > 1),
            is_extension: false,
            is_sorted: field.parent_message().full_name() == "google.protobuf.Struct",
            json_key: quoted(json_name, ":"),
            proto_key: quoted(name, ":"),
        }
    }

    fn extension(&mut self, extension: &ExtensionDescriptor) -> FieldTable {
        let is_packed = extension.is_packed();
        let count = if extension.is_list() { Count::List { is_packed } } else { Count::One };
        let name = extension.json_name();
        FieldTable {
            number: extension.number(),
            name: name.into(),
            json_name: name.into(),
            count,
            value: self.value(extension.kind(), extension.is_group()),
            has_presence: extension.supports_presence(),
            oneof: None,
            is_extension: true,
            is_sorted: false,
            json_key: quoted(name, ":"),
            proto_key: quoted(name, ":"),
        }
    }

    fn value(&mut self, kind: Kind, is_group: bool) -> ValueTable {
        let what = match &kind {
            Kind::Enum(values) if values.full_name() == "google.protobuf.NullValue" => What::Null,
            Kind::Enum(values) => {
                let table = self.enums.entry(values.full_name().to_owned());
                What::Enum(Arc::clone(table.or_insert_with(|| Arc::new(EnumTable::of(values)))))
            }
            Kind::Message(message) => What::Message(self.by_name[message.full_name()]),
            _ => What::Scalar,
        };
        let wire_type = if is_group { GROUP } else { wire::wire_type(&kind) };
        ValueTable { kind, wire_type, what }
    }
}

/// A name as JSON writes it, with what stands behind it.
fn quoted(name: &str, behind: &str) -> Box<[u8]> {
    (serde_json::Value::from(name).to_string() + behind).into_bytes().into_boxed_slice()
}

fn form(message: &MessageDescriptor) -> Form {
    let Some(known) = message.full_name().strip_prefix("google.protobuf.") else { return Form::Fields };
    match known {
        "Value" => Form::Value,
        "Struct" => Form::Struct,
        "ListValue" => Form::List,
        "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value" | "BoolValue"
        | "StringValue" | "BytesValue" => Form::Wrapper,
        "Any" => Form::Any,
        "Timestamp" => Form::Timestamp,
        "Duration" => Form::Duration,
        "FieldMask" => Form::FieldMask,
        "Empty" => Form::Empty,
        _ => Form::Fields,
    }
}
