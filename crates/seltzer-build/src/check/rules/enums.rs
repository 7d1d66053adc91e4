//! Enums: aliases, and names that JSON cannot tell apart.

use std::collections::{HashMap, HashSet};

use prost_types::EnumDescriptorProto;

use crate::check::Place;
use crate::check::rules::{Findings, NAME, reserved};

/// Field numbers of `EnumDescriptorProto` and `EnumOptions`.
const VALUE: i32 = 2;
const OPTIONS: i32 = 3;
const ALLOW_ALIAS: i32 = 2;

pub(super) fn check(the_enum: &EnumDescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    reserved::check_enum(the_enum, place, findings);
    check_alias(the_enum, place, findings);
    check_names(the_enum, place, findings);
}

/// `allow_alias` is there if two values share a number, and only then.
fn check_alias(the_enum: &EnumDescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    let option = &[OPTIONS, ALLOW_ALIAS];
    let name = the_enum.name();
    match the_enum.options.as_ref().and_then(|options| options.allow_alias) {
        Some(false) => {
            let message = format!("`allow_alias = false` in enum `{name}` has no effect");
            findings.report(place, option, message, "drop it: no two values share a number unless it is true");
        }
        Some(true) => {
            let mut numbers = HashSet::new();
            if the_enum.value.iter().all(|value| numbers.insert(value.number())) {
                let message = format!("enum `{name}` allows aliases and has none");
                findings.report(place, option, message, "drop `allow_alias`, or give two values one number");
            }
        }
        None => {}
    }
}

/// Without the enum's name in front and without regard to case, names are still different.
fn check_names(the_enum: &EnumDescriptorProto, place: &Place<'_>, findings: &mut Findings<'_>) {
    let mut names = HashMap::new();
    for (index, value) in (0..).zip(&the_enum.value) {
        let short = pascal_case(without_prefix(value.name(), the_enum.name()));
        let Some(first) = names.insert(short, value) else { continue };
        if first.name() != value.name() && first.number() != value.number() {
            let message = format!(
                "values `{}` and `{}` have the same name if the enum's name and case are left out",
                first.name(),
                value.name()
            );
            findings.report(place, &[VALUE, index, NAME], message, "rename one of them, or give both the same number");
        }
    }
}

/// `COLOR_RED` of an enum `Color` is `RED`.
fn without_prefix<'a>(value: &'a str, the_enum: &str) -> &'a str {
    let mut prefix = the_enum.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase()).peekable();
    let mut rest = value;
    while let Some(expected) = prefix.peek() {
        let Some(byte) = rest.bytes().next() else { return value };
        if byte != b'_' {
            if byte.to_ascii_lowercase() != *expected {
                return value;
            }
            prefix.next();
        }
        rest = &rest[1..];
    }
    match rest.trim_start_matches('_') {
        "" => value,
        rest => rest,
    }
}

fn pascal_case(name: &str) -> String {
    let mut starts_word = true;
    let mut result = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter == '_' {
            starts_word = true;
            continue;
        }
        result.push(if starts_word { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() });
        starts_word = false;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_left_out() {
        for (value, the_enum, expected) in [
            ("COLOR_RED", "Color", "RED"),
            ("FOO_BAR_BAZ", "FooBar", "BAZ"),
            ("FOOBAR_BAZ", "Foo_Bar", "BAZ"),
            ("COLOR", "Color", "COLOR"),
            ("COLOR_", "Color", "COLOR_"),
            ("COL", "Color", "COL"),
            ("RED", "Color", "RED"),
        ] {
            assert_eq!(without_prefix(value, the_enum), expected, "{value}");
        }
        assert_eq!(pascal_case("FOO_bAR__B"), "FooBarB");
    }
}
