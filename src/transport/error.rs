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
    /// Which of the target's addresses.
    address: Option<String>,
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

    /// The same in a word, within the line of another step.
    #[cfg(feature = "client")]
    fn word(self) -> &'static str {
        match self {
            Step::Tls => "TLS",
            Step::Http2 => "HTTP/2",
            Step::Resolve => "its name",
            _ => "connecting",
        }
    }

    /// How far somebody has come who fails at this step.
    #[cfg(feature = "client")]
    fn progress(self) -> u8 {
        match self {
            Step::Http2 => 3,
            Step::Tls => 2,
            Step::Connect => 1,
            _ => 0,
        }
    }
}

/// How many addresses the error of a target names that failed at all of them: the line must stay one that people read.
#[cfg(feature = "client")]
const ADDRESSES_TOLD_MAX: usize = 4;

#[cfg_attr(
    not(any(feature = "server", feature = "client")),
    allow(dead_code, reason = "nothing can fail where nothing connects")
)]
impl Error {
    pub(crate) fn new(step: Step, message: impl Into<String>) -> Self {
        let message = message.into();
        Error(Box::new(Inner { step, target: None, address: None, message, hint: None, source: None }))
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
    #[cfg(feature = "client")]
    pub(crate) fn or_target(mut self, target: &str) -> Self {
        self.0.target.get_or_insert_with(|| target.to_owned());
        self
    }

    /// Names the one of the target's addresses that it is about.
    #[cfg(feature = "client")]
    pub(crate) fn with_address(mut self, address: impl Into<String>) -> Self {
        self.0.address = Some(address.into());
        self
    }

    /// What attempts at several addresses of a target have come to, all of which failed: the step is that of the
    /// attempt that came farthest.
    #[cfg(feature = "client")]
    pub(crate) fn of_attempts(mut errors: Vec<Error>) -> Option<Error> {
        if errors.len() <= 1 {
            return errors.pop();
        }
        let farthest = errors.iter().map(Error::step).max_by_key(|step| step.progress())?;
        let common_hint = errors.first()?.0.hint.clone().filter(|hint| errors.iter().all(|e| e.hint() == Some(hint)));
        let has_common_hint = common_hint.is_some();
        let mut parts: Vec<_> =
            errors.iter().take(ADDRESSES_TOLD_MAX).map(|error| error.part(farthest, !has_common_hint)).collect();
        if errors.len() > ADDRESSES_TOLD_MAX {
            parts.push(format!("and {} more addresses", errors.len() - ADDRESSES_TOLD_MAX));
        }
        let first = errors.swap_remove(0).0;
        Some(Error(Box::new(Inner {
            step: farthest,
            target: first.target,
            address: None,
            message: parts.join("; "),
            hint: common_hint,
            source: first.source,
        })))
    }

    /// What it adds to the line of an error about several addresses.
    #[cfg(feature = "client")]
    fn part(&self, step: Step, with_hint: bool) -> String {
        let Inner { address, message, hint, .. } = &*self.0;
        let mut part = address.as_ref().map_or_else(String::new, |address| format!("{address}: "));
        if self.step() != step {
            part.push_str(&format!("{}: ", self.step().word()));
        }
        part.push_str(message);
        if let Some(hint) = hint.as_ref().filter(|_| with_hint) {
            part.push_str(&format!(" ({hint})"));
        }
        part
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
        match (&inner.target, inner.step) {
            // Nobody knows how far it goes.
            (Some(target), Step::Target) => write!(f, "{} {target:?}: ", inner.step.phrase())?,
            (Some(target), _) => write!(f, "{} {target}: ", inner.step.phrase())?,
            (None, _) => {}
        }
        if let Some(address) = &inner.address
            && !inner.target.as_ref().is_some_and(|target| is_only_address(target, address))
        {
            write!(f, "{address}: ")?;
        }
        f.write_str(&inner.message)?;
        match &inner.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Whether a target says by itself which address is meant.
fn is_only_address(target: &str, address: &str) -> bool {
    target.ends_with(address) && !target.contains(',')
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
