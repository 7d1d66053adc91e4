//! Custom options: what they may be set on, and what their messages need.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, FileDescriptor, MessageDescriptor, ReflectMessage, Value};

use crate::check::{Item, Place};
use crate::error::Error;
use crate::schemas::Schemas;

/// Checks the options of all files.
pub(super) fn check(schemas: &Schemas) -> Vec<Error> {
    let targets = targets(schemas);
    let mut errors = Vec::new();
    for file in schemas.pool().files() {
        // Extensions are the only options with messages of the user's own, and with targets.
        let mut entities = Entities { entities: Vec::new() };
        entities.of_file(&file);
        let proto = schemas.pool().file_descriptor_protos().find(|proto| proto.name() == file.name());
        for entity in entities.entities.iter().filter(|entity| entity.options.extensions().next().is_some()) {
            let Some(proto) = proto else { break };
            let mut say = |text: String, hint: &str| {
                let place = Place { schemas, file: proto, path: [&entity.path[..], &[entity.options_field]].concat() };
                errors.push(Item { what: String::new(), place }.error(text).with_hint(hint));
            };
            check_targets(&entity.options, entity.target, &targets, &mut say);
            for (extension, value) in entity.options.extensions() {
                for missing in missing(value) {
                    let text = format!("option `({})` lacks the required field `{missing}`", extension.full_name());
                    say(text, "set it");
                }
            }
        }
    }
    errors
}

/// What options are set on, as `FieldOptions.OptionTargetType` numbers it, and in words.
const TARGETS: &[(i32, &str)] = &[
    (1, "a file"),
    (2, "an extension range"),
    (3, "a message"),
    (4, "a field"),
    (5, "a oneof"),
    (6, "an enum"),
    (7, "a value of an enum"),
    (8, "a service"),
    (9, "an rpc"),
];

/// The options, and fields of options, that are not for everything: by their full names.
fn targets(schemas: &Schemas) -> HashMap<String, Vec<i32>> {
    let mut targets = HashMap::new();
    let mut add = |name: &str, options: &DynamicMessage| {
        let list = options
            .get_field_by_name("targets")
            .and_then(|list| Some(list.as_list()?.iter().filter_map(Value::as_enum_number).collect::<Vec<_>>()));
        if let Some(list) = list.filter(|list| !list.is_empty()) {
            targets.insert(name.to_owned(), list);
        }
    };
    for extension in schemas.pool().all_extensions() {
        if extension.field_descriptor_proto().options.is_some() {
            add(extension.full_name(), &extension.options());
        }
    }
    for field in schemas.pool().all_messages().flat_map(|message| message.fields().collect::<Vec<_>>()) {
        if field.field_descriptor_proto().options.is_some() {
            add(field.full_name(), &field.options());
        }
    }
    targets
}

fn check_targets(
    options: &DynamicMessage,
    target: i32,
    targets: &HashMap<String, Vec<i32>>,
    say: &mut dyn FnMut(String, &str),
) {
    let fields = options.fields().map(|(field, value)| (field.full_name().to_owned(), value));
    let extensions = options.extensions().map(|(extension, value)| (extension.full_name().to_owned(), value));
    for (name, value) in fields.chain(extensions) {
        if targets.get(&name).is_some_and(|allowed| !allowed.contains(&target)) {
            let what = TARGETS.iter().find(|(number, _)| *number == target).map_or("this", |(_, words)| words);
            say(format!("option `{name}` cannot be set on {what}"), "see `targets` where the option is defined");
        }
        match value {
            Value::Message(message) => check_targets(message, target, targets, say),
            Value::List(list) => {
                for message in list.iter().filter_map(Value::as_message) {
                    check_targets(message, target, targets, say);
                }
            }
            _ => {}
        }
    }
}

/// The required fields that a value lacks, at any depth.
fn missing(value: &Value) -> Vec<String> {
    match value {
        Value::Message(message) => {
            let required = message.descriptor().fields().filter(FieldDescriptor::is_required).collect::<Vec<_>>();
            let absent = required.into_iter().filter(|field| !message.has_field(field));
            let below = message.fields().flat_map(|(_, value)| missing(value));
            absent.map(|field| field.full_name().to_owned()).chain(below).collect()
        }
        Value::List(list) => list.iter().flat_map(missing).collect(),
        _ => Vec::new(),
    }
}

/// Something that has options.
struct Entity {
    path: Vec<i32>,
    options_field: i32,
    target: i32,
    options: DynamicMessage,
}

struct Entities {
    entities: Vec<Entity>,
}

impl Entities {
    fn add(&mut self, path: &[i32], options_field: i32, target: i32, options: DynamicMessage) {
        self.entities.push(Entity { path: path.to_vec(), options_field, target, options });
    }

    fn of_file(&mut self, file: &FileDescriptor) {
        self.add(&[], 8, 1, file.options());
        for message in file.messages() {
            self.of_message(&message);
        }
        for the_enum in file.enums() {
            self.of_enum(&the_enum);
        }
        for extension in file.extensions() {
            self.add(extension.path(), 8, 4, extension.options());
        }
        for service in file.services() {
            self.add(service.path(), 3, 8, service.options());
            for method in service.methods() {
                self.add(method.path(), 4, 9, method.options());
            }
        }
    }

    fn of_message(&mut self, message: &MessageDescriptor) {
        self.add(message.path(), 7, 3, message.options());
        for field in message.fields() {
            self.add(field.path(), 8, 4, field.options());
        }
        for oneof in message.oneofs() {
            self.add(oneof.path(), 2, 5, oneof.options());
        }
        for extension in message.child_extensions() {
            self.add(extension.path(), 8, 4, extension.options());
        }
        for the_enum in message.child_enums() {
            self.of_enum(&the_enum);
        }
        for nested in message.child_messages() {
            self.of_message(&nested);
        }
    }

    fn of_enum(&mut self, the_enum: &prost_reflect::EnumDescriptor) {
        self.add(the_enum.path(), 3, 6, the_enum.options());
        for value in the_enum.values() {
            self.add(value.path(), 3, 7, value.options());
        }
    }
}
