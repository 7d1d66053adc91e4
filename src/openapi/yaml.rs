//! A document as YAML 1.2.
//!
//! It is JSON without its braces: mappings and sequences in block style, strings as plain words where nothing can take
//! these for something else and in JSON's own quotes everywhere else, which YAML reads as JSON does.

use std::fmt::Write as _;

use crate::openapi::value::{Object, Value};

/// How far a level stands in.
const INDENT: usize = 2;

/// Plain words up to this length stay without quotes.
const PLAIN_BYTES_MAX: usize = 200;

/// What YAML 1.1 or 1.2 takes for something else than a string.
const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

/// Writes a document.
pub(crate) fn to_yaml(document: &Object) -> String {
    let mut text = String::new();
    write_object(&mut text, document, 0);
    text
}

fn write_object(text: &mut String, object: &Object, depth: usize) {
    for (index, (key, value)) in object.iter().enumerate() {
        // The first key of an object in a list stands behind its dash.
        if index > 0 || !text.ends_with("- ") {
            indent(text, depth);
        }
        write_text(text, key);
        text.push(':');
        write_value(text, value, depth);
    }
}

/// Writes what stands behind a colon.
fn write_value(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            text.push('\n');
            write_object(text, object, depth + 1);
        }
        Value::List(list) if !list.is_empty() => {
            text.push('\n');
            write_list(text, list, depth + 1);
        }
        _ => {
            text.push(' ');
            write_scalar(text, value);
        }
    }
}

fn write_list(text: &mut String, list: &[Value], depth: usize) {
    for value in list {
        indent(text, depth);
        text.push_str("- ");
        match value {
            Value::Object(object) if !object.is_empty() => write_object(text, object, depth + 1),
            Value::List(inner) if !inner.is_empty() => {
                // Rare enough to be JSON, which is YAML too.
                let _ = writeln!(text, "{}", serde_json::to_string(value).unwrap_or_default());
            }
            _ => write_scalar(text, value),
        }
    }
}

fn write_scalar(text: &mut String, value: &Value) {
    match value {
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Integer(value) => {
            let _ = write!(text, "{value}");
        }
        Value::Text(words) => write_text(text, words),
        Value::List(_) => text.push_str("[]"),
        Value::Object(_) => text.push_str("{}"),
    }
    text.push('\n');
}

fn write_text(text: &mut String, words: &str) {
    if is_plain(words) {
        text.push_str(words);
        return;
    }
    // JSON escapes all control characters but DEL and those above it, which YAML wants escaped too.
    for c in serde_json::to_string(words).unwrap_or_default().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
}

/// Whether nobody takes these words for anything but a string.
fn is_plain(words: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || " ._/$@*(),`'-".contains(c);
    words.len() <= PLAIN_BYTES_MAX
        && words.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '$')
        && !words.ends_with(' ')
        && words.chars().all(is_inner)
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(words))
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n(' ', depth * INDENT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_blocks() {
        let document = Object::new()
            .with("openapi", "3.1.0")
            .with("empty", Object::new())
            .with("none", Vec::<Value>::new())
            .with("list", vec![Value::from("a"), Object::new().with("b", 1).with("c", ["d"]).into()])
            .with("nested", vec![Value::from(["x", "y"])])
            .with("/v1/{name}", Object::new().with("get", true));
        let expected = "openapi: \"3.1.0\"\nempty: {}\nnone: []\nlist:\n  - a\n  - b: 1\n    c:\n      - d\n\
                        nested:\n  - [\"x\",\"y\"]\n\"/v1/{name}\":\n  get: true\n";
        assert_eq!(to_yaml(&document), expected);
    }

    #[test]
    fn words_that_could_be_something_else_are_quoted() {
        let table = [
            ("plain words, (and more)", "plain words, (and more)"),
            ("#/components/schemas/A", "\"#/components/schemas/A\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("No", "\"No\""),
            ("null", "\"null\""),
            ("1", "\"1\""),
            (".inf", "\".inf\""),
            ("", "\"\""),
            ("- a", "\"- a\""),
            ("*a", "\"*a\""),
            ("two\nlines", "\"two\\nlines\""),
            ("quote\"d", "\"quote\\\"d\""),
            ("ends ", "\"ends \""),
            ("Grüße", "\"Grüße\""),
            ("next\u{85}line\u{7f}", "\"next\\u0085line\\u007f\""),
        ];
        for (words, expected) in table {
            let mut text = String::new();
            write_text(&mut text, words);
            assert_eq!(text, expected, "{words:?}");
        }
    }
}
