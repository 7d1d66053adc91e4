//! What goes with a text while it is read: limits, and the way to what is wrong.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, Error, Visitor};

use crate::json::{JsonError, JsonOptions};

/// Reads one value, and sees to it that nothing follows.
///
/// # Errors
/// The text is not UTF-8, not JSON, or not what is read.
pub(crate) fn read_text<T>(
    text: &[u8],
    options: &JsonOptions,
    read: impl FnOnce(&Reader<'_>, &mut serde_json::Deserializer<serde_json::de::StrRead<'_>>) -> serde_json::Result<T>,
) -> Result<T, JsonError> {
    let text = std::str::from_utf8(text).map_err(|error| not_utf8(text, error.valid_up_to()))?;
    let reader = Reader::new(options, text.len());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = read(&reader, &mut deserializer).map_err(|error| JsonError::from_serde(&error, text, reader.path()))?;
    match deserializer.end() {
        Ok(()) => Ok(value),
        Err(error) => {
            let what = "something follows the JSON: one value was expected";
            Err(JsonError::placed(error.line(), error.column(), String::new(), what))
        }
    }
}

fn not_utf8(text: &[u8], valid: usize) -> JsonError {
    let before = &text[..valid];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    JsonError::placed(line, column, String::new(), "the text is not UTF-8")
}

/// What a text may become in memory, where it is short: a few bytes of it may stand for a message of some hundred.
const MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The same of a long text: so many times its own size.
const MEMORY_FACTOR_MAX: usize = 16;

/// What a value takes, about, beside its own bytes: its place in a list, a map or a message.
pub(crate) const VALUE_BYTES: usize = 64;

/// What a message takes, about, with one field.
pub(crate) const MESSAGE_BYTES: usize = 640;

/// The same of JSON within JSON: it is read into one form, and kept in another.
const ANY_VALUE_BYTES: usize = MESSAGE_BYTES + 2 * VALUE_BYTES;

/// What is to be known and counted while a text is read.
pub(crate) struct Reader<'a> {
    pub(crate) options: &'a JsonOptions,
    /// Where it went wrong, from the inside out.
    path: RefCell<Vec<String>>,
    memory_max: usize,
    memory_left: Cell<usize>,
}

impl<'a> Reader<'a> {
    fn new(options: &'a JsonOptions, text_bytes: usize) -> Self {
        let memory_max = text_bytes.saturating_mul(MEMORY_FACTOR_MAX).max(MEMORY_BYTES_MAX);
        Reader { options, path: RefCell::default(), memory_max, memory_left: Cell::new(memory_max) }
    }

    /// Counts what is about to be kept.
    pub(crate) fn spend<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let left = self.memory_left.get().checked_sub(bytes);
        let left = left.ok_or_else(|| {
            let mebibytes = self.memory_max >> 20;
            E::custom(format_args!("in memory this would be larger than {mebibytes} MiB: send fewer values at a time"))
        })?;
        self.memory_left.set(left);
        Ok(())
    }

    /// The same for a value of JSON within JSON.
    pub(crate) fn spend_any<E: Error>(&self) -> Result<(), E> {
        self.spend(ANY_VALUE_BYTES)
    }

    /// Notes where an error passed through on its way out.
    pub(crate) fn passing<E>(&self, step: impl FnOnce() -> String) -> impl FnOnce(E) -> E {
        move |error| {
            self.path.borrow_mut().push(step());
            error
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in self.path.borrow().iter().rev() {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        path
    }
}

/// Reads the name of a field without a copy, if nothing in it is escaped.
pub(crate) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
