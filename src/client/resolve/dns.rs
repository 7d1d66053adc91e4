//! Host names, by the system's resolver.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::resolve::{Resolution, ResolveError, ResolveRequests, ResolvedEndpoint, Resolver};
use crate::transport::connect::look_up;

/// How often a name is looked up at most, as in gRPC's other stacks: a server that comes and goes must not have its
/// clients flood the name server.
pub(crate) const INTERVAL_MIN_DEFAULT: Duration = Duration::from_secs(30);

/// Looks up a host's A and AAAA records; again when it is asked to, though not too often.
#[derive(Debug)]
pub(crate) struct Dns {
    host: String,
    port: u16,
    interval_min: Duration,
    last: Option<Instant>,
    has_failed: bool,
}

impl Dns {
    pub(crate) fn new(host: &str, port: u16, interval_min: Duration) -> Self {
        Dns { host: host.to_owned(), port, interval_min, last: None, has_failed: false }
    }
}

impl Resolver for Dns {
    async fn next(&mut self, requests: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
        if let Some(last) = self.last {
            requests.wait().await;
            // After a failure its channel pauses by itself.
            if !self.has_failed {
                tokio::time::sleep_until(last + self.interval_min).await;
            }
        }
        let found = look_up(&self.host, self.port).await;
        self.last = Some(Instant::now());
        self.has_failed = found.is_err();
        let endpoints = found?.into_iter().map(ResolvedEndpoint::new).collect();
        Ok(Resolution::new(endpoints))
    }
}
