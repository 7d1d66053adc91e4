//! `--encode`, `--decode` and `--decode_raw`: messages between text and bytes.

use std::io::{self, Read, Write};

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, Value};

use crate::protoc::canonical;
use crate::protoc::problem::{Failure, Problem, tell};
use crate::protoc::text_format;

/// Reads a message as text, writes it in bytes.
///
/// # Errors
/// There is no such type, the text is wrong, or writing fails.
pub(crate) fn encode(pool: &DescriptorPool, type_name: &str) -> Result<(), Failure> {
    let descriptor = find(pool, type_name)?;
    let input = read()?;
    let text = String::from_utf8(input).map_err(|_| failed("input: it is not UTF-8 text"))?;
    let message = DynamicMessage::parse_text_format(descriptor.clone(), &text)
        .map_err(|error| failed(&described(&error, &text)))?;
    let missing = missing_fields(&message);
    if !missing.is_empty() {
        tell(&format!("warning:  Input message is missing required fields:  {}", missing.join(", ")));
    }
    write(&canonical::sorted(&descriptor, &message.encode_to_vec()))
}

/// Reads a message in bytes, writes it as text.
///
/// # Errors
/// There is no such type, the bytes are wrong, or writing fails.
pub(crate) fn decode(pool: &DescriptorPool, type_name: &str) -> Result<(), Failure> {
    let descriptor = find(pool, type_name)?;
    let message =
        DynamicMessage::decode(descriptor, read()?.as_slice()).map_err(|error| failed(&format!("input: {error}")))?;
    let missing = missing_fields(&message);
    if !missing.is_empty() {
        tell(&format!("warning:  Input message is missing required fields:  {}", missing.join(", ")));
    }
    write(text_format::of(&message).as_bytes())
}

/// Reads any message, writes its numbers and values.
///
/// # Errors
/// The bytes are none, or writing fails.
pub(crate) fn decode_raw() -> Result<(), Failure> {
    let input = read()?;
    let text = text_format::of_unknown(&input).ok_or_else(|| failed("input: it is no encoded message"))?;
    write(text.as_bytes())
}

fn find(pool: &DescriptorPool, name: &str) -> Result<MessageDescriptor, Problem> {
    pool.get_message_by_name(name.trim_start_matches('.')).ok_or_else(|| {
        let near = pool
            .all_messages()
            .map(|message| (strsim::damerau_levenshtein(message.full_name(), name), message))
            .filter(|(distance, message)| *distance <= 3 || message.name() == name)
            .min_by_key(|(distance, _)| *distance);
        let problem = Problem::new(format!("Type not defined: {name}"));
        match near {
            Some((_, message)) => problem.with_hint(format!("did you mean `{}`?", message.full_name())),
            None => problem.with_hint("name it with its package, and list the file that defines it"),
        }
    })
}

fn read() -> Result<Vec<u8>, Problem> {
    let mut input = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut input);
    read.map_err(|error| Problem::new(format!("cannot read standard input: {error}")))?;
    Ok(input)
}

/// Writes to standard output. A reader who has seen enough is no mistake.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::new(format!("cannot write to standard output: {error}")).into())
        }
        _ => Ok(()),
    }
}

fn failed(message: &str) -> Problem {
    Problem::new(format!("{message}\nFailed to parse input."))
}

/// What the parser of texts says, with line and column if it tells a place.
fn described(error: &prost_reflect::text_format::ParseError, text: &str) -> String {
    let labels = miette::Diagnostic::labels(error);
    let offset = labels.and_then(|mut labels| labels.next()).map(|label| label.offset());
    match offset.and_then(|offset| text.get(..offset)) {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
            format!("input:{line}:{column}: {error}")
        }
        None => format!("input: {error}"),
    }
}

/// The required fields that are not set, by their paths.
fn missing_fields(message: &DynamicMessage) -> Vec<String> {
    let mut missing = Vec::new();
    append_missing(message, "", &mut missing);
    missing
}

fn append_missing(message: &DynamicMessage, prefix: &str, missing: &mut Vec<String>) {
    for field in message.descriptor().fields().filter(prost_reflect::FieldDescriptor::is_required) {
        if !message.has_field(&field) {
            missing.push(format!("{prefix}{}", field.name()));
        }
    }
    for (field, value) in message.fields() {
        match value {
            Value::Message(inner) => append_missing(inner, &format!("{prefix}{}.", field.name()), missing),
            Value::List(list) => {
                for (index, inner) in list.iter().filter_map(Value::as_message).enumerate() {
                    append_missing(inner, &format!("{prefix}{}[{index}].", field.name()), missing);
                }
            }
            _ => {}
        }
    }
}
