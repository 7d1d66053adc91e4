//! `grpc.channelz.v1.Channelz`, as its contract says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use seltzer::channelz::pb::address::Address;
use seltzer::channelz::pb::channel_connectivity_state::State;
use seltzer::channelz::pb::channelz_client::ChannelzClient;
use seltzer::channelz::pb::{
    GetChannelRequest, GetServerRequest, GetServerSocketsRequest, GetServersRequest, GetSocketRequest,
    GetSubchannelRequest, GetTopChannelsRequest, Server as Shown, SocketData, SocketRef,
};
use seltzer::channelz::{Channelz, RESULTS_MAX};
use seltzer::client::balance::{Balance, WeightedRoundRobin};
use seltzer::prost_types::Timestamp;
use seltzer::services::schemas::helloworld::HelloRequest;
use seltzer::services::schemas::helloworld::greeter_client::GreeterClient;
use seltzer::services::schemas::route_guide::Point;
use seltzer::services::schemas::route_guide::route_guide_client::RouteGuideClient;
use seltzer::services::schemas::simple_cal::AddRequest;
use seltzer::services::schemas::simple_cal::cal_client::CalClient;
use seltzer::services::{self, Settings};
use seltzer::{Channel, Code, Server};

use crate::support::{Running, endpoint, patiently, raw};

/// The demo services, counted, and who asks about them over a connection that is not counted.
async fn counted() -> (Running, Channelz, ChannelzClient) {
    let channelz = Channelz::new();
    let server = services::add_to(Server::builder().shown_in(&channelz), &Settings::default());
    let asked = Server::builder().add_service(channelz.service()).serve_in_process().unwrap();
    let client = ChannelzClient::new(Channel::in_process(&asked));
    (Running::start(server).await, channelz, client)
}

async fn servers(client: &ChannelzClient) -> Vec<Shown> {
    let answer = client.get_servers(GetServersRequest::default()).await.unwrap().into_inner();
    assert!(answer.end);
    answer.server
}

async fn sockets(client: &ChannelzClient, server_id: i64) -> Vec<SocketRef> {
    let request = GetServerSocketsRequest { server_id, ..GetServerSocketsRequest::default() };
    let answer = client.get_server_sockets(request).await.unwrap().into_inner();
    assert!(answer.end);
    answer.socket_ref
}

async fn data(client: &ChannelzClient, socket_id: i64) -> SocketData {
    let request = GetSocketRequest { socket_id, summary: false };
    client.get_socket(request).await.unwrap().into_inner().socket.unwrap().data.unwrap()
}

/// Asks until it is as expected: what is counted at the end of a call may be counted after its caller has heard of it.
async fn eventually<T: PartialEq + std::fmt::Debug>(expected: T, mut ask: impl AsyncFnMut() -> T) {
    patiently(async {
        while ask().await != expected {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn is_recent(at: Option<&Timestamp>) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    at.is_some_and(|at| now.as_secs().abs_diff(at.seconds.unsigned_abs()) < 600)
}

/// Streams that began, went well and failed; messages that were sent and that came.
fn counts(data: &SocketData) -> [i64; 5] {
    let SocketData { streams_started, streams_succeeded, streams_failed, messages_sent, messages_received, .. } = data;
    [*streams_started, *streams_succeeded, *streams_failed, *messages_sent, *messages_received]
}

#[tokio::test]
async fn every_kind_of_call_is_counted() {
    let (server, _channelz, client) = counted().await;
    let channel = server.channel().await;
    let server_id = servers(&client).await[0].r#ref.as_ref().unwrap().server_id;
    let socket_id = sockets(&client, server_id).await[0].socket_id;
    let counted = async || counts(&data(&client, socket_id).await);
    assert_eq!(counted().await, [0; 5]);
    assert_eq!(data(&client, socket_id).await.last_remote_stream_created_timestamp, None);

    let cal = CalClient::new(channel.clone());
    let add = |number1| AddRequest { number1, number2: 1 };
    cal.add(add(1)).await.unwrap();
    eventually([1, 1, 0, 1, 1], counted).await;
    assert_eq!(cal.add(add(i32::MAX)).await.unwrap_err().code(), Code::OutOfRange);
    eventually([2, 1, 1, 1, 2], counted).await;
    let hello = HelloRequest { name: "you".to_owned() };
    let mut greetings = GreeterClient::new(channel.clone()).say_hello_stream_reply(hello).await.unwrap().into_inner();
    while greetings.message().await.unwrap().is_some() {}
    eventually([3, 2, 1, 11, 3], counted).await;
    let points = tokio_stream::iter([Point::default(); 5]);
    RouteGuideClient::new(channel).record_route(points).await.unwrap();
    eventually([4, 3, 1, 12, 8], counted).await;
    let data = data(&client, socket_id).await;
    for at in [
        &data.last_remote_stream_created_timestamp,
        &data.last_message_sent_timestamp,
        &data.last_message_received_timestamp,
    ] {
        assert!(is_recent(at.as_ref()), "{at:?}");
    }
    // A method that is not there has a stream as well.
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let answer = raw::send(server.address, "POST", "/nobody.Here/Do", &headers, b"\0\0\0\0\0").await;
    assert_eq!(answer.unwrap().grpc_status(), Some("12"));
    let failed = async || servers(&client).await[0].data.as_ref().unwrap().calls_failed;
    eventually(2, failed).await;
}

#[tokio::test]
async fn a_server_and_its_connections_are_shown_while_they_are_there() {
    let (server, channelz, client) = counted().await;
    let shown = servers(&client).await.remove(0);
    let server_id = shown.r#ref.as_ref().unwrap().server_id;
    assert_eq!(shown.r#ref.unwrap().name, server.address.to_string());
    assert!(is_recent(shown.data.unwrap().trace.unwrap().creation_timestamp.as_ref()));
    let listener = client.get_socket(GetSocketRequest { socket_id: shown.listen_socket[0].socket_id, summary: true });
    let Some(Address::TcpipAddress(local)) =
        listener.await.unwrap().into_inner().socket.unwrap().local.unwrap().address
    else {
        panic!("it listens on TCP")
    };
    assert_eq!((local.ip_address, local.port), (vec![127, 0, 0, 1], i32::from(server.address.port())));
    assert_eq!(sockets(&client, server_id).await, []);

    let channel = server.channel().await;
    CalClient::new(channel.clone()).add(AddRequest::default()).await.unwrap();
    let sockets_now = sockets(&client, server_id).await;
    assert_eq!(sockets_now.len(), 1);
    let socket_id = sockets_now[0].socket_id;
    let socket = client.get_socket(GetSocketRequest { socket_id, summary: false }).await.unwrap().into_inner().socket;
    let socket = socket.unwrap();
    assert_eq!(socket.r#ref.as_ref(), sockets_now.first());
    assert_eq!(socket.security, None);
    let Some(Address::TcpipAddress(remote)) = socket.remote.unwrap().address else { panic!("it came over TCP") };
    assert_eq!(remote.ip_address, [127, 0, 0, 1]);
    assert_ne!(remote.port, i32::from(server.address.port()));
    let by_number = client.get_server(GetServerRequest { server_id }).await.unwrap().into_inner().server.unwrap();
    assert_eq!(by_number, servers(&client).await.remove(0));

    drop(channel);
    eventually(0, async || sockets(&client, server_id).await.len()).await;
    let gone = client.get_socket(GetSocketRequest { socket_id, summary: false }).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    // What a connection counted is its server's when it is gone.
    let calls = servers(&client).await.remove(0).data.unwrap();
    assert_eq!((calls.calls_started, calls.calls_succeeded, calls.calls_failed), (1, 1, 0));
    assert!(is_recent(calls.last_call_started_timestamp.as_ref()));
    server.stop().await;
    assert_eq!(servers(&client).await, []);
    assert!(format!("{channelz:?}").contains("servers: 0, sockets: 0"));
}

#[tokio::test]
async fn pages_begin_where_they_are_asked_to_and_say_whether_they_are_the_last() {
    let (server, channelz, client) = counted().await;
    let first = servers(&client).await[0].r#ref.as_ref().unwrap().server_id;
    let mut others = Vec::new();
    for _ in 0..2 {
        others.push(Running::start(Server::builder().shown_in(&channelz)).await);
        eventually(1 + others.len(), async || servers(&client).await.len()).await;
    }
    let ids: Vec<_> = servers(&client).await.iter().map(|server| server.r#ref.as_ref().unwrap().server_id).collect();
    assert!(ids.is_sorted() && ids[0] == first);
    let table: [(i64, i64, &[i64], bool); 8] = [
        (0, 0, &ids, true),
        (0, 3, &ids, true),
        (0, 2, &ids[..2], false),
        (ids[0], 1, &ids[..1], false),
        (ids[0] + 1, 1, &ids[1..2], false),
        (ids[1], 2, &ids[1..], true),
        (ids[2], 1, &ids[2..], true),
        (ids[2] + 1, 0, &[], true),
    ];
    for (start_server_id, max_results, expected, end) in table {
        let request = GetServersRequest { start_server_id, max_results };
        let answer = client.get_servers(request).await.unwrap().into_inner();
        let found: Vec<_> = answer.server.iter().map(|server| server.r#ref.as_ref().unwrap().server_id).collect();
        assert_eq!((&found[..], answer.end), (expected, end), "{request:?}");
    }
    let mut connections = Vec::new();
    for _ in 0..=RESULTS_MAX {
        connections.push(server.channel().await);
    }
    let page = async |start_socket_id, max_results| {
        let request = GetServerSocketsRequest { server_id: first, start_socket_id, max_results };
        let answer = client.get_server_sockets(request).await.unwrap().into_inner();
        (answer.socket_ref, answer.end)
    };
    eventually((RESULTS_MAX, false), async || {
        let (sockets, end) = page(0, 1000).await;
        (sockets.len(), end)
    })
    .await;
    let (sockets, _) = page(0, 0).await;
    let (rest, end) = page(sockets.last().unwrap().socket_id + 1, 0).await;
    assert_eq!((rest.len(), end), (1, true));
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_makes_no_sense_is_refused() {
    let (_server, _channelz, client) = counted().await;
    let outcomes = [
        ("a server", client.get_server(GetServerRequest { server_id: 99 }).await.map(drop), Code::NotFound),
        (
            "its sockets",
            {
                let request = GetServerSocketsRequest { server_id: 99, ..GetServerSocketsRequest::default() };
                client.get_server_sockets(request).await.map(drop)
            },
            Code::NotFound,
        ),
        ("a channel", client.get_channel(GetChannelRequest { channel_id: 99 }).await.map(drop), Code::NotFound),
        (
            "a subchannel",
            { client.get_subchannel(GetSubchannelRequest { subchannel_id: 99 }).await.map(drop) },
            Code::NotFound,
        ),
        (
            "a socket",
            { client.get_socket(GetSocketRequest { socket_id: 99, summary: false }).await.map(drop) },
            Code::NotFound,
        ),
        (
            "a start below zero",
            { client.get_servers(GetServersRequest { start_server_id: -1, max_results: 0 }).await.map(drop) },
            Code::InvalidArgument,
        ),
        (
            "a number below zero",
            { client.get_servers(GetServersRequest { start_server_id: 0, max_results: -1 }).await.map(drop) },
            Code::InvalidArgument,
        ),
    ];
    for (name, outcome, code) in outcomes {
        assert_eq!(outcome.unwrap_err().code(), code, "{name}");
    }
    let channels = client.get_top_channels(GetTopChannelsRequest::default()).await.unwrap().into_inner();
    assert!(channels.end && channels.channel.is_empty());
}

#[tokio::test]
async fn a_server_shows_itself() {
    let server = Server::builder().channelz(&Channelz::new()).drain_grace(Duration::ZERO);
    let server = Running::start(server).await;
    let client = ChannelzClient::new(server.channel().await);
    // The call that asks has begun.
    for asked in 1..=3 {
        let calls = servers(&client).await.remove(0).data.unwrap();
        assert_eq!(calls.calls_failed, 0);
        assert!(calls.calls_started < asked + 1, "{calls:?}");
    }
}

#[tokio::test]
async fn a_channel_and_its_backends_are_shown_while_they_are_there() {
    let (server, channelz, client) = counted().await;
    let channels = async || {
        let answer = client.get_top_channels(GetTopChannelsRequest::default()).await.unwrap().into_inner();
        assert!(answer.end);
        answer.channel
    };
    let channel = endpoint(server.uri()).shown_in(&channelz).connect_lazy();
    let shown = channels().await.remove(0);
    let channel_id = shown.r#ref.unwrap().channel_id;
    let data = shown.data.unwrap();
    assert_eq!((data.target, data.state.unwrap().state()), (server.uri(), State::Idle));
    assert!(is_recent(data.trace.unwrap().creation_timestamp.as_ref()));
    assert_eq!((shown.subchannel_ref, data.last_call_started_timestamp), (vec![], None));

    let cal = CalClient::new(channel.clone());
    for number1 in [1, 2, i32::MAX] {
        let outcome = cal.add(AddRequest { number1, number2: 1 }).await;
        assert_eq!(outcome.is_ok(), number1 != i32::MAX);
    }
    let greeter = GreeterClient::new(channel.clone());
    let hello = HelloRequest { name: "you".to_owned() };
    let mut greetings = greeter.say_hello_stream_reply(hello).await.unwrap().into_inner();
    while greetings.message().await.unwrap().is_some() {}
    let shown = client.get_channel(GetChannelRequest { channel_id }).await.unwrap().into_inner().channel.unwrap();
    let data = shown.data.unwrap();
    assert_eq!((data.calls_started, data.calls_succeeded, data.calls_failed), (4, 3, 1));
    assert!(is_recent(data.last_call_started_timestamp.as_ref()));
    assert_eq!(data.state.unwrap().state(), State::Ready);
    let subchannel_id = shown.subchannel_ref[0].subchannel_id;
    let request = GetSubchannelRequest { subchannel_id };
    let subchannel = client.get_subchannel(request).await.unwrap().into_inner().subchannel.unwrap();
    assert_eq!(Some(&subchannel.r#ref.unwrap()), shown.subchannel_ref.first());
    let data = subchannel.data.unwrap();
    assert_eq!((data.calls_started, data.calls_succeeded, data.calls_failed), (4, 3, 1));
    assert_eq!((data.target, data.state.unwrap().state()), (server.address.to_string(), State::Ready));

    drop((channel, cal, greeter, greetings));
    eventually(0, async || channels().await.len()).await;
    eventually(Some(Code::NotFound), async || client.get_subchannel(request).await.err().map(|status| status.code()))
        .await;
}

#[tokio::test]
async fn what_others_watch_of_a_channels_calls_they_still_see() {
    let (server, channelz, client) = counted().await;
    // It looks at the reports in each call's trailers.
    let balance = Balance::WeightedRoundRobin(WeightedRoundRobin::new());
    let channel = endpoint(server.uri()).balance(balance).shown_in(&channelz).connect().await.unwrap();
    let cal = CalClient::new(channel);
    for number1 in 0..10 {
        cal.add(AddRequest { number1, number2: 1 }).await.unwrap();
    }
    let channels = client.get_top_channels(GetTopChannelsRequest::default()).await.unwrap().into_inner().channel;
    let data = channels[0].data.as_ref().unwrap();
    assert_eq!((data.calls_started, data.calls_succeeded, data.calls_failed), (10, 10, 0));
}
