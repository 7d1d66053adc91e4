//! Rules of the schema language that the compiler underneath leaves out.

mod declarations;
mod enums;
mod extensions;
mod fields;
mod files;
mod options;
mod reserved;

use prost_types::{DescriptorProto, FileDescriptorProto};

use crate::check::{Item, Place};
use crate::error::Error;
use crate::schemas::Schemas;

/// Field numbers of descriptors, which make up the paths of places.
const FILE_DEPENDENCY: i32 = 3;
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const FILE_SERVICE: i32 = 6;
const FILE_EXTENSION: i32 = 7;
const MESSAGE_FIELD: i32 = 2;
const MESSAGE_NESTED: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const MESSAGE_EXTENSION_RANGE: i32 = 5;
const MESSAGE_EXTENSION: i32 = 6;
const MESSAGE_OPTIONS: i32 = 7;
const NAME: i32 = 1;

/// Checks every file of a set; gives all that is wrong.
pub(crate) fn check(schemas: &Schemas) -> Vec<Error> {
    let mut errors = Vec::new();
    for file in schemas.pool().file_descriptor_protos() {
        let place = Place { schemas, file, path: Vec::new() };
        let mut findings = Findings { errors: &mut errors, is_proto3: file.syntax() == "proto3" };
        files::check(file, &place, &mut findings);
        extensions::check_clashes(file, &place, &mut findings);
        for (index, message) in (0..).zip(&file.message_type) {
            check_message(message, &below(&place, &[FILE_MESSAGE, index]), &mut findings);
        }
        for (index, the_enum) in (0..).zip(&file.enum_type) {
            enums::check(the_enum, &below(&place, &[FILE_ENUM, index]), &mut findings);
        }
        extensions::check(&file.extension, &below(&place, &[FILE_EXTENSION]), &mut findings);
    }
    errors.extend(declarations::check(schemas));
    errors.extend(options::check(schemas));
    errors
}

/// What was found to be wrong, and what the rules depend on.
struct Findings<'a> {
    errors: &'a mut Vec<Error>,
    is_proto3: bool,
}

impl Findings<'_> {
    /// Something is wrong at a place, or at a part of it.
    fn report(&mut self, place: &Place<'_>, part: &[i32], message: impl Into<String>, hint: impl Into<String>) {
        let item = Item { what: String::new(), place: below(place, part) };
        self.errors.push(item.error(message).with_hint(hint));
    }
}

fn check_message(message: &DescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    reserved::check_message(message, place, findings);
    extensions::check_ranges(message, place, findings);
    check_message_options(message, place, findings);
    for (index, field) in (0..).zip(&message.field) {
        fields::check(field, message, &below(place, &[MESSAGE_FIELD, index]), findings);
    }
    for (index, nested) in (0..).zip(&message.nested_type) {
        check_message(nested, &below(place, &[MESSAGE_NESTED, index]), findings);
    }
    for (index, the_enum) in (0..).zip(&message.enum_type) {
        enums::check(the_enum, &below(place, &[MESSAGE_ENUM, index]), findings);
    }
    extensions::check(&message.extension, &below(place, &[MESSAGE_EXTENSION]), findings);
}

/// Field numbers of `MessageOptions`.
const MESSAGE_SET_WIRE_FORMAT: i32 = 1;
const MAP_ENTRY: i32 = 7;

fn check_message_options(message: &DescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    // The compiler sets it too, on the entries of maps, but that is written nowhere.
    if place.is_written(&[MESSAGE_OPTIONS, MAP_ENTRY]) {
        let hint = "write a field of type `map<Key, Value>`: its entry message is made by itself";
        findings.report(place, &[MESSAGE_OPTIONS, MAP_ENTRY], "`map_entry` cannot be set by a schema", hint);
    }
    if !is_message_set(message) {
        return;
    }
    if findings.is_proto3 {
        let option = &[MESSAGE_OPTIONS, MESSAGE_SET_WIRE_FORMAT];
        findings.report(place, option, "proto3 has no message sets", "drop `message_set_wire_format`");
    }
    if !message.field.is_empty() {
        let message = format!("`{}` is a message set and has a field", message.name());
        findings.report(place, &[MESSAGE_FIELD, 0, NAME], message, "message sets have extensions only: drop the field");
    }
}

fn is_message_set(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(prost_types::MessageOptions::message_set_wire_format)
}

/// Whether a file is for the lite runtime, which has no descriptors.
fn is_lite(file: &FileDescriptorProto) -> bool {
    let lite = prost_types::file_options::OptimizeMode::LiteRuntime;
    file.options.as_ref().is_some_and(|options| options.optimize_for() == lite)
}

/// A part of a place.
fn below<'a>(place: &Place<'a>, path: &[i32]) -> Place<'a> {
    let mut place = place.clone();
    place.path.extend_from_slice(path);
    place
}
