//! Extensions and the ranges of numbers that messages leave to them.

use std::collections::HashMap;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use crate::check::rules::{
    FILE_EXTENSION, FILE_MESSAGE, Findings, MESSAGE_EXTENSION, MESSAGE_EXTENSION_RANGE, MESSAGE_NESTED, NAME, below,
    fields, is_lite, is_message_set,
};
use crate::check::{Item, Place};

/// `FieldDescriptorProto.json_name`
const JSON_NAME: i32 = 10;
/// `FieldDescriptorProto.extendee`
const EXTENDEE: i32 = 2;

/// What proto3 may extend: the messages that options are.
const OPTIONS: &[&str] = &[
    "FileOptions",
    "MessageOptions",
    "FieldOptions",
    "EnumOptions",
    "EnumValueOptions",
    "ServiceOptions",
    "MethodOptions",
    "StreamOptions",
    "OneofOptions",
    "ExtensionRangeOptions",
    "FeatureSet",
];

/// Extensions of one scope; `place` is their list.
pub(super) fn check(extensions: &[FieldDescriptorProto], place: &Place<'_>, findings: &mut Findings<'_>) {
    for (index, extension) in (0..).zip(extensions) {
        let place = below(place, &[index]);
        fields::check_options(extension, &place, findings);
        if place.is_written(&[JSON_NAME]) {
            let message = format!("extension `{}` cannot have a `json_name`", extension.name());
            findings.report(
                &place,
                &[JSON_NAME],
                message,
                "drop it: in JSON an extension is its full name in brackets",
            );
        }
        let extendee = extension.extendee().trim_start_matches('.');
        let is_option = extendee.strip_prefix("google.protobuf.").is_some_and(|name| OPTIONS.contains(&name));
        if findings.is_proto3 && !is_option {
            let message = format!("proto3 cannot extend `{extendee}`");
            findings.report(
                &place,
                &[EXTENDEE],
                message,
                "only options can be extended: use a field of type `google.protobuf.Any`, or proto2",
            );
        }
        let Some(message) = place.schemas.pool().get_message_by_name(extendee) else { continue };
        let is_optional_message = extension.label() == Label::Optional && extension.r#type() == Type::Message;
        if is_message_set(message.descriptor_proto()) && !is_optional_message {
            let text = format!("`{extendee}` is a message set: `{}` must be an optional message", extension.name());
            findings.report(&place, &[NAME], text, "wrap it in a message of its own");
        }
        let owner = message.parent_file();
        if is_lite(place.file) && !is_lite(owner.file_descriptor_proto()) {
            let text = format!("`{extendee}` is not for the lite runtime, and this file is");
            findings.report(&place, &[EXTENDEE], text, "drop `optimize_for = LITE_RUNTIME` here, or add it there");
        }
    }
}

/// Ranges go upwards, and overlap neither each other nor what is reserved.
pub(super) fn check_ranges(message: &DescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    if findings.is_proto3 && !message.extension_range.is_empty() {
        let hint = "use a field of type `google.protobuf.Any`, or proto2";
        findings.report(place, &[MESSAGE_EXTENSION_RANGE, 0], "proto3 has no extension ranges", hint);
        return;
    }
    let mut earlier: Vec<(i32, i32)> = Vec::new();
    for (index, range) in (0..).zip(&message.extension_range) {
        let path = &[MESSAGE_EXTENSION_RANGE, index];
        let (start, end) = (range.start(), range.end() - 1);
        if start > end {
            let text = format!("the extension range `{start} to {end}` ends before it starts");
            findings.report(place, path, text, format!("write `{end} to {start}`"));
            continue;
        }
        let overlaps = |(first, last): &&(i32, i32)| *first <= end && start <= *last;
        if let Some((first, last)) = earlier.iter().find(overlaps) {
            let text = format!("extension ranges `{first} to {last}` and `{start} to {end}` overlap");
            findings.report(place, path, text, "change where one of them starts or ends");
        }
        let reserved: Vec<_> = message.reserved_range.iter().map(|range| (range.start(), range.end() - 1)).collect();
        if let Some((first, last)) = reserved.iter().find(overlaps) {
            let text = format!("extension range `{start} to {end}` overlaps with reserved range `{first} to {last}`");
            findings.report(place, path, text, "drop what they share from one of them");
        }
        earlier.push((start, end));
    }
}

/// Two extensions of a message in one file must not share a number. Other files may do as they like: they may be for
/// programs that never meet.
pub(super) fn check_clashes(file: &FileDescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    let mut clashes = Clashes { first: HashMap::new(), findings };
    for (index, message) in (0..).zip(&file.message_type) {
        clashes.message(message, &below(place, &[FILE_MESSAGE, index]));
    }
    clashes.list(&file.extension, &below(place, &[FILE_EXTENSION]));
}

struct Clashes<'a, 'f, 'e> {
    /// By the message that is extended and the number.
    first: HashMap<(String, i32), Item<'a>>,
    findings: &'f mut Findings<'e>,
}

impl<'a> Clashes<'a, '_, '_> {
    fn message(&mut self, message: &DescriptorProto, place: &Place<'a>) {
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(nested, &below(place, &[MESSAGE_NESTED, index]));
        }
        self.list(&message.extension, &below(place, &[MESSAGE_EXTENSION]));
    }

    fn list(&mut self, extensions: &[FieldDescriptorProto], place: &Place<'a>) {
        for (index, extension) in (0..).zip(extensions) {
            let place = below(place, &[index, NAME]);
            let item = Item { what: format!("extension `{}`", extension.name()), place };
            let extendee = extension.extendee().trim_start_matches('.');
            let key = (extendee.to_owned(), extension.number());
            let Some(first) = self.first.get(&key) else {
                self.first.insert(key, item);
                continue;
            };
            let (one, two, number) = (&first.what, &item.what, extension.number());
            let text = format!("{one} and {two} of `{extendee}` both have number {number}");
            self.findings.report(&item.place, &[], text, "choose another number for one of them");
        }
    }
}
