//! All calls go to the first address that can be connected to.

use std::sync::Arc;

use crate::client::backend::Backend;
use crate::client::balance::{Balancer, Pick, PickCall, Picker, unavailable};
use crate::client::connectivity::ConnectivityState;
use crate::client::resolve::ResolvedEndpoint;

/// One connection, to the first address that takes it, until it is lost. The default.
///
/// Addresses of both families are tried by turns, 250 ms apart (gRFC A61). After all have failed it goes on trying, and
/// calls fail meanwhile (A62).
#[derive(Debug, Default)]
pub(crate) struct PickFirst {
    /// Whether clients with the same addresses are to begin with different ones.
    pub(crate) shuffles: bool,
    /// Whether it was told to connect for the first time; later the next call says so.
    pub(crate) has_begun: bool,
}

impl Balancer for PickFirst {
    fn arrange(&mut self, mut endpoints: Vec<ResolvedEndpoint>) -> Vec<ResolvedEndpoint> {
        if self.shuffles {
            fastrand::shuffle(&mut endpoints);
        }
        let addresses: Vec<_> = endpoints.into_iter().flat_map(|endpoint| endpoint.addresses).collect();
        if addresses.is_empty() { Vec::new() } else { vec![ResolvedEndpoint::with_addresses(addresses)] }
    }

    fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker> {
        // A channel leaves idleness because somebody wants to call.
        if !std::mem::replace(&mut self.has_begun, true) {
            backends.iter().for_each(Backend::connect);
        }
        Arc::new(Placing { backends: backends.to_vec() })
    }
}

struct Placing {
    /// One, or none.
    backends: Vec<Backend>,
}

impl Picker for Placing {
    fn pick(&self, _: &PickCall<'_>) -> Pick {
        let Some(backend) = self.backends.first() else { return Pick::Fail(unavailable(&self.backends)) };
        match backend.state() {
            ConnectivityState::Ready => Pick::To(backend.clone()),
            ConnectivityState::Connecting => Pick::Queue,
            ConnectivityState::Idle => {
                backend.connect();
                Pick::Queue
            }
            ConnectivityState::TransientFailure | ConnectivityState::Shutdown => {
                Pick::Fail(unavailable(&self.backends))
            }
        }
    }
}
