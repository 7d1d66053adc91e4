//! Opens connections to the addresses that a channel found.

use std::future::Future;
use std::sync::Arc;

use tokio::time::Instant;

use crate::client::Endpoint;
use crate::transport::address::Address;
use crate::transport::connect::connect;
use crate::transport::connection::Connection;
use crate::transport::error::{Error, Step};
use crate::transport::in_process::InProcess;
use crate::transport::io::Io;
use crate::transport::target::Target;
#[cfg(feature = "_tls")]
use crate::transport::tls::TlsConnector;

/// Knows how a channel's connections are made.
pub(super) struct Connector {
    endpoint: Arc<Endpoint>,
    in_process: Option<InProcess>,
    /// Made once: the certificates are read once, and sessions are resumed.
    #[cfg(feature = "_tls")]
    tls: std::sync::OnceLock<TlsConnector>,
}

impl Connector {
    pub(super) fn new(endpoint: Arc<Endpoint>, in_process: Option<InProcess>) -> Self {
        Connector {
            endpoint,
            in_process,
            #[cfg(feature = "_tls")]
            tls: std::sync::OnceLock::new(),
        }
    }

    /// Opens a connection and waits until the server has said its settings.
    ///
    /// # Errors
    /// The step that failed, or that was not over in time.
    pub(super) async fn open(&self, address: &Address, until: Instant) -> Result<Connection, Error> {
        let target = self.endpoint.target.as_ref().map_err(Clone::clone)?;
        let io = self.in_time(Step::Connect, until, self.connect(address, target)).await?;
        let io = self.in_time(Step::Tls, until, self.secure(io, target)).await?;
        let begin = async {
            let connection = Connection::begin(io, &self.endpoint.connection, &target.written).await?;
            connection.established().await?;
            Ok(connection)
        };
        self.in_time(Step::Http2, until, begin).await
    }

    async fn in_time<T>(
        &self,
        step: Step,
        until: Instant,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::time::timeout_at(until, work).await.unwrap_or_else(|_elapsed| {
            let (what, hint) = match step {
                Step::Http2 => ("no word of HTTP/2", "it takes connections, but does it speak gRPC?"),
                Step::Tls => ("no end of its handshake", "does the server speak TLS on this port?"),
                _ => ("no answer", "is the address right, and does a firewall drop packets in between?"),
            };
            let message = format!("{what} within {:?}", self.endpoint.connect_timeout);
            Err(Error::new(step, message).with_target(self.endpoint.written()).with_hint(hint))
        })
    }

    async fn connect(&self, address: &Address, target: &Target) -> Result<Io, Error> {
        match (&self.in_process, address) {
            (Some(server), Address::InProcess) => server
                .connect()
                .await
                .map_err(|error| Error::new(Step::Connect, error.to_string()).with_target(target.to_string())),
            _ => connect(address, target, self.endpoint.tcp).await,
        }
    }

    #[cfg(feature = "_tls")]
    async fn secure(&self, io: Io, target: &Target) -> Result<Io, Error> {
        if !target.encrypted {
            return Ok(io);
        }
        let named = |error: Error| error.or_target(&target.written);
        let connector = match self.tls.get() {
            Some(connector) => connector,
            None => {
                let connector = self.tls_connector(target.host()).map_err(named)?;
                self.tls.get_or_init(|| connector)
            }
        };
        connector.connect(io).await.map(Io::new).map_err(named)
    }

    #[cfg(feature = "_tls")]
    fn tls_connector(&self, host: &str) -> Result<TlsConnector, Error> {
        match &self.endpoint.tls {
            Some(config) => config.connector(host),
            None => crate::transport::tls::ClientTlsConfig::new().with_enabled_roots().connector(host),
        }
    }

    #[cfg(not(feature = "_tls"))]
    #[allow(clippy::unused_async, reason = "with TLS it waits")]
    async fn secure(&self, io: Io, _: &Target) -> Result<Io, Error> {
        Ok(io)
    }
}
