//! Fields, with labels, types, numbers and defaults.

use crate::descriptor::{DescriptorProto, FieldDescriptorProto, Label, Type, tag};
use crate::edition::Edition;
use crate::error::SyntaxError;
use crate::options;
use crate::parser::{Options, Parser, Spot, index};

/// A type as it is written.
struct Written {
    scalar: Option<Type>,
    name: Option<String>,
}

/// The key and the value of a map.
struct MapTypes {
    key: Written,
    value: Written,
}

impl Parser<'_> {
    /// A field that may have a label. The messages of groups and maps are added to `messages`, whose path is `nested`.
    pub(super) fn field(
        &mut self,
        mut field: FieldDescriptorProto,
        messages: &mut Vec<DescriptorProto>,
        nested: &[i32],
        spot: &Spot,
    ) -> Result<FieldDescriptorProto, SyntaxError> {
        let label = match self.token().text {
            "optional" => Some(Label::Optional),
            "repeated" => Some(Label::Repeated),
            "required" => Some(Label::Required),
            _ => None,
        };
        if let Some(label) = label {
            self.check_label(label)?;
            self.modifier(&[&spot.path[..], &[tag::field::LABEL]].concat());
            field.label = Some(label as i32);
            if label == Label::Optional && self.edition == Edition::Proto3 {
                field.proto3_optional = Some(true);
            }
        }
        self.field_without_label(field, messages, nested, spot)
    }

    fn check_label(&self, label: Label) -> Result<(), SyntaxError> {
        match (self.edition.has_features(), label) {
            (true, Label::Optional) => Err(self
                .error("editions have no `optional`")
                .with_hint("drop it: a field has presence unless `features.field_presence` says otherwise")),
            (true, Label::Required) => Err(self
                .error("editions have no `required`")
                .with_hint("drop it, and add `[features.field_presence = LEGACY_REQUIRED]` to the field")),
            _ => Ok(()),
        }
    }

    pub(super) fn field_without_label(
        &mut self,
        mut field: FieldDescriptorProto,
        messages: &mut Vec<DescriptorProto>,
        nested: &[i32],
        spot: &Spot,
    ) -> Result<FieldDescriptorProto, SyntaxError> {
        let map = self.field_type(&mut field, spot)?;
        let name_token = self.next;
        field.name = Some(self.name(&spot.path, tag::NAME, "the name of the field")?);
        self.expect("=").map_err(|error| error.with_hint("a field is written `type name = number;`"))?;
        let number = self.begin(&spot.path, &[tag::field::NUMBER]);
        field.number = Some(self.field_number("the number of the field")?);
        self.end(&number);
        let mut options = Options::default();
        if self.at("[") {
            self.field_options(&mut field, &mut options, &spot.path)?;
        }
        let propagated = map.is_some().then(|| options.propagated());
        field.options = options.into_bytes();
        if field.r#type == Some(Type::Group as i32) {
            self.group(&mut field, messages, nested, spot, name_token)?;
        } else {
            self.expect_end(";", Some(spot)).map_err(|error| {
                if self.at("{") { self.error("a field has no body").with_hint("end it with `;`") } else { error }
            })?;
        }
        if let Some(map) = map {
            messages.push(map_entry(&mut field, map, &propagated.unwrap_or_default()));
        }
        Ok(field)
    }

    fn field_type(&mut self, field: &mut FieldDescriptorProto, spot: &Spot) -> Result<Option<MapTypes>, SyntaxError> {
        let mut location = self.begin(&spot.path, &[]);
        let written = if self.at("map") && self.peek().text == "<" {
            let map = self.map_types(field)?;
            field.label = Some(Label::Repeated as i32);
            self.set_tail(&mut location, tag::field::TYPE_NAME);
            self.end(&location);
            return Ok(Some(map));
        } else {
            if field.label.is_none() {
                if self.edition == Edition::Proto2 {
                    return Err(self
                        .error("fields must have a label: `optional`, `required` or `repeated`")
                        .with_hint("put `optional` in front of the field; a file without `syntax` on top is proto2"));
                }
                field.label = Some(Label::Optional as i32);
            }
            self.written_type()?
        };
        let tail = if written.scalar.is_some() { tag::field::TYPE } else { tag::field::TYPE_NAME };
        self.set_tail(&mut location, tail);
        self.end(&location);
        field.r#type = written.scalar.map(|scalar| scalar as i32);
        field.type_name = written.name;
        Ok(None)
    }

    fn set_tail(&mut self, spot: &mut Spot, tail: i32) {
        spot.path.push(tail);
        self.locations[spot.index].path.push(tail);
    }

    fn map_types(&mut self, field: &FieldDescriptorProto) -> Result<MapTypes, SyntaxError> {
        let message = if field.oneof_index.is_some() {
            Some("map fields cannot be in a oneof")
        } else if field.label.is_some() {
            Some("map fields cannot have a label")
        } else if field.extendee.is_some() {
            Some("map fields cannot be extensions")
        } else {
            None
        };
        if let Some(message) = message {
            let hint = "drop the label, or put the map in a message of its own";
            return Err(self.error(message).with_hint(hint));
        }
        self.expect("map")?;
        self.expect("<")?;
        let key_token = self.token();
        let key = self.written_type()?;
        if matches!(key.scalar, None | Some(Type::Float | Type::Double | Type::Bytes | Type::Group)) {
            return Err(SyntaxError::new("a map has integers, `bool` or `string` as keys", key_token.range())
                .with_hint("take one of these; other types go into the value"));
        }
        self.expect(",")?;
        let value = self.written_type()?;
        self.expect(">")?;
        Ok(MapTypes { key, value })
    }

    fn written_type(&mut self) -> Result<Written, SyntaxError> {
        match scalar(self.token().text) {
            Some(scalar) => {
                self.advance();
                Ok(Written { scalar: Some(scalar), name: None })
            }
            None => Ok(Written { scalar: None, name: Some(self.type_name("a type")?) }),
        }
    }

    /// The name of a message or an enum, with dots.
    pub(super) fn type_name(&mut self, what: &str) -> Result<String, SyntaxError> {
        if scalar(self.token().text).is_some() {
            return Err(self.expected(what).with_hint("a scalar type cannot stand here"));
        }
        let mut name = String::new();
        if self.take(".") {
            name.push('.');
        }
        name.push_str(&self.identifier(what)?);
        while self.take(".") {
            name.push('.');
            name.push_str(&self.identifier("a name")?);
        }
        Ok(name)
    }

    fn field_options(
        &mut self,
        field: &mut FieldDescriptorProto,
        options: &mut Options,
        path: &[i32],
    ) -> Result<(), SyntaxError> {
        let spot = self.begin(path, &[tag::field::OPTIONS]);
        self.expect("[")?;
        loop {
            match self.token().text {
                "default" => self.default_value(field, path)?,
                "json_name" => self.json_name(field, path)?,
                _ => self.option(options, &spot.path)?,
            }
            if !self.take(",") {
                break;
            }
        }
        self.expect("]")?;
        self.end(&spot);
        Ok(())
    }

    fn json_name(&mut self, field: &mut FieldDescriptorProto, path: &[i32]) -> Result<(), SyntaxError> {
        if field.json_name.is_some() {
            return Err(self.error("`json_name` is set twice").with_hint("keep one of the two"));
        }
        let spot = self.begin(path, &[tag::field::JSON_NAME]);
        self.expect("json_name")?;
        self.expect("=")?;
        let value = self.begin(path, &[tag::field::JSON_NAME]);
        let (name, range) = self.string("the name in quotes")?;
        self.end(&value);
        self.end(&spot);
        let name = String::from_utf8(name)
            .map_err(|_| SyntaxError::new("a name in JSON must be UTF-8", range).with_hint("drop the escape"))?;
        field.json_name = Some(name);
        Ok(())
    }

    fn default_value(&mut self, field: &mut FieldDescriptorProto, path: &[i32]) -> Result<(), SyntaxError> {
        if field.default_value.is_some() {
            return Err(self.error("the default is set twice").with_hint("keep one of the two"));
        }
        self.expect("default")?;
        self.expect("=")?;
        let spot = self.begin(path, &[tag::field::DEFAULT_VALUE]);
        let scalar = field.r#type.and_then(|scalar| Type::try_from(scalar).ok());
        field.default_value = Some(self.default_text(scalar)?);
        self.end(&spot);
        Ok(())
    }

    /// A group is a field and a message in one.
    fn group(
        &mut self,
        field: &mut FieldDescriptorProto,
        messages: &mut Vec<DescriptorProto>,
        nested: &[i32],
        spot: &Spot,
        name_token: usize,
    ) -> Result<(), SyntaxError> {
        let name = self.tokens[name_token];
        if self.edition.has_features() {
            return Err(SyntaxError::new("editions have no groups", name.range())
                .with_hint("write a message, and a field of its type with `[features.message_encoding = DELIMITED]`"));
        }
        let group = self.begin(nested, &[index(messages)]);
        let group = Spot { first: spot.first, ..group };
        self.locate(&group.path, &[tag::NAME], name_token, name_token);
        self.locate(&spot.path, &[tag::field::TYPE_NAME], name_token, name_token);
        if !name.text.starts_with(|first: char| first.is_ascii_uppercase()) {
            return Err(SyntaxError::new("the name of a group starts with a capital letter", name.range())
                .with_hint("it is the name of a message too"));
        }
        if !self.at("{") {
            return Err(self.expected("`{`").with_hint("a group has a body, as a message has"));
        }
        let mut message = DescriptorProto { name: Some(name.text.to_owned()), ..DescriptorProto::default() };
        // Its number is that of the list: whatever is nested in it comes later.
        let at = messages.len();
        messages.push(DescriptorProto::default());
        self.message_block(&mut message, &group)?;
        messages[at] = message;
        self.end(&group);
        field.name = Some(name.text.to_ascii_lowercase());
        field.type_name = Some(name.text.to_owned());
        Ok(())
    }
}

/// The message of a map's entries, which nobody wrote.
fn map_entry(field: &mut FieldDescriptorProto, map: MapTypes, propagated: &[u8]) -> DescriptorProto {
    let name = entry_name(field.name());
    field.type_name = Some(name.clone());
    field.set_type(Type::Message);
    let options = (!propagated.is_empty()).then(|| propagated.to_vec());
    let side = |name: &str, number: i32, written: Written| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional as i32),
        r#type: written.scalar.map(|scalar| scalar as i32),
        type_name: written.name,
        options: options.clone(),
        ..FieldDescriptorProto::default()
    };
    DescriptorProto {
        name: Some(name),
        field: vec![side("key", 1, map.key), side("value", 2, map.value)],
        options: Some(options::MAP_ENTRY.to_vec()),
        ..DescriptorProto::default()
    }
}

fn entry_name(field: &str) -> String {
    let mut name = String::with_capacity(field.len() + "Entry".len());
    let mut is_start = true;
    for letter in field.chars() {
        if letter == '_' {
            is_start = true;
        } else {
            name.push(if is_start { letter.to_ascii_uppercase() } else { letter });
            is_start = false;
        }
    }
    name + "Entry"
}

fn scalar(name: &str) -> Option<Type> {
    Some(match name {
        "double" => Type::Double,
        "float" => Type::Float,
        "int64" => Type::Int64,
        "uint64" => Type::Uint64,
        "int32" => Type::Int32,
        "fixed64" => Type::Fixed64,
        "fixed32" => Type::Fixed32,
        "bool" => Type::Bool,
        "string" => Type::String,
        "group" => Type::Group,
        "bytes" => Type::Bytes,
        "uint32" => Type::Uint32,
        "sfixed32" => Type::Sfixed32,
        "sfixed64" => Type::Sfixed64,
        "sint32" => Type::Sint32,
        "sint64" => Type::Sint64,
        _ => return None,
    })
}
