//! Channels: who counts their calls, and what is known of their backends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::channelz::Channelz;
use crate::channelz::registry::lock;
use crate::client::balance::{Around, Balancer, CallObserver, CallOutcome, Pick, PickCall, Picker};
use crate::client::resolve::ResolvedEndpoint;
use crate::client::{Backend, ConnectivityState, Endpoint};
use crate::status::Code;
use crate::tally::{Calls, now_us};

impl Endpoint {
    /// Shows this channel to callers of `channelz`: how it stands, its backends, and the calls that it has sent them,
    /// each attempt for itself.
    ///
    /// ```
    /// use seltzer::{Channel, channelz::Channelz};
    ///
    /// let channelz = Channelz::new();
    /// let channel = Channel::builder("http://127.0.0.1:50051").shown_in(&channelz);
    /// # drop(channel);
    /// ```
    #[must_use]
    pub fn shown_in(mut self, channelz: &Channelz) -> Self {
        let channelz = channelz.clone();
        self.surround = Some(Arc::new(move |target| around(&channelz, target)));
        self
    }
}

/// A channel.
pub(super) struct ChannelEntry {
    pub(super) id: i64,
    pub(super) created_us: i64,
    pub(super) target: String,
    pub(super) calls: Calls,
    standing: Mutex<Standing>,
}

struct Standing {
    state: ConnectivityState,
    /// By the backends' numbers.
    subchannels: BTreeMap<u64, Arc<SubchannelEntry>>,
}

/// A backend of a channel.
pub(super) struct SubchannelEntry {
    pub(super) id: i64,
    pub(super) created_us: i64,
    pub(super) backend: Backend,
    pub(super) calls: Calls,
}

impl ChannelEntry {
    pub(super) fn state(&self) -> ConnectivityState {
        lock(&self.standing).state
    }

    pub(super) fn subchannels(&self) -> Vec<Arc<SubchannelEntry>> {
        lock(&self.standing).subchannels.values().cloned().collect()
    }
}

impl SubchannelEntry {
    /// Its addresses, as people write them.
    pub(super) fn target(&self) -> String {
        let addresses = self.backend.endpoint().addresses;
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

/// Shows a new channel. What is returned lives as long as it does.
fn around(channelz: &Channelz, target: &str) -> Around {
    let standing = Standing { state: ConnectivityState::Idle, subchannels: BTreeMap::new() };
    let channel = Arc::new(ChannelEntry {
        id: channelz.next_id(),
        created_us: now_us(),
        target: target.to_owned(),
        calls: Calls::default(),
        standing: Mutex::new(standing),
    });
    channelz.entries().channels.insert(channel.id, Arc::clone(&channel));
    let shown = Shown { channelz: channelz.clone(), channel };
    Arc::new(move |inner| {
        let (channelz, channel) = (shown.channelz.clone(), Arc::clone(&shown.channel));
        Box::new(ShownBalancer { inner, channelz, channel })
    })
}

/// Takes a channel out when it is gone.
struct Shown {
    channelz: Channelz,
    channel: Arc<ChannelEntry>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.channelz.entries().channels.remove(&self.channel.id);
    }
}

/// A balancer that is watched.
struct ShownBalancer {
    inner: Box<dyn Balancer>,
    channelz: Channelz,
    channel: Arc<ChannelEntry>,
}

impl ShownBalancer {
    /// Shows these backends and no others, and returns them with what counts their calls.
    fn show(&self, backends: &[Backend]) -> BTreeMap<u64, Arc<Counting>> {
        let (mut standing, mut entries) = (lock(&self.channel.standing), self.channelz.entries());
        let mut old = std::mem::take(&mut standing.subchannels);
        for backend in backends {
            let subchannel = old.remove(&backend.id()).unwrap_or_else(|| {
                let (id, created_us) = (self.channelz.next_id(), now_us());
                let calls = Calls::default();
                Arc::new(SubchannelEntry { id, created_us, backend: backend.clone(), calls })
            });
            entries.subchannels.insert(subchannel.id, Arc::clone(&subchannel));
            standing.subchannels.insert(backend.id(), subchannel);
        }
        for gone in old.values() {
            entries.subchannels.remove(&gone.id);
        }
        let counting = |subchannel: &Arc<SubchannelEntry>| {
            let (channel, subchannel) = (Arc::clone(&self.channel), Arc::clone(subchannel));
            Arc::new(Counting { channel, subchannel, also: None })
        };
        standing.subchannels.iter().map(|(number, subchannel)| (*number, counting(subchannel))).collect()
    }
}

impl Balancer for ShownBalancer {
    fn arrange(&mut self, endpoints: Vec<ResolvedEndpoint>) -> Vec<ResolvedEndpoint> {
        self.inner.arrange(endpoints)
    }

    fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker> {
        let inner = self.inner.update(backends);
        Arc::new(ShownPicker { inner, counting: self.show(backends) })
    }

    fn state(&self, backends: &[Backend]) -> ConnectivityState {
        let state = self.inner.state(backends);
        lock(&self.channel.standing).state = state;
        state
    }

    fn update_after(&self) -> Option<Duration> {
        self.inner.update_after()
    }
}

impl Drop for ShownBalancer {
    /// The channel is idle, or has another balancer now.
    fn drop(&mut self) {
        self.show(&[]);
        lock(&self.channel.standing).state = ConnectivityState::Idle;
    }
}

struct ShownPicker {
    inner: Arc<dyn Picker>,
    counting: BTreeMap<u64, Arc<Counting>>,
}

impl Picker for ShownPicker {
    fn pick(&self, call: &PickCall<'_>) -> Pick {
        let (backend, also) = match self.inner.pick(call) {
            Pick::To(backend) => (backend, None),
            Pick::Observed(backend, also) => (backend, Some(also)),
            other => return other,
        };
        // Whoever only wants to be connected calls nothing.
        let counting = self.counting.get(&backend.id()).filter(|_| !call.path.is_empty());
        let Some(counting) = counting else {
            return match also {
                Some(also) => Pick::Observed(backend, also),
                None => Pick::To(backend),
            };
        };
        let observer = match also {
            None => Arc::clone(counting),
            Some(also) => {
                let (channel, subchannel) = (Arc::clone(&counting.channel), Arc::clone(&counting.subchannel));
                Arc::new(Counting { channel, subchannel, also: Some(also) })
            }
        };
        Pick::Observed(backend, observer)
    }
}

/// Counts the calls of a channel to one of its backends.
struct Counting {
    channel: Arc<ChannelEntry>,
    subchannel: Arc<SubchannelEntry>,
    /// Whoever else wants to hear of them.
    also: Option<Arc<dyn CallObserver>>,
}

impl CallObserver for Counting {
    fn begin(&self, backend: &Backend) {
        self.channel.calls.began();
        self.subchannel.calls.began();
        if let Some(also) = &self.also {
            also.begin(backend);
        }
    }

    fn end(&self, backend: &Backend, outcome: &CallOutcome<'_>) {
        let code = outcome.code.unwrap_or(Code::Cancelled);
        self.channel.calls.ended(code);
        self.subchannel.calls.ended(code);
        if let Some(also) = &self.also {
            also.end(backend, outcome);
        }
    }
}
