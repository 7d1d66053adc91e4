//! What went wrong with a schema, and where.

use std::fmt;
use std::ops::Range;

use crate::report::{Mark, Report, Source};

/// Why schemas could not be compiled.
///
/// `Display` is one line: the place (`file:line:column`) and the message. `Debug` is the whole
/// report, with the lines of the schema, a mark under the guilty text and a hint, because that is
/// what a build script prints when its `main` returns an error.
pub struct Error {
    report: Box<Report>,
}

impl Error {
    /// The message alone, without its place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.report.message
    }

    /// What to do about it, if there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.report.hint.as_deref()
    }

    /// The schema at fault: its path on disk, or its import name if it is not on disk.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.report.source.as_ref().map(|source| source.name.as_str())
    }

    /// The line at fault, counted from one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.report.position().map(|(line, _)| line)
    }

    /// The column at fault in characters, counted from one.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.report.position().map(|(_, column)| column)
    }

    /// The whole report, as `Debug` prints it; `color` adds the escape codes of a terminal.
    #[must_use]
    pub fn report(&self, color: bool) -> String {
        self.report.render(color)
    }

    /// This error and those that were found with it, each by itself.
    #[doc(hidden)]
    #[must_use]
    pub fn split(mut self) -> Vec<Error> {
        let related = std::mem::take(&mut self.report.related);
        let related = related.into_iter().flat_map(|report| Error { report: Box::new(report) }.split());
        std::iter::once(self).chain(related).collect()
    }

    /// The lines of the schema with their marks, and the hint: the report without its message.
    #[doc(hidden)]
    #[must_use]
    pub fn quote(&self, color: bool) -> String {
        self.report.render_quote(color)
    }

    /// An error that has no place in a schema.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Error { report: Box::new(Report { message: message.into(), ..Report::default() }) }
    }

    /// Names the schema at fault, `text` being its content.
    pub(crate) fn in_file(mut self, name: impl Into<String>, text: &str) -> Self {
        self.report.source = Some(Source { name: name.into(), text: text.to_owned() });
        self
    }

    /// Marks a range of the schema. The first mark is the place that `Display` names.
    pub(crate) fn mark(mut self, range: Range<usize>, label: impl Into<String>) -> Self {
        self.report.marks.push(Mark { range, label: label.into() });
        self
    }

    /// Says what to do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.report.hint = Some(hint.into());
        self
    }

    /// Adds further errors of the same file.
    pub(crate) fn with_related(mut self, related: impl IntoIterator<Item = Error>) -> Self {
        self.report.related.extend(related.into_iter().map(|error| *error.report));
        self
    }

    /// Keeps what the system said.
    pub(crate) fn caused_by(mut self, cause: std::io::Error) -> Self {
        self.report.cause = Some(cause);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = self.file() {
            write!(formatter, "{file}:")?;
            if let Some((line, column)) = self.report.position() {
                write!(formatter, "{line}:{column}:")?;
            }
            formatter.write_str(" ")?;
        }
        formatter.write_str(&self.report.headline())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `main` prints "Error: " in front; the report starts on a line of its own.
        write!(formatter, "\n{}", self.report(false))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.report.cause.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_in_lines_and_characters() {
        let error = Error::new("wrong word").in_file("a.proto", "one\n/* 中文 */ two\n").mark(17..20, "here");
        assert_eq!(error.to_string(), "a.proto:2:10: wrong word");
        assert_eq!((error.line(), error.column()), (Some(2), Some(10)));
    }

    #[test]
    fn an_error_without_a_place_is_its_message() {
        let error = Error::new("nothing to do").caused_by(std::io::Error::other("no disk"));
        assert_eq!(error.to_string(), "nothing to do: no disk");
        assert_eq!((error.file(), error.line()), (None, None));
        assert_eq!(format!("{error:?}"), "\n  × nothing to do: no disk\n");
    }

    #[test]
    fn errors_cross_threads() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<Error>();
    }
}
