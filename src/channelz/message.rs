//! What there is, in the schema's words.

use std::net::{IpAddr, SocketAddr};

use prost_types::Timestamp;

#[cfg(feature = "client")]
use crate::channelz::channels::{ChannelEntry, SubchannelEntry};
use crate::channelz::pb;
use crate::channelz::pb::{address, security};
use crate::channelz::registry::{ServerEntry, SocketEntry, SocketKind};
#[cfg(feature = "client")]
use crate::client::ConnectivityState;
use crate::context::Peer;
#[cfg(feature = "client")]
use crate::tally::Calls;
use crate::tally::Events;

pub(super) fn server(server: &ServerEntry) -> pb::Server {
    let calls = server.calls();
    let name = server.listeners.first().map(|listener| listener.name()).unwrap_or_default();
    pb::Server {
        r#ref: Some(pb::ServerRef { server_id: server.id, name }),
        data: Some(pb::ServerData {
            trace: Some(trace(server.created_us)),
            calls_started: number(calls.started.number()),
            calls_succeeded: number(calls.succeeded()),
            calls_failed: number(calls.failed()),
            last_call_started_timestamp: last(&calls.started),
        }),
        listen_socket: server.listeners.iter().map(|listener| socket_ref(listener)).collect(),
    }
}

pub(super) fn socket_ref(socket: &SocketEntry) -> pb::SocketRef {
    pb::SocketRef { socket_id: socket.id, name: socket.name() }
}

pub(super) fn socket(socket: &SocketEntry) -> pb::Socket {
    let (local, remote, security) = match &socket.kind {
        SocketKind::Listener(written) => (Some(listening(written)), None, None),
        SocketKind::Connection(peer) => {
            (peer.local_addr().map(tcp), peer.remote_addr().map(tcp), peer.is_encrypted().then(|| tls(peer)))
        }
    };
    let tally = &socket.tally;
    let data = pb::SocketData {
        streams_started: number(tally.calls.started.number()),
        streams_succeeded: number(tally.calls.succeeded()),
        streams_failed: number(tally.calls.failed()),
        messages_sent: number(tally.sent.number()),
        messages_received: number(tally.received.number()),
        last_remote_stream_created_timestamp: last(&tally.calls.started),
        last_message_sent_timestamp: last(&tally.sent),
        last_message_received_timestamp: last(&tally.received),
        ..pb::SocketData::default()
    };
    pb::Socket {
        r#ref: Some(socket_ref(socket)),
        data: Some(data),
        local,
        remote,
        security,
        remote_name: String::new(),
    }
}

impl SocketEntry {
    /// For people to read.
    fn name(&self) -> String {
        let shown = |address: Option<SocketAddr>| address.map_or_else(|| "?".to_owned(), |address| address.to_string());
        match &self.kind {
            SocketKind::Listener(address) => address.clone(),
            SocketKind::Connection(peer) => format!("{} <- {}", shown(peer.local_addr()), shown(peer.remote_addr())),
        }
    }
}

#[cfg(feature = "client")]
pub(super) fn channel(channel: &ChannelEntry) -> pb::Channel {
    pb::Channel {
        r#ref: Some(pb::ChannelRef { channel_id: channel.id, name: channel.target.clone() }),
        data: Some(channel_data(channel.state(), channel.target.clone(), channel.created_us, &channel.calls)),
        subchannel_ref: channel.subchannels().iter().map(|subchannel| subchannel_ref(subchannel)).collect(),
        ..pb::Channel::default()
    }
}

#[cfg(feature = "client")]
pub(super) fn subchannel(subchannel: &SubchannelEntry) -> pb::Subchannel {
    let state = subchannel.backend.state();
    pb::Subchannel {
        r#ref: Some(subchannel_ref(subchannel)),
        data: Some(channel_data(state, subchannel.target(), subchannel.created_us, &subchannel.calls)),
        ..pb::Subchannel::default()
    }
}

#[cfg(feature = "client")]
fn subchannel_ref(subchannel: &SubchannelEntry) -> pb::SubchannelRef {
    pb::SubchannelRef { subchannel_id: subchannel.id, name: subchannel.target() }
}

#[cfg(feature = "client")]
fn channel_data(state: ConnectivityState, target: String, created_us: i64, calls: &Calls) -> pb::ChannelData {
    use pb::channel_connectivity_state::State;
    let state = match state {
        ConnectivityState::Idle => State::Idle,
        ConnectivityState::Connecting => State::Connecting,
        ConnectivityState::Ready => State::Ready,
        ConnectivityState::TransientFailure => State::TransientFailure,
        ConnectivityState::Shutdown => State::Shutdown,
    };
    pb::ChannelData {
        state: Some(pb::ChannelConnectivityState { state: state.into() }),
        target,
        trace: Some(trace(created_us)),
        calls_started: number(calls.started.number()),
        calls_succeeded: number(calls.succeeded()),
        calls_failed: number(calls.failed()),
        last_call_started_timestamp: last(&calls.started),
        ..pb::ChannelData::default()
    }
}

/// When something was made; what has happened to it since is not kept.
fn trace(created_us: i64) -> pb::ChannelTrace {
    pb::ChannelTrace { creation_timestamp: Some(timestamp(created_us)), ..pb::ChannelTrace::default() }
}

/// An address as people write it.
fn listening(written: &str) -> pb::Address {
    if let Ok(address) = written.parse() {
        return tcp(address);
    }
    let address = match written.strip_prefix("unix:") {
        Some(path) => address::Address::UdsAddress(address::UdsAddress { filename: path.to_owned() }),
        None => address::Address::OtherAddress(address::OtherAddress { name: written.to_owned(), value: None }),
    };
    pb::Address { address: Some(address) }
}

fn tcp(address: SocketAddr) -> pb::Address {
    let ip_address = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let address = address::TcpIpAddress { ip_address, port: address.port().into() };
    pb::Address { address: Some(address::Address::TcpipAddress(address)) }
}

#[cfg_attr(not(feature = "_tls"), allow(unused_variables, reason = "no peer has a certificate then"))]
fn tls(peer: &Peer) -> pb::Security {
    #[cfg(feature = "_tls")]
    let certificate = peer.certificates().and_then(|chain| chain.first());
    #[cfg(feature = "_tls")]
    let remote_certificate = certificate.map(|certificate| certificate.to_vec()).unwrap_or_default();
    #[cfg(not(feature = "_tls"))]
    let remote_certificate = Vec::new();
    let tls = security::Tls { remote_certificate, ..security::Tls::default() };
    pb::Security { model: Some(security::Model::Tls(tls)) }
}

fn last(events: &Events) -> Option<Timestamp> {
    events.last_us().map(timestamp)
}

fn timestamp(us: i64) -> Timestamp {
    let nanos = i32::try_from(us.rem_euclid(1_000_000) * 1_000).expect("less than a second");
    Timestamp { seconds: us.div_euclid(1_000_000), nanos }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
