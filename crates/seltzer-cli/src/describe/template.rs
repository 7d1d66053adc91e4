//! What a message looks like in JSON: all of its fields, with the values that they have by themselves.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::error::Failure;
use crate::json;

/// How deep messages within messages are shown. Schemas nest without end where they name themselves.
const DEPTH_MAX: usize = 8;

/// A message in JSON with everything in it once.
///
/// # Errors
/// It has no form in JSON.
pub(crate) fn of(message: &MessageDescriptor) -> Result<String, Failure> {
    json::write_pretty(&filled(message, &mut Vec::new())).map_err(Failure::new)
}

/// A message with its messages in it, but none within itself.
fn filled(descriptor: &MessageDescriptor, around: &mut Vec<String>) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    // An Any without a type has no JSON, and what a Struct holds is anybody's guess.
    if matches!(descriptor.full_name(), "google.protobuf.Any" | "google.protobuf.Struct") {
        return message;
    }
    around.push(descriptor.full_name().to_owned());
    for field in descriptor.fields() {
        let is_first = field.containing_oneof().is_none_or(|oneof| {
            oneof.is_synthetic() || oneof.fields().next().is_some_and(|first| first.number() == field.number())
        });
        if !is_first {
            continue;
        }
        if let Some(value) = value_of(&field, around) {
            message.set_field(&field, value);
        }
    }
    around.pop();
    message
}

fn value_of(field: &FieldDescriptor, around: &mut Vec<String>) -> Option<Value> {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { return None };
        let key = Value::default_value(&entry.map_entry_key_field().kind()).into_map_key()?;
        let value = single(&entry.map_entry_value_field().kind(), around)?;
        return Some(Value::Map(std::iter::once((key, value)).collect()));
    }
    let value = single(&field.kind(), around)?;
    Some(if field.is_list() { Value::List(vec![value]) } else { value })
}

/// The value of a kind by itself; none for a message that is being written already.
fn single(kind: &Kind, around: &mut Vec<String>) -> Option<Value> {
    let Kind::Message(message) = kind else { return Some(Value::default_value(kind)) };
    match message.full_name() {
        "google.protobuf.Any" => None,
        "google.protobuf.Value" => Some(Value::Message(null(message))),
        name if around.len() >= DEPTH_MAX || around.iter().any(|outer| outer == name) => None,
        _ => Some(Value::Message(filled(message, around))),
    }
}

/// `null`, as `google.protobuf.Value` has it: without any value it would have no JSON.
fn null(message: &MessageDescriptor) -> DynamicMessage {
    let mut value = DynamicMessage::new(message.clone());
    value.set_field_by_name("null_value", Value::EnumNumber(0));
    value
}
