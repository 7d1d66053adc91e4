//! Which backend a call goes to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::client::backend::Backend;
use crate::client::balance::pick_first::PickFirst;
use crate::client::balance::round_robin::RoundRobin;
use crate::client::connectivity::ConnectivityState;
use crate::client::resolve::ResolvedEndpoint;
use crate::status::{Code, Status};

pub(super) mod pick_first;
mod round_robin;

/// How a channel spreads its calls over the servers behind its target.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Balance {
    /// All calls go to the first server that can be connected to (gRFC A62), until it is lost.
    PickFirst {
        /// Whether clients with the same list are to begin with different ones.
        shuffle: bool,
    },
    /// Each call goes to the next of the servers that are connected.
    RoundRobin,
}

impl Default for Balance {
    fn default() -> Self {
        Balance::PickFirst { shuffle: false }
    }
}

impl Balance {
    pub(super) fn build(&self) -> Box<dyn Balancer> {
        match self {
            Balance::PickFirst { shuffle } => Box::new(PickFirst { shuffles: *shuffle, has_begun: false }),
            Balance::RoundRobin => Box::new(RoundRobin),
        }
    }
}

/// Spreads calls over the backends of a channel.
///
/// The channel keeps one [`Backend`] for each endpoint that its resolver found, and calls
/// [`update`](Balancer::update) whenever there are others or one of them has changed its state. It runs on one task;
/// the [`Picker`] that comes of it is asked by all calls, from any thread.
pub trait Balancer: Send + 'static {
    /// Says which backends to keep, given what the resolver found. One for each endpoint unless overridden.
    fn arrange(&mut self, endpoints: Vec<ResolvedEndpoint>) -> Vec<ResolvedEndpoint> {
        endpoints
    }

    /// Looks at all backends, asks those to connect that should ([`Backend::connect`]; one that is connected or
    /// waits after a failure needs no asking), and returns how calls are placed from now on.
    fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker>;

    /// How the channel stands, given its backends. Ready if any is, and so on, unless overridden.
    fn state(&self, backends: &[Backend]) -> ConnectivityState {
        aggregate(backends)
    }
}

/// Places calls. Made by a [`Balancer`], and asked for each attempt of each call.
pub trait Picker: Send + Sync + 'static {
    /// Where this call goes.
    fn pick(&self, call: &PickCall<'_>) -> Pick;
}

/// What a picker may look at.
#[derive(Debug, Clone, Copy)]
pub struct PickCall<'a> {
    /// `/package.Service/Method`.
    pub path: &'a str,
    /// What the caller sends along.
    pub metadata: &'a HeaderMap,
}

/// Where a call goes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Pick {
    /// To this backend.
    To(Backend),
    /// To this backend; whoever observes it hears of its beginning and its end.
    Observed(Backend, Arc<dyn CallObserver>),
    /// Nowhere yet: it waits for the next picker.
    Queue,
    /// Nowhere: it fails, unless it waits for a backend to become ready.
    Fail(Status),
    /// Nowhere: it fails in any case.
    Drop(Status),
}

/// Hears of the calls that a picker has placed.
pub trait CallObserver: Send + Sync + 'static {
    /// A call is about to go to the backend.
    fn begin(&self, backend: &Backend);

    /// The same call is over. Each `begin` is followed by one `end`, from any thread.
    fn end(&self, backend: &Backend, outcome: &CallOutcome<'_>);
}

/// How a call ended, as far as one backend had to do with it.
#[derive(Debug, Clone, Copy)]
pub struct CallOutcome<'a> {
    /// `None`: the caller gave it up before it was over.
    pub code: Option<Code>,
    /// Trailing metadata, where the server sent any.
    pub trailers: Option<&'a HeaderMap>,
    /// From its beginning to its end.
    pub duration: Duration,
}

impl fmt::Debug for dyn CallObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallObserver")
    }
}

impl fmt::Debug for dyn Picker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Picker")
    }
}

/// Ready if any backend is; else connecting, idle or failing, in this order.
#[must_use]
pub fn aggregate(backends: &[Backend]) -> ConnectivityState {
    use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
    let states = || backends.iter().map(Backend::state);
    [Ready, Connecting, Idle].into_iter().find(|state| states().any(|one| one == *state)).unwrap_or(TransientFailure)
}

/// What a call fails with while no backend can take it: UNAVAILABLE, with the last failure of one of them.
#[must_use]
pub fn unavailable(backends: &[Backend]) -> Status {
    match backends.iter().find_map(Backend::last_failure) {
        Some(failure) => failure,
        None => Status::unavailable("there is no backend to send the call to"),
    }
}
