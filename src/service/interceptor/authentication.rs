//! Who calls?

use std::fmt;
use std::future::Future;

use crate::context::{Context, Peer};
use crate::deadline::Deadline;
use crate::metadata::MetadataMap;
use crate::service::interceptor::{Next, ServerCall, ServerInterceptor, ServerReply};
use crate::status::Status;

/// Finds out who calls, by whatever a call comes with.
///
/// ```
/// use seltzer::Status;
/// use seltzer::server::{Authenticator, CallHead};
///
/// #[derive(Clone)]
/// struct Machine(String);
///
/// /// Believes whoever is within the own network.
/// struct ByAddress;
///
/// impl Authenticator for ByAddress {
///     type Identity = Machine;
///
///     async fn authenticate(&self, call: CallHead<'_>) -> Result<Machine, Status> {
///         match call.peer().and_then(|peer| peer.remote_addr()) {
///             Some(address) if address.ip().is_loopback() => Ok(Machine(address.to_string())),
///             _ => Err(Status::unauthenticated("call from within")),
///         }
///     }
/// }
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// What is known of a caller.
    type Identity: Clone + Send + Sync + 'static;

    /// Who makes this call.
    ///
    /// # Errors
    /// The call ends with the status: UNAUTHENTICATED where it is not known who calls, PERMISSION_DENIED where it is
    /// known but not allowed, UNAVAILABLE where nobody can tell right now.
    fn authenticate(&self, call: CallHead<'_>) -> impl Future<Output = Result<Self::Identity, Status>> + Send;
}

/// What is known of a call without its messages.
#[derive(Clone, Copy)]
pub struct CallHead<'a> {
    context: &'a Context,
    metadata: &'a MetadataMap,
}

impl<'a> CallHead<'a> {
    pub(super) fn new(context: &'a Context, metadata: &'a MetadataMap) -> Self {
        CallHead { context, metadata }
    }

    /// The path on the wire: `/package.Service/Method`.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.context.method()
    }

    /// The service's full name: `package.Service`.
    #[must_use]
    pub fn service(&self) -> &'a str {
        self.path().trim_start_matches('/').rsplit_once('/').map_or("", |(service, _)| service)
    }

    /// The method's own name: `SayHello`.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// What came along.
    #[must_use]
    pub fn metadata(&self) -> &'a MetadataMap {
        self.metadata
    }

    /// Who is on the other side of the connection.
    #[must_use]
    pub fn peer(&self) -> Option<&'a Peer> {
        self.context.peer()
    }

    /// When the call must be over.
    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        self.context.deadline()
    }

    /// The token of `authorization: Bearer ...`, if there is exactly one.
    #[must_use]
    pub fn bearer_token(&self) -> Option<&'a str> {
        const SCHEME: &str = "bearer";
        let mut values = self.metadata.get_all("authorization").iter();
        let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
        // The scheme's letters may be large or small (RFC 9110, section 11.1).
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case(SCHEME) && !token.is_empty()).then_some(token)
    }
}

/// Lets calls pass whose callers an [`Authenticator`] knows. It is asked before a call's messages are read.
///
/// Handlers find the identity as an extension of the request and of the context.
///
/// ```
/// use seltzer::server::{Authentication, StaticTokens};
/// use seltzer::{Request, Response, Status};
///
/// async fn say_hello(request: Request<String>) -> Result<Response<String>, Status> {
///     let who = request.extensions().get::<&str>().copied().unwrap_or("stranger");
///     Ok(Response::new(format!("hello {who}")))
/// }
///
/// let authentication = Authentication::new(StaticTokens::new().with("token123", "alice"))
///     .allow_anyone("grpc.health.v1.Health");
/// # #[cfg(feature = "server")]
/// # drop(
/// seltzer::Server::builder().intercept(authentication)
/// # );
/// # ;
/// ```
#[derive(Clone)]
pub struct Authentication<A> {
    authenticator: A,
    /// Services and methods that need none.
    open: Vec<String>,
}

impl<A: Authenticator> Authentication<A> {
    /// Asks this one about all calls.
    #[must_use]
    pub fn new(authenticator: A) -> Self {
        Authentication { authenticator, open: Vec::new() }
    }

    /// Asks nothing about calls of a service (`package.Service`) or of a method (`/package.Service/Method`).
    #[must_use]
    pub fn allow_anyone(mut self, name: impl Into<String>) -> Self {
        self.open.push(name.into());
        self
    }
}

impl<A: Authenticator> ServerInterceptor for Authentication<A> {
    async fn intercept(&self, mut call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        let head = call.head();
        if !self.open.iter().any(|name| name == head.service() || name == head.path()) {
            let identity = self.authenticator.authenticate(head).await?;
            call.extensions_mut().insert(identity.clone());
            call.context().set_extension(identity);
        }
        next.run(call).await
    }
}

impl<A> fmt::Debug for Authentication<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What authenticators hold is secret.
        f.debug_struct("Authentication").field("open", &self.open).finish_non_exhaustive()
    }
}

impl fmt::Debug for CallHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHead").field("path", &self.path()).finish_non_exhaustive()
    }
}
