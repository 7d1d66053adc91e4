//! How a channel finds the addresses that it connects to.

use std::sync::Arc;
use std::time::Duration;

use crate::client::resolve::dns::Dns;
use crate::client::resolve::fixed::Fixed;
use crate::client::resolve::joined::Joined;
use crate::client::resolve::{AnyResolver, Resolution, ResolveError, ResolveRequests, ResolvedEndpoint, Resolver};
use crate::client::{Endpoint, balance::Balance};
use crate::transport::address::Address;
use crate::transport::error::{Error, Step};
use crate::transport::proxy::{self, Proxy, ProxyChoice};
use crate::transport::target::{Target, TargetAddress};

/// Makes the resolver of a channel, given the target's name.
pub(super) type ResolverFactory = Arc<dyn Fn(&str) -> Box<dyn AnyResolver> + Send + Sync>;

impl Endpoint {
    /// Leads to these addresses instead of a name. Calls go to the first of them that can be connected to, unless
    /// [`balance`](Self::balance) says otherwise.
    ///
    /// ```
    /// use seltzer::{Endpoint, client::balance::Balance};
    /// use std::net::SocketAddr;
    ///
    /// let replicas = [SocketAddr::from(([10, 0, 0, 1], 50051)), SocketAddr::from(([10, 0, 0, 2], 50051))];
    /// let endpoint = Endpoint::from_addresses(replicas)?.balance(Balance::RoundRobin);
    /// # Ok::<(), seltzer::transport::Error>(())
    /// ```
    ///
    /// # Errors
    /// There is no address.
    pub fn from_addresses<A: Into<Address>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, Error> {
        let target = Target::of_addresses(addresses.into_iter().map(Into::into).collect())?;
        Ok(Self::from_target(Ok(target)))
    }

    /// Finds addresses by a resolver of your own. The target may then be anything: the factory gets its name, which
    /// is what follows the scheme (`greeter` of `registry:///greeter`), and requests name it as their authority unless
    /// [`origin`](Self::origin) says otherwise.
    ///
    /// The factory is called each time the channel begins to connect after it was idle.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use seltzer::client::resolve::{Resolution, ResolveError, ResolveRequests, ResolvedEndpoint, Resolver};
    /// use seltzer::{Channel, client::balance::Balance};
    /// use std::net::SocketAddr;
    ///
    /// /// Servers of a service on ports that its name tells.
    /// struct Ports(Option<Vec<u16>>);
    ///
    /// impl Resolver for Ports {
    ///     async fn next(&mut self, _: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
    ///         // It never changes: whoever asks again waits for ever.
    ///         let Some(ports) = self.0.take() else { std::future::pending().await };
    ///         let endpoint = |port| ResolvedEndpoint::new(SocketAddr::from(([127, 0, 0, 1], port)));
    ///         Ok(Resolution::new(ports.into_iter().map(endpoint).collect()))
    ///     }
    /// }
    ///
    /// let channel = Channel::builder("ports:///50051-50052")
    ///     .resolver(|name| Ports(Some(name.split('-').filter_map(|port| port.parse().ok()).collect())))
    ///     .balance(Balance::RoundRobin)
    ///     .connect_lazy();
    /// # drop(channel);
    /// # }
    /// ```
    #[must_use]
    pub fn resolver<F, R>(mut self, factory: F) -> Self
    where
        F: Fn(&str) -> R + Send + Sync + 'static,
        R: Resolver,
    {
        self.resolver = Some(Arc::new(move |name| Box::new(factory(name))));
        self.read_custom_target();
        self
    }

    /// How often a host name is looked up at most. 30 seconds unless set. It is looked up again when a connection was
    /// lost or could not be opened.
    #[must_use]
    pub fn dns_interval_min(mut self, interval: Duration) -> Self {
        self.dns_interval_min = interval;
        self
    }

    /// Connects through this HTTP proxy (CONNECT), wherever the connections go: `http://user:password@host:port`.
    /// Host names are looked up by the proxy.
    ///
    /// Without this setting the environment variables `https_proxy` and `no_proxy` decide (or `grpc_proxy` and
    /// `no_grpc_proxy`, which go first, or `HTTPS_PROXY` and `NO_PROXY`), and connections to the loopback use no proxy.
    /// Nor do the addresses that a resolver of your own finds, unless they are names
    /// ([`Address::Host`]). Unix sockets and servers in the process never use one.
    ///
    /// ```
    /// use seltzer::Channel;
    ///
    /// let endpoint = Channel::builder("https://greeter.example").proxy("http://gate.example:8080");
    /// # drop(endpoint);
    /// ```
    #[must_use]
    pub fn proxy(mut self, url: impl AsRef<str>) -> Self {
        let proxy = Proxy::parse(url.as_ref()).map_err(|why| {
            Error::new(Step::Connect, format!("`Endpoint::proxy` was given what is no proxy's URL: {why}"))
                .with_hint("write http://host:port")
        });
        self.proxy = ProxyChoice::Always(proxy);
        self
    }

    /// Connects without a proxy, whatever the environment says.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::Never;
        self
    }

    /// Everything behind any of several targets. The settings are those of the first.
    pub(crate) fn joined(endpoints: Vec<Endpoint>) -> Result<Endpoint, Error> {
        let mut targets = Vec::new();
        for endpoint in &endpoints {
            targets.push(endpoint.target.clone()?);
        }
        let Some(first) = targets.first() else {
            return Err(Error::new(Step::Target, "the list of endpoints is empty").with_hint("name one at least"));
        };
        if let Some(other) = targets.iter().find(|target| target.encrypted != first.encrypted) {
            return Err(Error::new(Step::Target, format!("one of {first} and {other} has TLS, and the other not"))
                .with_hint("all endpoints of a list share the settings of the first"));
        }
        #[cfg(feature = "_tls")]
        if let Some(other) = targets.iter().find(|target| target.host() != first.host())
            && first.encrypted
            && endpoints[0].origin.is_none()
            && !endpoints[0].tls.as_ref().is_some_and(crate::transport::tls::ClientTlsConfig::has_domain_name)
        {
            return Err(Error::new(Step::Tls, format!("certificates of {first} and {other} are for different names"))
                .with_hint("name the one that all have by `ClientTlsConfig::domain_name` of the first endpoint"));
        }
        let written = targets.iter().map(|target| &*target.written).collect::<Vec<_>>().join(",");
        let target = Target { address: TargetAddress::Custom(written.clone()), written, ..first.clone() };
        let mut joined = endpoints[0].clone();
        if joined.balance.picks_first() {
            joined.balance = Balance::RoundRobin;
        }
        let bounds = joined.backoff;
        joined.target = Ok(target);
        joined.resolver = Some(Arc::new(move |_| {
            Box::new(Joined::new(endpoints.iter().map(Endpoint::make_resolver).collect(), bounds))
        }));
        Ok(joined)
    }

    /// What finds the target's addresses.
    pub(in crate::client) fn make_resolver(&self) -> Box<dyn AnyResolver> {
        let target = match &self.target {
            Ok(target) => target,
            Err(error) => return Box::new(Unusable(error.clone())),
        };
        let route = |address: &Address| self.proxy.route(address, proxy::environment);
        let found = match (&self.resolver, &target.address) {
            (Some(factory), TargetAddress::Custom(name)) => return factory(name),
            (None, TargetAddress::Custom(_)) => Err(Error::new(Step::Resolve, "it has no resolver")),
            (_, TargetAddress::Fixed(addresses)) => addresses.iter().map(route).collect(),
            (_, TargetAddress::Name { host, port }) => {
                let unknown = Address::Host { host: host.clone(), port: *port };
                match self.proxy.proxy_of(&unknown, proxy::environment) {
                    Ok(None) => return Box::new(Dns::new(host, *port, self.dns_interval_min)),
                    // The proxy looks it up.
                    Ok(Some(_)) => Ok(vec![unknown]),
                    Err(error) => Err(error),
                }
            }
        };
        match found {
            Ok(addresses) => Box::new(Fixed::new(addresses.into_iter().map(ResolvedEndpoint::new).collect())),
            Err(error) => Box::new(Unusable(error)),
        }
    }

    /// Reads the target as its resolver will.
    pub(super) fn read_custom_target(&mut self) {
        let is_https = self.written().split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"));
        let encrypted = is_https || self.target.as_ref().is_ok_and(|target| target.encrypted);
        #[cfg(feature = "_tls")]
        let encrypted = encrypted || self.tls.is_some();
        let written = self.written().to_owned();
        self.target = Target::custom(&written, self.origin.as_ref(), encrypted).and_then(Endpoint::possible);
    }
}

/// Says what is wrong with the target.
struct Unusable(Error);

impl Resolver for Unusable {
    async fn next(&mut self, _: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
        Err(Box::new(self.0.clone()))
    }
}
