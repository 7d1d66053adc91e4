//! Messages as JSON, with the liberties that options give.

use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, ReflectMessage, SerializeOptions};
use serde_json::{Deserializer, Error, Serializer};

/// Reads one message.
///
/// # Errors
/// What is wrong, with line and column.
pub(crate) fn read(message: &MessageDescriptor, text: &str, allow_unknown: bool) -> Result<DynamicMessage, String> {
    let options = DeserializeOptions::new().deny_unknown_fields(!allow_unknown);
    let mut reader = Deserializer::from_str(text);
    DynamicMessage::deserialize_with_options(message.clone(), &mut reader, &options)
        .and_then(|read| reader.end().map(|()| read))
        .map_err(|error| format!("not a {} in JSON: {error}", message.full_name()))
}

/// Writes a message in one line.
///
/// # Errors
/// A value has no form in JSON: a timestamp out of range, an `Any` of an unknown type.
pub(crate) fn write(message: &DynamicMessage, emit_defaults: bool) -> Result<String, String> {
    let mut text = Vec::new();
    let options = SerializeOptions::new().skip_default_fields(!emit_defaults);
    let written = message.serialize_with_options(&mut Serializer::new(&mut text), &options);
    finish(message, &text, written)
}

/// Writes a message with all its fields, one a line.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_pretty(message: &DynamicMessage) -> Result<String, String> {
    let mut text = Vec::new();
    let options = SerializeOptions::new().skip_default_fields(false);
    let written = message.serialize_with_options(&mut Serializer::pretty(&mut text), &options);
    finish(message, &text, written)
}

fn finish(message: &DynamicMessage, text: &[u8], written: Result<(), Error>) -> Result<String, String> {
    match written {
        Ok(()) => Ok(String::from_utf8_lossy(text).into_owned()),
        Err(error) => Err(format!("a {} has no JSON: {error}", message.descriptor().full_name())),
    }
}
