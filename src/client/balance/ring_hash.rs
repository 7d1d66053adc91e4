//! Calls with the same key go to the same backend.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use crate::client::backend::Backend;
use crate::client::balance::ring::{Ring, hash};
use crate::client::balance::{Balancer, Pick, PickCall, Picker, unavailable};
use crate::client::connectivity::ConnectivityState;
use crate::client::resolve::ResolvedEndpoint;
use crate::transport::error::{Error, Step};

// The sizes that gRPC's clients use and permit by themselves (gRFC A42).
const MIN_RING_SIZE_DEFAULT: usize = 1024;
const MAX_RING_SIZE_DEFAULT: usize = 4096;

/// More places than this, at 16 bytes each, nobody needs.
const RING_SIZE_MAX: usize = 8 * 1024 * 1024;

/// How [`Balance::RingHash`](crate::client::balance::Balance::RingHash) works (gRFCs A42 and A76).
///
/// Backends have places on a ring, by the hash of their addresses; a call has one by the hash of a header, and goes to
/// the next backend from there. So calls with the same key go to the same server, and when servers come or go few keys
/// move. Backends are connected when the first call for them comes; a call whose backend fails goes to the next.
///
/// ```
/// use seltzer::Channel;
/// use seltzer::client::balance::{Balance, RingHash};
///
/// # fn main() -> Result<(), seltzer::transport::Error> {
/// let by_user = Balance::RingHash(RingHash::new().request_hash_header("x-user-id")?);
/// let channel = Channel::builder("dns:///cache:50051").balance(by_user);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingHash {
    min_ring_size: usize,
    max_ring_size: usize,
    request_hash_header: Option<HeaderName>,
}

impl Default for RingHash {
    fn default() -> Self {
        RingHash {
            min_ring_size: MIN_RING_SIZE_DEFAULT,
            max_ring_size: MAX_RING_SIZE_DEFAULT,
            request_hash_header: None,
        }
    }
}

impl RingHash {
    /// With gRPC's defaults, and each call at a place by lot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many places the ring has at least: with more, calls follow weights more closely. 1024 unless set, at most
    /// 8 388 608.
    #[must_use]
    pub fn min_ring_size(mut self, places: usize) -> Self {
        self.min_ring_size = places.clamp(1, RING_SIZE_MAX);
        self
    }

    /// How many it has at most, whatever the least is. 4096 unless set, at most 8 388 608.
    #[must_use]
    pub fn max_ring_size(mut self, places: usize) -> Self {
        self.max_ring_size = places.clamp(1, RING_SIZE_MAX);
        self
    }

    /// The metadata of a call that is its key; several values of that name are one, joined by commas. A call without
    /// it goes to a place by lot, but to a backend that is connected if there is any.
    ///
    /// # Errors
    /// It cannot be the name of metadata in text (names that end in `-bin` are of bytes).
    pub fn request_hash_header(mut self, name: &str) -> Result<Self, Error> {
        let parsed = HeaderName::try_from(name).ok().filter(|parsed| !parsed.as_str().ends_with("-bin"));
        let Some(parsed) = parsed else {
            return Err(Error::new(Step::Target, format!("{name:?} cannot be a ring hash's request header"))
                .with_hint("name metadata in text, such as \"x-user-id\""));
        };
        self.request_hash_header = Some(parsed);
        Ok(self)
    }
}

/// Keeps the ring.
#[derive(Debug)]
pub(super) struct RingHashBalancer {
    settings: RingHash,
    ring: Option<Made>,
}

/// A ring, and of whom it was made.
#[derive(Debug)]
struct Made {
    owners: Vec<(String, u32)>,
    ring: Arc<Ring>,
}

impl RingHashBalancer {
    pub(super) fn new(settings: RingHash) -> Self {
        RingHashBalancer { settings, ring: None }
    }

    fn ring(&mut self, backends: &[Backend]) -> Arc<Ring> {
        let owners: Vec<_> = backends.iter().map(|backend| owner(&backend.endpoint())).collect();
        match &self.ring {
            Some(made) if made.owners == owners => Arc::clone(&made.ring),
            _ => {
                let RingHash { min_ring_size, max_ring_size, .. } = self.settings;
                let ring = Arc::new(Ring::new(&owners, min_ring_size.min(max_ring_size), max_ring_size));
                self.ring = Some(Made { owners, ring: Arc::clone(&ring) });
                ring
            }
        }
    }
}

/// What places an endpoint on the ring, and how often.
fn owner(endpoint: &ResolvedEndpoint) -> (String, u32) {
    let key = match (&endpoint.hash_key, endpoint.addresses.first()) {
        (Some(key), _) => key.clone(),
        (None, Some(address)) => address.to_string(),
        (None, None) => String::new(),
    };
    (key, endpoint.weight.max(1))
}

impl Balancer for RingHashBalancer {
    /// One that was named several times has the weights of all.
    fn arrange(&mut self, endpoints: Vec<ResolvedEndpoint>) -> Vec<ResolvedEndpoint> {
        let mut merged: Vec<ResolvedEndpoint> = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            match merged.iter_mut().find(|known| known.addresses == endpoint.addresses) {
                Some(known) => known.weight = known.weight.saturating_add(endpoint.weight),
                None => merged.push(endpoint),
            }
        }
        merged
    }

    fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker> {
        use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
        let ring = self.ring(backends);
        let states: Vec<_> = backends.iter().map(Backend::state).collect();
        // Calls pass over backends that fail, and might never ask another one to connect while the channel fails.
        if states.contains(&TransientFailure)
            && !states.contains(&Ready)
            && !states.contains(&Connecting)
            && let Some(idle) = states.iter().position(|state| *state == Idle)
        {
            backends[idle].connect();
        }
        Arc::new(Walks { ring, backends: backends.to_vec(), header: self.settings.request_hash_header.clone() })
    }

    /// Failing if two backends fail and none is ready: with one alone, calls have somewhere to go.
    fn state(&self, backends: &[Backend]) -> ConnectivityState {
        use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
        let count = |state| backends.iter().filter(|backend| backend.state() == state).count();
        match (count(Ready), count(TransientFailure), count(Connecting), count(Idle)) {
            (1.., ..) => Ready,
            (0, 2.., ..) => TransientFailure,
            (0, _, 1.., _) => Connecting,
            (0, 1, 0, _) if backends.len() > 1 => Connecting,
            (0, _, 0, 1..) => Idle,
            _ => TransientFailure,
        }
    }
}

struct Walks {
    ring: Arc<Ring>,
    backends: Vec<Backend>,
    header: Option<HeaderName>,
}

impl Walks {
    /// The hash of a call's key, if it has one.
    fn key(&self, metadata: &HeaderMap) -> Option<u64> {
        let mut values = metadata.get_all(self.header.as_ref()?).iter();
        let first = values.next()?;
        let Some(second) = values.next() else { return Some(hash(first.as_bytes())) };
        let mut joined = [first.as_bytes(), second.as_bytes()].join(&b',');
        for value in values {
            joined.push(b',');
            joined.extend_from_slice(value.as_bytes());
        }
        Some(hash(&joined))
    }

    /// To the backend of this hash, or the first after it that does not fail.
    fn by_key(&self, hash: u64) -> Pick {
        for backend in self.ring.walk(hash).map(|index| &self.backends[index]) {
            match backend.state() {
                ConnectivityState::Ready => return Pick::To(backend.clone()),
                ConnectivityState::Idle => {
                    backend.connect();
                    return Pick::Queue;
                }
                ConnectivityState::Connecting => return Pick::Queue,
                ConnectivityState::TransientFailure | ConnectivityState::Shutdown => {}
            }
        }
        Pick::Fail(unavailable(&self.backends))
    }

    /// To the first backend from here that is connected; if there is none, to the first that is going to be.
    fn by_lot(&self, hash: u64) -> Pick {
        let mut is_connecting = self.backends.iter().any(|backend| backend.state() == ConnectivityState::Connecting);
        for backend in self.ring.walk(hash).map(|index| &self.backends[index]) {
            match backend.state() {
                ConnectivityState::Ready => return Pick::To(backend.clone()),
                ConnectivityState::Idle if !is_connecting => {
                    backend.connect();
                    is_connecting = true;
                }
                _ => {}
            }
        }
        if is_connecting { Pick::Queue } else { Pick::Fail(unavailable(&self.backends)) }
    }
}

impl Picker for Walks {
    fn pick(&self, call: &PickCall<'_>) -> Pick {
        match self.key(call.metadata) {
            Some(hash) => self.by_key(hash),
            None => self.by_lot(fastrand::u64(..)),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::client::backend::Wish;
    use crate::client::balance::tests::{backends, endpoint};
    use crate::client::connectivity::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};

    fn balancer() -> RingHashBalancer {
        RingHashBalancer::new(RingHash::new().request_hash_header("x-key").expect("it is a name"))
    }

    fn pick_for(picker: &dyn Picker, keys: &[&str]) -> Pick {
        let mut metadata = HeaderMap::new();
        for key in keys {
            metadata.append("x-key", HeaderValue::from_str(key).expect("it is text"));
        }
        picker.pick(&PickCall { path: "/a.B/C", metadata: &metadata })
    }

    /// Where a key leads among three ready backends, and the rest of its walk.
    fn walk(key: &str) -> Vec<usize> {
        let mut balancer = balancer();
        balancer.ring(&backends(&[Ready, Ready, Ready])).walk(hash(key.as_bytes())).collect()
    }

    #[test]
    fn a_key_has_one_backend() {
        let backends = backends(&[Ready, Ready, Ready]);
        let picker = balancer().update(&backends);
        for keys in [&["a"][..], &["b"], &["a", "b"], &["a", "b", "c"], &["a,b,c"]] {
            let own = walk(&keys.join(","))[0];
            for _ in 0..3 {
                assert!(matches!(pick_for(&*picker, keys), Pick::To(to) if to.is_same(&backends[own])), "{keys:?}");
            }
        }
    }

    #[test]
    fn a_walk_passes_over_failing_backends_and_connects_idle_ones() {
        // States in the order of the key's walk; where it goes (`None`: it waits), and whom it asks to connect.
        let table = [
            ([Ready, Idle, Idle], Some(0), None),
            ([Idle, Ready, Ready], None, Some(0)),
            ([Connecting, Ready, Ready], None, None),
            ([TransientFailure, Ready, Idle], Some(1), None),
            ([TransientFailure, Idle, Ready], None, Some(1)),
            ([TransientFailure, Connecting, Ready], None, None),
            ([TransientFailure, TransientFailure, Idle], None, Some(2)),
        ];
        let order = walk("k");
        for (states, to, asked) in table {
            let mut placed = [Idle; 3];
            (0..3).for_each(|at| placed[order[at]] = states[at]);
            let backends = backends(&placed);
            let picker = balancer().update(&backends);
            let went = match pick_for(&*picker, &["k"]) {
                Pick::To(backend) => order.iter().position(|index| backends[*index].is_same(&backend)),
                Pick::Queue => None,
                other => panic!("{states:?}: {other:?}"),
            };
            let connects = (0..3).find(|at| backends[order[*at]].take_wish(Wish::Connect));
            assert_eq!((went, connects), (to, asked), "{states:?}");
        }
        let picker = balancer().update(&backends(&[TransientFailure, TransientFailure, TransientFailure]));
        assert!(matches!(pick_for(&*picker, &["k"]), Pick::Fail(_)));
    }

    #[test]
    fn without_a_key_connected_backends_come_first() {
        let table = [
            (vec![Idle, Ready, Idle], Some(1)),
            (vec![TransientFailure, Connecting, Ready], Some(2)),
            (vec![Idle, Idle, Idle], None),
            (vec![Connecting, Idle, TransientFailure], None),
        ];
        for (states, to) in table {
            let backends = backends(&states);
            let picker = balancer().update(&backends);
            for _ in 0..10 {
                let went = match pick_for(&*picker, &[]) {
                    Pick::To(backend) => backends.iter().position(|one| one.is_same(&backend)),
                    Pick::Queue => None,
                    other => panic!("{states:?}: {other:?}"),
                };
                assert_eq!(went, to, "{states:?}");
            }
            let wishes = backends.iter().filter(|backend| backend.take_wish(Wish::Connect)).count();
            if states.contains(&Connecting) {
                assert_eq!(wishes, 0, "{states:?}: one that connects is enough");
            } else {
                assert!(wishes <= 10, "{states:?}");
            }
        }
    }

    #[test]
    fn the_channel_stands_as_the_ring_can_be_used() {
        let table = [
            (vec![TransientFailure, TransientFailure, Ready], Ready, false),
            (vec![TransientFailure, TransientFailure, Idle], TransientFailure, true),
            (vec![TransientFailure, TransientFailure, Connecting], TransientFailure, false),
            (vec![TransientFailure, Connecting, Idle], Connecting, false),
            (vec![TransientFailure, Idle, Idle], Connecting, true),
            (vec![Connecting, Idle, Idle], Connecting, false),
            (vec![Idle, Idle], Idle, false),
            (vec![TransientFailure], TransientFailure, false),
        ];
        for (states, expected, connects) in table {
            let backends = backends(&states);
            let mut balancer = balancer();
            drop(balancer.update(&backends));
            assert_eq!(balancer.state(&backends), expected, "{states:?}");
            let wished = backends.iter().any(|backend| backend.take_wish(Wish::Connect));
            assert_eq!(wished, connects, "{states:?}");
        }
    }

    #[test]
    fn an_endpoint_named_twice_counts_twice() {
        let mut balancer = balancer();
        let arranged = balancer.arrange(vec![endpoint(0), endpoint(1).weight(3), endpoint(0).weight(4)]);
        assert_eq!(arranged, [endpoint(0).weight(5), endpoint(1).weight(3)]);
        assert_eq!(owner(&endpoint(1).hash_key("one")), ("one".to_owned(), 1));
        assert_eq!(owner(&endpoint(1).weight(0)), ("10.0.0.1:50051".to_owned(), 1));
    }

    #[test]
    fn header_names_are_checked() {
        for (name, is_good) in [("x-key", true), ("X-Key", true), ("x-key-bin", false), ("x key", false), ("", false)] {
            assert_eq!(RingHash::new().request_hash_header(name).is_ok(), is_good, "{name:?}");
        }
    }
}
