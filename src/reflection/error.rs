//! Why a schema cannot be told.

use std::fmt;

/// A descriptor set that cannot be used, and why.
#[derive(Debug)]
pub struct Error(pub(super) Reason);

#[derive(Debug)]
pub(super) enum Reason {
    Malformed(prost::DecodeError),
    Truncated,
    Nameless,
    Twice(String),
    NoSuchService(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Malformed(error) => write!(f, "the bytes are no encoded FileDescriptorSet: {error}"),
            Reason::Truncated => f.write_str("the bytes are no encoded FileDescriptorSet: they end within a file"),
            Reason::Nameless => f.write_str("a file of the descriptor set has no name"),
            Reason::Twice(file) => {
                write!(f, "the descriptor set has two different files {file:?}: add them as two sets")
            }
            Reason::NoSuchService(service) => write!(
                f,
                "the descriptor set declares no service {service:?}: give the set of the schema that does, or an empty \
                 one for a service without a schema"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Reason::Malformed(error) => Some(error),
            _ => None,
        }
    }
}
