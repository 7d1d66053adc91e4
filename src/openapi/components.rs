//! The schemas of messages and enums, each by its full name.

use std::collections::{HashMap, HashSet, VecDeque};

use prost_reflect::prost_types::{EnumOptions, FieldOptions, MessageOptions};
use prost_reflect::{
    EnumDescriptor, EnumValueDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, OneofDescriptor,
};

use crate::gateway::JsonOptions;
use crate::openapi::behavior::Behavior;
use crate::openapi::comments::Comments;
use crate::openapi::value::{Object, Value};
use crate::openapi::well_known;

/// The schemas that a document needs, found as they are referred to.
pub(crate) struct Components {
    pub(crate) comments: Comments,
    pub(crate) json: JsonOptions,
    /// What has a name already, by its own full name: several sets may use one for different things.
    named: HashMap<String, Vec<(Described, String)>>,
    taken: HashSet<String>,
    pending: VecDeque<(String, Described)>,
    schemas: Vec<(String, Object)>,
}

/// What has a schema of its own.
#[derive(Clone)]
enum Described {
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
    /// Known by name alone.
    WellKnown(&'static str),
}

impl Components {
    pub(crate) fn new(json: JsonOptions) -> Self {
        Components {
            comments: Comments::default(),
            json,
            named: HashMap::new(),
            taken: HashSet::new(),
            pending: VecDeque::new(),
            schemas: Vec::new(),
        }
    }

    /// Refers to a message.
    pub(crate) fn message(&mut self, message: &MessageDescriptor) -> Object {
        self.reference(Described::Message(message.clone()))
    }

    /// Refers to a message whose JSON is its own.
    pub(crate) fn well_known(&mut self, full_name: &'static str) -> Object {
        self.reference(Described::WellKnown(full_name))
    }

    /// The comment of what stands at a path in a file.
    pub(crate) fn comment(&mut self, file: &FileDescriptor, path: &[i32]) -> Option<String> {
        self.comments.of(file, path)
    }

    /// What a field is called in JSON.
    pub(crate) fn name_of(&self, field: &FieldDescriptor) -> String {
        if self.json.proto_names { field.name().to_owned() } else { field.json_name().to_owned() }
    }

    /// All schemas that were referred to, in the order of their names.
    pub(crate) fn finish(mut self) -> Object {
        while let Some((name, described)) = self.pending.pop_front() {
            let schema = match &described {
                Described::Message(message) => self.message_schema(message),
                Described::Enum(descriptor) => self.enum_schema(descriptor),
                Described::WellKnown(full_name) => self.well_known_schema(full_name).unwrap_or_default(),
            };
            self.schemas.push((name, schema));
        }
        self.schemas.sort_by(|(one, _), (other, _)| one.cmp(other));
        let short = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let mut named = HashMap::<_, usize>::new();
        for (name, _) in &self.schemas {
            *named.entry(short(name)).or_default() += 1;
        }
        let mut all = Object::new();
        for (name, schema) in self.schemas {
            // A title is what people see: the short name, where there is no other of that.
            let title = Some(short(&name)).filter(|title| named[title] == 1 && *title != name);
            all.insert(name, Object::new().with_some("title", title).and(schema));
        }
        all
    }

    fn reference(&mut self, described: Described) -> Object {
        let name = self.component_name(described);
        Object::new().with("$ref", format!("#/components/schemas/{name}"))
    }

    /// The name of a schema in this document: its full name, or where that is another's already, with its file's.
    fn component_name(&mut self, described: Described) -> String {
        let full_name = described.full_name().to_owned();
        let known = self.named.get(&full_name).into_iter().flatten();
        if let Some((_, name)) = known.into_iter().find(|(other, _)| described.is_same(other)) {
            return name.clone();
        }
        let mut name = full_name.clone();
        let mut number = 1;
        while !self.taken.insert(name.clone()) {
            let number_after = if number == 1 { String::new() } else { format!("-{number}") };
            name = format!("{full_name}-{}{number_after}", described.file_stem());
            number += 1;
        }
        self.named.entry(full_name).or_default().push((described.clone(), name.clone()));
        self.pending.push_back((name.clone(), described));
        name
    }

    fn well_known_schema(&mut self, full_name: &str) -> Option<Object> {
        let schema = well_known::schema(full_name)?;
        if let Some(other) = well_known::refers_to(full_name) {
            self.well_known(other);
        }
        Some(schema)
    }

    fn message_schema(&mut self, message: &MessageDescriptor) -> Object {
        if let Some(schema) = self.well_known_schema(message.full_name()) {
            return schema;
        }
        let comment = self.comment(&message.parent_file(), message.path());
        let mut schema = Object::new().with("type", "object");
        schema = schema.with_some("description", comment);
        let oneofs: Vec<_> = message.oneofs().filter(|oneof| !oneof.is_synthetic()).collect();
        let in_oneof = |field: &FieldDescriptor| field.containing_oneof().is_some_and(|oneof| oneofs.contains(&oneof));
        let mut fields: Vec<_> = message.fields().filter(|field| !in_oneof(field)).collect();
        fields.sort_by_key(position);
        let (mut properties, mut required) = (Object::new(), Vec::new());
        for field in &fields {
            let name = self.name_of(field);
            if field.is_required() || Behavior::of(field).required {
                required.push(name.clone());
            }
            properties.insert(name, self.field(field));
        }
        if !properties.is_empty() {
            schema.insert("properties", properties);
        }
        if !required.is_empty() {
            schema.insert("required", required);
        }
        match oneofs.as_slice() {
            [] => {}
            [oneof] => schema.insert("oneOf", self.oneof(oneof)),
            several => {
                let all: Vec<_> = several.iter().map(|oneof| Object::new().with("oneOf", self.oneof(oneof))).collect();
                schema.insert("allOf", all);
            }
        }
        if is_deprecated(&message.descriptor_proto().options, MessageOptions::deprecated) {
            schema.insert("deprecated", true);
        }
        schema
    }

    /// At most one of its fields: one schema for each, and one for none.
    fn oneof(&mut self, oneof: &OneofDescriptor) -> Vec<Object> {
        let mut fields: Vec<_> = oneof.fields().collect();
        fields.sort_by_key(position);
        let names: Vec<_> = fields.iter().map(|field| self.name_of(field)).collect();
        let mut alternatives = Vec::new();
        for (field, name) in fields.iter().zip(&names) {
            let properties = Object::new().with(name, self.field(field));
            let one = Object::new().with("title", name.as_str()).with("type", "object");
            alternatives.push(one.with("properties", properties).with("required", [name.as_str()]));
        }
        let is_there = |name: &String| Object::new().with("required", [name.as_str()]);
        let any: Vec<_> = names.iter().map(is_there).collect();
        let title = format!("no {}", oneof.name());
        alternatives.push(Object::new().with("title", title).with("not", Object::new().with("anyOf", any)));
        alternatives
    }

    /// A field of a message.
    pub(crate) fn field(&mut self, field: &FieldDescriptor) -> Object {
        let schema = if field.is_map() {
            self.map(field)
        } else if field.is_list() {
            Object::new().with("type", "array").with("items", self.kind(&field.kind()))
        } else {
            self.kind(&field.kind())
        };
        let behavior = Behavior::of(field);
        let comment = self.comment(&field.parent_message().parent_file(), field.path());
        let mut schema = schema.with_some("description", comment);
        if behavior.output_only {
            schema.insert("readOnly", true);
        }
        if behavior.input_only {
            schema.insert("writeOnly", true);
        }
        if is_deprecated(&field.field_descriptor_proto().options, FieldOptions::deprecated) {
            schema.insert("deprecated", true);
        }
        schema
    }

    fn map(&mut self, field: &FieldDescriptor) -> Object {
        let Kind::Message(entry) = field.kind() else { return Object::new() };
        let schema = Object::new().with("type", "object");
        let keys = match entry.map_entry_key_field().kind() {
            Kind::String => None,
            Kind::Bool => Some(Object::new().with("enum", ["true", "false"])),
            Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => {
                Some(Object::new().with("pattern", "^[0-9]+$"))
            }
            _ => Some(Object::new().with("pattern", "^-?[0-9]+$")),
        };
        let values = self.kind(&entry.map_entry_value_field().kind());
        schema.with_some("propertyNames", keys).with("additionalProperties", values)
    }

    /// A single value.
    pub(crate) fn kind(&mut self, kind: &Kind) -> Object {
        let simple = |name: &str, format: &str| Object::new().with("type", name).with("format", format);
        match kind {
            Kind::Double => simple("number", "double"),
            Kind::Float => simple("number", "float"),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => simple("integer", "int32"),
            Kind::Uint32 | Kind::Fixed32 => simple("integer", "uint32").with("minimum", 0),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => simple("string", "int64"),
            Kind::Uint64 | Kind::Fixed64 => simple("string", "uint64"),
            Kind::Bool => Object::new().with("type", "boolean"),
            Kind::String => Object::new().with("type", "string"),
            Kind::Bytes => simple("string", "byte").with("contentEncoding", "base64"),
            Kind::Message(message) => self.message(message),
            Kind::Enum(descriptor) if descriptor.full_name() == "google.protobuf.NullValue" => {
                Object::new().with("type", "null")
            }
            Kind::Enum(descriptor) => self.reference(Described::Enum(descriptor.clone())),
        }
    }

    fn enum_schema(&mut self, descriptor: &EnumDescriptor) -> Object {
        let mut description = self.comment(&descriptor.parent_file(), descriptor.path()).unwrap_or_default();
        let mut lines = Vec::new();
        let mut all: Vec<_> = descriptor.values().collect();
        all.sort_by_key(|value| value.path().last().copied());
        for value in &all {
            let comment = self.comment(&value.parent_file(), value.path());
            let said = comment.map(|comment| format!(": {}", comment.split_whitespace().collect::<Vec<_>>().join(" ")));
            match (self.json.enum_numbers, said) {
                (true, said) => {
                    lines.push(format!("- {}: `{}`{}", value.number(), value.name(), said.unwrap_or_default()));
                }
                (false, Some(said)) => lines.push(format!("- `{}`{said}", value.name())),
                (false, None) => {}
            }
        }
        if !lines.is_empty() {
            let gap = if description.is_empty() { "" } else { "\n\n" };
            description = format!("{description}{gap}{}", lines.join("\n"));
        }
        let values: Vec<Value> = if self.json.enum_numbers {
            let mut seen = HashSet::new();
            let numbers = all.iter().map(EnumValueDescriptor::number);
            numbers.filter(|number| seen.insert(*number)).map(Value::from).collect()
        } else {
            all.iter().map(|value| value.name().into()).collect()
        };
        let kind = if self.json.enum_numbers { "integer" } else { "string" };
        let schema = Object::new().with("type", kind);
        let schema = schema.with_some("description", (!description.is_empty()).then_some(description));
        let schema = schema.with("enum", values);
        match is_deprecated(&descriptor.enum_descriptor_proto().options, EnumOptions::deprecated) {
            true => schema.with("deprecated", true),
            false => schema,
        }
    }
}

impl Described {
    fn full_name(&self) -> &str {
        match self {
            Described::Message(message) => message.full_name(),
            Described::Enum(descriptor) => descriptor.full_name(),
            Described::WellKnown(name) => name,
        }
    }

    fn file_stem(&self) -> String {
        let file = match self {
            Described::Message(message) => message.parent_file(),
            Described::Enum(descriptor) => descriptor.parent_file(),
            Described::WellKnown(_) => return "json".to_owned(),
        };
        let stem = file.name().rsplit('/').next().unwrap_or_default();
        // Names of components have no other letters.
        let stem = stem.strip_suffix(".proto").unwrap_or(stem);
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    }

    /// Whether both are the same thing, be it from different sets.
    fn is_same(&self, other: &Described) -> bool {
        if well_known::schema(self.full_name()).is_some() {
            return true;
        }
        match (self, other) {
            (Described::Message(one), Described::Message(other)) => is_same(one, other, &mut HashSet::new()),
            (Described::Enum(one), Described::Enum(other)) => {
                one == other || one.enum_descriptor_proto() == other.enum_descriptor_proto()
            }
            _ => false,
        }
    }
}

/// Whether two messages of one name are alike, and all that they consist of.
fn is_same(one: &MessageDescriptor, other: &MessageDescriptor, seen: &mut HashSet<String>) -> bool {
    if one == other || !seen.insert(one.full_name().to_owned()) {
        return true;
    }
    if one.full_name() != other.full_name() || one.descriptor_proto() != other.descriptor_proto() {
        return false;
    }
    one.fields().zip(other.fields()).all(|(one, other)| match (one.kind(), other.kind()) {
        (Kind::Message(one), Kind::Message(other)) => is_same(&one, &other, seen),
        (Kind::Enum(one), Kind::Enum(other)) => {
            one.full_name() == other.full_name() && one.enum_descriptor_proto() == other.enum_descriptor_proto()
        }
        _ => true,
    })
}

/// Where a field stands in its message's text: `fields()` goes by numbers.
pub(crate) fn position(field: &FieldDescriptor) -> i32 {
    field.path().last().copied().unwrap_or_default()
}

fn is_deprecated<T>(options: &Option<T>, deprecated: impl Fn(&T) -> bool) -> bool {
    options.as_ref().is_some_and(deprecated)
}
