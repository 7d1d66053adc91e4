//! What messages and enums reserve.

use prost_types::{DescriptorProto, EnumDescriptorProto};

use crate::check::Place;
use crate::check::rules::{Findings, MESSAGE_FIELD, NAME, below};

const MESSAGE_RESERVED_RANGE: i32 = 9;
const MESSAGE_RESERVED_NAME: i32 = 10;
const ENUM_VALUE: i32 = 2;
const ENUM_RESERVED_RANGE: i32 = 4;
const ENUM_RESERVED_NAME: i32 = 5;

pub(super) fn check_message(message: &DescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    let ranges = message.reserved_range.iter().map(|range| (range.start(), range.end() - 1));
    check_ranges(ranges, &below(place, &[MESSAGE_RESERVED_RANGE]), findings);
    check_names(&message.reserved_name, &below(place, &[MESSAGE_RESERVED_NAME]), findings);
    for (index, field) in (0..).zip(&message.field) {
        check_name(field.name(), &message.reserved_name, "field", &below(place, &[MESSAGE_FIELD, index]), findings);
    }
}

pub(super) fn check_enum(the_enum: &EnumDescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    let ranges = the_enum.reserved_range.iter().map(|range| (range.start(), range.end()));
    check_ranges(ranges, &below(place, &[ENUM_RESERVED_RANGE]), findings);
    check_names(&the_enum.reserved_name, &below(place, &[ENUM_RESERVED_NAME]), findings);
    for (index, value) in (0..).zip(&the_enum.value) {
        check_name(value.name(), &the_enum.reserved_name, "value", &below(place, &[ENUM_VALUE, index]), findings);
    }
}

/// Ranges, ends included, go upwards and do not overlap.
fn check_ranges(ranges: impl Iterator<Item = (i32, i32)>, place: &Place<'_>, findings: &mut Findings<'_>) {
    let mut earlier: Vec<(i32, i32)> = Vec::new();
    for (index, (start, end)) in (0..).zip(ranges) {
        if start > end {
            let message = format!("the reserved range `{start} to {end}` ends before it starts");
            findings.report(place, &[index], message, format!("write `{end} to {start}`"));
            continue;
        }
        if let Some((_, other)) = earlier.iter().find(|(first, last)| *first <= end && start <= *last) {
            let message = format!("number {} is reserved twice", start.max(*other).min(end));
            findings.report(place, &[index], message, "drop it from one of the ranges");
        }
        earlier.push((start, end));
    }
}

fn check_names(names: &[String], place: &Place<'_>, findings: &mut Findings<'_>) {
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            let index = i32::try_from(index).unwrap_or(i32::MAX);
            findings.report(place, &[index], format!("the name `{name}` is reserved twice"), "drop one of the two");
        }
    }
}

fn check_name(name: &str, reserved: &[String], what: &str, place: &Place<'_>, findings: &mut Findings<'_>) {
    if reserved.iter().any(|reserved| reserved == name) {
        let hint = "choose another name: this one belonged to something that is gone, and old programs may use it";
        findings.report(place, &[NAME], format!("the name of {what} `{name}` is reserved"), hint);
    }
}
