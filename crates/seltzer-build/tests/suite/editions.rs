//! Schemas of editions: what protoc makes of them, and what it refuses. scripts/editions.sh asks protoc itself.

use std::collections::BTreeMap;

use prost::Message;
use prost_reflect::DynamicMessage;
use seltzer_build::Schemas;
use seltzer_syntax::descriptor::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
};

use crate::support::Workspace;

const ACCEPTED: &str = include_str!("editions/accepted.txt");
const REJECTED: &str = include_str!("editions/rejected.txt");
const DESCRIPTORS: &str = include_str!("editions/descriptors.txt");
const MESSAGES: &str = include_str!("editions/messages.txt");

/// What stands below each `== head`.
fn cases(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("\n== ").skip(1).map(|case| case.split_once('\n').unwrap_or((case, "")))
}

fn workspace(files: &str) -> Workspace {
    Workspace::new(&files.replace("\n--- ", "\n=== "))
}

fn load(workspace: &Workspace) -> Result<Schemas, seltzer_build::Error> {
    seltzer_build::configure().load(&[workspace.path("a.proto")], &[workspace.root()])
}

#[test]
fn there_are_enough_of_them() {
    let (accepted, rejected) = (cases(ACCEPTED).count(), cases(REJECTED).count());
    assert!(accepted >= 60 && rejected >= 100, "{accepted} and {rejected}");
}

/// The original of an edition is kept, and is what protoc makes of it.
#[test]
fn descriptors_are_those_of_protoc() {
    let expected: BTreeMap<&str, &str> = cases(DESCRIPTORS).collect();
    let mut wrong = Vec::new();
    for (name, files) in cases(ACCEPTED) {
        let workspace = workspace(files);
        let own = match load(&workspace) {
            Ok(schemas) => leaves(&file(&schemas, "a.proto")),
            Err(error) => vec![error.to_string()],
        };
        let theirs: Vec<&str> = expected[name].lines().filter(|line| !line.is_empty()).collect();
        if own != theirs {
            let first = own.iter().zip(&theirs).find(|(own, theirs)| own.as_str() != **theirs);
            wrong.push(format!("{name}: {first:?}, {} and {} lines", own.len(), theirs.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rust_is_generated() {
    for (name, files) in cases(ACCEPTED) {
        let generated = workspace(files).generate(&seltzer_build::configure());
        assert!(generated.is_ok(), "{name}: {}", generated.unwrap_err());
    }
}

/// Messages that Python wrote are read and written again, byte for byte: presence, packing and encoding survive.
#[test]
fn messages_keep_their_bytes() {
    let messages: BTreeMap<&str, &str> = cases(MESSAGES).collect();
    let mut count = 0;
    for (name, files) in cases(ACCEPTED) {
        let workspace = workspace(files);
        let pool = load(&workspace).unwrap().descriptor_pool();
        for (message, bytes) in messages[name].lines().filter_map(|line| line.split_once(' ')) {
            let bytes = unhex(bytes);
            let descriptor = pool.get_message_by_name(message).unwrap();
            let decoded = DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap();
            assert_eq!(decoded.encode_to_vec(), bytes, "{name}: {message}");
            count += 1;
        }
    }
    assert!(count >= 100, "{count}");
}

#[test]
fn refusals_have_place_mark_and_hint() {
    let mut wrong = Vec::new();
    for (head, files) in cases(REJECTED) {
        let (name, place) = head.split_once(' ').unwrap();
        let place = if place.matches(':').count() > 1 { place.to_owned() } else { format!("a.proto:{place}") };
        let workspace = workspace(files);
        let Err(error) = load(&workspace) else {
            wrong.push(format!("{name} compiles"));
            continue;
        };
        let said = workspace.without_directory(&error.to_string());
        let report = error.report(false);
        if !said.starts_with(&format!("{place}: ")) || error.hint().is_none() || !report.contains('╰') {
            wrong.push(format!("{name}: {said}, hint {:?}", error.hint()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What protoc takes and we do not, at the field that is in the way.
#[test]
fn what_cannot_be_lowered_is_told_at_the_field() {
    let option = "edition = \"2023\";\nimport \"google/protobuf/descriptor.proto\";\nmessage A {}\n\
                  extend google.protobuf.FileOptions {\n  A a = 50001 [features.message_encoding = DELIMITED];\n}\n";
    let error = load(&Workspace::new(option)).unwrap_err();
    assert_eq!((error.line(), error.column()), (Some(5), Some(16)), "{error}");
    assert_eq!(error.hint(), Some("add `[features.message_encoding = LENGTH_PREFIXED]`"));
    let schema = "edition = \"2023\";\nenum E {\n  option features.enum_type = CLOSED;\n  ONE = 1;\n}\nmessage A {\n  \
                  int32 a = 1 [features.field_presence = IMPLICIT];\n}\n";
    let error = load(&Workspace::new(schema)).unwrap_err();
    assert_eq!((error.line(), error.column()), (Some(7), Some(9)));
    assert!(error.to_string().contains("field `a` has implicit presence"), "{error}");
    assert_eq!(error.hint(), Some("give the field explicit presence, or move the enum to a file of its own"));
}

fn file(schemas: &Schemas, name: &str) -> FileDescriptorProto {
    let set = FileDescriptorSet::decode(schemas.descriptor_set().as_slice()).unwrap();
    set.file.into_iter().find(|file| file.name() == name).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// Every set field of a descriptor by its path, without options, a line each, in the order of numbers.
fn leaves(file: &FileDescriptorProto) -> Vec<String> {
    let mut lines = Lines { path: String::new(), lines: Vec::new() };
    lines.text("1", file.name.as_deref());
    lines.text("2", file.package.as_deref());
    lines.texts("3", &file.dependency);
    lines.each("4", &file.message_type, Lines::message);
    lines.each("5", &file.enum_type, Lines::enumeration);
    lines.each("6", &file.service, |lines, service| {
        lines.text("1", service.name.as_deref());
        lines.each("2", &service.method, |lines, method| {
            lines.text("1", method.name.as_deref());
            lines.text("2", method.input_type.as_deref());
            lines.text("3", method.output_type.as_deref());
            lines.number("5", method.client_streaming.map(i32::from));
            lines.number("6", method.server_streaming.map(i32::from));
        });
    });
    lines.each("7", &file.extension, Lines::field);
    lines.each("10", &file.public_dependency, |lines, index| lines.value("", index));
    lines.text("12", file.syntax.as_deref());
    lines.number("14", file.edition);
    lines.texts("15", &file.option_dependency);
    lines.lines
}

struct Lines {
    path: String,
    lines: Vec<String>,
}

impl Lines {
    fn value(&mut self, at: &str, value: impl std::fmt::Display) {
        let path = format!("{}{at}", self.path);
        self.lines.push(format!("{} {value}", path.trim_end_matches('.')));
    }

    fn text(&mut self, at: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.value(at, value.escape_default().to_string().replace("\\'", "'").replace("\\\"", "\""));
        }
    }

    fn number(&mut self, at: &str, value: Option<i32>) {
        if let Some(value) = value {
            self.value(at, value);
        }
    }

    fn texts(&mut self, at: &str, values: &[String]) {
        for (index, value) in values.iter().enumerate() {
            self.text(&format!("{at}[{index}]"), Some(value));
        }
    }

    fn each<T>(&mut self, at: &str, items: &[T], write: impl Fn(&mut Lines, &T)) {
        for (index, item) in items.iter().enumerate() {
            let length = self.path.len();
            self.path.push_str(&format!("{at}[{index}]."));
            write(self, item);
            self.path.truncate(length);
        }
    }

    fn message(&mut self, message: &DescriptorProto) {
        self.text("1", message.name.as_deref());
        self.each("2", &message.field, Lines::field);
        self.each("3", &message.nested_type, Lines::message);
        self.each("4", &message.enum_type, Lines::enumeration);
        self.each("5", &message.extension_range, |lines, range| {
            lines.number("1", range.start);
            lines.number("2", range.end);
        });
        self.each("6", &message.extension, Lines::field);
        self.each("8", &message.oneof_decl, |lines, oneof| lines.text("1", oneof.name.as_deref()));
        self.each("9", &message.reserved_range, |lines, range| {
            lines.number("1", range.start);
            lines.number("2", range.end);
        });
        self.texts("10", &message.reserved_name);
        self.number("11", message.visibility);
    }

    fn field(&mut self, field: &FieldDescriptorProto) {
        self.text("1", field.name.as_deref());
        self.text("2", field.extendee.as_deref());
        self.number("3", field.number);
        self.number("4", field.label);
        self.number("5", field.r#type);
        self.text("6", field.type_name.as_deref());
        self.text("7", field.default_value.as_deref());
        self.number("9", field.oneof_index);
        self.text("10", field.json_name.as_deref());
    }

    fn enumeration(&mut self, the_enum: &EnumDescriptorProto) {
        self.text("1", the_enum.name.as_deref());
        self.each("2", &the_enum.value, |lines, value| {
            lines.text("1", value.name.as_deref());
            lines.number("2", value.number);
        });
        self.each("4", &the_enum.reserved_range, |lines, range| {
            lines.number("1", range.start);
            lines.number("2", range.end);
        });
        self.texts("5", &the_enum.reserved_name);
        self.number("6", the_enum.visibility);
    }
}
