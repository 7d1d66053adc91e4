//! Extension ranges that say which extensions they are for: `[declaration = { ... }]`.

use std::collections::{HashMap, HashSet};

use prost_reflect::{
    DynamicMessage, ExtensionDescriptor, FileDescriptor, Kind, MessageDescriptor, ReflectMessage, Value,
};
use prost_types::FileDescriptorProto;

use crate::check::rules::{MESSAGE_EXTENSION_RANGE, NAME};
use crate::check::{Item, Place};
use crate::error::Error;
use crate::schemas::Schemas;

/// Field numbers of `DescriptorProto`, its `ExtensionRange`, and `ExtensionRangeOptions`.
const RANGES: u32 = 5;
const START: u32 = 1;
const END: u32 = 2;
const OPTIONS: u32 = 3;
const DECLARATION: u32 = 2;
const VERIFICATION: u32 = 3;

/// `ExtensionRangeOptions.VerificationState.DECLARATION`; `UNVERIFIED` is the default.
const MUST_BE_DECLARED: i32 = 0;

/// A range with options.
struct Range {
    start: i32,
    end: i32,
    declarations: Vec<Declaration>,
    /// As written; nothing if it is not.
    verification: Option<i32>,
}

struct Declaration {
    number: i32,
    full_name: String,
    type_name: String,
    is_reserved: bool,
    is_repeated: bool,
}

/// Checks the declarations of all files, and the extensions that they are about.
pub(super) fn check(schemas: &Schemas) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut all: HashMap<String, Vec<Range>> = HashMap::new();
    for message in schemas.pool().all_messages() {
        // Most messages have no ranges, and most ranges no options.
        if !message.descriptor_proto().extension_range.iter().any(|range| range.options.is_some()) {
            continue;
        }
        let mut ranges = Vec::new();
        for (index, range) in (0..).zip(raw_ranges(&message)) {
            let Some(range) = read(&range) else { continue };
            for (text, hint) in mistakes(&range) {
                let path = [message.path(), &[MESSAGE_EXTENSION_RANGE, index]].concat();
                errors.extend(error_at(schemas, &message.parent_file(), path, text, hint));
            }
            ranges.push(range);
        }
        all.insert(message.full_name().to_owned(), ranges);
    }
    for extension in schemas.pool().all_extensions().filter(|_| !all.is_empty()) {
        let extendee = extension.containing_message();
        let number = extension.number().cast_signed();
        let mut ranges = all.get(extendee.full_name()).into_iter().flatten();
        let Some(range) = ranges.find(|range| (range.start..range.end).contains(&number)) else { continue };
        if let Some((text, hint)) = disagreement(&extension, range) {
            let path = [extension.path(), &[NAME]].concat();
            errors.extend(error_at(schemas, &extension.parent_file(), path, text, hint));
        }
    }
    errors
}

/// The `ExtensionRange`s of a message with options that plain descriptor types do not know.
fn raw_ranges(message: &MessageDescriptor) -> Vec<Value> {
    let file = message.parent_file();
    let descriptor = message
        .parent_pool()
        .get_message_by_name("google.protobuf.FileDescriptorProto")
        .unwrap_or_else(|| FileDescriptorProto::default().descriptor());
    let Ok(file) = DynamicMessage::decode(descriptor, file.encode_to_vec().as_slice()) else { return Vec::new() };
    let mut current = file;
    // A path is field, index, field, index, down to the message.
    for step in message.path().chunks(2) {
        let [field, index] = step else { return Vec::new() };
        let list = current.get_field_by_number(field.unsigned_abs());
        let inner = list.as_ref().and_then(|list| list.as_list()?.get(usize::try_from(*index).ok()?)?.as_message());
        let Some(inner) = inner.cloned() else { return Vec::new() };
        current = inner;
    }
    current.get_field_by_number(RANGES).and_then(|list| list.as_list().map(<[Value]>::to_vec)).unwrap_or_default()
}

fn read(range: &Value) -> Option<Range> {
    let range = range.as_message()?;
    let number = |field| range.get_field_by_number(field).and_then(|value| value.as_i32()).unwrap_or_default();
    let options = range.get_field_by_number(OPTIONS)?.as_message()?.clone();
    let list = options.get_field_by_number(DECLARATION)?;
    let declarations = list.as_list()?.iter().filter_map(Value::as_message).map(declaration).collect();
    let verification = options.has_field_by_number(VERIFICATION);
    let verification = verification.then(|| options.get_field_by_number(VERIFICATION)?.as_enum_number()).flatten();
    Some(Range { start: number(START), end: number(END), declarations, verification })
}

fn declaration(message: &DynamicMessage) -> Declaration {
    let text = |name| message.get_field_by_name(name).and_then(|value| value.as_str().map(str::to_owned));
    let flag = |name| message.get_field_by_name(name).and_then(|value| value.as_bool());
    Declaration {
        number: message.get_field_by_name("number").and_then(|value| value.as_i32()).unwrap_or_default(),
        full_name: text("full_name").unwrap_or_default(),
        type_name: text("type").unwrap_or_default(),
        is_reserved: flag("reserved").unwrap_or_default(),
        is_repeated: flag("repeated").unwrap_or_default(),
    }
}

/// What is wrong with the declarations themselves.
fn mistakes(range: &Range) -> Vec<(String, &'static str)> {
    let mut mistakes = Vec::new();
    if range.verification.is_some_and(|state| state != MUST_BE_DECLARED) && !range.declarations.is_empty() {
        let text = "the range has declarations and is `UNVERIFIED`".to_owned();
        mistakes.push((text, "drop `verification`: declarations are always verified"));
    }
    let (mut numbers, mut names) = (HashSet::new(), HashSet::new());
    for declared in &range.declarations {
        let number = declared.number;
        if !(range.start..range.end).contains(&number) {
            let text = format!("number {number} is declared, and is not in the range");
            mistakes.push((text, "correct the number, or make the range larger"));
        }
        if !numbers.insert(number) {
            mistakes.push((format!("number {number} is declared twice"), "drop one of the declarations"));
        }
        let (name, type_name) = (&declared.full_name, &declared.type_name);
        if name.is_empty() != type_name.is_empty() || (name.is_empty() && !declared.is_reserved) {
            let text = format!("the declaration of number {number} needs both `full_name` and `type`");
            mistakes.push((text, "write both, or `reserved: true` for a number that is gone"));
            continue;
        }
        if name.is_empty() {
            continue;
        }
        if !name.starts_with('.') {
            let text = format!("the declared name `{name}` does not start with a dot");
            mistakes.push((text, "write the full name: a dot, the package, the name"));
        }
        if !type_name.starts_with('.') && !SCALARS.contains(&type_name.as_str()) {
            let text = format!("the declared type `{type_name}` is no scalar, and does not start with a dot");
            mistakes.push((text, "write the full name of a type: a dot, the package, the name"));
        }
        if !names.insert(name) {
            mistakes.push((format!("`{name}` is declared twice"), "drop one of the declarations"));
        }
    }
    mistakes
}

const SCALARS: &[&str] = &[
    "bool", "bytes", "double", "fixed32", "fixed64", "float", "int32", "int64", "sfixed32", "sfixed64", "sint32",
    "sint64", "string", "uint32", "uint64",
];

/// Where an extension is not what its range declares.
fn disagreement(extension: &ExtensionDescriptor, range: &Range) -> Option<(String, &'static str)> {
    let number = extension.number();
    let (name, extendee) = (extension.full_name(), extension.containing_message());
    let extendee = extendee.full_name();
    let declared = range.declarations.iter().find(|declared| declared.number.unsigned_abs() == number);
    let Some(declared) = declared else {
        let must_be = !range.declarations.is_empty() || range.verification == Some(MUST_BE_DECLARED);
        let hint = "add a declaration to the range, or take a number outside of it";
        return must_be
            .then(|| (format!("`{extendee}` does not declare extension `{name}` with number {number}"), hint));
    };
    if declared.is_reserved {
        let text = format!("`{extendee}` reserves number {number}, which extension `{name}` has");
        return Some((text, "choose another number"));
    }
    let (expected, expected_type) = (&declared.full_name, &declared.type_name);
    let type_name = match extension.kind() {
        Kind::Message(message) => format!(".{}", message.full_name()),
        Kind::Enum(the_enum) => format!(".{}", the_enum.full_name()),
        scalar => format!("{scalar:?}"),
    };
    let hint = "change the extension or its declaration";
    if expected.trim_start_matches('.') != name {
        return Some((format!("`{extendee}` declares number {number} for `{expected}`, not for `.{name}`"), hint));
    }
    if *expected_type != type_name {
        return Some((format!("`{extendee}` declares `{name}` as `{expected_type}`, not as `{type_name}`"), hint));
    }
    let is_repeated = extension.cardinality() == prost_reflect::Cardinality::Repeated;
    (is_repeated != declared.is_repeated).then(|| {
        let word = if declared.is_repeated { "repeated" } else { "not repeated" };
        (format!("`{extendee}` declares `{name}` as {word}"), hint)
    })
}

fn error_at(schemas: &Schemas, file: &FileDescriptor, path: Vec<i32>, text: String, hint: &str) -> Option<Error> {
    let file = schemas.pool().file_descriptor_protos().find(|proto| proto.name() == file.name())?;
    let item = Item { what: String::new(), place: Place { schemas, file, path } };
    Some(item.error(text).with_hint(hint))
}
