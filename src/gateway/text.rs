//! Fields that are filled with text from a URL.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::gateway::rule::is_text;
use crate::json::{scalar_from_text, shortened};

/// The value that a text means for a field, or for one element of it.
///
/// # Errors
/// What was expected instead.
pub(crate) fn value_from_text(kind: &Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Message(message) if !is_text(message) => {
            Err(format!("a {} cannot be written in a URL", message.full_name()))
        }
        Kind::Message(message) => message_from_text(message, text).map(Value::Message),
        kind => scalar_from_text(kind, text),
    }
}

/// A well-known type that is one text in JSON.
fn message_from_text(descriptor: &MessageDescriptor, text: &str) -> Result<DynamicMessage, String> {
    let mut message = DynamicMessage::new(descriptor.clone());
    let field = |number| descriptor.get_field(number).ok_or("this well-known type is not the one that is known");
    match descriptor.full_name() {
        "google.protobuf.Timestamp" | "google.protobuf.Duration" => {
            let written = serde_json::Value::String(text.to_owned());
            DynamicMessage::deserialize(descriptor.clone(), written)
                .map_err(|error| format!("{:?}: {error}", shortened(text)))
        }
        "google.protobuf.FieldMask" => {
            let paths = text.split(',').filter(|path| !path.is_empty());
            let paths = paths.map(|path| Value::String(snake_case(path))).collect();
            message.try_set_field(&field(1)?, Value::List(paths)).map_err(|error| error.to_string())?;
            Ok(message)
        }
        _ => {
            let value = field(1)?;
            let scalar = scalar_from_text(&value.kind(), text)?;
            message.try_set_field(&value, scalar).map_err(|error| error.to_string())?;
            Ok(message)
        }
    }
}

/// The name in the schema of a name for JSON; one of the former stays as it is.
fn snake_case(path: &str) -> String {
    let mut snake = String::with_capacity(path.len() + 4);
    for character in path.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// The message that holds the last of these fields, made where it is not there.
///
/// # Errors
/// A field on the way is no message.
pub(crate) fn holder<'a>(
    message: &'a mut DynamicMessage,
    fields: &[FieldDescriptor],
) -> Result<&'a mut DynamicMessage, String> {
    let mut holder = message;
    for field in fields.iter().take(fields.len().saturating_sub(1)) {
        holder = match holder.get_field_mut(field) {
            Value::Message(inner) => inner,
            _ => return Err(format!("the field {} is no message", field.name())),
        };
    }
    Ok(holder)
}
