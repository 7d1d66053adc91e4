//! The rules of editions, which nobody checks who does not know them.

mod naming;
mod places;
mod visibility;

use std::fmt;

use crate::descriptor::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, Label, Type,
    tag as path,
};
use crate::edition::Edition;
use crate::features::{FeatureSet, Features, FieldPresence, tag};
use crate::lower::is_map_entry;
use crate::names::{self, Names};
use crate::options::{self, Value};
use crate::rules::places::Target;

/// A schema breaks a rule of its edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    file: String,
    path: Vec<i32>,
    message: String,
    hint: String,
}

impl RuleError {
    /// An error at the first of these paths that has a place in the text.
    pub(crate) fn new(
        file: &FileDescriptorProto,
        paths: &[&[i32]],
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let locations = file.source_code_info.as_ref().map(|info| &info.location[..]).unwrap_or_default();
        let has_place = |path: &&&[i32]| locations.iter().any(|location| location.path == **path);
        let found = paths.iter().find(has_place).or(paths.last());
        let path = found.map(|path| path.to_vec()).unwrap_or_default();
        RuleError { file: file.name().to_owned(), path, message: message.into(), hint: hint.into() }
    }

    /// The file, by the name that it is imported with.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where in the file's descriptor it is: the path of a location in its source information.
    #[must_use]
    pub fn path(&self) -> &[i32] {
        &self.path
    }

    /// What is wrong, in a line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({})", self.file, self.message, self.hint)
    }
}

impl std::error::Error for RuleError {}

/// Checks what editions add to the language: where features may be set and to what, what they forbid each other, which
/// names other files may use, and how names are spelt.
///
/// Types must be resolved and options interpreted.
///
/// # Errors
///
/// The first rule that is broken.
pub fn check(set: &FileDescriptorSet) -> Result<(), RuleError> {
    let names = names::collect(&set.file);
    for file in &set.file {
        let Some(edition) = Edition::of(file.syntax(), file.edition()) else {
            continue;
        };
        places::check(file, edition)?;
        if edition.has_features() {
            let features = Features::of(edition).within(file.options.as_deref(), tag::FILE);
            let checker = Checker { file, names: &names, edition };
            checker.file(features)?;
            naming::check(file, features)?;
            visibility::check(file, &set.file, &names, features)?;
        }
    }
    Ok(())
}

struct Checker<'a> {
    file: &'a FileDescriptorProto,
    names: &'a Names<'a>,
    edition: Edition,
}

impl Checker<'_> {
    fn file(&self, features: Features) -> Result<(), RuleError> {
        let options = self.file.options.as_deref().unwrap_or_default();
        let feature = |number: i32| [path::file::OPTIONS, 50, number];
        if features.field_presence == FieldPresence::LegacyRequired {
            return Err(self.error(
                &[&feature(1), &[path::file::OPTIONS]],
                "required presence cannot be the default of a file",
                "set `features.field_presence = LEGACY_REQUIRED` at the fields that need it",
            ));
        }
        for (number, since, message, hint) in GONE_FILE_OPTIONS {
            if self.edition >= *since && options::fields(options).any(|field| field.number == *number) {
                let number = i32::try_from(*number).unwrap_or_default();
                return Err(self.error(&[&[path::file::OPTIONS, number], &[path::file::OPTIONS]], *message, *hint));
            }
        }
        for (index, message) in (0..).zip(&self.file.message_type) {
            self.message(message, features, &[path::file::MESSAGE, index])?;
        }
        for (index, the_enum) in (0..).zip(&self.file.enum_type) {
            self.enumeration(the_enum, features, &[path::file::ENUM, index])?;
        }
        for (index, extension) in (0..).zip(&self.file.extension) {
            self.field(extension, features, &[path::file::EXTENSION, index], None)?;
        }
        Ok(())
    }

    fn message(&self, message: &DescriptorProto, features: Features, at: &[i32]) -> Result<(), RuleError> {
        let features = features.within(message.options.as_deref(), tag::MESSAGE);
        let below = |field: i32, index: i32| [at, &[field, index]].concat();
        if !is_map_entry(message) {
            for (index, field) in (0..).zip(&message.field) {
                self.field(field, features, &below(path::message::FIELD, index), Some(message))?;
            }
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(nested, features, &below(path::message::NESTED, index))?;
        }
        for (index, the_enum) in (0..).zip(&message.enum_type) {
            self.enumeration(the_enum, features, &below(path::message::ENUM, index))?;
        }
        for (index, extension) in (0..).zip(&message.extension) {
            self.field(extension, features, &below(path::message::EXTENSION, index), None)?;
        }
        Ok(())
    }

    fn enumeration(&self, the_enum: &EnumDescriptorProto, features: Features, at: &[i32]) -> Result<(), RuleError> {
        let features = features.within(the_enum.options.as_deref(), tag::ENUM);
        let starts_at_zero = the_enum.value.first().is_none_or(|value| value.number() == 0);
        if features.closed_enum || starts_at_zero {
            return Ok(());
        }
        let number = [at, &[path::enumeration::VALUE, 0, path::value::NUMBER]].concat();
        Err(self.error(
            &[&number, at],
            format!("the first value of the open enum `{}` must be zero", the_enum.name()),
            "add a first value such as `UNSPECIFIED = 0;`, or close the enum with `option features.enum_type = CLOSED;`",
        ))
    }

    /// Rules about one field or extension; `message` is that around it.
    fn field(
        &self,
        field: &FieldDescriptorProto,
        inherited: Features,
        at: &[i32],
        message: Option<&DescriptorProto>,
    ) -> Result<(), RuleError> {
        let options = field.options.as_deref();
        let features = inherited.within(options, tag::FIELD);
        let written = FeatureSet::written(options, tag::FIELD).unwrap_or_default();
        self.field_options(field, at)?;
        self.custom_option(field, &features, at)?;
        let shape = Shape::of(field, message);
        for (number, is_written, is_broken, message, hint) in
            field_rules(field, &features, &written, &shape, self.names)
        {
            if is_broken {
                let option = [at, &[path::field::OPTIONS, 21, number]].concat();
                let default = [at, &[path::field::DEFAULT_VALUE]].concat();
                let name = [at, &[path::NAME]].concat();
                let paths: &[&[i32]] = if is_written { &[&option, &name] } else { &[&default, &name] };
                return Err(self.error(paths, format!("field `{}`: {message}", field.name()), hint));
            }
        }
        Ok(())
    }

    /// Options are interpreted before features are known, so their own encoding cannot be one of them.
    fn custom_option(&self, field: &FieldDescriptorProto, features: &Features, at: &[i32]) -> Result<(), RuleError> {
        let is_option = field.extendee().starts_with(".google.protobuf.") && field.extendee().ends_with("Options");
        let is_message = matches!(field.r#type(), Type::Message | Type::Group);
        if !is_option || !is_message || !features.delimited {
            return Ok(());
        }
        let option = [at, &[path::field::OPTIONS, 21, 5]].concat();
        let name = [at, &[path::NAME]].concat();
        Err(self.error(
            &[&option, &name],
            format!("the option `{}` is delimited, which options cannot be here", field.name()),
            "add `[features.message_encoding = LENGTH_PREFIXED]`",
        ))
    }

    fn field_options(&self, field: &FieldDescriptorProto, at: &[i32]) -> Result<(), RuleError> {
        const CTYPE: u32 = 1;
        const PACKED: u32 = 2;
        let option = |number: i32| [at, &[path::field::OPTIONS, number]].concat();
        for found in options::fields(field.options.as_deref().unwrap_or_default()) {
            match (found.number, found.value) {
                (PACKED, Value::Varint(_)) => {
                    return Err(self.error(
                        &[&option(2), at],
                        "editions have no option `packed`",
                        "numbers in lists are packed anyway; `features.repeated_field_encoding = EXPANDED` turns it off",
                    ));
                }
                (CTYPE, Value::Varint(_)) if self.edition >= Edition::Edition2024 => {
                    return Err(self.error(
                        &[&option(1), at],
                        "the option `ctype` is gone since edition 2024",
                        "write `features.(pb.cpp).string_type` instead",
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn error(&self, paths: &[&[i32]], message: impl Into<String>, hint: impl Into<String>) -> RuleError {
        RuleError::new(self.file, paths, message, hint)
    }
}

/// Options of files that are gone: number, since when, what to say.
const GONE_FILE_OPTIONS: &[(u32, Edition, &str, &str)] = &[
    (
        27,
        Edition::Edition2023,
        "editions have no option `java_string_check_utf8`",
        "write `features.(pb.java).utf8_validation` instead",
    ),
    (
        10,
        Edition::Edition2024,
        "the option `java_multiple_files` is gone since edition 2024, which does so anyway",
        "drop it; `features.(pb.java).nest_in_file_class` turns it off",
    ),
];

/// What a field is, as far as features care.
struct Shape {
    is_repeated: bool,
    is_message: bool,
    is_map: bool,
    is_string: bool,
    is_packable: bool,
}

impl Shape {
    fn of(field: &FieldDescriptorProto, message: Option<&DescriptorProto>) -> Shape {
        let is_repeated = field.label() == Label::Repeated;
        let kind = field.r#type();
        let is_message = matches!(kind, Type::Message | Type::Group);
        let last = field.type_name().rsplit('.').next().unwrap_or_default();
        let entry = message.filter(|_| is_repeated && is_message).and_then(|message| {
            message.nested_type.iter().find(|nested| nested.name() == last && is_map_entry(nested))
        });
        let has_strings = entry.is_some_and(|entry| entry.field.iter().any(|side| side.r#type() == Type::String));
        Shape {
            is_repeated,
            is_message,
            is_map: entry.is_some(),
            is_string: kind == Type::String || has_strings,
            is_packable: is_repeated && !is_message && !matches!(kind, Type::String | Type::Bytes),
        }
    }
}

/// The number of the feature, whether its own place is to be shown, whether the rule is broken, and words.
type FieldRule = (i32, bool, bool, &'static str, &'static str);

fn field_rules(
    field: &FieldDescriptorProto,
    features: &Features,
    written: &FeatureSet,
    shape: &Shape,
    names: &Names<'_>,
) -> Vec<FieldRule> {
    let is_extension = field.extendee.is_some();
    let in_oneof = field.oneof_index.is_some();
    let encoding = written.repeated_field_encoding;
    let presence = features.field_presence;
    let stands_alone = !shape.is_repeated && !shape.is_message && !in_oneof && !is_extension;
    let is_implicit = presence == FieldPresence::Implicit && stands_alone;
    let is_closed = names.get(field.type_name()).is_some_and(|named| named.is_closed_enum);
    let drop_presence = "drop `features.field_presence`";
    let drop_encoding = "drop `features.repeated_field_encoding`";
    let mut rules = vec![
        (
            1,
            false,
            is_implicit && field.default_value.is_some(),
            "with implicit presence there is no default",
            "drop one of the two",
        ),
        (
            1,
            true,
            is_implicit && is_closed,
            "an enum with implicit presence must be open",
            "give the field explicit presence, or open the enum",
        ),
        (
            1,
            true,
            is_extension && presence == FieldPresence::LegacyRequired,
            "extensions cannot be required",
            drop_presence,
        ),
        (
            1,
            true,
            shape.is_message && written.field_presence == Some(2),
            "messages always have presence",
            drop_presence,
        ),
        (3, true, !shape.is_repeated && encoding.is_some(), "only lists are packed or expanded", drop_encoding),
        (
            3,
            true,
            !shape.is_packable && encoding == Some(1),
            "only lists of numbers, enums and `bool` are packed",
            drop_encoding,
        ),
    ];
    if written.field_presence.is_some() {
        rules.extend([
            (1, true, in_oneof, "fields of a oneof always have presence", drop_presence),
            (1, true, shape.is_repeated, "lists have no presence", drop_presence),
            (1, true, is_extension, "extensions always have presence", drop_presence),
        ]);
    }
    if written.utf8_validation.is_some() {
        rules.push((
            4,
            true,
            !shape.is_string,
            "only strings are checked to be UTF-8",
            "drop `features.utf8_validation`",
        ));
    }
    if written.message_encoding.is_some() {
        let has_encoding = shape.is_message && !shape.is_map;
        rules.push((5, true, !has_encoding, "only messages have an encoding", "drop `features.message_encoding`"));
    }
    rules
}

/// The words for a kind of thing.
fn target_name(target: Target) -> &'static str {
    match target {
        Target::File => "a file",
        Target::Range => "a range of extensions",
        Target::Message => "a message",
        Target::Field => "a field",
        Target::Oneof => "a oneof",
        Target::Enum => "an enum",
        Target::Value => "a value of an enum",
        Target::Service => "a service",
        Target::Method => "a method",
    }
}
