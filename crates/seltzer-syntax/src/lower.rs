//! From editions to proto2 and proto3, which is all that generators and pools of descriptors know.
//!
//! Presence, packing and encoding are written at every field, so that a file becomes proto2 or proto3 for what is left:
//! - proto3, if a field has implicit presence, which proto2 cannot say; fields with presence become `optional`;
//! - proto2 otherwise.

use std::borrow::Cow;
use std::collections::HashSet;

use prost::Message;

use crate::descriptor::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, Label, Type,
    tag as path,
};
use crate::edition::Edition;
use crate::features::{Features, FieldPresence, tag};
use crate::options::{self, PACKED};
use crate::rules::RuleError;

/// Makes every file of an edition one of proto2 or proto3 that means the same on the wire. Other files stay as they are.
///
/// Types must be resolved and options interpreted, as they are in any set that a compiler made. What names and JSON are
/// concerned, everything stays as it was: comments and their places too.
///
/// # Errors
///
/// A file needs both: implicit presence, which only proto3 has, and an enum that does not start at zero, which proto3
/// has not.
pub fn lower(set: &FileDescriptorSet) -> Result<FileDescriptorSet, RuleError> {
    let known: HashSet<&str> = set.file.iter().map(FileDescriptorProto::name).collect();
    let file = set.file.iter().map(|file| {
        let mut lowered = lower_file(file.clone())?;
        // What is imported for options alone may be left out of a set: nothing but options needs it.
        let only_for_options = std::mem::take(&mut lowered.option_dependency);
        lowered.dependency.extend(only_for_options.into_iter().filter(|import| known.contains(import.as_str())));
        Ok(lowered)
    });
    Ok(FileDescriptorSet { file: file.collect::<Result<_, _>>()? })
}

/// As [`lower`], with an encoded `google.protobuf.FileDescriptorSet`. Where there is nothing to lower, it is not copied.
///
/// ```
/// use std::borrow::Cow;
///
/// // A file `a` without a syntax, which is proto2.
/// let set = [0x0a, 3, 0x0a, 1, b'a'];
/// assert!(matches!(seltzer_syntax::lower_encoded(&set)?, Cow::Borrowed(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As for [`lower`]. A set that is damaged is left as it is, for its reader to complain about.
pub fn lower_encoded(set: &[u8]) -> Result<Cow<'_, [u8]>, RuleError> {
    // Decoding is dear, and editions are rare: look for the word first.
    if !set.windows(EDITIONS.len()).any(|window| window == EDITIONS) {
        return Ok(Cow::Borrowed(set));
    }
    match FileDescriptorSet::decode(set) {
        Ok(decoded) => Ok(Cow::Owned(lower(&decoded)?.encode_to_vec())),
        Err(_) => Ok(Cow::Borrowed(set)),
    }
}

/// The field `syntax` of a file of an edition, encoded: its tag, its length, and the word.
const EDITIONS: &[u8] = b"\x62\x08editions";

fn lower_file(mut file: FileDescriptorProto) -> Result<FileDescriptorProto, RuleError> {
    let Some(edition) = Edition::of(file.syntax(), file.edition()) else {
        let what = format!("edition {} of `{}` is not known", file.edition(), file.name());
        return Err(RuleError::new(&file, &[&[path::file::SYNTAX]], what, "editions are \"2023\" and \"2024\""));
    };
    if !edition.has_features() {
        return Ok(file);
    }
    let features = Features::of(edition).within(file.options.as_deref(), tag::FILE);
    let implicit = first_implicit(&file, features);
    if let Some(implicit) = &implicit {
        check_enums(&file, implicit)?;
    }
    let lowering = Lowering { to_proto3: implicit.is_some() };
    for message in &mut file.message_type {
        lowering.message(message, features);
    }
    for extension in &mut file.extension {
        lowering.extension(extension, features);
    }
    for the_enum in &mut file.enum_type {
        the_enum.visibility = None;
    }
    file.syntax = lowering.to_proto3.then(|| "proto3".to_owned());
    file.edition = None;
    Ok(file)
}

/// A field that only proto3 can say, and its path.
struct Implicit {
    name: String,
    path: Vec<i32>,
}

fn first_implicit(file: &FileDescriptorProto, features: Features) -> Option<Implicit> {
    file.message_type
        .iter()
        .zip(0..)
        .find_map(|(message, index)| implicit_in(message, features, &[path::file::MESSAGE, index]))
}

fn implicit_in(message: &DescriptorProto, features: Features, at: &[i32]) -> Option<Implicit> {
    let features = features.within(message.options.as_deref(), tag::MESSAGE);
    let is_entry = is_map_entry(message);
    let own = message.field.iter().zip(0..).find_map(|(field, index)| {
        let is_implicit = !is_entry && is_singular(field) && !is_message(field) && {
            let features = features.within(field.options.as_deref(), tag::FIELD);
            features.field_presence == FieldPresence::Implicit
        };
        let path = [at, &[path::message::FIELD, index]].concat();
        is_implicit.then(|| Implicit { name: field.name().to_owned(), path })
    });
    own.or_else(|| {
        message
            .nested_type
            .iter()
            .zip(0..)
            .find_map(|(nested, index)| implicit_in(nested, features, &[at, &[path::message::NESTED, index]].concat()))
    })
}

/// Whether a field stands alone: no list, and not in a oneof, whose fields always have presence.
fn is_singular(field: &FieldDescriptorProto) -> bool {
    field.label() != Label::Repeated && field.oneof_index.is_none()
}

fn is_message(field: &FieldDescriptorProto) -> bool {
    matches!(field.r#type(), Type::Message | Type::Group)
}

pub(crate) fn is_map_entry(message: &DescriptorProto) -> bool {
    const MAP_ENTRY: u32 = 7;
    message.options.as_deref().is_some_and(|options| {
        options::fields(options)
            .any(|field| field.number == MAP_ENTRY && matches!(field.value, options::Value::Varint(1..)))
    })
}

fn check_enums(file: &FileDescriptorProto, implicit: &Implicit) -> Result<(), RuleError> {
    let mut enums: Vec<&EnumDescriptorProto> = file.enum_type.iter().collect();
    let mut messages: Vec<&DescriptorProto> = file.message_type.iter().collect();
    while let Some(message) = messages.pop() {
        enums.extend(&message.enum_type);
        messages.extend(&message.nested_type);
    }
    let Some(odd) = enums.iter().find(|the_enum| the_enum.value.first().is_some_and(|value| value.number() != 0))
    else {
        return Ok(());
    };
    let name_path = [&implicit.path[..], &[path::NAME]].concat();
    Err(RuleError::new(
        file,
        &[&name_path, &implicit.path],
        format!(
            "field `{}` has implicit presence, and enum `{}` of the same file does not start at zero: no syntax that \
             Rust can be generated from has both",
            implicit.name,
            odd.name()
        ),
        "give the field explicit presence, or move the enum to a file of its own",
    ))
}

struct Lowering {
    to_proto3: bool,
}

impl Lowering {
    fn message(&self, message: &mut DescriptorProto, features: Features) {
        let features = features.within(message.options.as_deref(), tag::MESSAGE);
        let is_entry = is_map_entry(message);
        message.visibility = None;
        for field in &mut message.field {
            if !is_entry {
                self.field(field, features);
            }
        }
        for extension in &mut message.extension {
            self.extension(extension, features);
        }
        for nested in &mut message.nested_type {
            // What a map is made of has a length in front always.
            self.message(nested, features);
        }
        for the_enum in &mut message.enum_type {
            the_enum.visibility = None;
        }
        let entries: Vec<String> = message
            .nested_type
            .iter()
            .filter(|nested| is_map_entry(nested))
            .map(|nested| nested.name().to_owned())
            .collect();
        for field in &mut message.field {
            let type_name = field.type_name().rsplit('.').next().unwrap_or_default();
            if field.label() == Label::Repeated && entries.iter().any(|entry| entry == type_name) {
                field.set_type(Type::Message);
            }
        }
    }

    fn field(&self, field: &mut FieldDescriptorProto, features: Features) {
        let features = features.within(field.options.as_deref(), tag::FIELD);
        self.encoding(field, features);
        if !is_singular(field) {
            return;
        }
        if features.field_presence == FieldPresence::LegacyRequired {
            field.set_label(Label::Required);
        }
        let has_presence = features.field_presence != FieldPresence::Implicit && field.r#type() != Type::Message;
        if self.to_proto3 && (has_presence || field.r#type() == Type::Group) {
            field.proto3_optional = Some(true);
        }
    }

    fn extension(&self, extension: &mut FieldDescriptorProto, features: Features) {
        let features = features.within(extension.options.as_deref(), tag::FIELD);
        self.encoding(extension, features);
    }

    fn encoding(&self, field: &mut FieldDescriptorProto, features: Features) {
        if field.r#type() == Type::Message && features.delimited {
            field.set_type(Type::Group);
        }
        let can_be_packed = field.label() == Label::Repeated
            && !matches!(field.r#type(), Type::String | Type::Bytes | Type::Message | Type::Group);
        // Both are written where the syntax would do the other thing, and where it would do the same: generators
        // forget the default of proto3 as soon as a field has any option.
        if can_be_packed && (features.packed || self.to_proto3) {
            let mut bytes = options::without(field.options.as_deref().unwrap_or_default(), PACKED);
            options::put_varint(PACKED, u64::from(features.packed), &mut bytes);
            field.options = Some(bytes);
        }
    }
}
