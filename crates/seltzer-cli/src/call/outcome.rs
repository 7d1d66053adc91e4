//! How a call ended, as the user is told.

use std::error::Error as _;
use std::time::{Duration, Instant};

use prost_reflect::DescriptorPool;
use seltzer::status::code_name;
use seltzer::{Code, Status, StatusOrigin, transport};

use crate::call::{details, metadata};
use crate::error;
use crate::output::tell;
use crate::text::{in_flags, printable};

/// How a call ended.
pub(crate) enum Outcome {
    /// With a status. Its details may have the types of the service's schema.
    Over { status: Status, elapsed: Duration, types: Option<DescriptorPool> },
    /// There was none, or nobody reads the replies any more.
    NotMade,
}

impl Outcome {
    /// Ctrl-C ended it.
    pub(crate) fn interrupted(started: Instant) -> Self {
        Outcome::Over { status: Status::cancelled("interrupted here"), elapsed: started.elapsed(), types: None }
    }
}

/// Prints the status, unless it is OK and nobody asked; gives the exit status.
pub(crate) fn report(status: &Status, elapsed: Option<Duration>, types: Option<&DescriptorPool>, verbose: u8) -> u8 {
    let code = status.code();
    if verbose > 0 {
        metadata::print('<', 2, status.metadata());
    }
    if code == Code::Ok {
        if verbose > 0 {
            tell(format_args!("OK in {:.1?}", elapsed.unwrap_or_default()));
        }
        return 0;
    }
    let (message, hint) = words(status);
    tell(printable(&line(code, &message)));
    if let Some(hint) = hint {
        tell(format_args!("  hint: {}", printable(&hint)));
    }
    for detail in details::lines(status, types) {
        tell(format_args!("  {}", printable(&detail)));
    }
    if let (1.., Some(elapsed)) = (verbose, elapsed) {
        tell(format_args!("after {elapsed:.1?}"));
    }
    u8::try_from(i32::from(code)).unwrap_or(u8::MAX)
}

fn line(code: Code, message: &str) -> String {
    match message {
        "" => code_name(code).to_owned(),
        message => format!("{}: {message}", code_name(code)),
    }
}

/// The message of a status, and a hint where it was made on this side.
fn words(status: &Status) -> (String, Option<String>) {
    if status.is_from_peer() {
        return (status.message().to_owned(), None);
    }
    match transport_error(status) {
        Some(error) => error::parts(error),
        None => (in_flags(status.message()), None),
    }
}

/// The failure of the connection that a status stands for.
fn transport_error(status: &Status) -> Option<&transport::Error> {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<transport::Error>() {
            // A status may say more than its source does.
            return status.message().contains(&error.to_string()).then_some(error);
        }
        source = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_its_name_and_message() {
        assert_eq!(line(Code::InvalidArgument, "除数不能为零！"), "INVALID_ARGUMENT: 除数不能为零！");
        assert_eq!(line(Code::Unknown, ""), "UNKNOWN");
    }

    #[test]
    fn the_hint_of_a_broken_connection_stands_alone() {
        let error = transport::Endpoint::from_shared("gopher://host").expect_err("an unknown scheme");
        let (message, hint) = words(&Status::from(error));
        assert!(message.contains("gopher"), "{message}");
        assert!(hint.is_some_and(|hint| hint.starts_with("write http://")));
        assert_eq!(words(&Status::not_found("x")), ("x".to_owned(), None));
    }
}
