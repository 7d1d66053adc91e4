//! What is wrong with a JSON text, and where.

use std::fmt;

/// What is wrong with a JSON text, and where: line, column, field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    line: usize,
    column: usize,
    field: String,
    what: String,
}

impl JsonError {
    /// Something that has no place in a text.
    pub(crate) fn unplaced(what: impl Into<String>) -> Self {
        JsonError { line: 0, column: 0, field: String::new(), what: what.into() }
    }

    /// Something at a place in the text.
    pub(crate) fn placed(line: usize, column: usize, field: String, what: impl Into<String>) -> Self {
        JsonError { line, column, field, what: what.into() }
    }

    /// What serde_json found, in a text, at a field.
    pub(crate) fn from_serde(error: &serde_json::Error, text: &str, field: String) -> Self {
        let (line, column) = (error.line(), error.column());
        let said = error.to_string();
        let what = said.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&said);
        let what = match error.classify() {
            // It repeats what it found.
            serde_json::error::Category::Data => shown(what),
            _ => explain(what, text, line, column),
        };
        JsonError { line, column, field, what }
    }

    /// The line, counted from 1; 0 where the error is not at a place in a text.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in bytes, counted from 1; 0 where the error is not at a place in a text.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The field, such as `people[2].name`; empty for the message as a whole.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "field {}: ", self.field)?;
        }
        f.write_str(&self.what)?;
        if self.line > 0 {
            write!(f, " (line {}, column {})", self.line, self.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for JsonError {}

/// Says more about a text that is not JSON where people often go wrong.
fn explain(what: &str, text: &str, line: usize, column: usize) -> String {
    if text.trim_start().is_empty() {
        return "there is no JSON: the text is empty".to_owned();
    }
    let rest = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().as_bytes();
    let near = &rest[column.saturating_sub(2).min(rest.len())..];
    let stands = |word: &str| {
        let within = &near[..near.len().min(word.len() + 2)];
        within.windows(word.len()).any(|found| found == word.as_bytes())
    };
    match ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| stands(word)) {
        Some(word) => format!("{word} is no JSON number: write it as a text, \"{word}\""),
        None if near.iter().take(2).any(|byte| *byte == b'\'') => {
            format!("{what}: texts stand in double quotes")
        }
        None => what.to_owned(),
    }
}

/// What is said of a text goes to its sender and into logs, and is no copy of it: the middle is left out.
fn shown(said: &str) -> String {
    const CHARACTERS_EACH: usize = 150;
    let head = said.char_indices().nth(CHARACTERS_EACH).map(|(end, _)| &said[..end]);
    let tail = said.char_indices().nth_back(CHARACTERS_EACH).map(|(start, _)| &said[start..]);
    match (head, tail) {
        (Some(head), Some(tail)) if head.len() + tail.len() < said.len() => format!("{head} ... {tail}"),
        _ => said.to_owned(),
    }
}
