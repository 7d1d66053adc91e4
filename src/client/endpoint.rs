//! What a channel is told before it connects.

mod balancing;
mod resolving;
mod retries;
mod speaking;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::uri::Authority;

use crate::client::Channel;
use crate::client::backoff::BackoffBounds;
use crate::client::balance::{Balance, OutlierDetection};
use crate::client::credentials::{AnyCallCredentials, CallCredentials};
use crate::client::endpoint::resolving::ResolverFactory;
use crate::client::endpoint::retries::RetrySettings;
use crate::client::resolve::dns;
use crate::meter::{ChannelMeter, ClientMeter};
use crate::transport::carrier::Carrier;
use crate::transport::connection::ConnectionSettings;
use crate::transport::error::{Error, Step};
use crate::transport::h2::WINDOW_BYTES_MAX;
use crate::transport::keepalive::KeepalivePace;
use crate::transport::proxy::ProxyChoice;
use crate::transport::target::Target;
use crate::transport::tcp::TcpSettings;

/// The receive window of a stream: large enough that one download is not slowed down by round trips of a few
/// milliseconds at a gigabit a second.
const STREAM_WINDOW_BYTES_DEFAULT: u32 = 2 * 1024 * 1024;

/// The receive window of a connection: four streams at full speed.
const CONNECTION_WINDOW_BYTES_DEFAULT: u32 = 8 * 1024 * 1024;

/// The headers or trailers of one answer, as HTTP/2 counts them.
const HEADER_LIST_BYTES_MAX_DEFAULT: u32 = 16 * 1024;

/// How long a peer may take to answer a keepalive ping.
const KEEPALIVE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);

/// A channel without calls for so long closes its connections, as in gRPC's other stacks.
const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30 * 60);

const USER_AGENT: &str = concat!("grpc-rust-seltzer/", env!("CARGO_PKG_VERSION"));

/// A server's address and how to connect to it.
///
/// ```no_run
/// # async fn example() -> Result<(), seltzer::transport::Error> {
/// use std::time::Duration;
/// use seltzer::Channel;
///
/// let channel = Channel::builder("http://127.0.0.1:50051")
///     .connect_timeout(Duration::from_secs(2))
///     .timeout(Duration::from_secs(5))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Endpoint {
    /// A target that cannot be used is reported when the channel connects.
    pub(crate) target: Result<Target, Error>,
    /// What requests name as their authority, where that does not follow from the target.
    origin: Option<Authority>,
    resolver: Option<ResolverFactory>,
    dns_interval_min: Duration,
    pub(super) proxy: ProxyChoice,
    pub(super) connect_timeout: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) user_agent: HeaderValue,
    pub(crate) connection: ConnectionSettings,
    pub(crate) tcp: TcpSettings,
    connections_max: Option<usize>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) backoff: BackoffBounds,
    pub(super) balance: Balance,
    pub(super) outlier_detection: Option<OutlierDetection>,
    #[cfg(feature = "channelz")]
    pub(crate) surround: Option<crate::client::balance::Surround>,
    /// Counts all calls, if anybody wants to know.
    pub(crate) meter: ClientMeter,
    pub(super) retries: RetrySettings,
    /// Who traces calls.
    #[cfg(feature = "telemetry")]
    pub(crate) tracer: Option<Arc<dyn crate::observe::Tracer>>,
    pub(super) health_check: Option<String>,
    pub(super) call_credentials: Option<Arc<dyn AnyCallCredentials>>,
    /// What is spoken instead of gRPC.
    #[cfg(feature = "_client-protocols")]
    protocol: Option<crate::client::ClientProtocol>,
    #[cfg(feature = "_tls")]
    pub(crate) tls: Option<crate::transport::tls::ClientTlsConfig>,
}

impl Endpoint {
    /// Reads a target.
    ///
    /// | target | leads to |
    /// |---|---|
    /// | `http://host:port`, `http://host` | a host, without TLS; the port is 80 unless named |
    /// | `https://host:port`, `https://host` | a host, with TLS; the port is 443 unless named |
    /// | `dns:///host:port`, `host:port` | a host, with TLS if [`tls_config`](Self::tls_config) is set |
    /// | `ipv4:10.0.0.1:50051,10.0.0.2:50051` | addresses, with TLS if it is set |
    /// | `ipv6:[2001:db8::1]:50051,[fe80::1%25eth0]:50051` | the same |
    /// | `unix:PATH`, `unix:///PATH` | a unix socket |
    /// | `unix-abstract:NAME` | a unix socket without a file (Linux) |
    ///
    /// Requests name the host and port as their authority, of several addresses the first, and `localhost` for unix
    /// sockets; [`origin`](Self::origin) names another. Schemes of your own are for [`resolver`](Self::resolver).
    ///
    /// # Errors
    /// It is none of these; or `https://` while no TLS feature is compiled in.
    pub fn new<D>(target: D) -> Result<Self, Error>
    where
        D: TryInto<Self>,
        D::Error: Into<Error>,
    {
        target.try_into().map_err(Into::into)
    }

    /// The same from text.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_shared(target: impl AsRef<str>) -> Result<Self, Error> {
        let target = Target::parse(target.as_ref()).and_then(Self::possible)?;
        Ok(Self::from_target(Ok(target)))
    }

    /// A target that this program can connect to.
    fn possible(target: Target) -> Result<Target, Error> {
        if cfg!(not(feature = "_tls")) && target.encrypted {
            return Err(Error::new(Step::Tls, "this program was built without TLS")
                .with_target(target.to_string())
                .with_hint("turn on seltzer's feature `tls`: cargo add seltzer --features tls"));
        }
        Ok(target)
    }

    /// The same from a fixed text.
    ///
    /// # Panics
    /// As [`new`](Self::new) fails.
    #[must_use]
    pub fn from_static(target: &'static str) -> Self {
        match Self::from_shared(target) {
            Ok(endpoint) => endpoint,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn from_target(target: Result<Target, Error>) -> Self {
        Endpoint {
            target,
            origin: None,
            resolver: None,
            dns_interval_min: dns::INTERVAL_MIN_DEFAULT,
            proxy: ProxyChoice::default(),
            connect_timeout: None,
            timeout: None,
            user_agent: HeaderValue::from_static(USER_AGENT),
            connection: ConnectionSettings {
                carrier: Carrier::default(),
                stream_window_bytes: STREAM_WINDOW_BYTES_DEFAULT,
                connection_window_bytes: CONNECTION_WINDOW_BYTES_DEFAULT,
                header_list_bytes_max: HEADER_LIST_BYTES_MAX_DEFAULT,
                keepalive_interval: None,
                keepalive_timeout: KEEPALIVE_TIMEOUT_DEFAULT,
                keepalive_while_idle: false,
                keepalive_pace: KeepalivePace::default(),
                #[cfg(feature = "http1-client")]
                http1_only: false,
            },
            tcp: TcpSettings { nodelay: true, keepalive: None, user_timeout: None },
            connections_max: None,
            idle_timeout: Some(IDLE_TIMEOUT_DEFAULT),
            backoff: BackoffBounds::default(),
            balance: Balance::default(),
            outlier_detection: None,
            #[cfg(feature = "channelz")]
            surround: None,
            meter: ClientMeter::default(),
            retries: RetrySettings::default(),
            #[cfg(feature = "telemetry")]
            tracer: None,
            health_check: None,
            call_credentials: None,
            #[cfg(feature = "_client-protocols")]
            protocol: None,
            #[cfg(feature = "_tls")]
            tls: None,
        }
    }

    /// After how long the system gives up a connection that acknowledges nothing: where pings are sent, as soon as
    /// they would show it (gRFC A18).
    pub(super) fn user_timeout(&self) -> Option<Duration> {
        self.connection.keepalive_interval.map(|_| self.connection.keepalive_timeout)
    }

    /// Counts the calls of a channel with these settings.
    pub(super) fn channel_meter(&self) -> ChannelMeter {
        if !self.meter.is_on() {
            return ChannelMeter::default();
        }
        self.meter.of_target(&self.target.as_ref().map_or_else(|_| self.written().to_owned(), Target::canonical))
    }

    /// The target as the user wrote it.
    pub(crate) fn written(&self) -> &str {
        match &self.target {
            Ok(target) => &target.written,
            Err(error) => error.target().unwrap_or("?"),
        }
    }

    /// The deadline of every call that has none of its own.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long a connection to an address may take to open, TLS included. Unless set, 20 seconds, or as long as the
    /// pause after a failure would be, if that is longer.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// After how long without a call the channel closes its connections, until the next one. 30 minutes unless set;
    /// `None` is never.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// How many connections to one server the channel may open. One is used as long as the server permits more calls
    /// on it; another opens when calls would have to wait for their turn. 4 unless set, at least 1; over HTTP/1.1, where a
    /// connection carries one call at a time, 32.
    #[must_use]
    pub fn connections_max(mut self, connections: usize) -> Self {
        self.connections_max = Some(connections.max(1));
        self
    }

    /// The pause after the first attempt to connect that failed, and the longest after several; each is 1.6 times as
    /// long as the one before, give or take a fifth. 1 second and 2 minutes unless set.
    #[must_use]
    pub fn reconnect_backoff(mut self, initial: Duration, max: Duration) -> Self {
        self.backoff = BackoffBounds { initial, max };
        self
    }

    /// What proves to servers who calls: each call carries the metadata that these credentials make for it.
    ///
    /// Calls fail where connections are without TLS, see [`CallCredentials`].
    #[must_use]
    pub fn call_credentials(mut self, credentials: impl CallCredentials) -> Self {
        self.call_credentials = Some(Arc::new(credentials));
        self
    }

    /// Encrypts the connection, and says whom to trust.
    ///
    /// # Errors
    /// Nothing today; certificates are read when the channel connects. The result is there because tonic has it.
    #[cfg(feature = "_tls")]
    pub fn tls_config(mut self, config: crate::transport::tls::ClientTlsConfig) -> Result<Self, Error> {
        self.tls = Some(config);
        if let Ok(target) = &mut self.target {
            target.encrypted = true;
        }
        Ok(self)
    }

    /// Puts a name in front of ours in the `user-agent` of every call.
    ///
    /// # Errors
    /// The text cannot stand in a header.
    pub fn user_agent(mut self, name: impl AsRef<str>) -> Result<Self, Error> {
        let text = format!("{} {USER_AGENT}", name.as_ref());
        self.user_agent = HeaderValue::try_from(text).map_err(|_| {
            Error::new(Step::Target, format!("the user agent {:?} is not printable ASCII", name.as_ref()))
        })?;
        Ok(self)
    }

    /// Names this authority in requests, instead of the host that is connected to. With TLS the server's certificate
    /// must be for it, unless `ClientTlsConfig::domain_name` names another.
    ///
    /// # Errors
    /// The text is no authority.
    pub fn origin(mut self, authority: impl AsRef<str>) -> Result<Self, Error> {
        let text = authority.as_ref();
        let text = text.split_once("://").map_or(text, |(_, rest)| rest).trim_end_matches('/');
        let authority: Authority =
            text.parse().map_err(|error| Error::new(Step::Target, format!("{text:?} is not an authority: {error}")))?;
        if let Ok(target) = &mut self.target {
            target.authority = authority.clone();
        }
        self.origin = Some(authority);
        if self.resolver.is_some() {
            self.read_custom_target();
        }
        Ok(self)
    }

    /// The receive window of a stream, in bytes. 2 MiB unless set, or set to `None`.
    #[must_use]
    pub fn initial_stream_window_size(mut self, bytes: impl Into<Option<u32>>) -> Self {
        self.connection.stream_window_bytes = bytes.into().unwrap_or(STREAM_WINDOW_BYTES_DEFAULT).min(WINDOW_BYTES_MAX);
        self
    }

    /// The receive window of the connection, in bytes. 8 MiB unless set, or set to `None`.
    #[must_use]
    pub fn initial_connection_window_size(mut self, bytes: impl Into<Option<u32>>) -> Self {
        self.connection.connection_window_bytes =
            bytes.into().unwrap_or(CONNECTION_WINDOW_BYTES_DEFAULT).min(WINDOW_BYTES_MAX);
        self
    }

    /// Pings the server at this interval while calls run, and gives the connection up when no answer comes. Off
    /// unless set. A server that finds it too often says so, and the channel waits twice as long on its next
    /// connections.
    #[must_use]
    pub fn http2_keep_alive_interval(mut self, interval: Duration) -> Self {
        self.connection.keepalive_interval = Some(interval);
        self
    }

    /// How long the server may take to answer such a ping. 20 seconds unless set.
    #[must_use]
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.connection.keepalive_timeout = timeout;
        self
    }

    /// Pings even while no call runs. Off unless set: many servers take it for abuse.
    #[must_use]
    pub fn keep_alive_while_idle(mut self, enabled: bool) -> Self {
        self.connection.keepalive_while_idle = enabled;
        self
    }

    /// What carries HTTP/2: our own engine unless set.
    ///
    /// ```
    /// use seltzer::{Channel, transport::Carrier};
    ///
    /// // With the feature `carrier-hyper` there is `Carrier::Hyper`, too.
    /// let endpoint = Channel::builder("http://127.0.0.1:50051").carrier(Carrier::Engine);
    /// # drop(endpoint);
    /// ```
    #[must_use]
    pub fn carrier(mut self, carrier: Carrier) -> Self {
        self.connection.carrier = carrier;
        self
    }

    /// Whether small writes go out at once (TCP_NODELAY). On unless set.
    #[must_use]
    pub fn tcp_nodelay(mut self, enabled: bool) -> Self {
        self.tcp.nodelay = enabled;
        self
    }

    /// After how much idle time the system probes the connection (SO_KEEPALIVE). Off unless set.
    #[must_use]
    pub fn tcp_keepalive(mut self, idle: Option<Duration>) -> Self {
        self.tcp.keepalive = idle;
        self
    }

    /// Opens the connection now.
    ///
    /// # Errors
    /// The step that failed and what to try: resolving, connecting, TLS or HTTP/2.
    pub async fn connect(&self) -> Result<Channel, Error> {
        let channel = self.connect_lazy();
        channel.ready().await?;
        Ok(channel)
    }

    /// A channel that opens its connection with the first call.
    #[must_use]
    pub fn connect_lazy(&self) -> Channel {
        Channel::new(self.clone(), None)
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = Error;

    fn try_from(target: &str) -> Result<Self, Error> {
        Endpoint::from_shared(target)
    }
}

impl TryFrom<String> for Endpoint {
    type Error = Error;

    fn try_from(target: String) -> Result<Self, Error> {
        Endpoint::from_shared(target)
    }
}

impl TryFrom<http::Uri> for Endpoint {
    type Error = Error;

    fn try_from(target: http::Uri) -> Result<Self, Error> {
        Endpoint::from_shared(target.to_string())
    }
}

impl std::str::FromStr for Endpoint {
    type Err = Error;

    fn from_str(target: &str) -> Result<Self, Error> {
        Endpoint::from_shared(target)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("target", &self.written()).finish_non_exhaustive()
    }
}
