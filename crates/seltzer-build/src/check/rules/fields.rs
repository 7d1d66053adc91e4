//! Fields: options that fit only some types, names in JSON, enums from proto2.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::field_options::JsType;
use prost_types::{DescriptorProto, FieldDescriptorProto};

use crate::check::Place;
use crate::check::rules::{Findings, NAME};
use crate::scan;

/// Field numbers of `FieldDescriptorProto`.
const TYPE_NAME: i32 = 6;
const JSON_NAME: i32 = 10;
const OPTIONS: i32 = 8;
/// Newer than the descriptor types that are used here, so that only its place tells of it.
const UNVERIFIED_LAZY: i32 = 15;

pub(super) fn check(
    field: &FieldDescriptorProto,
    message: &DescriptorProto,
    place: &Place<'_>,
    findings: &mut Findings<'_>,
) {
    check_options(field, place, findings);
    check_json_name(field, place, findings);
    check_enum(field, message, place, findings);
    check_entry(field, place, findings);
}

/// The message that a map consists of is for that map alone.
fn check_entry(field: &FieldDescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    let name = field.type_name().trim_start_matches('.');
    let is_entry = field.r#type() == Type::Message
        && field.label() != Label::Repeated
        && place.schemas.pool().get_message_by_name(name).is_some_and(|message| message.is_map_entry());
    if is_entry {
        let hint = "define a message with a key and a value";
        findings.report(place, &[TYPE_NAME], format!("`{name}` is the entry of a map, and no type for fields"), hint);
    }
}

/// `packed`, `lazy` and `jstype` are for some types only.
pub(super) fn check_options(field: &FieldDescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    let Some(options) = &field.options else { return };
    let name = field.name();
    let has_length = matches!(field.r#type(), Type::String | Type::Bytes | Type::Message | Type::Group);
    if options.packed() && (has_length || field.label() != Label::Repeated) {
        let hint = "only repeated numbers, enums and `bool` can be packed";
        findings.report(place, &[NAME], format!("field `{name}` cannot be packed"), hint);
    }
    if (options.lazy() || place.is_written(&[OPTIONS, UNVERIFIED_LAZY])) && field.r#type() != Type::Message {
        findings.report(place, &[NAME], format!("field `{name}` cannot be lazy"), "only messages can be lazy");
    }
    let is_64_bit =
        matches!(field.r#type(), Type::Int64 | Type::Uint64 | Type::Sint64 | Type::Fixed64 | Type::Sfixed64);
    if options.jstype() != JsType::JsNormal && !is_64_bit {
        let hint = "only integers of 64 bits need one: JavaScript's numbers are shorter";
        findings.report(place, &[NAME], format!("field `{name}` cannot have a `jstype`"), hint);
    }
}

/// A name in JSON of one's own choice.
fn check_json_name(field: &FieldDescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    let json_name = field.json_name();
    if json_name.starts_with('[') && json_name.ends_with(']') {
        let message = format!("`{json_name}` cannot be the JSON name of field `{}`", field.name());
        findings.report(place, &[JSON_NAME], message, "names in brackets are those of extensions: drop the brackets");
    }
    if json_name.contains('\0') {
        let message = format!("the JSON name of field `{}` has a zero byte in it", field.name());
        findings.report(place, &[JSON_NAME], message, "drop the `\\0`");
    }
}

/// proto3 takes only open enums, and a map's values start as its zero.
fn check_enum(field: &FieldDescriptorProto, message: &DescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    if field.r#type() != Type::Enum {
        return;
    }
    let name = field.type_name().trim_start_matches('.');
    let Some(the_enum) = place.schemas.pool().get_enum_by_name(name) else { return };
    // What was an edition and is proto2 or proto3 here has been judged by its features.
    let is_edition = |file: &str| {
        let file = place.schemas.file(file);
        file.is_some_and(|file| scan::edition(file.shown().1).is_some())
    };
    let owner = the_enum.parent_file();
    let is_proto2 = owner.syntax() == prost_reflect::Syntax::Proto2;
    if findings.is_proto3 && is_proto2 && !is_edition(owner.name()) && !is_edition(place.file.name()) {
        let text = format!("enum `{name}` is of proto2, and proto3 cannot use it");
        let hint = "make the enum's file proto3, or use `int32`: proto2 drops numbers that it does not know";
        findings.report(place, &[TYPE_NAME], text, hint);
    }
    let is_map = message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry);
    if is_map && the_enum.default_value().number() != 0 {
        let text = format!("the first value of enum `{name}` is not 0, and a map's values start as 0");
        findings.report(place, &[TYPE_NAME], text, "put a value with number 0 first in the enum");
    }
}
