//! The names of one Rust scope, each with the thing that has it.

use std::collections::HashMap;
use std::ops::Range;

use prost_types::{FileDescriptorProto, SourceCodeInfo};

use crate::error::Error;
use crate::schemas::Schemas;

/// Where in which schema something is.
#[derive(Clone)]
pub(crate) struct Place<'a> {
    pub(crate) schemas: &'a Schemas,
    pub(crate) file: &'a FileDescriptorProto,
    /// Field numbers and indices from the file's descriptor down.
    pub(crate) path: Vec<i32>,
}

/// A thing of a schema that gets a name in Rust.
#[derive(Clone)]
pub(crate) struct Item<'a> {
    /// In words: ``field `id` ``.
    pub(crate) what: String,
    pub(crate) place: Place<'a>,
}

/// Rust names that must differ from each other.
#[derive(Default)]
pub(crate) struct Scope<'a> {
    items: HashMap<String, Item<'a>>,
}

impl<'a> Scope<'a> {
    /// Takes a name for an item.
    ///
    /// # Errors
    ///
    /// Something else has the name, or it is no name at all.
    pub(crate) fn declare(&mut self, rust_name: String, item: Item<'a>) -> Result<(), Error> {
        self.declare_or(rust_name, item, "rename one of them")
    }

    /// As `declare`, with a hint of its own.
    pub(crate) fn declare_or(&mut self, rust_name: String, item: Item<'a>, hint: &str) -> Result<(), Error> {
        if rust_name.is_empty() {
            return Err(nameless(&item.what, &item.place));
        }
        if let Some(first) = self.items.get(&rust_name) {
            return Err(collision(&rust_name, first, &item).with_hint(hint));
        }
        self.items.insert(rust_name, item);
        Ok(())
    }

    pub(crate) fn get(&self, rust_name: &str) -> Option<&Item<'a>> {
        self.items.get(rust_name)
    }
}

impl Item<'_> {
    /// An error that points at this item.
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        self.place.mark(Error::new(message), "here")
    }
}

impl Place<'_> {
    fn mark(&self, error: Error, label: &str) -> Error {
        let (name, text) = self.source();
        // What came about by itself is at the thing that it came of.
        let range = (0..=self.path.len()).rev().find_map(|length| {
            let place = Place { path: self.path[..length].to_vec(), ..self.clone() };
            place.range(text)
        });
        let range = range.unwrap_or(0..0);
        error.in_file(name, text).mark(range, label)
    }

    /// What errors call the file, and its text.
    pub(crate) fn source(&self) -> (String, &str) {
        match self.schemas.file(self.file.name()) {
            Some(file) => file.shown(),
            None => (self.file.name().to_owned(), ""),
        }
    }

    /// Whether a part of this is written in the schema, and did not come about by itself.
    pub(crate) fn is_written(&self, part: &[i32]) -> bool {
        let info = self.file.source_code_info.as_ref();
        info.is_some_and(|info| {
            info.location
                .iter()
                .any(|location| location.path.strip_prefix(&self.path[..]).is_some_and(|rest| rest == part))
        })
    }

    fn is_in_file_of(&self, other: &Place<'_>) -> bool {
        self.file.name() == other.file.name()
    }

    /// The bytes of the text that this place covers.
    fn range(&self, text: &str) -> Option<Range<usize>> {
        range_in(self.file.source_code_info.as_ref()?, &self.path, text)
    }
}

/// The bytes of a text that the location with this path covers.
pub(crate) fn range_in(info: &SourceCodeInfo, path: &[i32], text: &str) -> Option<Range<usize>> {
    let location = info.location.iter().find(|location| location.path == path)?;
    let offset = |line: i32, column: i32| {
        let line = usize::try_from(line).ok()?;
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let offset = { starts }.nth(line)? + usize::try_from(column).ok()?;
        text.is_char_boundary(offset).then_some(offset)
    };
    match location.span[..] {
        [line, start, end] => Some(offset(line, start)?..offset(line, end)?),
        [line, start, end_line, end] => Some(offset(line, start)?..offset(end_line, end)?),
        _ => None,
    }
}

/// The error for a name of which Rust's spelling leaves nothing.
pub(crate) fn nameless(what: &str, place: &Place<'_>) -> Error {
    let error = Error::new(format!("{what} has no name in Rust"));
    place.mark(error, "only underscores").with_hint("use a name with a letter or a digit in it")
}

fn collision(rust_name: &str, first: &Item<'_>, second: &Item<'_>) -> Error {
    let (one, two) = (&first.what, &second.what);
    let error = Error::new(format!("{one} and {two} are both `{rust_name}` in Rust"));
    if !first.place.is_in_file_of(&second.place) {
        let (other, _) = first.place.source();
        return second.place.mark(error, &format!("the other one is in {other}"));
    }
    let (_, text) = first.place.source();
    let error = second.place.mark(error, "the second one");
    match first.place.range(text) {
        Some(range) => error.mark(range, "the first one"),
        None => error,
    }
}
