//! Options and their values as schemas write them.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};

/// How far lines of a nested value are moved to the right.
const INDENT: &str = "  ";

/// An option that is set: its name as schemas have it, in brackets if it is an extension, and its value.
pub(super) struct SetOption {
    pub(super) name: String,
    value: Value,
    kind: Kind,
}

/// All options of a declaration, those that a list has several times each by themselves.
pub(super) fn set_options(options: &DynamicMessage) -> Vec<SetOption> {
    let mut set = Vec::new();
    for (field, value) in options.fields() {
        add(&mut set, field.name().to_owned(), field.kind(), value);
    }
    for (extension, value) in options.extensions() {
        add(&mut set, format!("({})", extension.full_name()), extension.kind(), value);
    }
    set
}

fn add(set: &mut Vec<SetOption>, name: String, kind: Kind, value: &Value) {
    match value {
        Value::List(values) => {
            let each = |value: &Value| SetOption { name: name.clone(), value: value.clone(), kind: kind.clone() };
            set.extend(values.iter().map(each));
        }
        value => set.push(SetOption { name, value: value.clone(), kind }),
    }
}

impl SetOption {
    /// `name = value`, with the lines of a message as far to the right as those of the option.
    pub(super) fn assignment(&self, indent: &str) -> String {
        format!("{} = {}", self.name, value(&self.value, &self.kind, indent))
    }
}

/// A value as schemas and text format write it.
pub(super) fn value(value: &Value, kind: &Kind, indent: &str) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => float(f64::from(*value), value.to_string()),
        Value::F64(value) => float(*value, value.to_string()),
        Value::String(text) => quoted(text.as_bytes()),
        Value::Bytes(bytes) => quoted(bytes),
        Value::EnumNumber(number) => match kind.as_enum().and_then(|values| values.get_value(*number)) {
            Some(named) => named.name().to_owned(),
            None => number.to_string(),
        },
        Value::Message(nested) => message(nested, indent),
        // Both are told apart before: neither is a value of its own.
        Value::List(_) | Value::Map(_) => String::new(),
    }
}

fn message(nested: &DynamicMessage, indent: &str) -> String {
    let inner = format!("{indent}{INDENT}");
    let mut lines = Vec::new();
    for (field, set) in nested.fields() {
        for (one, kind) in values(&field, set) {
            lines.push(format!("{inner}{}: {}", field.name(), value(&one, &kind, &inner)));
        }
    }
    for (extension, set) in nested.extensions() {
        lines.push(format!("{inner}[{}]: {}", extension.full_name(), value(set, &extension.kind(), &inner)));
    }
    if lines.is_empty() { "{}".to_owned() } else { format!("{{\n{}\n{indent}}}", lines.join("\n")) }
}

/// The values of a field, each by itself.
fn values(field: &FieldDescriptor, set: &Value) -> Vec<(Value, Kind)> {
    match set {
        Value::List(values) => values.iter().map(|value| (value.clone(), field.kind())).collect(),
        Value::Map(entries) => {
            let Kind::Message(entry) = field.kind() else { return Vec::new() };
            let one = |(key, value): (&prost_reflect::MapKey, &Value)| {
                let mut pair = DynamicMessage::new(entry.clone());
                pair.set_field(&entry.map_entry_key_field(), key.clone().into());
                pair.set_field(&entry.map_entry_value_field(), value.clone());
                debug_assert!(pair.descriptor().is_map_entry());
                (Value::Message(pair), field.kind())
            };
            entries.iter().map(one).collect()
        }
        value => vec![(value.clone(), field.kind())],
    }
}

fn float(value: f64, text: String) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "inf".to_owned() } else { "-inf".to_owned() }
    } else {
        text
    }
}

/// Text or bytes in quotes; what is no printable ASCII or UTF-8 is escaped.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                control if control.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in control.encode_utf8(&mut bytes).bytes() {
                        text.push_str(&format!("\\{byte:03o}"));
                    }
                }
                letter => text.push(letter),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\{byte:03o}"));
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn text_is_quoted_as_schemas_quote_it() {
        let table: &[(&[u8], &str)] = &[
            (b"", r#""""#),
            (b"a\"b\\c\n\t\r", r#""a\"b\\c\n\t\r""#),
            ("\u{e9}\u{7f}".as_bytes(), "\"\u{e9}\\177\""),
            (b"\xff\0", r#""\377\000""#),
        ];
        for (bytes, expected) in table {
            assert_eq!(quoted(bytes), *expected);
        }
    }
}
