//! Whom a client's connection leads to, for messages.

use crate::transport::address::Address;
use crate::transport::error::{Error, Step};
use crate::transport::target::Target;

/// The other end of a connection, as errors name it.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    target: String,
    address: String,
    encrypted: bool,
}

impl Remote {
    /// One of the addresses of a target.
    pub(crate) fn new(target: &Target, address: &Address) -> Self {
        Remote { target: target.written.clone(), address: address.to_string(), encrypted: target.encrypted }
    }

    /// A failure there.
    pub(crate) fn error(&self, step: Step, message: impl Into<String>) -> Error {
        self.name(Error::new(step, message))
    }

    /// Says that an error is about it.
    pub(crate) fn name(&self, error: Error) -> Error {
        error.or_target(&self.target).with_address(&self.address)
    }

    /// A connection that ended after it was open.
    pub(crate) fn broken(&self, why: &str, has_answered: bool) -> Error {
        let error = self.error(Step::Http2, format!("the connection broke: {why}"));
        // Under TLS the handshake has shown already who is there.
        if has_answered || self.encrypted {
            return error;
        }
        error.with_hint(
            "it never answered anything: does the server speak gRPC, and does it want https:// where the target says \
             http://?",
        )
    }
}
