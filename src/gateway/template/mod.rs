//! Path templates of `google.api.http`: `/v1/{name=shelves/*/books/*}:move`.
//!
//! A template is literals, `*` (one segment), `**` (all that is left) and variables over some of them, with a verb
//! behind the last colon. [`Template::parse`] reads one, [`Routes`] finds the one that a path matches.

mod decode;
mod parse;
mod routes;

use std::fmt;

pub(crate) use self::decode::{Reserved, percent_decode};
pub(crate) use self::routes::{ANY_METHOD, Found, Path, Routes};

/// A path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    variables: Vec<Variable>,
    verb: Option<String>,
    text: String,
}

/// What one part of a path must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// This text, percent-decoded.
    Literal(String),
    /// Any one segment.
    One,
    /// Any number of segments, none included; the last one of its template.
    Rest,
}

/// Segments whose text goes to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The field's path: `book.name` is `["book", "name"]`.
    pub(crate) path: Vec<String>,
    /// The first of its segments.
    start: usize,
    /// The one behind its last.
    end: usize,
}

impl Template {
    /// What the path's parts must be.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The variables, in the order of the path.
    pub(crate) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// What stands behind the last colon.
    pub(crate) fn verb(&self) -> Option<&str> {
        self.verb.as_deref()
    }

    /// The segments of a variable.
    pub(crate) fn variable_segments(&self, variable: &Variable) -> &[Segment] {
        &self.segments[variable.start..variable.end]
    }

    /// Whether a variable may hold a slash: such a one keeps what was encoded as `%2F` as it is.
    pub(crate) fn is_multi(&self, variable: &Variable) -> bool {
        let segments = self.variable_segments(variable);
        segments.len() != 1 || segments.contains(&Segment::Rest)
    }
}

/// As it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]
mod tests;
