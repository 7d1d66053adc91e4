//! What proves who calls: metadata that is made for each call.

mod bearer;
mod composite;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::metadata::{self, MetadataMap};
use crate::status::{Code, Status, code_name};

pub use self::bearer::{AccessToken, BearerToken};
pub use self::composite::{AllowPlaintext, CompositeCredentials};

/// Makes the metadata that proves who calls, for each call anew.
///
/// Given to a channel ([`Endpoint::call_credentials`](crate::Endpoint::call_credentials)) or to a single call
/// ([`set_call_credentials`](crate::CallOptionsExt::set_call_credentials)); a call with both sends both. On connections
/// without TLS such calls fail as UNAUTHENTICATED, see [`allow_plaintext`](Self::allow_plaintext).
///
/// ```
/// use seltzer::client::{CallCredentials, CallInfo};
/// use seltzer::{Status, metadata::MetadataMap};
///
/// /// Signs the name of what is called.
/// struct Signed;
///
/// impl CallCredentials for Signed {
///     async fn metadata(&self, call: &CallInfo<'_>) -> Result<MetadataMap, Status> {
///         let mut metadata = MetadataMap::new();
///         let signature = format!("signed:{}", call.service_url());
///         metadata.insert("x-signature", signature.parse().map_err(|_| Status::internal("no header value"))?);
///         Ok(metadata)
///     }
/// }
/// ```
pub trait CallCredentials: Send + Sync + 'static {
    /// The metadata for one call.
    ///
    /// # Errors
    /// The call ends with the status. Codes that only servers may answer with reach the caller as INTERNAL
    /// (gRFC A54); UNAVAILABLE and UNAUTHENTICATED are the usual ones.
    fn metadata(&self, call: &CallInfo<'_>) -> impl Future<Output = Result<MetadataMap, Status>> + Send;

    /// Whether they may travel where others can read them. They may not, unless a type says so.
    fn allows_plaintext(&self) -> bool {
        false
    }

    /// The same, for connections without TLS too: for tests, and for networks that are encrypted below.
    fn allow_plaintext(self) -> AllowPlaintext<Self>
    where
        Self: Sized,
    {
        AllowPlaintext::new(self)
    }
}

/// The call that credentials are asked for.
#[derive(Debug, Clone, Copy)]
pub struct CallInfo<'a> {
    authority: &'a str,
    path: &'a str,
}

impl<'a> CallInfo<'a> {
    /// A call of a method by its path, `/package.Service/Method`.
    #[must_use]
    pub fn new(authority: &'a str, path: &'a str) -> Self {
        CallInfo { authority, path }
    }

    /// The authority that the call names: `shop.example.com:8443`.
    #[must_use]
    pub fn authority(&self) -> &'a str {
        self.authority
    }

    /// The path on the wire: `/package.Service/Method`.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The service's full name: `package.Service`.
    #[must_use]
    pub fn service(&self) -> &'a str {
        self.path.trim_start_matches('/').rsplit_once('/').map_or("", |(service, _)| service)
    }

    /// The method's own name: `SayHello`.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// What tokens name as their audience: `https://shop.example.com/package.Service`, without the usual port.
    #[must_use]
    pub fn service_url(&self) -> String {
        let host = self.authority.strip_suffix(":443").unwrap_or(self.authority);
        format!("https://{host}/{}", self.service())
    }
}

/// Credentials whose kind is forgotten.
pub(crate) trait AnyCallCredentials: Send + Sync {
    fn any_metadata<'a>(
        &'a self,
        call: &'a CallInfo<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<MetadataMap, Status>> + Send + 'a>>;

    fn any_allows_plaintext(&self) -> bool;
}

impl<T: CallCredentials> AnyCallCredentials for T {
    fn any_metadata<'a>(
        &'a self,
        call: &'a CallInfo<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<MetadataMap, Status>> + Send + 'a>> {
        Box::pin(self.metadata(call))
    }

    fn any_allows_plaintext(&self) -> bool {
        self.allows_plaintext()
    }
}

impl fmt::Debug for dyn AnyCallCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What they hold is secret.
        f.write_str("CallCredentials")
    }
}

/// The credentials of one call: its channel's, then its own.
pub(super) struct Both<'a> {
    pub(super) channel: Option<&'a Arc<dyn AnyCallCredentials>>,
    pub(super) own: Option<&'a Arc<dyn AnyCallCredentials>>,
}

impl Both<'_> {
    #[inline]
    pub(super) fn is_none(&self) -> bool {
        self.channel.is_none() && self.own.is_none()
    }

    /// All metadata, in order. `exposed`: the target, if the connections to it can be read by others.
    pub(super) async fn metadata(&self, call: CallInfo<'_>, exposed: Option<&str>) -> Result<MetadataMap, Status> {
        let mut metadata = MetadataMap::new();
        for credentials in [self.channel, self.own].into_iter().flatten() {
            if let Some(target) = exposed
                && !credentials.any_allows_plaintext()
            {
                return Err(refused(target));
            }
            metadata::merge(&mut metadata, credentials.any_metadata(&call).await.map_err(legal)?);
        }
        Ok(metadata)
    }
}

fn refused(target: &str) -> Status {
    Status::unauthenticated(format!(
        "call credentials are not sent to {target}, because connections to it are without TLS and others could read \
         them (use an `https://` target, or `CallCredentials::allow_plaintext` in tests)"
    ))
}

/// Codes that a server may answer with, but that nothing on this side may make up (gRFC A54).
fn legal(status: Status) -> Status {
    match status.code() {
        code @ (Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss) => Status::internal(format!(
            "the call's credentials failed with {}, which only servers may answer with: {}",
            code_name(code),
            status.message()
        )),
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_servers_become_internal() {
        let kept = [
            Code::Cancelled,
            Code::Unknown,
            Code::DeadlineExceeded,
            Code::PermissionDenied,
            Code::ResourceExhausted,
            Code::Unimplemented,
            Code::Internal,
            Code::Unavailable,
            Code::Unauthenticated,
        ];
        for code in (0..=16).map(Code::from) {
            let status = legal(Status::new(code, "why"));
            let expected = if kept.contains(&code) { code } else { Code::Internal };
            assert_eq!(status.code(), expected, "{code:?}");
            assert!(status.message().contains("why"));
        }
    }

    #[test]
    fn a_call_is_named_in_all_ways() {
        let table = [
            ("shop.example.com", "https://shop.example.com/shop.v1.Shop"),
            ("shop.example.com:443", "https://shop.example.com/shop.v1.Shop"),
            ("shop.example.com:8443", "https://shop.example.com:8443/shop.v1.Shop"),
        ];
        for (authority, url) in table {
            let call = CallInfo::new(authority, "/shop.v1.Shop/Buy");
            assert_eq!((call.service(), call.method()), ("shop.v1.Shop", "Buy"));
            assert_eq!(call.service_url(), url);
        }
        assert_eq!(CallInfo::new("a", "").service_url(), "https://a/");
    }
}
