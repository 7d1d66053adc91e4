//! From a target's name to the addresses behind it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::client::service_config::{ServiceConfig, ServiceConfigError};
use crate::transport::address::Address;

pub(super) mod again;
pub(super) mod dns;
pub(super) mod fixed;
pub(super) mod joined;

/// Why a name could not be resolved: any error; the channel says which target it was about.
pub type ResolveError = Box<dyn std::error::Error + Send + Sync>;

/// Finds the addresses behind a name, and goes on finding them while its channel lives.
///
/// The channel calls [`next`](Resolver::next) again and again: at first for what is known now, then for what comes
/// later. It drops the future, and the resolver, when the channel is dropped or becomes idle.
///
/// ```
/// use seltzer::client::resolve::{Resolution, ResolveError, ResolveRequests, ResolvedEndpoint, Resolver};
///
/// /// Asks a registry anew whenever the channel lost a connection.
/// struct Registry {
///     has_asked: bool,
/// }
///
/// impl Resolver for Registry {
///     async fn next(&mut self, requests: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
///         if std::mem::replace(&mut self.has_asked, true) {
///             requests.wait().await;
///         }
///         let addresses = ["10.0.0.1:50051", "10.0.0.2:50051"]; // an answer of the registry
///         let endpoints = addresses.iter().map(|text| Ok(ResolvedEndpoint::new(text.parse::<std::net::SocketAddr>()?)));
///         Ok(Resolution::new(endpoints.collect::<Result<Vec<_>, ResolveError>>()?))
///     }
/// }
/// ```
pub trait Resolver: Send + 'static {
    /// Waits for the next thing to know: at the first call at once, at later ones until something changed, or until
    /// the channel asks for it ([`ResolveRequests::wait`]). One that never changes waits for ever.
    ///
    /// The future may be dropped at any time, and `next` called again.
    ///
    /// # Errors
    /// The name cannot be resolved now. The channel keeps what it knows, and asks again after a while.
    fn next(&mut self, requests: &mut ResolveRequests)
    -> impl Future<Output = Result<Resolution, ResolveError>> + Send;
}

/// What a resolver found.
#[derive(Debug, Clone, Default)]
pub struct Resolution {
    pub(crate) endpoints: Vec<ResolvedEndpoint>,
    pub(crate) service_config: Option<Result<ServiceConfig, ServiceConfigError>>,
}

impl Resolution {
    /// These endpoints, and no more.
    #[must_use]
    pub fn new(endpoints: Vec<ResolvedEndpoint>) -> Self {
        Resolution { endpoints, service_config: None }
    }

    /// How the service wants to be called, if the resolver has found that too.
    ///
    /// It stands in the place of the channel's own config. While it cannot be read, the last one that could be stays in
    /// force, or else the channel's own.
    ///
    /// ```
    /// use seltzer::client::balance::Balance;
    /// use seltzer::client::{ServiceConfig, resolve::Resolution};
    ///
    /// let found = ServiceConfig::new().balance(Balance::RoundRobin);
    /// let resolution = Resolution::new(Vec::new()).service_config(Ok(found));
    /// ```
    #[must_use]
    pub fn service_config(mut self, config: Result<ServiceConfig, ServiceConfigError>) -> Self {
        self.service_config = Some(config);
        self
    }

    /// What was found.
    #[must_use]
    pub fn endpoints(&self) -> &[ResolvedEndpoint] {
        &self.endpoints
    }
}

/// One server behind a name, with all addresses that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedEndpoint {
    pub(crate) addresses: Vec<Address>,
    pub(crate) weight: u32,
    pub(crate) hash_key: Option<String>,
}

impl ResolvedEndpoint {
    /// A server with one address.
    pub fn new(address: impl Into<Address>) -> Self {
        Self::with_addresses(vec![address.into()])
    }

    /// A server with several addresses, say one of IPv6 and one of IPv4; the first that connects is used.
    #[must_use]
    pub fn with_addresses(addresses: Vec<Address>) -> Self {
        ResolvedEndpoint { addresses, weight: 1, hash_key: None }
    }

    /// How much of the calls it is to get, relative to others, from balancers that look at it. 1 unless set.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Names its place on the ring of `ring_hash`, which else follows from its addresses.
    #[must_use]
    pub fn hash_key(mut self, key: impl Into<String>) -> Self {
        self.hash_key = Some(key.into());
        self
    }
}

/// Tells a resolver when its channel wants to know anew: it lost a connection, or could not open one.
#[derive(Debug, Clone, Default)]
pub struct ResolveRequests(Arc<Notify>);

impl ResolveRequests {
    /// Waits until the channel asks. A question that came before is not lost.
    pub async fn wait(&mut self) {
        self.0.notified().await;
    }

    pub(crate) fn request(&self) {
        self.0.notify_one();
    }
}

/// A resolver whose kind is forgotten.
pub(crate) trait AnyResolver: Send {
    fn next<'a>(
        &'a mut self,
        requests: &'a mut ResolveRequests,
    ) -> Pin<Box<dyn Future<Output = Result<Resolution, ResolveError>> + Send + 'a>>;
}

impl<R: Resolver> AnyResolver for R {
    fn next<'a>(
        &'a mut self,
        requests: &'a mut ResolveRequests,
    ) -> Pin<Box<dyn Future<Output = Result<Resolution, ResolveError>> + Send + 'a>> {
        Box::pin(Resolver::next(self, requests))
    }
}

impl fmt::Debug for dyn AnyResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
