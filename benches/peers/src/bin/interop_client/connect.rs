//! The channel to the server that the flags name.

use std::time::Duration;

use seltzer::Channel;
use seltzer::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::check::Result;
use crate::flags::Flags;
use crate::schemas::TestServiceClient;

/// The authority that signed the certificates of this project's tests.
const TEST_CA: &str = include_str!("../../../../../tests/support/tls/ca.pem");

/// A server on the same machine answers well within this, even a busy one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How to reach the server.
pub(crate) fn endpoint(flags: &Flags) -> Result<Endpoint> {
    let Flags { server_host: host, server_port: port, .. } = flags;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let scheme = if flags.use_tls { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{host}:{port}"))?.connect_timeout(CONNECT_TIMEOUT);
    if let Some(name) = &flags.server_host_override {
        endpoint = endpoint.origin(format!("{name}:{port}"))?;
    }
    if flags.use_tls {
        let mut tls = ClientTlsConfig::new();
        tls = match &flags.ca_file {
            Some(file) => {
                let pem = std::fs::read(file).map_err(|error| format!("--ca_file {}: {error}", file.display()))?;
                tls.ca_certificate(Certificate::from_pem(pem))
            }
            None if flags.use_test_ca => tls.ca_certificate(Certificate::from_pem(TEST_CA)),
            None => tls.with_enabled_roots(),
        };
        if let Some(name) = &flags.server_host_override {
            tls = tls.domain_name(name);
        }
        endpoint = endpoint.tls_config(tls)?;
    }
    Ok(endpoint)
}

/// A channel to the server.
pub(crate) async fn channel(flags: &Flags) -> Result<Channel> {
    Ok(endpoint(flags)?.connect().await?)
}

/// A client of the test service.
pub(crate) async fn client(flags: &Flags) -> Result<TestServiceClient> {
    Ok(TestServiceClient::new(channel(flags).await?))
}
