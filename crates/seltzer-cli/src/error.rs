//! Why a command ended early, as a person reads it: one line, a hint, an exit status.

use std::fmt;
use std::io;

use seltzer::{Code, transport};

use crate::output;
use crate::text::{in_flags, one_line, printable};

/// The command line, or what it names, makes no sense (`EX_USAGE` of sysexits).
pub(crate) const EXIT_USAGE: u8 = 64;

/// What was to be written could not be (`EX_IOERR` of sysexits).
pub(crate) const EXIT_OUTPUT: u8 = 74;

/// The command could not do its work.
const EXIT_FAILED: u8 = 1;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    exit_code: u8,
    /// Several lines with a place in the user's own text; they say what `message` and `hint` would.
    report: Option<String>,
}

impl Failure {
    /// The command could not do its work.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, exit_code: EXIT_FAILED, report: None }
    }

    /// The command line, or what it names, makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure { exit_code: EXIT_USAGE, ..Failure::new(message) }
    }

    /// A server does not do its part; the exit status is the code of a gRPC status.
    pub(crate) fn of_code(code: Code, message: impl Into<String>) -> Self {
        Failure { exit_code: u8::try_from(i32::from(code)).unwrap_or(EXIT_FAILED), ..Failure::new(message) }
    }

    /// What was to be written could not be.
    pub(crate) fn output(message: impl Into<String>) -> Self {
        Failure { exit_code: EXIT_OUTPUT, ..Failure::new(message) }
    }

    /// Standard output does not take what is written.
    pub(crate) fn unwritable(error: &io::Error) -> Self {
        Failure::output(format!("cannot write to standard output: {error}"))
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure as a mistake in the command line.
    pub(crate) fn into_usage(mut self) -> Self {
        self.exit_code = EXIT_USAGE;
        self
    }

    /// What went wrong, without the hint.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to try.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// The same as one line, without a word before it: for whoever goes on all the same.
    pub(crate) fn line(&self) -> String {
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
        one_line(&format!("{}{hint}", self.message))
    }

    /// Tells the user.
    pub(crate) fn print(&self) {
        output::tell(self);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(report) = &self.report {
            return f.write_str(report);
        }
        write!(f, "error: {}", printable(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {}", printable(hint)),
            None => Ok(()),
        }
    }
}

impl From<transport::Error> for Failure {
    fn from(error: transport::Error) -> Self {
        let (message, hint) = parts(&error);
        Failure { hint, ..Failure::new(message) }
    }
}

impl From<seltzer_build::Error> for Failure {
    fn from(error: seltzer_build::Error) -> Self {
        if error.file().is_none() {
            return Failure { hint: error.hint().map(str::to_owned), ..Failure::new(error.to_string()) };
        }
        let report = error.report(output::has_color()).trim_end().to_owned();
        Failure { report: Some(report), ..Failure::new(error.to_string()) }
    }
}

/// A transport error as its line without the hint, and the hint, both in the words of this command line.
pub(crate) fn parts(error: &transport::Error) -> (String, Option<String>) {
    let line = error.to_string();
    let Some(hint) = error.hint() else { return (in_flags(&line), None) };
    let message = line.strip_suffix(&format!(" ({hint})")).unwrap_or(&line);
    (in_flags(message), Some(in_flags(hint)))
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn a_failure_is_a_line_and_a_hint() {
        let failure = Failure::usage("no \u{1b}[31msuch thing").with_hint("look elsewhere");
        assert_eq!(failure.to_string(), "error: no \\u{1b}[31msuch thing\n  hint: look elsewhere");
        assert_eq!(failure.exit_code(), 64);
        assert_eq!(failure.line(), "no \\u{1b}[31msuch thing (look elsewhere)");
        assert_eq!(Failure::new("x").to_string(), "error: x");
        assert_eq!(Failure::new("x").line(), "x");
    }

    #[test]
    fn a_transport_error_is_split() {
        let error = seltzer::transport::Endpoint::from_shared("gopher://host").expect_err("an unknown scheme");
        let failure = Failure::from(error).to_string();
        let (first, second) = failure.split_once('\n').expect("two lines");
        assert!(first.contains("gopher") && !first.contains("dns:///"), "{first}");
        assert!(second.starts_with("  hint: write http://host:port"), "{second}");
    }
}
