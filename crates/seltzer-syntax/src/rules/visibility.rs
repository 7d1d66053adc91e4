//! Which names of other files a file may use.

use std::collections::HashSet;

use crate::descriptor::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, tag as path};
use crate::features::{Features, Visibility};
use crate::names::{self, Names};
use crate::rules::RuleError;

/// Checks every type that a file uses.
pub(super) fn check(
    file: &FileDescriptorProto,
    files: &[FileDescriptorProto],
    names: &Names<'_>,
    features: Features,
) -> Result<(), RuleError> {
    let uses = Uses { file, names, visible: names::visible(file, files) };
    for (index, message) in (0..).zip(&file.message_type) {
        uses.message(message, &[path::file::MESSAGE, index])?;
        if features.visibility == Visibility::Strict {
            uses.strict(message, &[path::file::MESSAGE, index])?;
        }
    }
    for (index, extension) in (0..).zip(&file.extension) {
        uses.field(extension, &[path::file::EXTENSION, index])?;
    }
    for (index, service) in (0..).zip(&file.service) {
        for (number, method) in (0..).zip(&service.method) {
            let at = [path::file::SERVICE, index, path::service::METHOD, number];
            uses.name(method.input_type(), &at, path::method::INPUT)?;
            uses.name(method.output_type(), &at, path::method::OUTPUT)?;
        }
    }
    Ok(())
}

struct Uses<'a> {
    file: &'a FileDescriptorProto,
    names: &'a Names<'a>,
    visible: HashSet<&'a str>,
}

impl Uses<'_> {
    fn message(&self, message: &DescriptorProto, at: &[i32]) -> Result<(), RuleError> {
        let below = |field: i32, index: i32| [at, &[field, index]].concat();
        for (index, field) in (0..).zip(&message.field) {
            self.field(field, &below(path::message::FIELD, index))?;
        }
        for (index, extension) in (0..).zip(&message.extension) {
            self.field(extension, &below(path::message::EXTENSION, index))?;
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(nested, &below(path::message::NESTED, index))?;
        }
        Ok(())
    }

    fn field(&self, field: &FieldDescriptorProto, at: &[i32]) -> Result<(), RuleError> {
        self.name(field.extendee(), at, path::field::EXTENDEE)?;
        self.name(field.type_name(), at, path::field::TYPE_NAME)
    }

    fn name(&self, name: &str, at: &[i32], field: i32) -> Result<(), RuleError> {
        let Some(named) = self.names.get(name).filter(|named| named.file != self.file.name()) else {
            return Ok(());
        };
        let place = [at, &[field]].concat();
        // The value of a map has no place of its own: the map has.
        let map = self.map_of(at).unwrap_or_default();
        let shown = name.trim_start_matches('.');
        let error = |message: String, hint: String| Err(RuleError::new(self.file, &[&place, &map, at], message, hint));
        if !self.visible.contains(named.file) {
            return error(
                format!("`{shown}` is defined in `{}`, which is not imported", named.file),
                format!("add `import \"{}\";`", named.file),
            );
        }
        if named.is_exported() {
            return Ok(());
        }
        let reason = match named.written_visibility {
            Some(_) => "it is marked `local`".to_owned(),
            None => format!("its file has `features.default_symbol_visibility = {}`", named.default_visibility.name()),
        };
        error(
            format!("`{shown}` is local to `{}`: {reason}", named.file),
            format!("write `export` in front of it in `{}`", named.file),
        )
    }

    /// The type of the map whose entry's field is at a path.
    fn map_of(&self, at: &[i32]) -> Option<Vec<i32>> {
        let (parent, &[nested, entry, field, _]) = at.split_last_chunk()?;
        if nested != path::message::NESTED || field != path::message::FIELD {
            return None;
        }
        let mut steps = parent.chunks_exact(2);
        let first = steps.next()?;
        let index = |index: i32| usize::try_from(index).ok();
        let mut message = self.file.message_type.get(index(first[1])?)?;
        for step in steps {
            message = message.nested_type.get(index(step[1])?)?;
        }
        let name = message.nested_type.get(index(entry)?)?.name();
        let map = message.field.iter().position(|field| field.type_name().rsplit('.').next() == Some(name))?;
        let map = i32::try_from(map).ok()?;
        Some([parent, &[path::message::FIELD, map, path::field::TYPE_NAME]].concat())
    }

    /// Under the strictest visibility only what stands at the top is exported, and enums in a message that is nothing
    /// but their name space.
    fn strict(&self, message: &DescriptorProto, at: &[i32]) -> Result<(), RuleError> {
        let error = |what: &str, name: &str, at: &[i32]| {
            let place = [at, &[path::NAME]].concat();
            Err(RuleError::new(
                self.file,
                &[&place, at],
                format!("the nested {what} `{name}` cannot be exported under STRICT visibility"),
                "move it to the top of a file",
            ))
        };
        let is_name_space = message.visibility == Some(names::LOCAL)
            && matches!(&message.reserved_range[..], [range] if range.start() == 1 && range.end() == FIELD_NUMBER_END);
        for (index, the_enum) in (0..).zip(&message.enum_type) {
            if the_enum.visibility == Some(names::EXPORT) && !is_name_space {
                return error("enum", the_enum.name(), &[at, &[path::message::ENUM, index]].concat());
            }
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            let at = [at, &[path::message::NESTED, index]].concat();
            if nested.visibility == Some(names::EXPORT) {
                return error("message", nested.name(), &at);
            }
            self.strict(nested, &at)?;
        }
        Ok(())
    }
}

/// The end of `reserved 1 to max`.
const FIELD_NUMBER_END: i32 = 536_870_912;
