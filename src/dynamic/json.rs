//! Messages as JSON, after protobuf's JSON mapping (by prost-reflect).

use std::fmt;

use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage};

/// Text that is not JSON, or not JSON of the message that was expected.
#[derive(Debug)]
pub struct JsonError {
    message: String,
    source: serde_json::Error,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.source)
    }
}

impl std::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Reads one message.
///
/// # Errors
/// It is not JSON, or has fields or values that the message does not; the error gives line and column.
pub fn message_from_json(message: &MessageDescriptor, json: &str) -> Result<DynamicMessage, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = DynamicMessage::deserialize(message.clone(), &mut deserializer)
        .and_then(|message| deserializer.end().map(|()| message));
    read.map_err(|source| JsonError { message: format!("not a {} in JSON", message.full_name()), source })
}

/// Reads any number of messages that stand one after another, with or without line breaks between.
///
/// # Errors
/// As [`message_from_json`]; the error counts the messages from 1.
pub fn messages_from_json(message: &MessageDescriptor, json: &str) -> Result<Vec<DynamicMessage>, JsonError> {
    let mut messages = Vec::new();
    for value in serde_json::Deserializer::from_str(json).into_iter::<serde_json::Value>() {
        let number = messages.len() + 1;
        let name = message.full_name();
        let fail = |source| JsonError { message: format!("message {number} is not a {name} in JSON"), source };
        let value = value.map_err(fail)?;
        messages.push(DynamicMessage::deserialize(message.clone(), value).map_err(fail)?);
    }
    Ok(messages)
}

/// Writes a message in one line, as protobuf's JSON mapping has it: fields with default values are left out.
///
/// # Errors
/// A value has no form in JSON: a timestamp out of range, an `Any` of an unknown type.
pub fn message_to_json(message: &DynamicMessage) -> Result<String, JsonError> {
    let fail = |source| JsonError { message: format!("a {} has no JSON", message.descriptor().full_name()), source };
    let bytes = serde_json::to_vec(message).map_err(fail)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
