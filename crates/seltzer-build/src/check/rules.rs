//! Rules of the schema language that the compiler underneath leaves out.

use std::collections::HashMap;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto};

use crate::check::{Item, Place};
use crate::error::Error;
use crate::schemas::Schemas;

/// Field numbers of descriptors, which make up the paths of places.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const FILE_EXTENSION: i32 = 7;
const MESSAGE_FIELD: i32 = 2;
const MESSAGE_NESTED: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const MESSAGE_EXTENSION: i32 = 6;
const MESSAGE_RESERVED_RANGE: i32 = 9;
const ENUM_VALUE: i32 = 2;
const ENUM_RESERVED_RANGE: i32 = 4;
const NAME: i32 = 1;

/// Checks every file of a set.
pub(crate) fn check(schemas: &Schemas) -> Result<(), Error> {
    let mut rules = Rules { extensions: HashMap::new() };
    for file in schemas.pool().file_descriptor_protos() {
        let place = Place { schemas, file, path: Vec::new() };
        for (index, message) in (0..).zip(&file.message_type) {
            rules.message(message, &below(&place, &[FILE_MESSAGE, index]))?;
        }
        for (index, the_enum) in (0..).zip(&file.enum_type) {
            check_enum(the_enum, &below(&place, &[FILE_ENUM, index]))?;
        }
        rules.extensions(&file.extension, &place, FILE_EXTENSION)?;
    }
    Ok(())
}

struct Rules<'a> {
    /// By the message that is extended and the number.
    extensions: HashMap<(&'a str, i32), Item<'a>>,
}

impl<'a> Rules<'a> {
    fn message(&mut self, message: &'a DescriptorProto, place: &Place<'a>) -> Result<(), Error> {
        let ranges = message.reserved_range.iter().map(|range| (range.start(), range.end() - 1));
        check_ranges(ranges, &below(place, &[MESSAGE_RESERVED_RANGE]))?;
        for (index, field) in (0..).zip(&message.field) {
            let place = below(place, &[MESSAGE_FIELD, index]);
            check_name(field.name(), &message.reserved_name, "field", &place)?;
            check_packed(field, &place)?;
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(nested, &below(place, &[MESSAGE_NESTED, index]))?;
        }
        for (index, the_enum) in (0..).zip(&message.enum_type) {
            check_enum(the_enum, &below(place, &[MESSAGE_ENUM, index]))?;
        }
        self.extensions(&message.extension, place, MESSAGE_EXTENSION)
    }

    /// Two extensions of a message must not share a number.
    fn extensions(
        &mut self,
        extensions: &'a [FieldDescriptorProto],
        place: &Place<'a>,
        field: i32,
    ) -> Result<(), Error> {
        for (index, extension) in (0..).zip(extensions) {
            let place = below(place, &[field, index, NAME]);
            let item = Item { what: format!("extension `{}`", extension.name()), place };
            let key = (extension.extendee(), extension.number());
            if let Some(first) = self.extensions.get(&key) {
                let message = format!(
                    "{} and {} of `{}` both have number {}",
                    first.what,
                    item.what,
                    extension.extendee().trim_start_matches('.'),
                    extension.number()
                );
                return Err(item.error(message).with_hint("choose another number for one of them"));
            }
            self.extensions.insert(key, item);
        }
        Ok(())
    }
}

fn check_enum(the_enum: &EnumDescriptorProto, place: &Place<'_>) -> Result<(), Error> {
    let ranges = the_enum.reserved_range.iter().map(|range| (range.start(), range.end()));
    check_ranges(ranges, &below(place, &[ENUM_RESERVED_RANGE]))?;
    for (index, value) in (0..).zip(&the_enum.value) {
        check_name(value.name(), &the_enum.reserved_name, "value", &below(place, &[ENUM_VALUE, index]))?;
    }
    Ok(())
}

/// Reserved ranges, ends included, go upwards and do not overlap.
fn check_ranges(ranges: impl Iterator<Item = (i32, i32)>, place: &Place<'_>) -> Result<(), Error> {
    let mut earlier: Vec<(i32, i32)> = Vec::new();
    for (index, (start, end)) in (0..).zip(ranges) {
        let item = Item { what: String::new(), place: below(place, &[index]) };
        if start > end {
            return Err(item
                .error(format!("the reserved range `{start} to {end}` ends before it starts"))
                .with_hint(format!("write `{end} to {start}`")));
        }
        if let Some((_, other)) = earlier.iter().find(|(first, last)| *first <= end && start <= *last) {
            let number = start.max(*other).min(end);
            return Err(item
                .error(format!("number {number} is reserved twice"))
                .with_hint("drop it from one of the ranges"));
        }
        earlier.push((start, end));
    }
    Ok(())
}

fn check_name(name: &str, reserved: &[String], what: &str, place: &Place<'_>) -> Result<(), Error> {
    if !reserved.iter().any(|reserved| reserved == name) {
        return Ok(());
    }
    let item = Item { what: String::new(), place: below(place, &[NAME]) };
    let hint = "choose another name: this one belonged to something that is gone, and old programs may use it";
    Err(item.error(format!("the name of {what} `{name}` is reserved")).with_hint(hint))
}

fn check_packed(field: &FieldDescriptorProto, place: &Place<'_>) -> Result<(), Error> {
    let is_packed = field.options.as_ref().is_some_and(prost_types::FieldOptions::packed);
    let has_length = matches!(field.r#type(), Type::String | Type::Bytes | Type::Message | Type::Group);
    if is_packed && (has_length || field.label() != Label::Repeated) {
        let item = Item { what: String::new(), place: below(place, &[NAME]) };
        return Err(item
            .error(format!("field `{}` cannot be packed", field.name()))
            .with_hint("only repeated numbers, enums and `bool` can be packed"));
    }
    Ok(())
}

fn below<'a>(place: &Place<'a>, path: &[i32]) -> Place<'a> {
    let mut place = place.clone();
    place.path.extend_from_slice(path);
    place
}
