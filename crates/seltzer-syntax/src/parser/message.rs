//! Messages, what is in them, and extensions of them.

use crate::descriptor::{DescriptorProto, ExtensionRange, FieldDescriptorProto, Label, OneofDescriptorProto, tag};
use crate::edition::Edition;
use crate::error::SyntaxError;
use crate::parser::{NESTING_DEPTH_MAX, Options, Parser, Spot, index};

impl Parser<'_> {
    pub(super) fn message(&mut self, path: &[i32]) -> Result<DescriptorProto, SyntaxError> {
        let spot = self.begin(path, &[]);
        self.expect("message")?;
        let name = self.name(path, tag::NAME, "the name of the message")?;
        let mut message = DescriptorProto { name: Some(name), ..DescriptorProto::default() };
        self.message_block(&mut message, &spot)?;
        self.end(&spot);
        Ok(message)
    }

    pub(super) fn message_block(&mut self, message: &mut DescriptorProto, spot: &Spot) -> Result<(), SyntaxError> {
        if self.depth == NESTING_DEPTH_MAX {
            return Err(self
                .error(format!("messages are nested deeper than {NESTING_DEPTH_MAX} levels"))
                .with_hint("move the inner messages to the top of the file"));
        }
        self.depth += 1;
        let head = self.next.saturating_sub(1);
        self.expect_end("{", Some(spot))?;
        let mut options = Options::default();
        while !self.take_end("}", None) {
            if self.at_end() {
                return Err(self.unclosed(head));
            }
            self.message_statement(message, &mut options, &spot.path)?;
        }
        message.options = options.into_bytes();
        close_ranges(message);
        if self.edition == Edition::Proto3 {
            synthetic_oneofs(message);
        }
        self.depth -= 1;
        Ok(())
    }

    /// The file ends inside of what was opened after the token with this index.
    pub(super) fn unclosed(&self, head: usize) -> SyntaxError {
        let name = self.tokens[head];
        SyntaxError::new(format!("the file ends, and `{}` is still open", name.text), name.range())
            .with_hint("is a `}` missing?")
    }

    fn message_statement(
        &mut self,
        message: &mut DescriptorProto,
        options: &mut Options,
        path: &[i32],
    ) -> Result<(), SyntaxError> {
        if self.take_end(";", None) {
            return Ok(());
        }
        let visibility = self.visibility()?;
        let at = |field: i32, index: i32| [path, &[field, index]].concat();
        match self.token().text {
            "message" => {
                let mut nested = self.message(&at(tag::message::NESTED, index(&message.nested_type)))?;
                nested.visibility = visibility;
                message.nested_type.push(nested);
            }
            "enum" => {
                let mut the_enum = self.enumeration(&at(tag::message::ENUM, index(&message.enum_type)))?;
                the_enum.visibility = visibility;
                message.enum_type.push(the_enum);
            }
            "extensions" => self.extensions(message, path)?,
            "reserved" => {
                let tags = (tag::message::RESERVED_NAME, tag::message::RESERVED_RANGE);
                let names = &mut message.reserved_name;
                self.reserved(path, tags, names, &mut message.reserved_range)?;
            }
            "extend" => {
                let extensions = [path, &[tag::message::EXTENSION]].concat();
                let nested = [path, &[tag::message::NESTED]].concat();
                self.extend(&extensions, &nested, &mut message.extension, &mut message.nested_type)?;
            }
            "option" => {
                let spot = self.begin(path, &[tag::message::OPTIONS]);
                self.option_statement(options, &spot)?;
                self.end(&spot);
            }
            "oneof" => self.oneof(message, path)?,
            _ => {
                let spot = self.begin(path, &[tag::message::FIELD, index(&message.field)]);
                let nested = [path, &[tag::message::NESTED]].concat();
                let field = self.field(FieldDescriptorProto::default(), &mut message.nested_type, &nested, &spot)?;
                self.end(&spot);
                message.field.push(field);
            }
        }
        Ok(())
    }

    fn extensions(&mut self, message: &mut DescriptorProto, path: &[i32]) -> Result<(), SyntaxError> {
        let spot = self.begin(path, &[tag::message::EXTENSION_RANGE]);
        self.expect("extensions")?;
        let first = message.extension_range.len();
        loop {
            let range = self.begin(&spot.path, &[index(&message.extension_range)]);
            let (start, end) = self.range(&range.path)?;
            self.end(&range);
            let end = end.map_or(EXTENSION_MAX, |end| end.saturating_add(1));
            message.extension_range.push(ExtensionRange { start: Some(start), end: Some(end), options: None });
            if !self.take(",") {
                break;
            }
        }
        if self.at("[") {
            self.extension_options(message, first, &spot.path)?;
        }
        self.expect_end(";", Some(&spot))?;
        self.end(&spot);
        Ok(())
    }

    /// The options of ranges stand once, and hold for each of them.
    fn extension_options(
        &mut self,
        message: &mut DescriptorProto,
        first: usize,
        path: &[i32],
    ) -> Result<(), SyntaxError> {
        let mut options = Options::default();
        let index_of = |range: usize| i32::try_from(range).unwrap_or(i32::MAX);
        let start = self.locations.len();
        let own = [path, &[index_of(first), tag::range::OPTIONS]].concat();
        self.bracketed_options(&own, &mut options)?;
        let locations = self.locations[start..].to_vec();
        let bytes = options.into_bytes();
        for (range, at) in message.extension_range[first..].iter_mut().zip(first..) {
            range.options.clone_from(&bytes);
            if at > first {
                self.locations.extend(locations.iter().cloned().map(|mut location| {
                    location.path[path.len()] = index_of(at);
                    location
                }));
            }
        }
        Ok(())
    }

    /// Extensions of one message. `path` is that of their list, `nested` that of the list for the messages of groups.
    pub(super) fn extend(
        &mut self,
        path: &[i32],
        nested: &[i32],
        extensions: &mut Vec<FieldDescriptorProto>,
        messages: &mut Vec<DescriptorProto>,
    ) -> Result<(), SyntaxError> {
        let spot = self.begin(path, &[]);
        self.expect("extend")?;
        let first = self.next;
        let extendee = self.type_name("the message to extend")?;
        let last = self.next - 1;
        self.expect_end("{", Some(&spot))?;
        loop {
            if self.at_end() {
                return Err(self.unclosed(last));
            }
            if self.at("}") {
                return Err(self.error("an extension needs a field").with_hint("add a field, or drop the extension"));
            }
            let field_spot = self.begin(path, &[index(extensions)]);
            self.locate(&field_spot.path, &[tag::field::EXTENDEE], first, last);
            let field = FieldDescriptorProto { extendee: Some(extendee.clone()), ..FieldDescriptorProto::default() };
            let field = self.field(field, messages, nested, &field_spot)?;
            self.end(&field_spot);
            extensions.push(field);
            if self.take_end("}", None) {
                break;
            }
        }
        self.end(&spot);
        Ok(())
    }

    fn oneof(&mut self, message: &mut DescriptorProto, path: &[i32]) -> Result<(), SyntaxError> {
        let number = index(&message.oneof_decl);
        let spot = self.begin(path, &[tag::message::ONEOF, number]);
        self.expect("oneof")?;
        let name = self.name(&spot.path, tag::NAME, "the name of the oneof")?;
        let head = self.next - 1;
        self.expect_end("{", Some(&spot))?;
        let mut options = Options::default();
        let mut is_empty = true;
        loop {
            if self.at_end() {
                return Err(self.unclosed(head));
            }
            if self.at("}") && is_empty {
                return Err(SyntaxError::new("a oneof must have a field", self.tokens[head].range())
                    .with_hint("add a field, or drop the oneof"));
            }
            if self.at("option") {
                let option = self.begin(&spot.path, &[tag::oneof::OPTIONS]);
                self.option_statement(&mut options, &option)?;
                self.end(&option);
            } else {
                self.oneof_field(message, path, number)?;
                is_empty = false;
            }
            if self.take_end("}", None) {
                break;
            }
        }
        if is_empty {
            return Err(SyntaxError::new("a oneof must have a field", self.tokens[head].range())
                .with_hint("add a field, or drop the oneof"));
        }
        message.oneof_decl.push(OneofDescriptorProto { name: Some(name), options: options.into_bytes() });
        self.end(&spot);
        Ok(())
    }

    fn oneof_field(&mut self, message: &mut DescriptorProto, path: &[i32], oneof: i32) -> Result<(), SyntaxError> {
        if matches!(self.token().text, "required" | "optional" | "repeated") {
            return Err(self
                .error("fields of a oneof have no label")
                .with_hint("drop it; a list goes into a message of its own, and that into the oneof"));
        }
        let spot = self.begin(path, &[tag::message::FIELD, index(&message.field)]);
        let field = FieldDescriptorProto {
            label: Some(Label::Optional as i32),
            oneof_index: Some(oneof),
            ..FieldDescriptorProto::default()
        };
        let nested = [path, &[tag::message::NESTED]].concat();
        let field = self.field_without_label(field, &mut message.nested_type, &nested, &spot)?;
        self.end(&spot);
        message.field.push(field);
        Ok(())
    }
}

/// The end of a range that goes `to max`: one behind the greatest number of a field.
const FIELD_NUMBER_END: i32 = 536_870_912;
/// The same for the extensions of a message set.
const MESSAGE_SET_NUMBER_END: i32 = i32::MAX;
/// Stands for `max` until all options of the message are known.
const EXTENSION_MAX: i32 = -1;

/// Puts in what `max` means in this message.
fn close_ranges(message: &mut DescriptorProto) {
    let is_message_set = message.options.as_deref().is_some_and(|options| {
        crate::options::uninterpreted(options).any(|option| {
            option.identifier_value.as_deref() == Some("true")
                && matches!(&option.name[..], [part] if !part.is_extension && part.name_part == "message_set_wire_format")
        })
    });
    let end = if is_message_set { MESSAGE_SET_NUMBER_END } else { FIELD_NUMBER_END };
    for range in &mut message.extension_range {
        if range.end == Some(EXTENSION_MAX) {
            range.end = Some(end);
        }
    }
    for range in &mut message.reserved_range {
        if range.end == Some(EXTENSION_MAX) {
            range.end = Some(end);
        }
    }
}

/// `optional` fields of proto3 are each in a oneof that nobody wrote.
fn synthetic_oneofs(message: &mut DescriptorProto) {
    let names = message.field.iter().map(|field| field.name().to_owned());
    let mut names: Vec<String> = names.chain(message.oneof_decl.iter().map(|oneof| oneof.name().to_owned())).collect();
    for field in &mut message.field {
        if !field.proto3_optional() {
            continue;
        }
        let mut name = field.name().to_owned();
        if !name.starts_with('_') {
            name.insert(0, '_');
        }
        while names.contains(&name) {
            name.insert(0, 'X');
        }
        names.push(name.clone());
        field.oneof_index = Some(index(&message.oneof_decl));
        message.oneof_decl.push(OneofDescriptorProto { name: Some(name), options: None });
    }
}
