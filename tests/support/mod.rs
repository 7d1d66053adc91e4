//! What several tests need: a server on a free port, a service that does as it is told, a client and a
//! server of raw HTTP/2.

pub(crate) mod call;
#[cfg(feature = "gateway")]
pub(crate) mod http1;
pub(crate) mod kinds;
pub(crate) mod mirror;
pub(crate) mod page;
pub(crate) mod peer;
pub(crate) mod probe;
pub(crate) mod raw;
pub(crate) mod scripted;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use seltzer::transport::{Carrier, Endpoint};
use seltzer::{BoundServer, Channel, Server};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Long enough for anything that works, short enough to wait for once. A test that needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Names the carrier that servers and channels of tests are on; the engine where it is not set.
pub(crate) const CARRIER_VARIABLE: &str = "SELTZER_TEST_CARRIER";

/// What carries the servers and channels of tests: what gRPC means must not depend on it.
pub(crate) fn carrier() -> Carrier {
    match std::env::var(CARRIER_VARIABLE).as_deref() {
        Ok("hyper") => Carrier::Hyper,
        Ok(other) => panic!("{CARRIER_VARIABLE} is {other:?}, which is no carrier"),
        Err(_) => Carrier::Engine,
    }
}

/// A channel's settings, on the carrier of the tests.
pub(crate) fn endpoint(target: impl AsRef<str>) -> Endpoint {
    Channel::builder(target.as_ref()).carrier(carrier())
}

/// A server that runs until it is stopped or dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Result<(), seltzer::transport::Error>>,
}

impl Running {
    /// Serves on a free port of the loopback.
    pub(crate) async fn start(server: Server) -> Self {
        Self::run(server.carrier(carrier()).bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn run(server: BoundServer) -> Self {
        let address = server.local_addr().unwrap_or_else(|| "127.0.0.1:0".parse().unwrap());
        let (stop, stopped) = oneshot::channel();
        let signal = async move {
            let _ = stopped.await;
        };
        Running { address, stop: Some(stop), ended: tokio::spawn(server.serve_with_shutdown(signal)) }
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn channel(&self) -> Channel {
        endpoint(self.uri()).connect().await.unwrap()
    }

    /// Asks it to stop, without waiting.
    pub(crate) fn begin_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Stops it, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.begin_stop();
        patiently(&mut self.ended).await.unwrap().unwrap();
    }

    pub(crate) async fn ended(&mut self) {
        patiently(&mut self.ended).await.unwrap().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ended.abort();
    }
}

/// Waits for what must happen soon.
pub(crate) async fn patiently<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this should have happened long ago")
}
