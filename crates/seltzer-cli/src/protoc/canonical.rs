//! The same bytes for the same message: entries of maps in the order of their keys.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field};
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};

/// A message that was encoded, with its maps sorted. What is not understood stays as it is.
pub(crate) fn sorted(descriptor: &MessageDescriptor, message: &[u8]) -> Vec<u8> {
    try_sorted(descriptor, message).unwrap_or_else(|| message.to_vec())
}

fn try_sorted(descriptor: &MessageDescriptor, message: &[u8]) -> Option<Vec<u8>> {
    let mut sorted = Vec::with_capacity(message.len());
    let mut entries: Vec<(Key, Vec<u8>)> = Vec::new();
    let mut entries_number = 0;
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        if number != entries_number {
            flush(&mut entries, &mut sorted);
        }
        let field = descriptor.get_field(number);
        let kind = field
            .as_ref()
            .map(prost_reflect::FieldDescriptor::kind)
            .or_else(|| descriptor.get_extension(number).map(|extension| extension.kind()));
        match kind {
            Some(Kind::Message(inner)) if wire_type == WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                let bytes = try_sorted(&inner, bytes)?;
                let mut encoded = Vec::with_capacity(bytes.len() + 8);
                encode_key(number, wire_type, &mut encoded);
                encode_varint(bytes.len() as u64, &mut encoded);
                encoded.extend_from_slice(&bytes);
                if inner.is_map_entry() {
                    entries_number = number;
                    entries.push((Key::of(&inner, &bytes)?, encoded));
                } else {
                    sorted.extend_from_slice(&encoded);
                }
            }
            _ => {
                skip_field(wire_type, number, &mut rest, DecodeContext::default()).ok()?;
                sorted.extend_from_slice(&start[..start.len() - rest.len()]);
            }
        }
    }
    flush(&mut entries, &mut sorted);
    Some(sorted)
}

fn flush(entries: &mut Vec<(Key, Vec<u8>)>, sorted: &mut Vec<u8>) {
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    for (_, bytes) in entries.drain(..) {
        sorted.extend_from_slice(&bytes);
    }
}

/// The key of an entry: a number, or the bytes of a string.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(i128, String);

impl Key {
    fn of(entry: &MessageDescriptor, bytes: &[u8]) -> Option<Key> {
        let entry_message = DynamicMessage::decode(entry.clone(), bytes).ok()?;
        let key = entry_message.get_field(&entry.map_entry_key_field()).into_owned();
        Some(match key {
            Value::Bool(value) => Key(i128::from(value), String::new()),
            Value::I32(value) => Key(i128::from(value), String::new()),
            Value::I64(value) => Key(i128::from(value), String::new()),
            Value::U32(value) => Key(i128::from(value), String::new()),
            Value::U64(value) => Key(i128::from(value), String::new()),
            Value::String(value) => Key(0, value),
            _ => return None,
        })
    }
}
