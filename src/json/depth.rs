//! How deep a message is that is to be written: an `Any` holds bytes, of which no parser has seen how deep they go.

use prost_reflect::{DynamicMessage, Value};

use crate::json::JsonError;

/// How deep messages may lie within each other, in `Any`s or not: what the stack bears.
pub(crate) const WRITTEN_DEPTH_MAX: usize = 120;

/// Whether a message can be written.
///
/// # Errors
/// It is too deep.
pub(crate) fn check(message: &DynamicMessage) -> Result<(), JsonError> {
    if is_within(message, WRITTEN_DEPTH_MAX) {
        return Ok(());
    }
    Err(too_deep())
}

/// The error that a message cannot be written.
pub(crate) fn too_deep() -> JsonError {
    JsonError::unplaced(format!("messages lie more than {WRITTEN_DEPTH_MAX} deep within each other"))
}

fn is_within(message: &DynamicMessage, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else { return false };
    if let Some(held) = held(message) {
        return is_within(&held, left);
    }
    message.fields().all(|(_, value)| match value {
        Value::Message(inner) => is_within(inner, left),
        Value::List(list) => list.iter().filter_map(Value::as_message).all(|inner| is_within(inner, left)),
        Value::Map(map) => map.values().filter_map(Value::as_message).all(|inner| is_within(inner, left)),
        _ => true,
    })
}

/// The message in an `Any`, if this is one and its type is known.
fn held(message: &DynamicMessage) -> Option<DynamicMessage> {
    use prost_reflect::ReflectMessage as _;

    let descriptor = message.descriptor();
    if descriptor.full_name() != "google.protobuf.Any" {
        return None;
    }
    let (url, value) = (message.get_field_by_name("type_url")?, message.get_field_by_name("value")?);
    let name = url.as_str()?.rsplit('/').next()?;
    let held = descriptor.parent_pool().get_message_by_name(name)?;
    DynamicMessage::decode(held, value.as_bytes()?.clone()).ok()
}
