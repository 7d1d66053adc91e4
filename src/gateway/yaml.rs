//! The YAML that service configs are written in, as JSON values.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, SpannedEventReceiver};
use serde_json::{Map, Value};

/// How deep a service config is nested; rules need five.
const DEPTH_MAX: usize = 32;

/// Reads one document.
///
/// # Errors
/// It is no YAML, or uses what a service config does not need: anchors, keys that are no texts, several documents.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader { open: Vec::new(), document: None, wrong: None };
    let loaded = Parser::new_from_str(text).load(&mut reader, true);
    match (reader.wrong, loaded) {
        (Some(wrong), _) => Err(wrong),
        (None, Err(error)) => Err(not_yaml(&error)),
        (None, Ok(())) => Ok(reader.document.unwrap_or(Value::Null)),
    }
}

fn not_yaml(error: &ScanError) -> String {
    let at = error.marker();
    format!("this is not YAML: {} (line {}, column {})", error.info(), at.line(), at.col() + 1)
}

struct Reader {
    /// What was begun and is not finished.
    open: Vec<Open>,
    document: Option<Value>,
    wrong: Option<String>,
}

enum Open {
    List(Vec<Value>),
    /// With the key whose value is to come.
    Object(Map<String, Value>, Option<String>),
}

impl<'input> SpannedEventReceiver<'input> for Reader {
    fn on_event(&mut self, event: Event<'input>, span: Span) {
        if self.wrong.is_none()
            && let Err(what) = self.take(event)
        {
            let (line, column) = (span.start.line(), span.start.col() + 1);
            self.wrong = Some(format!("{what} (line {line}, column {column})"));
        }
    }
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::SequenceStart(anchor, _) => self.open(anchor, Open::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(anchor, Open::Object(Map::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(list)) => self.put(Value::Array(list)),
                Some(Open::Object(object, _)) => self.put(Value::Object(object)),
                None => Ok(()),
            },
            Event::Scalar(text, style, _, _) => self.scalar(&text, style),
            Event::Alias(_) => Err("anchors and aliases are not understood here".to_owned()),
            Event::DocumentStart(_) if self.document.is_some() => Err("one document was expected".to_owned()),
            _ => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, what: Open) -> Result<(), String> {
        if anchor != 0 {
            return Err("anchors and aliases are not understood here".to_owned());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        if let Some(Open::Object(_, None)) = self.open.last() {
            return Err("a key must be a text".to_owned());
        }
        self.open.push(what);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle) -> Result<(), String> {
        if let Some(Open::Object(object, key @ None)) = self.open.last_mut() {
            if object.contains_key(text) {
                return Err(format!("the key {text} is there twice"));
            }
            *key = Some(text.to_owned());
            return Ok(());
        }
        // Numbers stay texts: nothing of a rule is one.
        self.put(match (style, text) {
            (ScalarStyle::Plain, "true" | "True" | "TRUE") => Value::Bool(true),
            (ScalarStyle::Plain, "false" | "False" | "FALSE") => Value::Bool(false),
            (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
            _ => Value::from(text),
        })
    }

    fn put(&mut self, value: Value) -> Result<(), String> {
        match self.open.last_mut() {
            Some(Open::List(list)) => list.push(value),
            Some(Open::Object(object, key)) => {
                let Some(key) = key.take() else { return Err("a key must be a text".to_owned()) };
                object.insert(key, value);
            }
            None => self.document = Some(value),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_config_is_read() {
        let text = "# A comment.\ntype: google.api.Service\nconfig_version: 3\nhttp:\n  rules:\n  - selector: a.B.C\n    \
                    get: /v1/{name=a/*}:verb\n    additional_bindings:\n    - post: \"/v1/b\"\n      body: '*'\n  \
                    fully_decode_reserved_expansion: true\nempty:\n";
        let expected = json!({
            "type": "google.api.Service",
            "config_version": "3",
            "http": {
                "rules": [{
                    "selector": "a.B.C",
                    "get": "/v1/{name=a/*}:verb",
                    "additional_bindings": [{"post": "/v1/b", "body": "*"}],
                }],
                "fully_decode_reserved_expansion": true,
            },
            "empty": null,
        });
        assert_eq!(read(text), Ok(expected));
        assert_eq!(read(""), Ok(Value::Null));
    }

    #[test]
    fn what_is_not_understood_is_said_with_its_place() {
        let deep = "[".repeat(40) + &"]".repeat(40);
        for (text, said) in [
            ("a: [", "not YAML"),
            ("a: b: c", "not YAML"),
            ("a: &x 1\nb: *x", "aliases"),
            ("a: &x [1]", "anchors"),
            ("a: 1\na: 2", "twice (line 2, column 1)"),
            ("[a]: 1", "a key must be a text"),
            ("a: 1\n---\nb: 1", "one document"),
            (&deep, "32 deep"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
