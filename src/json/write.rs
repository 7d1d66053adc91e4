//! From messages to JSON.

use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage, SerializeOptions, Value};
use serde_core::Serialize;

use crate::json::{JsonError, JsonOptions};

/// Writes a message, in one line.
///
/// # Errors
/// A value has no form in JSON: a timestamp out of range, an `Any` of an unknown type.
pub(crate) fn write_message(
    message: &DynamicMessage,
    options: &JsonOptions,
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    let start = out.len();
    let mut serializer = serde_json::Serializer::new(&mut *out);
    let written = message.serialize_with_options(&mut serializer, &serialize_options(options));
    written.map_err(|error| {
        out.truncate(start);
        JsonError::unplaced(format!("the message {} has no JSON: {error}", message.descriptor().full_name()))
    })
}

/// Writes one field of a message as JSON of its own.
///
/// # Errors
/// As [`write_message`].
pub(crate) fn write_field(
    message: &DynamicMessage,
    field: &FieldDescriptor,
    options: &JsonOptions,
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    let value = message.get_field(field);
    if let (Value::Message(inner), false) = (&*value, field.is_list() || field.is_map()) {
        return write_message(inner, options, out);
    }
    // A message with this field alone: what is written of it, less its name, is the field.
    let mut alone = DynamicMessage::new(message.descriptor());
    alone.set_field(field, value.into_owned());
    let serialize = serialize_options(options).skip_default_fields(field.supports_presence());
    let fail = |error: serde_json::Error| JsonError::unplaced(format!("{} has no JSON: {error}", field.full_name()));
    let written = alone.serialize_with_options(serde_json::value::Serializer, &serialize).map_err(fail)?;
    let name = if options.proto_names { field.name() } else { field.json_name() };
    let value = written.get(name).cloned().unwrap_or_default();
    value.serialize(&mut serde_json::Serializer::new(out)).map_err(fail)
}

fn serialize_options(options: &JsonOptions) -> SerializeOptions {
    SerializeOptions::new()
        .skip_default_fields(!options.default_values)
        .use_enum_numbers(options.enum_numbers)
        .use_proto_field_name(options.proto_names)
}
