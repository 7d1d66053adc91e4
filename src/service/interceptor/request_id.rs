//! Names for calls, to find them again in the logs of several programs.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use crate::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use crate::service::interceptor::{Next, ServerCall, ServerInterceptor, ServerReply};
use crate::status::Status;

/// What the header is called unless told otherwise.
const HEADER: &str = "x-request-id";

/// Longer ones are replaced: an id goes into every line of a log. The longest that are in use (traces with their spans)
/// have half of it.
const ID_BYTES_MAX: usize = 128;

/// What a call is called: given by its caller in `x-request-id`, or made here.
///
/// It is in the call's context, among the extensions of its request, and in the metadata of its answer.
///
/// ```
/// use seltzer::server::RequestId;
///
/// let id = seltzer::context::current().extension::<RequestId>();
/// println!("working on {}", id.as_ref().map_or("nothing", RequestId::as_str));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// As it stands in the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One that nobody had before: 32 hexadecimal digits.
    fn random() -> Self {
        // A hasher with new keys is as good a source as any for what need not be a secret.
        let random = || RandomState::new().build_hasher().finish();
        RequestId(format!("{:016x}{:016x}", random(), random()).into())
    }

    /// What a caller sent, if it can be kept: visible ASCII, not too long.
    fn received(value: &AsciiMetadataValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let is_good = (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_good.then(|| RequestId(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Gives each call a [`RequestId`]: its caller's, or a new one.
///
/// ```
/// # #[cfg(feature = "server")]
/// # fn main() {
/// use seltzer::server::{Logging, RequestIds};
///
/// // The log names calls by their ids, too.
/// let server = seltzer::Server::builder().intercept(RequestIds::new()).intercept(Logging::new());
/// # drop(server);
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
#[derive(Debug, Clone)]
pub struct RequestIds {
    header: AsciiMetadataKey,
    takes_callers: bool,
}

impl RequestIds {
    /// Those in the header `x-request-id`.
    #[must_use]
    pub fn new() -> Self {
        RequestIds { header: AsciiMetadataKey::from_static(HEADER), takes_callers: true }
    }

    /// Those in another header.
    ///
    /// # Errors
    /// INTERNAL where this is no name of a header for text.
    pub fn with_header(mut self, name: &str) -> Result<Self, Status> {
        self.header = AsciiMetadataKey::from_bytes(name.as_bytes())
            .map_err(|_| Status::internal(format!("{name:?} is no name of a header for text")))?;
        Ok(self)
    }

    /// Makes a new one for every call, whatever its caller sent: for servers that anybody may call.
    #[must_use]
    pub fn always_new(mut self) -> Self {
        self.takes_callers = false;
        self
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        RequestIds::new()
    }
}

impl ServerInterceptor for RequestIds {
    async fn intercept(&self, mut call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        let received = call.metadata().get(&self.header).filter(|_| self.takes_callers);
        let id = received.and_then(RequestId::received).unwrap_or_else(RequestId::random);
        let value: AsciiMetadataValue =
            id.as_str().parse().map_err(|_| Status::internal("a request id is no header value"))?;
        let tell = |metadata: &mut MetadataMap| metadata.insert(self.header.clone(), value.clone());
        // Handlers that pass the caller's metadata on name the call as this does.
        tell(call.metadata_mut());
        call.extensions_mut().insert(id.clone());
        call.context().set_extension(id);
        match next.run(call).await {
            Ok(mut reply) => {
                tell(reply.metadata_mut());
                Ok(reply)
            }
            Err(mut status) => {
                tell(status.metadata_mut());
                Err(status)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_kept() {
        let table = [
            ("abc-123", true),
            ("", false),
            ("with space", false),
            (&"x".repeat(ID_BYTES_MAX), true),
            (&"x".repeat(ID_BYTES_MAX + 1), false),
        ];
        for (text, is_kept) in table {
            let value = AsciiMetadataValue::try_from(text).expect("a header value");
            assert_eq!(RequestId::received(&value).is_some(), is_kept, "{text:?}");
        }
        let (one, other) = (RequestId::random(), RequestId::random());
        assert!(one != other && one.as_str().len() == 32, "{one} {other}");
    }
}
