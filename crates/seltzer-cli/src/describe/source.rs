//! Declarations as schemas write them. The names of types are whole, with a dot in front, wherever they stand.

use prost_reflect::prost_types::EnumValueDescriptorProto;
use prost_reflect::prost_types::field_descriptor_proto::Label;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, EnumValueDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor, Kind,
    MessageDescriptor, MethodDescriptor, OneofDescriptor, ServiceDescriptor, Syntax,
};

use crate::catalogue::Symbol;
use crate::describe::comments;
use crate::describe::options::{self, set_options};

/// How far declarations within others are moved to the right.
const INDENT: &str = "  ";

/// The largest number that a field can have; `max` stands for it.
const FIELD_NUMBER_MAX: u32 = (1 << 29) - 1;

/// Text of a schema, as it grows.
#[derive(Default)]
struct Source {
    text: String,
    indent: String,
}

/// What is declared, as its schema writes it.
pub(super) fn source_of(symbol: &Symbol) -> String {
    let mut source = Source::default();
    match symbol {
        Symbol::Service(service) => source.service(service),
        Symbol::Method(method) => source.method(method),
        Symbol::Message(message) => source.message(message),
        Symbol::Field(field) => source.field(field),
        Symbol::Oneof(oneof) => source.oneof(oneof),
        Symbol::Enum(values) => source.enumeration(values),
        Symbol::EnumValue(value) => source.enum_value(value),
        Symbol::Extension(extension) => source.extension(extension),
    }
    source.text.trim_end().to_owned()
}

impl Source {
    fn service(&mut self, service: &ServiceDescriptor) {
        self.comment(&service.parent_file(), service.path());
        self.block(&format!("service {}", service.name()), |source| {
            source.options(&service.options());
            for method in service.methods() {
                source.method(&method);
            }
        });
    }

    fn method(&mut self, method: &MethodDescriptor) {
        self.comment(&method.parent_file(), method.path());
        let stream = |is_stream| if is_stream { "stream " } else { "" };
        let (input, output) = (method.input(), method.output());
        let head = format!(
            "rpc {} ( {}.{} ) returns ( {}.{} )",
            method.name(),
            stream(method.is_client_streaming()),
            input.full_name(),
            stream(method.is_server_streaming()),
            output.full_name()
        );
        let options = method.options();
        if set_options(&options).is_empty() {
            self.line(&format!("{head};"));
        } else {
            self.block(&head, |source| source.options(&options));
        }
    }

    fn message(&mut self, message: &MessageDescriptor) {
        self.comment(&message.parent_file(), message.path());
        self.block(&format!("message {}", message.name()), |source| source.members(message));
    }

    fn members(&mut self, message: &MessageDescriptor) {
        self.options(&message.options());
        let mut groups = Vec::new();
        let mut oneofs = Vec::new();
        for field in in_order(message) {
            if let Kind::Message(nested) = field.kind()
                && field.is_group()
            {
                groups.push(nested.full_name().to_owned());
            }
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                None => self.field(&field),
                Some(oneof) if oneofs.contains(&oneof.path().to_vec()) => {}
                Some(oneof) => {
                    oneofs.push(oneof.path().to_vec());
                    self.oneof(&oneof);
                }
            }
        }
        for nested in message.child_messages() {
            if !nested.is_map_entry() && !groups.iter().any(|group| group == nested.full_name()) {
                self.message(&nested);
            }
        }
        for nested in message.child_enums() {
            self.enumeration(&nested);
        }
        for extension in message.child_extensions() {
            self.extension(&extension);
        }
        let ranges = |ranges: &mut dyn Iterator<Item = std::ops::Range<u32>>| {
            ranges.map(|range| numbers(range.start, range.end - 1)).collect::<Vec<_>>().join(", ")
        };
        self.list("extensions", &ranges(&mut message.extension_ranges()));
        self.list("reserved", &ranges(&mut message.reserved_ranges()));
        let names: Vec<_> = message.reserved_names().map(|name| options::quoted(name.as_bytes())).collect();
        self.list("reserved", &names.join(", "));
    }

    fn oneof(&mut self, oneof: &OneofDescriptor) {
        self.comment(&oneof.parent_file(), oneof.path());
        self.block(&format!("oneof {}", oneof.name()), |source| {
            source.options(&oneof.options());
            for field in oneof.fields() {
                source.field(&field);
            }
        });
    }

    fn field(&mut self, field: &FieldDescriptor) {
        self.comment(&field.parent_file(), field.path());
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { return };
            let (key, value) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
            let kind = format!("map<{}, {}>", type_name(&key), type_name(&value));
            return self.line(&format!("{kind} {} = {}{};", field.name(), field.number(), field_options(field)));
        }
        let label = match label(field) {
            _ if field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic()) => "",
            label => label,
        };
        if let Kind::Message(group) = field.kind()
            && field.is_group()
        {
            let head = format!("{label}group {} = {}{}", group.name(), field.number(), field_options(field));
            return self.block(&head, |source| source.members(&group));
        }
        let kind = type_name(&field.kind());
        self.line(&format!("{label}{kind} {} = {}{};", field.name(), field.number(), field_options(field)));
    }

    fn extension(&mut self, extension: &ExtensionDescriptor) {
        let extended = extension.containing_message();
        self.block(&format!("extend .{}", extended.full_name()), |source| {
            source.comment(&extension.parent_file(), extension.path());
            let label = match extension.field_descriptor_proto().label() {
                Label::Repeated => "repeated ",
                _ if extension.parent_file().syntax() == Syntax::Proto2 => "optional ",
                _ => "",
            };
            let kind = type_name(&extension.kind());
            let options = written(extension.field_descriptor_proto().default_value.as_deref(), &extension.kind(), None);
            let options = bracketed(options, &extension.options());
            source.line(&format!("{label}{kind} {} = {}{options};", extension.name(), extension.number()));
        });
    }

    fn enumeration(&mut self, values: &EnumDescriptor) {
        self.comment(&values.parent_file(), values.path());
        self.block(&format!("enum {}", values.name()), |source| {
            source.options(&values.options());
            // In the order of the schema, which several names of one number keep.
            let proto = values.enum_descriptor_proto();
            for name in proto.value.iter().map(EnumValueDescriptorProto::name) {
                if let Some(value) = values.get_value_by_name(name) {
                    source.enum_value(&value);
                }
            }
            let ranges: Vec<_> =
                values.reserved_ranges().map(|range| range_text(*range.start(), *range.end())).collect();
            source.list("reserved", &ranges.join(", "));
            let names: Vec<_> = values.reserved_names().map(|name| options::quoted(name.as_bytes())).collect();
            source.list("reserved", &names.join(", "));
        });
    }

    fn enum_value(&mut self, value: &EnumValueDescriptor) {
        self.comment(&value.parent_file(), value.path());
        let options = bracketed(Vec::new(), &value.options());
        self.line(&format!("{} = {}{options};", value.name(), value.number()));
    }

    fn comment(&mut self, file: &FileDescriptor, path: &[i32]) {
        for line in comments::leading(file, path) {
            self.line(&format!("//{line}"));
        }
    }

    fn options(&mut self, options: &DynamicMessage) {
        for option in set_options(options) {
            let assignment = option.assignment(&self.indent);
            self.line(&format!("option {assignment};"));
        }
    }

    fn list(&mut self, keyword: &str, what: &str) {
        if !what.is_empty() {
            self.line(&format!("{keyword} {what};"));
        }
    }

    fn block(&mut self, head: &str, inner: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        self.indent.push_str(INDENT);
        inner(self);
        self.indent.truncate(self.indent.len() - INDENT.len());
        self.line("}");
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(&self.indent);
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

/// The fields as the schema has them.
fn in_order(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let declared = message.descriptor_proto().field.iter();
    declared.filter_map(|field| message.get_field_by_name(field.name())).collect()
}

fn label(field: &FieldDescriptor) -> &'static str {
    let proto = field.field_descriptor_proto();
    match proto.label() {
        Label::Repeated => "repeated ",
        Label::Required => "required ",
        Label::Optional if proto.proto3_optional() || field.parent_file().syntax() == Syntax::Proto2 => "optional ",
        Label::Optional => "",
    }
}

fn type_name(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => format!(".{}", message.full_name()),
        Kind::Enum(values) => format!(".{}", values.full_name()),
        // The others are called in schemas as in Rust, but for capitals.
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

fn field_options(field: &FieldDescriptor) -> String {
    let proto = field.field_descriptor_proto();
    let json_name = (field.json_name() != json_name(field.name())).then(|| field.json_name());
    bracketed(written(proto.default_value.as_deref(), &field.kind(), json_name), &field.options())
}

/// What stands among options but is none.
fn written(default: Option<&str>, kind: &Kind, json_name: Option<&str>) -> Vec<String> {
    let mut written = Vec::new();
    if let Some(default) = default {
        let value = match kind {
            Kind::String => options::quoted(default.as_bytes()),
            // Descriptors have bytes escaped already.
            Kind::Bytes => format!("\"{default}\""),
            _ => default.to_owned(),
        };
        written.push(format!("default = {value}"));
    }
    if let Some(name) = json_name {
        written.push(format!("json_name = {}", options::quoted(name.as_bytes())));
    }
    written
}

fn bracketed(mut written: Vec<String>, options: &DynamicMessage) -> String {
    written.extend(set_options(options).iter().map(|option| option.assignment("")));
    if written.is_empty() { String::new() } else { format!(" [{}]", written.join(", ")) }
}

/// What a field is called in JSON unless its schema says otherwise.
fn json_name(name: &str) -> String {
    let mut json = String::with_capacity(name.len());
    let mut is_next_large = false;
    for letter in name.chars() {
        match letter {
            '_' => is_next_large = true,
            letter if is_next_large => {
                json.push(letter.to_ascii_uppercase());
                is_next_large = false;
            }
            letter => json.push(letter),
        }
    }
    json
}

fn numbers(first: u32, last: u32) -> String {
    match last {
        _ if first == last => first.to_string(),
        FIELD_NUMBER_MAX.. => format!("{first} to max"),
        _ => format!("{first} to {last}"),
    }
}

fn range_text(first: i32, last: i32) -> String {
    match last {
        _ if first == last => first.to_string(),
        i32::MAX => format!("{first} to max"),
        _ => format!("{first} to {last}"),
    }
}
