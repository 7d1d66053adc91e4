//! The style guide, which edition 2024 enforces.

use crate::descriptor::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, tag as path};
use crate::features::{Features, tag};
use crate::rules::RuleError;

/// How names of a kind are written.
#[derive(Clone, Copy)]
enum Style {
    /// `FooBar`
    Title,
    /// `foo_bar`
    LowerSnake,
    /// `FOO_BAR`
    UpperSnake,
    /// `foo_bar.baz`
    Package,
}

/// Checks every name of a file, where its features ask for it.
pub(super) fn check(file: &FileDescriptorProto, features: Features) -> Result<(), RuleError> {
    let naming = Naming { file };
    if file.package.is_some() {
        naming.name(features, "package", file.package(), Style::Package, &[path::file::PACKAGE])?;
    }
    for (index, message) in (0..).zip(&file.message_type) {
        naming.message(message, features, &[path::file::MESSAGE, index])?;
    }
    for (index, the_enum) in (0..).zip(&file.enum_type) {
        naming.enumeration(the_enum, features, &[path::file::ENUM, index])?;
    }
    for (index, extension) in (0..).zip(&file.extension) {
        naming.field(extension, features, &[path::file::EXTENSION, index])?;
    }
    for (index, service) in (0..).zip(&file.service) {
        let features = features.within(service.options.as_deref(), tag::SERVICE);
        let at = [path::file::SERVICE, index];
        naming.name(features, "service", service.name(), Style::Title, &at)?;
        for (index, method) in (0..).zip(&service.method) {
            let features = features.within(method.options.as_deref(), tag::METHOD);
            let at = [&at[..], &[path::service::METHOD, index]].concat();
            naming.name(features, "method", method.name(), Style::Title, &at)?;
        }
    }
    Ok(())
}

struct Naming<'a> {
    file: &'a FileDescriptorProto,
}

impl Naming<'_> {
    fn message(&self, message: &DescriptorProto, features: Features, at: &[i32]) -> Result<(), RuleError> {
        if crate::lower::is_map_entry(message) {
            return Ok(());
        }
        let features = features.within(message.options.as_deref(), tag::MESSAGE);
        let below = |field: i32, index: i32| [at, &[field, index]].concat();
        self.name(features, "message", message.name(), Style::Title, at)?;
        for (index, field) in (0..).zip(&message.field) {
            self.field(field, features, &below(path::message::FIELD, index))?;
        }
        for (index, oneof) in (0..).zip(&message.oneof_decl) {
            let features = features.within(oneof.options.as_deref(), tag::ONEOF);
            self.name(features, "oneof", oneof.name(), Style::LowerSnake, &below(path::message::ONEOF, index))?;
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(nested, features, &below(path::message::NESTED, index))?;
        }
        for (index, the_enum) in (0..).zip(&message.enum_type) {
            self.enumeration(the_enum, features, &below(path::message::ENUM, index))?;
        }
        for (index, extension) in (0..).zip(&message.extension) {
            self.field(extension, features, &below(path::message::EXTENSION, index))?;
        }
        Ok(())
    }

    fn field(&self, field: &FieldDescriptorProto, features: Features, at: &[i32]) -> Result<(), RuleError> {
        let features = features.within(field.options.as_deref(), tag::FIELD);
        self.name(features, "field", field.name(), Style::LowerSnake, at)
    }

    fn enumeration(&self, the_enum: &EnumDescriptorProto, features: Features, at: &[i32]) -> Result<(), RuleError> {
        let features = features.within(the_enum.options.as_deref(), tag::ENUM);
        self.name(features, "enum", the_enum.name(), Style::Title, at)?;
        for (index, value) in (0..).zip(&the_enum.value) {
            let features = features.within(value.options.as_deref(), tag::VALUE);
            let at = [at, &[path::enumeration::VALUE, index]].concat();
            self.name(features, "value", value.name(), Style::UpperSnake, &at)?;
        }
        Ok(())
    }

    fn name(&self, features: Features, what: &str, name: &str, style: Style, at: &[i32]) -> Result<(), RuleError> {
        if !features.enforce_style {
            return Ok(());
        }
        match complaint(name, style) {
            None => Ok(()),
            Some(complaint) => {
                let place = [at, &[path::NAME]].concat();
                Err(RuleError::new(
                    self.file,
                    &[&place, at],
                    format!("the name of {what} `{name}` {complaint}"),
                    "rename it, or add `option features.enforce_naming_style = STYLE_LEGACY;`",
                ))
            }
        }
    }
}

/// What is wrong with a name.
fn complaint(name: &str, style: Style) -> Option<&'static str> {
    let allowed = |c: char| match style {
        Style::Title => c.is_ascii_alphanumeric(),
        Style::LowerSnake => c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_',
        Style::UpperSnake => c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_',
        Style::Package => c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.'),
    };
    let first = |c: char| match style {
        Style::Title | Style::UpperSnake => c.is_ascii_uppercase(),
        Style::LowerSnake | Style::Package => c.is_ascii_lowercase(),
    };
    if !name.chars().all(allowed) {
        return Some(match style {
            Style::Title => "should be TitleCase",
            Style::LowerSnake | Style::Package => "should be lower_snake_case",
            Style::UpperSnake => "should be UPPER_SNAKE_CASE",
        });
    }
    if !name.starts_with(first) {
        return Some(match style {
            Style::Title | Style::UpperSnake => "should start with a capital letter",
            Style::LowerSnake | Style::Package => "should start with a small letter",
        });
    }
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '_' && !letters.peek().is_some_and(char::is_ascii_alphabetic) {
            return Some("should have a letter behind every underscore");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_style() {
        for (name, style, is_good) in [
            ("URLFoo1", Style::Title, true),
            ("A_b", Style::Title, false),
            ("aB", Style::Title, false),
            ("a1_b2", Style::LowerSnake, true),
            ("foo_1", Style::LowerSnake, false),
            ("foo__b", Style::LowerSnake, false),
            ("_foo", Style::LowerSnake, false),
            ("foo_", Style::LowerSnake, false),
            ("E_A1", Style::UpperSnake, true),
            ("E_1A", Style::UpperSnake, false),
            ("foo_bar.b1._c", Style::Package, true),
            ("foo.b_1", Style::Package, false),
        ] {
            assert_eq!(complaint(name, style).is_none(), is_good, "{name}");
        }
    }
}
