//! From messages to JSON.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, SerializeOptions, Value};
use serde_core::Serialize;

use crate::json::{JsonError, JsonOptions, depth};

/// Writes a message, in one line.
///
/// # Errors
/// A value has no form in JSON: a timestamp out of range, an `Any` of an unknown type.
pub(crate) fn write_message(
    message: &DynamicMessage,
    options: &JsonOptions,
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    depth::check(message)?;
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
    depth::check(message)?;
    let is_set = message.has_field(field);
    if let (Kind::Message(inner), false) = (field.kind(), field.is_list() || field.is_map()) {
        // There is nothing in a well-known type that is not there.
        return match &*message.get_field(field) {
            Value::Message(value) if is_set => write_message(value, options, out),
            _ => {
                let is_known = inner.full_name().starts_with("google.protobuf.");
                out.extend_from_slice(if is_known { b"null" } else { b"{}" });
                Ok(())
            }
        };
    }
    // A message with this field alone: what is written of it, less its name, is the field.
    let mut alone = DynamicMessage::new(message.descriptor());
    if is_set {
        alone.set_field(field, message.get_field(field).into_owned());
    }
    let fail = |error: serde_json::Error| JsonError::unplaced(format!("{} has no JSON: {error}", field.full_name()));
    let name = if options.proto_names { field.name() } else { field.json_name() };
    if !is_set || options.default_values {
        // All of its fields then, to find this one.
        let serialize = serialize_options(options).skip_default_fields(false);
        let written = alone.serialize_with_options(serde_json::value::Serializer, &serialize).map_err(fail)?;
        let value = written.get(name).cloned().unwrap_or_default();
        return value.serialize(&mut serde_json::Serializer::new(out)).map_err(fail);
    }
    let mut written = Vec::new();
    let serialize = serialize_options(options).skip_default_fields(true);
    alone.serialize_with_options(&mut serde_json::Serializer::new(&mut written), &serialize).map_err(fail)?;
    let before = serde_json::to_vec(name).map_err(fail)?.len() + 2;
    out.extend_from_slice(written.get(before..written.len() - 1).unwrap_or(b"null"));
    Ok(())
}

fn serialize_options(options: &JsonOptions) -> SerializeOptions {
    SerializeOptions::new()
        .skip_default_fields(!options.default_values)
        .use_enum_numbers(options.enum_numbers)
        .use_proto_field_name(options.proto_names)
}
