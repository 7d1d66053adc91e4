//! Opens connections to the addresses that a channel found.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::Endpoint;
use crate::deadline::Deadline;
use crate::transport::address::Address;
use crate::transport::connect::connect;
use crate::transport::connection::Connection;
use crate::transport::error::{Error, Step};
use crate::transport::in_process::InProcess;
use crate::transport::io::Io;
use crate::transport::proxy;
use crate::transport::remote::Remote;
use crate::transport::target::Target;
use crate::transport::tcp::TcpSettings;
#[cfg(feature = "_tls")]
use crate::transport::tls::{ClientTls, ClientTlsConfig};

/// Knows how a channel's connections are made.
pub(super) struct Connector {
    endpoint: Arc<Endpoint>,
    in_process: Option<InProcess>,
    /// Made once: the certificates are read once unless they change, and sessions are resumed.
    #[cfg(feature = "_tls")]
    tls: ClientTls,
}

/// When an attempt must be over, and how long that is in all.
#[derive(Clone, Copy)]
struct Limit {
    until: Instant,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(endpoint: Arc<Endpoint>, in_process: Option<InProcess>) -> Self {
        Connector {
            #[cfg(feature = "_tls")]
            tls: ClientTls::new(
                endpoint
                    .tls
                    .clone()
                    .unwrap_or_else(|| ClientTlsConfig::new().with_enabled_roots())
                    .http1_only(endpoint.is_http1()),
                endpoint.target.as_ref().map_or("", Target::host),
            ),
            endpoint,
            in_process,
        }
    }

    /// Opens a connection and waits until the server has said its settings.
    ///
    /// # Errors
    /// The step that failed, or that was not over in time.
    pub(super) async fn open(&self, address: &Address, timeout: Duration) -> Result<Connection, Error> {
        let target = self.endpoint.target.as_ref().map_err(Clone::clone)?;
        if self.endpoint.is_http1() && self.endpoint.speaks_grpc() {
            return Err(Error::new(Step::Connect, "gRPC needs HTTP/2, and the channel has HTTP/1.1 only")
                .with_hint("speak Connect or gRPC-Web with `Endpoint::speak`, or leave out `Endpoint::http1_only`"));
        }
        let remote = Remote::new(target, address);
        let limit = Limit { until: Deadline::after(timeout).tokio_instant(), timeout };
        let open = async {
            let io = in_time(Step::Connect, limit, self.connect(address)).await?;
            let io = in_time(Step::Tls, limit, self.secure(io, target)).await?;
            let begin = async {
                let connection = Connection::begin(io, &self.endpoint.connection, remote.clone()).await?;
                connection.established().await?;
                Ok(connection)
            };
            in_time(Step::Http2, limit, begin).await
        };
        open.await.map_err(|error| remote.name(error))
    }

    async fn connect(&self, address: &Address) -> Result<Io, Error> {
        if let (Some(server), Address::InProcess) = (&self.in_process, address) {
            return server.connect().await.map_err(|error| Error::new(Step::Connect, error.to_string()));
        }
        let settings = TcpSettings { user_timeout: self.endpoint.user_timeout(), ..self.endpoint.tcp };
        match self.endpoint.proxy.proxy_of(address, proxy::environment)? {
            Some(proxy) => proxy.connect(address, settings).await,
            None => connect(address, settings).await,
        }
    }

    #[cfg(feature = "_tls")]
    async fn secure(&self, io: Io, target: &Target) -> Result<Io, Error> {
        if !target.encrypted {
            return Ok(io);
        }
        self.tls.connector().await?.connect(io).await.map(Io::new)
    }

    #[cfg(not(feature = "_tls"))]
    #[allow(clippy::unused_async, reason = "with TLS it waits")]
    async fn secure(&self, io: Io, _: &Target) -> Result<Io, Error> {
        Ok(io)
    }
}

async fn in_time<T>(step: Step, limit: Limit, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout_at(limit.until, work).await.unwrap_or_else(|_elapsed| {
        let (what, hint) = match step {
            Step::Http2 => ("no word of HTTP/2", "it takes connections, but does it speak gRPC?"),
            Step::Tls => ("no end of its handshake", "does the server speak TLS on this port?"),
            _ => ("no answer", "is the address right, and does a firewall drop packets in between?"),
        };
        Err(Error::new(step, format!("{what} within {:?}", limit.timeout)).with_hint(hint))
    })
}
