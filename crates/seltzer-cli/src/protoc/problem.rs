//! What went wrong, as protoc's users and their editors read it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

use crate::protoc::options::ErrorFormat;

/// A mistake in the command line or around it, not in a schema.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    hint: Option<String>,
}

/// Why nothing came of it.
#[derive(Debug)]
pub(crate) enum Failure {
    Problem(Problem),
    Schemas(seltzer_build::Error),
    /// Everything was said already.
    Told,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Problem { message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with the `--NAME_out` that it happened to in front.
    pub(crate) fn of_flag(mut self, name: &str) -> Self {
        self.message = format!("--{name}_out: {}", self.message);
        self
    }

    fn tell(&self) {
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!("\n  help: {hint}"));
        tell(&format!("{}{hint}", self.message));
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Failure::Problem(problem)
    }
}

impl From<seltzer_build::Error> for Failure {
    fn from(error: seltzer_build::Error) -> Self {
        Failure::Schemas(error)
    }
}

impl Failure {
    /// Says what is wrong, on standard error.
    pub(crate) fn tell(self, format: Option<ErrorFormat>) {
        match self {
            Failure::Problem(problem) => problem.tell(),
            Failure::Schemas(error) => error.split().iter().for_each(|error| tell_about(error, Kind::Error, format)),
            Failure::Told => {}
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Warning,
}

/// Says one thing about a schema: the line that editors look for and, unless a format was asked for, the place as a
/// person wants to see it.
pub(crate) fn tell_about(error: &seltzer_build::Error, kind: Kind, format: Option<ErrorFormat>) {
    let mut page = line(error, kind, format.unwrap_or(ErrorFormat::Gcc));
    if format.is_none() {
        let quote = error.quote(has_color());
        let _ = write!(page, "\n{}", quote.trim_end());
    }
    tell(page.trim_end());
}

fn line(error: &seltzer_build::Error, kind: Kind, format: ErrorFormat) -> String {
    let message = match std::error::Error::source(error) {
        Some(cause) => format!("{}: {cause}", error.message()),
        None => error.message().to_owned(),
    };
    let file = error.file().unwrap_or_default();
    let place = error.line().zip(error.column());
    match (format, place) {
        _ if file.is_empty() => match kind {
            Kind::Error => message,
            Kind::Warning => format!("warning: {message}"),
        },
        (_, None) => format!("{file}: {}{message}", warning(kind)),
        (ErrorFormat::Gcc, Some((line, column))) => format!("{file}:{line}:{column}: {}{message}", warning(kind)),
        (ErrorFormat::Msvs, Some((line, column))) => {
            let word = if kind == Kind::Error { "error" } else { "warning" };
            format!("{file}({line}) : {word} in column={column}: {message}")
        }
    }
}

fn warning(kind: Kind) -> &'static str {
    match kind {
        Kind::Error => "",
        Kind::Warning => "warning: ",
    }
}

/// Says something on standard error. A reader who left does not matter.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Whether standard error is a terminal that shows colors, and its user wants them.
fn has_color() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
