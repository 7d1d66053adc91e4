//! Options that schemas keep to themselves: `[retention = RETENTION_SOURCE]`.

use std::collections::HashSet;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, Value};
use prost_types::FileDescriptorProto;

use crate::panics;

/// Knows which options are left out of descriptors that programs get.
#[derive(Debug)]
pub(crate) struct Retention {
    /// The full names of the fields and extensions with source retention.
    source_only: HashSet<String>,
    /// What files are, with the options that schemas of this compilation add.
    file: Option<MessageDescriptor>,
}

/// The schema of descriptors, features of editions included.
const DESCRIPTOR_SCHEMA: &str = "google/protobuf/descriptor.proto";

const FILE_MESSAGE: &str = "google.protobuf.FileDescriptorProto";

/// `FieldOptions.OptionRetention.RETENTION_SOURCE`
const RETENTION_SOURCE: i32 = 2;

/// In which field of `FileDescriptorProto` the positions are, and in which field of those the list.
const SOURCE_CODE_INFO: u32 = 9;

impl Retention {
    /// What schemas say of their options. Those of the language itself are known where some schema imports them.
    pub(crate) fn of(pool: &DescriptorPool) -> Self {
        Retention { source_only: source_only(pool), file: pool.get_message_by_name(FILE_MESSAGE) }
    }

    /// A file's descriptor without the options that are for the compiler's own use, and without their positions. Files of
    /// editions have features, some of which are.
    pub(crate) fn without_source_options(&self, bytes: Vec<u8>, is_of_edition: bool) -> Vec<u8> {
        if is_of_edition && self.file.is_none() {
            // Nobody imports the schema of features, and the file has some all the same.
            let mut own = features();
            own.source_only.extend(self.source_only.iter().cloned());
            return own.stripped(bytes);
        }
        self.stripped(bytes)
    }

    fn stripped(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.source_only.is_empty() {
            return bytes;
        }
        let descriptor = self.file.clone().unwrap_or_else(|| FileDescriptorProto::default().descriptor());
        let Ok(mut message) = DynamicMessage::decode(descriptor, bytes.as_slice()) else { return bytes };
        let mut stripped = Vec::new();
        self.strip(&mut message, &mut Vec::new(), &mut stripped);
        if stripped.is_empty() {
            return bytes;
        }
        // Source code info is the same in every version of the descriptor.
        let encoded = message.encode_to_vec();
        let info = FileDescriptorProto::decode(encoded.as_slice()).ok().and_then(|file| file.source_code_info);
        if let Some(mut info) = info {
            info.location.retain(|location| !stripped.iter().any(|path| location.path.starts_with(path)));
            let value = message.descriptor().get_field(SOURCE_CODE_INFO).map(|field| field.kind());
            if let Some(kind) = value.as_ref().and_then(prost_reflect::Kind::as_message) {
                let info = DynamicMessage::decode(kind.clone(), info.encode_to_vec().as_slice());
                let info = info.expect("it was encoded a moment ago");
                message.set_field_by_number(SOURCE_CODE_INFO, Value::Message(info));
            }
        }
        message.encode_to_vec()
    }

    /// Removes fields from a message and all below it; `stripped` gets their paths.
    fn strip(&self, message: &mut DynamicMessage, path: &mut Vec<i32>, stripped: &mut Vec<Vec<i32>>) {
        let fields: Vec<_> = message.fields().map(|(field, _)| field).collect();
        for field in fields {
            path.push(field.number().cast_signed());
            if self.source_only.contains(field.full_name()) {
                message.clear_field(&field);
                stripped.push(path.clone());
            } else if field.number() != SOURCE_CODE_INFO || path.len() > 1 {
                let stripped_before = stripped.len();
                let value = message.get_field_mut(&field);
                self.strip_value(value, path, stripped);
                // Options of which nothing is left go as well.
                if stripped.len() > stripped_before && value.as_message().is_some_and(is_empty_options) {
                    message.clear_field(&field);
                    stripped.push(path.clone());
                }
            }
            path.pop();
        }
        let extensions: Vec<_> = message.extensions().map(|(extension, _)| extension).collect();
        for extension in extensions {
            path.push(extension.number().cast_signed());
            if self.source_only.contains(extension.full_name()) {
                message.clear_extension(&extension);
                stripped.push(path.clone());
            } else {
                self.strip_value(message.get_extension_mut(&extension), path, stripped);
            }
            path.pop();
        }
    }

    fn strip_value(&self, value: &mut Value, path: &mut Vec<i32>, stripped: &mut Vec<Vec<i32>>) {
        match value {
            Value::Message(message) => self.strip(message, path, stripped),
            Value::List(list) => {
                for (index, value) in (0..).zip(list) {
                    if let Value::Message(message) = value {
                        path.push(index);
                        self.strip(message, path, stripped);
                        path.pop();
                    }
                }
            }
            Value::Map(map) => {
                for value in map.values_mut() {
                    self.strip_value(value, path, stripped);
                }
            }
            _ => {}
        }
    }
}

/// Whether a message is one of descriptor.proto's options, with nothing set.
fn is_empty_options(message: &DynamicMessage) -> bool {
    let descriptor = message.descriptor();
    let name = descriptor.full_name();
    name.starts_with("google.protobuf.") && name.ends_with("Options") && message.encoded_len() == 0
}

/// What the language itself says of its options.
fn features() -> Retention {
    const NO_INCLUDES: &[&str] = &[];
    let loaded = crate::configure().emit_rerun_if_changed(false).load(&[DESCRIPTOR_SCHEMA], NO_INCLUDES);
    loaded.map_or_else(|_| Retention::of(&DescriptorPool::new()), |schemas| Retention::of(schemas.pool()))
}

/// Most schemas have none, and then nothing is decoded.
fn source_only(pool: &DescriptorPool) -> HashSet<String> {
    let mut source_only = HashSet::new();
    for extension in pool.all_extensions() {
        let has_options = extension.field_descriptor_proto().options.is_some();
        if has_options && is_source_only(&extension.options()) {
            source_only.insert(extension.full_name().to_owned());
        }
    }
    for message in pool.all_messages() {
        for field in message.fields() {
            let has_options = field.field_descriptor_proto().options.is_some();
            if has_options && is_source_only(&field.options()) {
                source_only.insert(field.full_name().to_owned());
            }
        }
    }
    source_only
}

fn is_source_only(options: &DynamicMessage) -> bool {
    let retention = panics::caught(|| options.get_field_by_name("retention").and_then(|value| value.as_enum_number()));
    retention.ok().flatten() == Some(RETENTION_SOURCE)
}
