//! What there is in a process, by numbers that are not used twice.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

#[cfg(feature = "client")]
use crate::channelz::channels::{ChannelEntry, SubchannelEntry};
use crate::channelz::handler::ChannelzHandler;
use crate::channelz::pb::channelz_server::ChannelzServer;
use crate::context::Peer;
use crate::tally::{Calls, Tallied, Tally, now_us};

/// The servers, connections and channels that callers see. Clones show the same.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use seltzer::channelz::{Channelz, pb};
/// use seltzer::{Channel, Server};
///
/// let server = Server::builder().channelz(&Channelz::new()).serve_in_process()?;
/// let client = pb::channelz_client::ChannelzClient::new(Channel::in_process(&server));
/// let servers = client.get_servers(pb::GetServersRequest::default()).await?.into_inner();
/// assert!(servers.end && servers.server.len() == 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Channelz {
    shared: Arc<Shared>,
}

struct Shared {
    next_id: AtomicI64,
    entries: Mutex<Entries>,
}

#[derive(Default)]
pub(super) struct Entries {
    servers: BTreeMap<i64, Arc<ServerEntry>>,
    sockets: BTreeMap<i64, Arc<SocketEntry>>,
    #[cfg(feature = "client")]
    pub(super) channels: BTreeMap<i64, Arc<ChannelEntry>>,
    #[cfg(feature = "client")]
    pub(super) subchannels: BTreeMap<i64, Arc<SubchannelEntry>>,
}

/// A server that listens.
pub(super) struct ServerEntry {
    pub(super) id: i64,
    pub(super) created_us: i64,
    pub(super) listeners: Vec<Arc<SocketEntry>>,
    /// Its open connections.
    connections: Mutex<BTreeMap<i64, Arc<SocketEntry>>>,
    /// The calls of those that are closed.
    past: Calls,
}

/// A connection, or what waits for connections.
pub(super) struct SocketEntry {
    pub(super) id: i64,
    pub(super) kind: SocketKind,
    pub(super) tally: Arc<Tally>,
}

pub(super) enum SocketKind {
    /// Waits at this address, as people write it.
    Listener(String),
    Connection(Peer),
}

/// Takes a server out when it has ended.
struct Listening {
    channelz: Channelz,
    server: Arc<ServerEntry>,
}

impl Channelz {
    /// Nothing is there yet.
    #[must_use]
    pub fn new() -> Self {
        Channelz { shared: Arc::new(Shared { next_id: AtomicI64::new(1), entries: Mutex::default() }) }
    }

    /// The service that shows it, for a server that is not shown itself.
    #[must_use]
    pub fn service(&self) -> ChannelzServer<ChannelzHandler> {
        ChannelzServer::new(ChannelzHandler::new(self.clone()))
    }

    /// A server listens at these addresses; what is returned is told of its connections, and dropped when it ends.
    pub(super) fn listening(
        self,
        addresses: &[String],
    ) -> impl Fn(&Peer) -> Arc<Tallied> + Send + Sync + 'static + use<> {
        let listener = |address: &String| {
            Arc::new(SocketEntry {
                id: self.next_id(),
                kind: SocketKind::Listener(address.clone()),
                tally: Arc::default(),
            })
        };
        let server = Arc::new(ServerEntry {
            id: self.next_id(),
            created_us: now_us(),
            listeners: addresses.iter().map(listener).collect(),
            connections: Mutex::default(),
            past: Calls::default(),
        });
        let mut entries = self.entries();
        entries.sockets.extend(server.listeners.iter().map(|socket| (socket.id, Arc::clone(socket))));
        entries.servers.insert(server.id, Arc::clone(&server));
        drop(entries);
        let listening = Listening { channelz: self, server };
        move |peer| listening.connected(peer)
    }

    pub(super) fn server(&self, id: i64) -> Option<Arc<ServerEntry>> {
        self.entries().servers.get(&id).cloned()
    }

    /// Servers from this number on, and whether there are no others.
    pub(super) fn servers(&self, start: i64, number: usize) -> (Vec<Arc<ServerEntry>>, bool) {
        page(&self.entries().servers, start, number)
    }

    pub(super) fn socket(&self, id: i64) -> Option<Arc<SocketEntry>> {
        self.entries().sockets.get(&id).cloned()
    }

    #[cfg(feature = "client")]
    pub(super) fn channel(&self, id: i64) -> Option<Arc<ChannelEntry>> {
        self.entries().channels.get(&id).cloned()
    }

    /// Channels from this number on, and whether there are no others.
    #[cfg(feature = "client")]
    pub(super) fn channels(&self, start: i64, number: usize) -> (Vec<Arc<ChannelEntry>>, bool) {
        page(&self.entries().channels, start, number)
    }

    #[cfg(feature = "client")]
    pub(super) fn subchannel(&self, id: i64) -> Option<Arc<SubchannelEntry>> {
        self.entries().subchannels.get(&id).cloned()
    }

    pub(super) fn next_id(&self) -> i64 {
        self.shared.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, Entries> {
        lock(&self.shared.entries)
    }
}

impl ServerEntry {
    /// Its open connections from this number on, and whether there are no others.
    pub(super) fn connections(&self, start: i64, number: usize) -> (Vec<Arc<SocketEntry>>, bool) {
        page(&lock(&self.connections), start, number)
    }

    /// All its calls.
    pub(super) fn calls(&self) -> Calls {
        let calls = Calls::default();
        let connections = lock(&self.connections);
        calls.add(&self.past);
        connections.values().for_each(|connection| calls.add(&connection.tally.calls));
        calls
    }

    /// A connection is closed. Its calls are counted here from now on.
    fn closed(&self, id: i64) {
        let mut connections = lock(&self.connections);
        if let Some(connection) = connections.remove(&id) {
            self.past.add(&connection.tally.calls);
        }
    }
}

impl Listening {
    fn connected(&self, peer: &Peer) -> Arc<Tallied> {
        let id = self.channelz.next_id();
        let tally = Arc::<Tally>::default();
        let kind = SocketKind::Connection(peer.clone());
        let socket = Arc::new(SocketEntry { id, kind, tally: Arc::clone(&tally) });
        lock(&self.server.connections).insert(id, Arc::clone(&socket));
        self.channelz.entries().sockets.insert(id, socket);
        let (server, shared) = (Arc::downgrade(&self.server), Arc::downgrade(&self.channelz.shared));
        Arc::new(Tallied::new(tally, move || {
            if let Some(server) = server.upgrade() {
                server.closed(id);
            }
            forget(&shared, id);
        }))
    }
}

/// Takes a socket out.
fn forget(shared: &Weak<Shared>, socket: i64) {
    if let Some(shared) = shared.upgrade() {
        lock(&shared.entries).sockets.remove(&socket);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut entries = self.channelz.entries();
        entries.servers.remove(&self.server.id);
        for listener in &self.server.listeners {
            entries.sockets.remove(&listener.id);
        }
    }
}

fn page<T>(entries: &BTreeMap<i64, Arc<T>>, start: i64, number: usize) -> (Vec<Arc<T>>, bool) {
    let mut rest = entries.range(start..).map(|(_, entry)| Arc::clone(entry));
    let page = rest.by_ref().take(number).collect();
    (page, rest.next().is_none())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only plain changes happen under these locks, so a poisoned one still holds sound data.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Channelz {
    fn default() -> Self {
        Channelz::new()
    }
}

impl fmt::Debug for Channelz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        f.debug_struct("Channelz")
            .field("servers", &entries.servers.len())
            .field("sockets", &entries.sockets.len())
            .finish_non_exhaustive()
    }
}
