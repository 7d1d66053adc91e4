//! Messages as text, the way `protoc --decode` prints them.

use std::fmt::Write as _;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{DynamicMessage, Kind, MapKey, ReflectMessage, Value};

/// Bytes in an unknown field may be a message in a message; deeper than this they are shown as bytes.
const UNKNOWN_DEPTH_MAX: usize = 10;

/// A message with the names of its fields, in the order of their numbers.
pub(crate) fn of(message: &DynamicMessage) -> String {
    let mut text = Text { text: String::new(), depth: 0 };
    text.message(message);
    text.text
}

/// A message of an unknown type; nothing if the bytes are no message.
pub(crate) fn of_unknown(bytes: &[u8]) -> Option<String> {
    let mut text = Text { text: String::new(), depth: 0 };
    text.unknown(bytes, UNKNOWN_DEPTH_MAX)?;
    Some(text.text)
}

struct Text {
    text: String,
    depth: usize,
}

impl Text {
    fn message(&mut self, message: &DynamicMessage) {
        if self.any(message).is_some() {
            return;
        }
        let mut fields: Vec<(u32, String, Kind, &Value)> = Vec::new();
        for (field, value) in message.fields() {
            let name = match field.kind() {
                Kind::Message(group) if field.is_group() => group.name().to_owned(),
                _ => field.name().to_owned(),
            };
            fields.push((field.number(), name, field.kind(), value));
        }
        for (extension, value) in message.extensions() {
            fields.push((extension.number(), format!("[{}]", extension.full_name()), extension.kind(), value));
        }
        fields.sort_by_key(|(number, ..)| *number);
        for (_, name, kind, value) in fields {
            self.field(&name, &kind, value);
        }
        let mut unknown = Vec::new();
        for field in message.unknown_fields() {
            field.encode(&mut unknown);
        }
        // It came from a decoder.
        let _ = self.unknown(&unknown, UNKNOWN_DEPTH_MAX);
    }

    fn field(&mut self, name: &str, kind: &Kind, value: &Value) {
        match value {
            Value::List(list) => list.iter().for_each(|value| self.field(name, kind, value)),
            Value::Map(map) => {
                let Kind::Message(entry) = kind else { return };
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|(key, _)| sort_key(key));
                let (key_kind, value_kind) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
                for (key, value) in entries {
                    self.block(name, |text| {
                        text.field("key", &key_kind, &Value::from(key.clone()));
                        text.field("value", &value_kind, value);
                    });
                }
            }
            Value::Message(message) => self.block(name, |text| text.message(message)),
            scalar => {
                let scalar = scalar_text(kind, scalar);
                self.line(&format!("{name}: {scalar}"));
            }
        }
    }

    /// An `Any` whose type is known is shown as that type.
    fn any(&mut self, message: &DynamicMessage) -> Option<()> {
        let descriptor = message.descriptor();
        if descriptor.full_name() != "google.protobuf.Any" {
            return None;
        }
        let url = message.get_field_by_number(1)?.as_str()?.to_owned();
        let inner = descriptor.parent_pool().get_message_by_name(url.rsplit_once('/')?.1)?;
        let bytes = message.get_field_by_number(2)?.as_bytes()?.clone();
        let inner = DynamicMessage::decode(inner, bytes).ok()?;
        self.block(&format!("[{url}]"), |text| text.message(&inner));
        Some(())
    }

    fn unknown(&mut self, mut bytes: &[u8], depth_left: usize) -> Option<()> {
        while !bytes.is_empty() {
            let (number, wire_type) = decode_key(&mut bytes).ok()?;
            match wire_type {
                WireType::Varint => {
                    let value = decode_varint(&mut bytes).ok()?;
                    self.line(&format!("{number}: {value}"));
                }
                WireType::ThirtyTwoBit => {
                    let (value, rest) = bytes.split_first_chunk::<4>()?;
                    self.line(&format!("{number}: 0x{:08x}", u32::from_le_bytes(*value)));
                    bytes = rest;
                }
                WireType::SixtyFourBit => {
                    let (value, rest) = bytes.split_first_chunk::<8>()?;
                    self.line(&format!("{number}: 0x{:016x}", u64::from_le_bytes(*value)));
                    bytes = rest;
                }
                WireType::LengthDelimited => {
                    let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
                    let (value, rest) = bytes.split_at_checked(length)?;
                    self.delimited(number, value, depth_left);
                    bytes = rest;
                }
                WireType::StartGroup => {
                    let start = bytes;
                    skip_field(wire_type, number, &mut bytes, DecodeContext::default()).ok()?;
                    let with_end = &start[..start.len() - bytes.len()];
                    let inside = &with_end[..with_end.len() - key_length(number)];
                    let mut inner = Text { text: String::new(), depth: self.depth + 1 };
                    inner.unknown(inside, depth_left)?;
                    self.line(&format!("{number} {{"));
                    self.text.push_str(&inner.text);
                    self.line("}");
                }
                WireType::EndGroup => return None,
            }
        }
        Some(())
    }

    /// Bytes that read as a message are shown as one.
    fn delimited(&mut self, number: u32, value: &[u8], depth_left: usize) {
        let mut inner = Text { text: String::new(), depth: self.depth + 1 };
        if !value.is_empty() && depth_left > 0 && inner.unknown(value, depth_left - 1).is_some() {
            self.line(&format!("{number} {{"));
            self.text.push_str(&inner.text);
            self.line("}");
        } else {
            self.line(&format!("{number}: {}", quoted(value)));
        }
    }

    fn block(&mut self, name: &str, inside: impl FnOnce(&mut Text)) {
        self.line(&format!("{name} {{"));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line("}");
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{:indent$}{line}", "", indent = self.depth * 2);
    }
}

/// The bytes of an end-group key.
fn key_length(number: u32) -> usize {
    prost::encoding::key_len(number)
}

/// protoc sorts by number, and by bytes.
fn sort_key(key: &MapKey) -> (i128, String) {
    match key {
        MapKey::Bool(value) => (i128::from(*value), String::new()),
        MapKey::I32(value) => (i128::from(*value), String::new()),
        MapKey::I64(value) => (i128::from(*value), String::new()),
        MapKey::U32(value) => (i128::from(*value), String::new()),
        MapKey::U64(value) => (i128::from(*value), String::new()),
        MapKey::String(value) => (0, value.clone()),
    }
}

fn scalar_text(kind: &Kind, value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => float(format!("{value:e}"), f64::from(*value), 6),
        Value::F64(value) => float(format!("{value:e}"), *value, 15),
        Value::String(value) => quoted(value.as_bytes()),
        Value::Bytes(value) => quoted(value),
        Value::EnumNumber(number) => {
            let name = kind.as_enum().and_then(|the_enum| the_enum.get_value(*number));
            name.map_or_else(|| number.to_string(), |value| value.name().to_owned())
        }
        Value::Message(_) | Value::List(_) | Value::Map(_) => String::new(),
    }
}

/// The shortest digits that read back as the same number, laid out as C's `%g` does: `shortest` is Rust's `{:e}`,
/// `precision` C's `FLT_DIG` or `DBL_DIG`.
fn float(shortest: String, value: f64, precision: i32) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digit_count = i32::try_from(digits.chars().filter(char::is_ascii_digit).count()).unwrap_or(i32::MAX);
    // `%g` switches to an exponent at its precision; protoc takes a larger one where that is not exact.
    if exponent < -4 || exponent >= precision.max(digit_count) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    value_without_exponent(digits, exponent)
}

/// `1.25` and 3 are `1250`.
fn value_without_exponent(digits: &str, exponent: i32) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole_length = exponent.unsigned_abs() as usize + 1;
    if digits.len() <= whole_length {
        return format!("{sign}{digits}{}", "0".repeat(whole_length - digits.len()));
    }
    let (whole, fraction) = digits.split_at(whole_length);
    format!("{sign}{whole}.{fraction}")
}

/// A C string: what is not printable ASCII in three octal digits.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'"' => text.push_str("\\\""),
            b'\'' => text.push_str("\\'"),
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7e => text.push(char::from(*byte)),
            _ => {
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_guessed() {
        let table: &[(&[u8], &str)] = &[
            (b"", ""),
            (&[0x08, 0x96, 0x01], "1: 150\n"),
            (&[0x0d, 1, 0, 0, 0], "1: 0x00000001\n"),
            (&[0x09, 1, 0, 0, 0, 0, 0, 0, 0], "1: 0x0000000000000001\n"),
            (&[0x12, 2, 0x08, 7], "2 {\n  1: 7\n}\n"),
            (&[0x12, 1, b'a'], "2: \"a\"\n"),
            (&[0x12, 0], "2: \"\"\n"),
            (&[0x13, 0x08, 7, 0x14], "2 {\n  1: 7\n}\n"),
        ];
        for (bytes, expected) in table {
            assert_eq!(of_unknown(bytes).as_deref(), Some(*expected), "{bytes:?}");
        }
        for bytes in [&[0x08][..], &[0x12, 5, 1], &[0x14], &[0x13, 0x08, 7], &[0x0d, 1], &[0x00]] {
            assert_eq!(of_unknown(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn floats_are_short() {
        let table = [
            (0.0, "0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e15, "1e+15"),
            (123_456_789.0, "123456789"),
            (0.000_1, "0.0001"),
            (0.000_01, "1e-05"),
            (1e300, "1e+300"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (value, expected) in table {
            assert_eq!(scalar_text(&Kind::Double, &Value::F64(value)), expected);
        }
        assert_eq!(scalar_text(&Kind::Float, &Value::F32(0.1)), "0.1");
        assert_eq!(scalar_text(&Kind::Float, &Value::F32(1e6)), "1e+06");
        assert_eq!(scalar_text(&Kind::Float, &Value::F32(16_777_216.0)), "16777216");
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted("a\"'\\\n\u{e4}\0".as_bytes()), r#""a\"\'\\\n\303\244\000""#);
    }
}
