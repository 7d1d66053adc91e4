//! What one call says about how it is made.

use http::Extensions;

/// How one call is made, where it is not to be made like others of its channel.
///
/// Put it among the extensions of a request.
///
/// ```
/// use seltzer::{Request, client::CallOptions};
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(CallOptions::new().wait_for_ready(true));
/// ```
#[derive(Debug, Clone, Default)]
pub struct CallOptions {
    wait_for_ready: Option<bool>,
}

impl CallOptions {
    /// Nothing special.
    #[must_use]
    pub fn new() -> Self {
        CallOptions::default()
    }

    /// Whether the call waits, within its deadline, for a server that can be reached, instead of failing while there
    /// is none.
    #[must_use]
    pub fn wait_for_ready(mut self, waits: bool) -> Self {
        self.wait_for_ready = Some(waits);
        self
    }

    pub(crate) fn of(extensions: &Extensions) -> CallOptions {
        extensions.get::<CallOptions>().cloned().unwrap_or_default()
    }

    pub(crate) fn waits_for_ready(&self) -> bool {
        self.waits_for_ready_or(None)
    }

    /// The same, where the method's config may say what holds for calls that do not.
    pub(crate) fn waits_for_ready_or(&self, of_method: Option<bool>) -> bool {
        self.wait_for_ready.or(of_method).unwrap_or(false)
    }
}
