//! Which backend a call goes to.
//!
//! [`Balance`] names what a channel can do by itself. Whatever else is wanted is a [`Balancer`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::client::backend::Backend;
use crate::client::balance::least_request::LeastRequestBalancer;
use crate::client::balance::outliers::OutlierBalancer;
use crate::client::balance::pick_first::PickFirst;
use crate::client::balance::ring_hash::RingHashBalancer;
use crate::client::balance::round_robin::RoundRobin;
use crate::client::balance::weighted_round_robin::WeightedRoundRobinBalancer;
use crate::client::connectivity::ConnectivityState;
use crate::client::resolve::ResolvedEndpoint;
use crate::status::{Code, Status};

mod custom;
mod least_request;
mod outlier_detection;
mod outliers;
mod per_backend;
mod pick_first;
mod ring;
mod ring_hash;
mod round_robin;
mod stride;
mod weighted_round_robin;

pub use self::custom::BalancerFactory;
pub use self::least_request::LeastRequest;
pub use self::outlier_detection::{FailurePercentage, OutlierDetection, SuccessRate};
pub use self::ring_hash::RingHash;
pub use self::weighted_round_robin::WeightedRoundRobin;
pub use crate::service::OrcaLoadReport;

/// How a channel spreads its calls over the servers behind its target.
///
/// ```
/// use seltzer::Channel;
/// use seltzer::client::balance::{Balance, LeastRequest};
///
/// let by_turns = Channel::builder("dns:///greeter:50051").balance(Balance::RoundRobin);
/// let to_the_least_busy = Channel::builder("dns:///greeter:50051")
///     .balance(Balance::LeastRequest(LeastRequest::new().choice_count(3)));
/// # drop((by_turns, to_the_least_busy));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Balance {
    /// All calls go to the first server that can be connected to (gRFC A62), until it is lost.
    PickFirst {
        /// Whether clients with the same list are to begin with different ones.
        shuffle: bool,
    },
    /// Each call goes to the next of the servers that are connected.
    RoundRobin,
    /// The same, more often to servers that report to have more room (gRFC A58).
    WeightedRoundRobin(WeightedRoundRobin),
    /// Each call goes to the least busy of a few servers, chosen by lot (gRFC A48).
    LeastRequest(LeastRequest),
    /// Calls with the same key go to the same server (gRFCs A42 and A76).
    RingHash(RingHash),
    /// As a balancer of your own says: see [`Balance::custom`].
    Custom(BalancerFactory),
}

impl Default for Balance {
    fn default() -> Self {
        Balance::PickFirst { shuffle: false }
    }
}

impl Balance {
    /// A balancer of your own, made anew whenever the channel leaves idleness.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use seltzer::client::balance::{Balance, Balancer, Pick, PickCall, Picker, unavailable};
    /// use seltzer::client::{Backend, ConnectivityState};
    /// use seltzer::{Channel, Status};
    ///
    /// /// Reads go to any server, all else to the first.
    /// struct Primary;
    ///
    /// impl Balancer for Primary {
    ///     fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker> {
    ///         backends.iter().for_each(Backend::connect);
    ///         Arc::new(Place { backends: backends.to_vec() })
    ///     }
    /// }
    ///
    /// struct Place {
    ///     backends: Vec<Backend>,
    /// }
    ///
    /// impl Picker for Place {
    ///     fn pick(&self, call: &PickCall<'_>) -> Pick {
    ///         let fits = if call.path.contains("/Get") { &self.backends[..] } else { &self.backends[..1] };
    ///         match fits.iter().rfind(|backend| backend.state() == ConnectivityState::Ready) {
    ///             Some(backend) => Pick::To(backend.clone()),
    ///             None if fits.iter().any(|backend| backend.state() == ConnectivityState::Connecting) => Pick::Queue,
    ///             None => Pick::Fail(unavailable(fits)),
    ///         }
    ///     }
    /// }
    ///
    /// let channel = Channel::builder("dns:///store:50051").balance(Balance::custom(|| Primary));
    /// # drop(channel);
    /// ```
    pub fn custom<B: Balancer>(make: impl Fn() -> B + Send + Sync + 'static) -> Self {
        Balance::Custom(BalancerFactory::new(make))
    }

    pub(super) fn build(&self) -> Box<dyn Balancer> {
        match self {
            Balance::PickFirst { shuffle } => Box::new(PickFirst { shuffles: *shuffle, has_begun: false }),
            Balance::RoundRobin => Box::new(RoundRobin),
            Balance::WeightedRoundRobin(settings) => Box::new(WeightedRoundRobinBalancer::new(settings.clone())),
            Balance::LeastRequest(settings) => Box::new(LeastRequestBalancer::new(settings.clone())),
            Balance::RingHash(settings) => Box::new(RingHashBalancer::new(settings.clone())),
            Balance::Custom(factory) => factory.make(),
        }
    }

    /// The same, with backends ejected that fail too many calls.
    pub(super) fn build_with(&self, detection: Option<&OutlierDetection>) -> Box<dyn Balancer> {
        match (self, detection) {
            (Balance::PickFirst { .. }, _) | (_, None) => self.build(),
            (_, Some(detection)) if !detection.has_rules() => self.build(),
            (_, Some(detection)) => Box::new(OutlierBalancer::new(detection.clone(), self.build())),
        }
    }

    /// Whether all calls go to one connection, and nobody watches what becomes of them.
    pub(super) fn picks_first(&self) -> bool {
        matches!(self, Balance::PickFirst { .. })
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

    /// After how long to call [`update`](Balancer::update) again although nothing has changed. Never, unless
    /// overridden.
    fn update_after(&self) -> Option<Duration> {
        None
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

/// Stands around the balancers of one channel, as long as it lives.
#[cfg(feature = "channelz")]
pub(crate) type Around = Arc<dyn Fn(Box<dyn Balancer>) -> Box<dyn Balancer> + Send + Sync>;

/// What stands around the balancers of a new channel with this target.
#[cfg(feature = "channelz")]
pub(crate) type Surround = Arc<dyn Fn(&str) -> Around + Send + Sync>;

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

/// What tests of balancers share.
#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::*;

    /// The end of a call that went well.
    pub(super) const OUTCOME: CallOutcome<'static> =
        CallOutcome { code: Some(Code::Ok), trailers: None, duration: Duration::ZERO };

    pub(super) fn endpoint(number: u8) -> ResolvedEndpoint {
        ResolvedEndpoint::new(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number)), 50051))
    }

    /// Backends that stand like this.
    pub(super) fn backends(states: &[ConnectivityState]) -> Vec<Backend> {
        (0..).zip(states).map(|(number, state)| Backend::standing_like(endpoint(number), *state)).collect()
    }

    pub(super) fn pick(picker: &dyn Picker) -> Pick {
        picker.pick(&PickCall { path: "/a.B/C", metadata: &HeaderMap::new() })
    }
}
