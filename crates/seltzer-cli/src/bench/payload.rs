//! What calls send: bytes that are made once, or text that is filled in anew for each.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost_reflect::prost::Message as _;
use seltzer::Status;
use seltzer::dynamic::{DynamicMessage, MethodDescriptor};

use crate::error::Failure;
use crate::json;

/// Messages of a method.
pub(super) struct Payload {
    messages: Vec<Source>,
    method: MethodDescriptor,
}

enum Source {
    Same(Bytes),
    Template(Vec<Piece>),
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    /// `{{n}}`: the number of the call, from 0.
    Number,
    /// `{{uuid}}`: a random UUID (RFC 9562, version 4).
    Uuid,
    /// `{{random A B}}`: an integer, the ends included.
    Random(i64, i64),
    /// `{{timestamp}}`: milliseconds since 1970.
    Timestamp,
}

impl Payload {
    /// Reads messages in JSON; none is one without fields.
    ///
    /// # Errors
    /// One is no JSON of the method's messages, or has a `{{...}}` that is not known.
    pub(super) fn read(data: &[String], method: &MethodDescriptor) -> Result<Self, Failure> {
        let mut messages = Vec::new();
        for (index, text) in data.iter().enumerate() {
            let fail = |what: String| Failure::usage(format!("message {}: {what}", index + 1));
            if text.contains("{{") {
                let pieces = pieces(text).map_err(fail)?;
                // One is made at once, so that what is wrong is said before anything is called.
                message(method, &render(&pieces, 0)).map_err(fail)?;
                messages.push(Source::Template(pieces));
            } else {
                messages.push(Source::Same(message(method, text).map_err(fail)?));
            }
        }
        if messages.is_empty() {
            messages.push(Source::Same(DynamicMessage::new(method.input()).encode_to_vec().into()));
        }
        Ok(Payload { messages, method: method.clone() })
    }

    /// How many messages take turns.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The message at an index, for the call of this number.
    ///
    /// # Errors
    /// What a template became is no message: a number out of its field's range.
    pub(super) fn message(&self, index: usize, call: u64) -> Result<Bytes, Status> {
        match &self.messages[index % self.messages.len()] {
            Source::Same(bytes) => Ok(bytes.clone()),
            Source::Template(pieces) => message(&self.method, &render(pieces, call)).map_err(Status::invalid_argument),
        }
    }
}

fn message(method: &MethodDescriptor, text: &str) -> Result<Bytes, String> {
    Ok(json::read(&method.input(), text, false)?.encode_to_vec().into())
}

/// Splits a template.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or("`{{` has no `}}`")?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(piece(name)?);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn piece(name: &str) -> Result<Piece, String> {
    let words: Vec<&str> = name.split_whitespace().collect();
    match words.as_slice() {
        ["n"] => Ok(Piece::Number),
        ["uuid"] => Ok(Piece::Uuid),
        ["timestamp"] => Ok(Piece::Timestamp),
        ["random", least, most] => match (least.parse(), most.parse()) {
            (Ok(least), Ok(most)) if least <= most => Ok(Piece::Random(least, most)),
            _ => Err(format!("`{{{{{name}}}}}` needs two integers, the smaller one first")),
        },
        _ => Err(format!(
            "`{{{{{name}}}}}` is not known: there are {{{{n}}}}, {{{{uuid}}}}, {{{{random A B}}}} and {{{{timestamp}}}}"
        )),
    }
}

fn render(pieces: &[Piece], call: u64) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(fixed) => text.push_str(fixed),
            Piece::Number => text.push_str(&call.to_string()),
            Piece::Uuid => text.push_str(&uuid(fastrand::u128(..))),
            Piece::Random(least, most) => text.push_str(&fastrand::i64(*least..=*most).to_string()),
            Piece::Timestamp => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                text.push_str(&since.as_millis().to_string());
            }
        }
    }
    text
}

/// Random bits as a UUID of version 4.
fn uuid(bits: u128) -> String {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    let bits = bits & !VERSION & !VARIANT | 4 << 76 | 0b10 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn templates_are_filled_in() {
        let pieces = pieces(r#"{"a": {{n}}, "b": {{random 7 7}}}"#).expect("it is right");
        assert_eq!(render(&pieces, 3), r#"{"a": 3, "b": 7}"#);
        let table = [
            ("{{n", "`{{` has no `}}`"),
            ("{{m}}", "`{{m}}` is not known: there are {{n}}, {{uuid}}, {{random A B}} and {{timestamp}}"),
            ("{{random 2 1}}", "`{{random 2 1}}` needs two integers"),
            ("{{random a b}}", "`{{random a b}}` needs two integers"),
        ];
        for (text, part) in table {
            let error = super::pieces(text).expect_err(text);
            assert!(error.starts_with(part), "{text}: {error}");
        }
    }

    #[test]
    fn uuids_have_their_version_and_variant() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn messages_are_made_once_or_for_each_call() {
        let schemas = catalogue::demo_services().expect("they are built in");
        let method = schemas.method("Calculator/Add").expect("it is built in");
        let data = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let payload = Payload::read(&data(&[r#"{"a": 1}"#, r#"{"a": {{n}}}"#]), &method).expect("both are right");
        assert_eq!(payload.len(), 2);
        let bytes = |index, call| payload.message(index, call).expect("it is in range");
        assert_eq!(bytes(0, 5), bytes(2, 6));
        assert_eq!(bytes(1, 1), bytes(0, 0));
        assert_ne!(bytes(1, 2), bytes(1, 1));
        let empty = Payload::read(&[], &method).expect("nothing is a message without fields");
        assert_eq!((empty.len(), empty.message(0, 0).expect("it is fixed").len()), (1, 0));
        for (text, part) in [("{c: 1}", "message 1: "), (r#"{"a": "{{uuid}}"}"#, "message 1: not a BinaryOperation")] {
            let failure = Payload::read(&data(&[text]), &method).err().expect(text);
            assert!(failure.message().starts_with(part), "{}", failure.message());
        }
    }
}
