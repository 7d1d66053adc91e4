//! Why a connection, a listener or a target did not work, in words that help.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::status::Status;

/// A failure below the level of a call: a target, a listener, a connection or TLS.
///
/// It names the step that failed, the address it was about, what the system said and what to try.
/// `Display` gives all of that in one line.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use seltzer::transport::{Endpoint, Step};
///
/// let error = Endpoint::from_shared("gopher://localhost").unwrap_err();
/// assert_eq!(error.step(), Step::Target);
/// assert!(error.to_string().contains("gopher"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    step: Step,
    target: Option<String>,
    message: String,
    hint: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The step at which a [`transport::Error`](Error) arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Reading the target's address (`http://host:port`, `unix:PATH`, ...).
    Target,
    /// Reading a service config.
    ServiceConfig,
    /// Looking a host name up.
    Resolve,
    /// Opening a connection.
    Connect,
    /// Setting TLS up, or its handshake.
    Tls,
    /// The HTTP/2 preface and settings, or the connection's life after them.
    Http2,
    /// Binding a listening socket.
    Bind,
    /// Accepting or serving connections.
    Serve,
}

impl Step {
    fn phrase(self) -> &'static str {
        match self {
            Step::Target => "cannot use the target",
            Step::ServiceConfig => "cannot use the service config of",
            Step::Resolve => "cannot resolve",
            Step::Connect => "cannot connect to",
            Step::Tls => "TLS failed with",
            Step::Http2 => "HTTP/2 failed with",
            Step::Bind => "cannot listen on",
            Step::Serve => "cannot serve on",
        }
    }
}

#[cfg_attr(
    not(any(feature = "server", feature = "client")),
    allow(dead_code, reason = "nothing can fail where nothing connects")
)]
impl Error {
    pub(crate) fn new(step: Step, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { step, target: None, message: message.into(), hint: None, source: None }))
    }

    pub(crate) fn with_target(mut self, target: impl Into<String>) -> Self {
        self.0.target = Some(target.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Names the target, unless the error names one already.
    #[cfg(all(feature = "client", feature = "_tls"))]
    pub(crate) fn or_target(mut self, target: &str) -> Self {
        self.0.target.get_or_insert_with(|| target.to_owned());
        self
    }

    /// The step that failed.
    #[must_use]
    pub fn step(&self) -> Step {
        self.0.step
    }

    /// The address that it was about, as the user wrote it.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.0.target.as_deref()
    }

    /// What to try next, where something can be said.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        match &inner.target {
            Some(target) => write!(f, "{} {target}: {}", inner.step.phrase(), inner.message)?,
            None => f.write_str(&inner.message)?,
        }
        match &inner.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// The same line as `Display`, because a `main` that returns this error prints its `Debug`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A call that met a broken connection ends as UNAVAILABLE, with the whole line as its message.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut status = Status::unavailable(error.to_string());
        status.set_source(Arc::new(error));
        status
    }
}

/// For addresses that need no reading (`SocketAddr`).
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
