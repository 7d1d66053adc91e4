//! Finds imports of which a schema uses nothing.

use std::collections::HashSet;

use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, FileDescriptor, MessageDescriptor, Value};
use prost_types::FieldDescriptorProto;

/// The imports that could be removed, each with its index. Public imports are for others, and what imports something
/// publicly may be needed for that.
pub(crate) fn imports(file: &FileDescriptor) -> Vec<(i32, String)> {
    let proto = file.file_descriptor_proto();
    let mut used = Used { pool: file.parent_pool(), files: HashSet::new() };
    used.file(file);
    (0..)
        .zip(file.dependencies())
        .filter(|(index, dependency)| {
            !proto.public_dependency.contains(index)
                && dependency.public_dependencies().len() == 0
                && !used.files.contains(dependency.name())
        })
        .map(|(index, dependency)| (index, dependency.name().to_owned()))
        .collect()
}

/// The files that were found to be needed.
struct Used<'a> {
    pool: &'a DescriptorPool,
    files: HashSet<String>,
}

impl Used<'_> {
    fn file(&mut self, file: &FileDescriptor) {
        self.options(&file.options());
        for message in file.messages() {
            self.message(&message);
        }
        for the_enum in file.enums() {
            self.enumeration(&the_enum);
        }
        for extension in file.extensions() {
            self.field(extension.field_descriptor_proto(), &extension.options());
        }
        for service in file.services() {
            self.options(&service.options());
            for method in service.methods() {
                self.options(&method.options());
                self.files.insert(method.input().parent_file().name().to_owned());
                self.files.insert(method.output().parent_file().name().to_owned());
            }
        }
    }

    fn message(&mut self, message: &MessageDescriptor) {
        self.options(&message.options());
        for field in message.fields() {
            self.field(field.field_descriptor_proto(), &field.options());
        }
        for oneof in message.oneofs() {
            self.options(&oneof.options());
        }
        for extension in message.child_extensions() {
            self.field(extension.field_descriptor_proto(), &extension.options());
        }
        for the_enum in message.child_enums() {
            self.enumeration(&the_enum);
        }
        for nested in message.child_messages() {
            self.message(&nested);
        }
    }

    fn enumeration(&mut self, the_enum: &EnumDescriptor) {
        self.options(&the_enum.options());
        for value in the_enum.values() {
            self.options(&value.options());
        }
    }

    fn field(&mut self, field: &FieldDescriptorProto, options: &DynamicMessage) {
        for name in [field.type_name(), field.extendee()] {
            let name = name.trim_start_matches('.');
            let message = self.pool.get_message_by_name(name).map(|message| message.parent_file());
            let file = message.or_else(|| self.pool.get_enum_by_name(name).map(|the_enum| the_enum.parent_file()));
            self.files.extend(file.map(|file| file.name().to_owned()));
        }
        self.options(options);
    }

    /// Custom options are extensions, at any depth of an options message.
    fn options(&mut self, message: &DynamicMessage) {
        for (extension, value) in message.extensions() {
            self.files.insert(extension.parent_file().name().to_owned());
            self.value(value);
        }
        for (_, value) in message.fields() {
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Message(message) => self.options(message),
            Value::List(list) => list.iter().for_each(|value| self.value(value)),
            Value::Map(map) => map.values().for_each(|value| self.value(value)),
            _ => {}
        }
    }
}
