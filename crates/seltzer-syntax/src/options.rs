//! Options as bytes: what is needed of them is read and written in place, and everything else survives.

use prost::Message;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field};
use prost_types::UninterpretedOption;

/// The tag of options that are not interpreted yet, in every kind of options.
const UNINTERPRETED_OPTION: u32 = 999;

/// `FieldOptions.packed`
pub(crate) const PACKED: u32 = 2;

/// `MessageOptions { map_entry: true }`
pub(crate) const MAP_ENTRY: &[u8] = &[0x38, 1];

/// Encodes options of any kind that are all uninterpreted.
pub(crate) fn encode<'a>(uninterpreted: impl IntoIterator<Item = &'a UninterpretedOption>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for option in uninterpreted {
        put_bytes(UNINTERPRETED_OPTION, &option.encode_to_vec(), &mut bytes);
    }
    bytes
}

/// The options that are not interpreted yet.
pub(crate) fn uninterpreted(options: &[u8]) -> impl Iterator<Item = UninterpretedOption> {
    fields(options).filter_map(|field| match field {
        Field { number: UNINTERPRETED_OPTION, value: Value::Bytes(bytes), .. } => {
            UninterpretedOption::decode(bytes).ok()
        }
        _ => None,
    })
}

/// One field of an encoded message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) value: Value<'a>,
    /// Key and value as they are encoded.
    pub(crate) encoded: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of an encoded message, as far as it is one.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let start = rest;
        if rest.is_empty() {
            return None;
        }
        let field = field(start, &mut rest);
        if field.is_none() {
            rest = &[];
        }
        field
    })
}

fn field<'a>(start: &'a [u8], rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let (number, wire_type) = decode_key(rest).ok()?;
    let value = match wire_type {
        WireType::Varint => Value::Varint(decode_varint(rest).ok()?),
        WireType::LengthDelimited => {
            let length = usize::try_from(decode_varint(rest).ok()?).ok()?;
            let bytes = rest.get(..length)?;
            rest.advance(length);
            Value::Bytes(bytes)
        }
        _ => {
            skip_field(wire_type, number, rest, DecodeContext::default()).ok()?;
            Value::Other
        }
    };
    Some(Field { number, value, encoded: &start[..start.len() - rest.len()] })
}

/// A message without one of its fields.
pub(crate) fn without(message: &[u8], number: u32) -> Vec<u8> {
    fields(message).filter(|field| field.number != number).flat_map(|field| field.encoded.iter().copied()).collect()
}

/// Adds a number to an encoded message.
pub(crate) fn put_varint(number: u32, value: u64, message: &mut Vec<u8>) {
    encode_key(number, WireType::Varint, message);
    encode_varint(value, message);
}

/// Adds a message, a string or bytes to an encoded message.
pub(crate) fn put_bytes(number: u32, value: &[u8], message: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, message);
    encode_varint(value.len() as u64, message);
    message.extend_from_slice(value);
}
