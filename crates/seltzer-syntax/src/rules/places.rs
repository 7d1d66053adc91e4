//! Where features may be set at all.

use crate::descriptor::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, tag as path};
use crate::edition::Edition;
use crate::features::{FeatureSet, tag};
use crate::rules::{RuleError, target_name};

/// What has options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    File,
    Range,
    Message,
    Field,
    Oneof,
    Enum,
    Value,
    Service,
    Method,
}

/// Number, name, the edition that it came with, where it may be set.
type Rule = (i32, &'static str, Edition, &'static [Target]);

const RULES: &[Rule] = {
    use Target::{Enum, Field, File, Message, Method, Oneof, Range, Service, Value};
    &[
        (1, "field_presence", Edition::Edition2023, &[Field, File]),
        (2, "enum_type", Edition::Edition2023, &[Enum, File]),
        (3, "repeated_field_encoding", Edition::Edition2023, &[Field, File]),
        (4, "utf8_validation", Edition::Edition2023, &[Field, File]),
        (5, "message_encoding", Edition::Edition2023, &[Field, File]),
        (6, "json_format", Edition::Edition2023, &[Message, Enum, File]),
        (
            7,
            "enforce_naming_style",
            Edition::Edition2024,
            &[File, Range, Message, Field, Oneof, Enum, Value, Service, Method],
        ),
        (8, "default_symbol_visibility", Edition::Edition2024, &[File]),
    ]
};

/// Checks every `features` of a file.
pub(super) fn check(file: &FileDescriptorProto, edition: Edition) -> Result<(), RuleError> {
    let places = Places { file, edition };
    places.options(file.options.as_deref(), Target::File, tag::FILE, &[], path::file::OPTIONS)?;
    for (index, message) in (0..).zip(&file.message_type) {
        places.message(message, &[path::file::MESSAGE, index])?;
    }
    for (index, the_enum) in (0..).zip(&file.enum_type) {
        places.enumeration(the_enum, &[path::file::ENUM, index])?;
    }
    for (index, extension) in (0..).zip(&file.extension) {
        places.field(extension, &[path::file::EXTENSION, index])?;
    }
    for (index, service) in (0..).zip(&file.service) {
        let at = [path::file::SERVICE, index];
        places.options(service.options.as_deref(), Target::Service, tag::SERVICE, &at, path::service::OPTIONS)?;
        for (index, method) in (0..).zip(&service.method) {
            let at = [&at[..], &[path::service::METHOD, index]].concat();
            places.options(method.options.as_deref(), Target::Method, tag::METHOD, &at, path::method::OPTIONS)?;
        }
    }
    Ok(())
}

struct Places<'a> {
    file: &'a FileDescriptorProto,
    edition: Edition,
}

impl Places<'_> {
    fn message(&self, message: &DescriptorProto, at: &[i32]) -> Result<(), RuleError> {
        let below = |field: i32, index: i32| [at, &[field, index]].concat();
        self.options(message.options.as_deref(), Target::Message, tag::MESSAGE, at, path::message::OPTIONS)?;
        // Options of a map are those of its keys and values too: they are checked at the map.
        if crate::lower::is_map_entry(message) {
            return Ok(());
        }
        for (index, field) in (0..).zip(&message.field) {
            self.field(field, &below(path::message::FIELD, index))?;
        }
        for (index, extension) in (0..).zip(&message.extension) {
            self.field(extension, &below(path::message::EXTENSION, index))?;
        }
        for (index, oneof) in (0..).zip(&message.oneof_decl) {
            let at = below(path::message::ONEOF, index);
            self.options(oneof.options.as_deref(), Target::Oneof, tag::ONEOF, &at, path::oneof::OPTIONS)?;
        }
        for (index, range) in (0..).zip(&message.extension_range) {
            let at = below(path::message::EXTENSION_RANGE, index);
            self.options(range.options.as_deref(), Target::Range, tag::EXTENSION_RANGE, &at, path::range::OPTIONS)?;
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(nested, &below(path::message::NESTED, index))?;
        }
        for (index, the_enum) in (0..).zip(&message.enum_type) {
            self.enumeration(the_enum, &below(path::message::ENUM, index))?;
        }
        Ok(())
    }

    fn enumeration(&self, the_enum: &EnumDescriptorProto, at: &[i32]) -> Result<(), RuleError> {
        self.options(the_enum.options.as_deref(), Target::Enum, tag::ENUM, at, path::enumeration::OPTIONS)?;
        for (index, value) in (0..).zip(&the_enum.value) {
            let at = [at, &[path::enumeration::VALUE, index]].concat();
            self.options(value.options.as_deref(), Target::Value, tag::VALUE, &at, path::value::OPTIONS)?;
        }
        Ok(())
    }

    fn field(&self, field: &FieldDescriptorProto, at: &[i32]) -> Result<(), RuleError> {
        self.options(field.options.as_deref(), Target::Field, tag::FIELD, at, path::field::OPTIONS)
    }

    fn options(
        &self,
        options: Option<&[u8]>,
        target: Target,
        features: u32,
        at: &[i32],
        field: i32,
    ) -> Result<(), RuleError> {
        let Some(written) = FeatureSet::written(options, features) else {
            return Ok(());
        };
        let features = i32::try_from(features).unwrap_or_default();
        let all = [at, &[field, features]].concat();
        let options = [at, &[field]].concat();
        let error = |number: i32, message: String, hint: &str| {
            let own = [&all[..], &[number]].concat();
            RuleError::new(self.file, &[&own, &all, &options, at], message, hint)
        };
        if !self.edition.has_features() {
            return Err(error(
                0,
                "only editions have features".to_owned(),
                "write `edition = \"2023\";` instead of the syntax",
            ));
        }
        for (number, name, since, targets) in RULES {
            let Some(value) = value(&written, *number) else {
                continue;
            };
            if !targets.contains(&target) {
                let message = format!("`features.{name}` cannot be set at {}", target_name(target));
                return Err(error(*number, message, "drop it"));
            }
            if self.edition < *since {
                let message = format!("`features.{name}` came with edition {since}");
                return Err(error(*number, message, "drop it, or write the later edition"));
            }
            if value == 0 {
                let message = format!("`features.{name}` must have a known value");
                return Err(error(*number, message, "drop it, or choose another value"));
            }
        }
        Ok(())
    }
}

fn value(written: &FeatureSet, number: i32) -> Option<i32> {
    match number {
        1 => written.field_presence,
        2 => written.enum_type,
        3 => written.repeated_field_encoding,
        4 => written.utf8_validation,
        5 => written.message_encoding,
        6 => written.json_format,
        7 => written.enforce_naming_style,
        _ => written.default_symbol_visibility,
    }
}
