//! What one call says about how it is made.

#[cfg(feature = "client")]
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use http::{Extensions, HeaderMap, HeaderValue};
use tonic::Request;

#[cfg(feature = "client")]
use crate::client::credentials::{AnyCallCredentials, CallCredentials};
use crate::codec::{CompressionEncoding, MessageLimits};
use crate::deadline::{Deadline, format_timeout, parse_timeout};
use crate::metadata::{GRPC_TIMEOUT, may_have};

/// How one call is made, where it is not to be made like others of its client and channel.
///
/// It lies among the extensions of a request; [`CallOptionsExt`] sets it there option by option.
///
/// ```
/// use std::time::Duration;
/// use seltzer::{Request, client::CallOptions};
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(CallOptions::new().wait_for_ready(true).timeout(Duration::from_secs(2)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct CallOptions {
    timeout: Option<Duration>,
    deadline: Option<Deadline>,
    /// The `grpc-timeout` that was made of the deadline, and is no timeout of the call's own.
    written: Option<HeaderValue>,
    wait_for_ready: Option<bool>,
    /// The inner `None`: without compression.
    compression: Option<Option<CompressionEncoding>>,
    decoding_bytes_max: Option<usize>,
    encoding_bytes_max: Option<usize>,
    authority: Option<Authority>,
    #[cfg(feature = "client")]
    credentials: Option<Arc<dyn AnyCallCredentials>>,
}

/// The options of most calls.
static NOTHING_SPECIAL: CallOptions = CallOptions::new();

impl CallOptions {
    /// Nothing special.
    #[must_use]
    pub const fn new() -> Self {
        CallOptions {
            timeout: None,
            deadline: None,
            written: None,
            wait_for_ready: None,
            compression: None,
            decoding_bytes_max: None,
            encoding_bytes_max: None,
            authority: None,
            #[cfg(feature = "client")]
            credentials: None,
        }
    }

    /// How long the call may take. Where the request has a timeout of its own, the shorter one counts.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// When the call must be over, however often it is tried. The earliest of all that say so counts.
    #[must_use]
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Whether the call waits, within its deadline, for a server that can be reached, instead of failing while there
    /// is none.
    #[must_use]
    pub fn wait_for_ready(mut self, waits: bool) -> Self {
        self.wait_for_ready = Some(waits);
        self
    }

    /// What the requests are compressed with; `None` sends them as they are.
    #[must_use]
    pub fn compression(mut self, encoding: impl Into<Option<CompressionEncoding>>) -> Self {
        self.compression = Some(encoding.into());
        self
    }

    /// The largest response message, in bytes.
    #[must_use]
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.decoding_bytes_max = Some(limit);
        self
    }

    /// The largest request message, in bytes.
    #[must_use]
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.encoding_bytes_max = Some(limit);
        self
    }

    /// The authority that the call names, instead of its channel's. The server's certificate was compared with the
    /// channel's, and is not compared again.
    #[must_use]
    pub fn authority(mut self, authority: Authority) -> Self {
        self.authority = Some(authority);
        self
    }

    /// What proves who calls, besides the credentials of the channel.
    #[cfg(feature = "client")]
    #[must_use]
    pub fn call_credentials(mut self, credentials: impl CallCredentials) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// Those of a request.
    #[inline]
    pub(crate) fn of(extensions: &Extensions) -> &CallOptions {
        extensions.get::<CallOptions>().unwrap_or(&NOTHING_SPECIAL)
    }

    #[cfg(feature = "client")]
    pub(crate) fn waits_for_ready(&self) -> bool {
        self.waits_for_ready_or(None)
    }

    /// The same, where the method's config may say what holds for calls that do not.
    #[cfg(feature = "client")]
    pub(crate) fn waits_for_ready_or(&self, of_method: Option<bool>) -> bool {
        self.wait_for_ready.or(of_method).unwrap_or(false)
    }

    /// How long the call may take by its own words: these, and the timeout that `Request::set_timeout` leaves among
    /// the metadata.
    #[inline]
    pub(crate) fn own_timeout(&self, metadata: &HeaderMap) -> Option<Duration> {
        let mut other = None;
        if may_have(metadata, &GRPC_TIMEOUT) {
            other = metadata.get(GRPC_TIMEOUT).filter(|value| Some(*value) != self.written.as_ref());
        }
        match (self.timeout, other.and_then(parse_timeout)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (timeout, None) | (None, timeout) => timeout,
        }
    }

    /// The `grpc-timeout` of a request that is about to be passed on: the call's own timeout, or the time until the
    /// deadline where that is less. The latter is remembered, so that [`own_timeout`](Self::own_timeout) knows it.
    pub(crate) fn write_timeout(extensions: &mut Extensions, metadata: &HeaderMap) -> Option<HeaderValue> {
        let Some(options) = extensions.get_mut::<CallOptions>() else {
            return NOTHING_SPECIAL.own_timeout(metadata).map(format_timeout);
        };
        let own = options.own_timeout(metadata);
        match options.deadline.map(|deadline| deadline.remaining()) {
            Some(left) if own.is_none_or(|own| left < own) => {
                // What the metadata say is not read again.
                options.timeout = own;
                options.written = Some(format_timeout(left));
                options.written.clone()
            }
            _ => own.map(format_timeout),
        }
    }

    /// Has the call end at this point, its timeout included.
    pub(crate) fn settle(&mut self, deadline: Deadline) {
        (self.timeout, self.deadline) = (None, Some(deadline));
    }

    /// When the call must be over, beside its timeout.
    pub(crate) fn own_deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// The limits for the messages of the call, where those of its client are these.
    #[inline]
    pub(crate) fn limits(&self, usual: MessageLimits) -> MessageLimits {
        MessageLimits {
            decoding_bytes_max: self.decoding_bytes_max.unwrap_or(usual.decoding_bytes_max),
            encoding_bytes_max: self.encoding_bytes_max.unwrap_or(usual.encoding_bytes_max),
        }
    }

    /// What a request is compressed with, where its client compresses with `usual`. A `CompressionEncoding` among the
    /// extensions says the same as these options.
    #[inline]
    pub(crate) fn encoding(extensions: &Extensions, usual: Option<CompressionEncoding>) -> Option<CompressionEncoding> {
        match CallOptions::of(extensions).compression {
            Some(chosen) => chosen,
            None => extensions.get::<CompressionEncoding>().copied().or(usual),
        }
    }

    #[cfg(feature = "client")]
    pub(crate) fn own_authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    #[cfg(feature = "client")]
    #[inline]
    pub(crate) fn own_credentials(&self) -> Option<&Arc<dyn AnyCallCredentials>> {
        self.credentials.as_ref()
    }
}

/// Says how one call is made: methods of [`Request`], beside its own `set_timeout`.
///
/// ```
/// use seltzer::{CallOptionsExt as _, Request, codec::CompressionEncoding};
///
/// let mut request = Request::new("a message");
/// request.set_wait_for_ready(true);
/// request.set_compression(CompressionEncoding::Gzip);
/// request.set_max_decoding_message_size(64 * 1024 * 1024);
/// request.set_authority("shop.example.com".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CallOptionsExt {
    /// All options of the call, to change.
    fn call_options_mut(&mut self) -> &mut CallOptions;

    /// Whether the call waits, within its deadline, for a server that can be reached, instead of failing while there
    /// is none.
    fn set_wait_for_ready(&mut self, waits: bool) {
        self.call_options_mut().wait_for_ready = Some(waits);
    }

    /// What the requests are compressed with; `None` sends them as they are.
    fn set_compression(&mut self, encoding: impl Into<Option<CompressionEncoding>>) {
        self.call_options_mut().compression = Some(encoding.into());
    }

    /// The largest response message, in bytes.
    fn set_max_decoding_message_size(&mut self, limit: usize) {
        self.call_options_mut().decoding_bytes_max = Some(limit);
    }

    /// The largest request message, in bytes.
    fn set_max_encoding_message_size(&mut self, limit: usize) {
        self.call_options_mut().encoding_bytes_max = Some(limit);
    }

    /// The authority that the call names, see [`CallOptions::authority`].
    fn set_authority(&mut self, authority: Authority) {
        self.call_options_mut().authority = Some(authority);
    }

    /// What proves who calls, besides the credentials of the channel.
    #[cfg(feature = "client")]
    fn set_call_credentials(&mut self, credentials: impl CallCredentials) {
        self.call_options_mut().credentials = Some(Arc::new(credentials));
    }
}

impl<T> CallOptionsExt for Request<T> {
    fn call_options_mut(&mut self) -> &mut CallOptions {
        self.extensions_mut().get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(timeout: Option<&'static str>) -> HeaderMap {
        timeout.map(|text| (GRPC_TIMEOUT, http::HeaderValue::from_static(text))).into_iter().collect()
    }

    #[test]
    fn the_shorter_timeout_counts() {
        let seconds = Duration::from_secs;
        let table = [
            (None, None, None),
            (Some(seconds(2)), None, Some(seconds(2))),
            (None, Some("3S"), Some(seconds(3))),
            (Some(seconds(2)), Some("3S"), Some(seconds(2))),
            (Some(seconds(4)), Some("3S"), Some(seconds(3))),
            (Some(seconds(4)), Some("nonsense"), Some(seconds(4))),
        ];
        for (own, header, expected) in table {
            let options = CallOptions { timeout: own, ..CallOptions::new() };
            assert_eq!(options.own_timeout(&metadata(header)), expected, "{own:?} {header:?}");
        }
    }

    #[test]
    fn the_rest_of_a_deadline_is_written_but_is_no_timeout_of_the_calls_own() {
        let seconds = Duration::from_secs;
        // (the options' timeout, the metadata's, seconds to the deadline; which of these is written, the own timeout)
        let table = [
            (None, None, None, None, None),
            (None, Some("3S"), None, Some(3), Some(3)),
            (None, None, Some(60), Some(60), None),
            (Some(2), None, Some(60), Some(2), Some(2)),
            (Some(90), None, Some(60), Some(60), Some(90)),
            (None, Some("90S"), Some(60), Some(60), Some(90)),
        ];
        for (timeout, header, left, written, own) in table {
            let options = CallOptions {
                timeout: timeout.map(seconds),
                deadline: left.map(|left| Deadline::after(seconds(left))),
                ..CallOptions::new()
            };
            let mut extensions = Extensions::new();
            extensions.insert(options);
            let value = CallOptions::write_timeout(&mut extensions, &metadata(header));
            let said = value.as_ref().and_then(parse_timeout).map(|said| said.as_secs_f64().round() as u64);
            assert_eq!(said, written, "{timeout:?} {header:?} {left:?}");
            let mut headers: HeaderMap = value.map(|value| (GRPC_TIMEOUT, value)).into_iter().collect();
            let options = CallOptions::of(&extensions);
            assert_eq!(options.own_timeout(&headers), own.map(seconds), "{timeout:?} {header:?} {left:?}");
            // Whoever passes the request on may shorten it.
            headers.insert(GRPC_TIMEOUT, HeaderValue::from_static("1S"));
            assert_eq!(options.own_timeout(&headers), Some(seconds(1)));
        }
    }

    #[test]
    fn limits_that_are_not_set_are_the_usual_ones() {
        let usual = MessageLimits { encoding_bytes_max: 7, ..MessageLimits::default() };
        let options = CallOptions::new().max_decoding_message_size(5);
        let limits = options.limits(usual);
        assert_eq!((limits.decoding_bytes_max, limits.encoding_bytes_max), (5, 7));
        assert_eq!(CallOptions::new().limits(usual), usual);
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn options_choose_the_compression() {
        use CompressionEncoding::{Deflate, Gzip};
        let table = [
            (None, None, Some(Gzip), Some(Gzip)),
            (None, Some(Deflate), Some(Gzip), Some(Deflate)),
            (Some(Some(Deflate)), None, None, Some(Deflate)),
            (Some(None), Some(Deflate), Some(Gzip), None),
        ];
        for (chosen, extension, usual, expected) in table {
            let mut request = Request::new(());
            if let Some(chosen) = chosen {
                request.set_compression(chosen);
            }
            if let Some(extension) = extension {
                request.extensions_mut().insert(extension);
            }
            assert_eq!(CallOptions::encoding(request.extensions(), usual), expected, "{chosen:?} {extension:?}");
        }
    }
}
