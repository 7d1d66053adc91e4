//! Binding, unix sockets, in-process servers, draining.

use std::time::{Duration, Instant};

use seltzer::client::ConnectivityState;
use seltzer::transport::Step;
use seltzer::{Channel, Code, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::peer::{self, frame};
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::raw::framed;
use crate::support::{PATIENCE, Running, endpoint, patiently};

fn probe() -> Server {
    Server::builder().add_service(Probe::new().0.server())
}

#[tokio::test]
async fn a_server_within_the_process() {
    let server = probe().serve_in_process().unwrap();
    let client = Client::new(Channel::in_process(&server));
    assert_eq!(text(client.unary_call(ask("hi")).await.unwrap().get_ref()), "hi");
    assert!(text(client.unary_call(ask("peer")).await.unwrap().get_ref()).contains("None"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_served_and_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe.sock");
    let address = format!("unix:{}", path.display());
    // Twice, the second time over a file that a killed server left behind.
    std::os::unix::net::UnixListener::bind(&path).unwrap();
    for _ in 0..2 {
        let server = probe().bind(address.as_str()).await.unwrap();
        assert_eq!(server.addresses(), [address.as_str()]);
        let server = Running::run(server);
        let client = Client::new(endpoint(address.as_str()).connect().await.unwrap());
        assert_eq!(text(client.unary_call(ask("hi")).await.unwrap().get_ref()), "hi");
        let taken = probe().bind(address.as_str()).await.unwrap_err();
        assert_eq!(taken.step(), Step::Bind, "{taken}");
        server.stop().await;
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn several_addresses_are_one_server() {
    let server = probe().bind("127.0.0.1:0").await.unwrap().bind_also("localhost:0").await.unwrap();
    let addresses = server.addresses();
    assert_eq!(addresses.len(), 2);
    let _server = Running::run(server);
    for address in addresses {
        let client = Client::new(endpoint(format!("http://{address}")).connect().await.unwrap());
        assert!(client.unary_call(ask("hi")).await.is_ok(), "{address}");
    }
}

#[tokio::test]
async fn errors_name_the_address_the_step_and_the_remedy() {
    let running = Running::start(probe()).await;
    let taken = probe().bind(running.address).await.unwrap_err();
    assert_eq!(taken.step(), Step::Bind);
    let said = taken.to_string();
    assert!(said.contains(&running.address.to_string()) && said.contains("listen on another port"), "{said}");

    let free = running.address;
    running.stop().await;
    let refused = endpoint(format!("http://{free}")).connect().await.unwrap_err();
    assert_eq!(refused.step(), Step::Connect);
    let said = refused.to_string();
    assert!(said.contains(&free.to_string()) && said.contains("is the server running"), "{said}");

    let unread = endpoint("gopher://host").connect_lazy();
    let status = Client::new(unread).unary_call(ask("hi")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("gopher"), "{}", status.message());

    let unknown = endpoint("http://no-such-host.invalid:1").connect().await.unwrap_err();
    assert_eq!(unknown.step(), Step::Resolve, "{unknown}");
}

/// The client's address, as the server sees it.
async fn seen_from(client: &Client<Channel>) -> String {
    let peer = patiently(client.unary_call(ask("peer"))).await.unwrap();
    text(peer.get_ref()).clone()
}

#[tokio::test]
async fn a_connection_takes_so_many_requests() {
    let server = Running::run(probe().max_connection_requests(2).bind("127.0.0.1:0").await.unwrap());
    let channel = Channel::builder(server.uri()).connect().await.unwrap();
    let client = Client::new(channel);
    let mut peers = Vec::new();
    for _ in 0..6 {
        peers.push(seen_from(&client).await);
    }
    // The goodbye comes before the answer to the last of them.
    peers.dedup();
    assert_eq!(peers.len(), 3, "{peers:?}");
}

#[tokio::test]
async fn old_connections_end_with_their_grace_and_nothing_is_lost() {
    let (probe, mut seen) = Probe::new();
    let server = Server::builder()
        .max_connection_age(Duration::from_millis(300))
        .max_connection_age_grace(Duration::from_millis(100))
        .add_service(probe.server());
    let server = Running::run(server.bind("127.0.0.1:0").await.unwrap());
    let client = Client::new(Channel::builder(server.uri()).connect().await.unwrap());
    let first = seen_from(&client).await;
    let hanging = tokio::spawn({
        let client = client.clone();
        async move { client.unary_call(ask("hang")).await }
    });
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    // Every one of these is answered, whichever connection it comes to.
    patiently(async { while seen_from(&client).await == first {} }).await;
    let status = patiently(hanging).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    patiently(seen.wait_for(|seen| seen.dropped == 1)).await.unwrap();
}

#[tokio::test]
async fn calls_go_on_where_old_connections_have_no_grace() {
    let server = probe().max_connection_age(Duration::from_millis(100));
    let server = Running::run(server.bind("127.0.0.1:0").await.unwrap());
    let client = Client::new(Channel::builder(server.uri()).connect().await.unwrap());
    let first = seen_from(&client).await;
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    let replies = client.streaming_call(tokio_stream::wrappers::ReceiverStream::new(stream)).await;
    let mut replies = replies.unwrap().into_inner();
    for _ in 0..2 {
        patiently(async { while seen_from(&client).await == first {} }).await;
        requests.send(ask("on")).await.unwrap();
        assert_eq!(text(&patiently(replies.message()).await.unwrap().unwrap()), "on");
    }
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let server = probe().max_connection_idle(Duration::from_millis(100));
    let server = Running::run(server.bind("127.0.0.1:0").await.unwrap());
    let channel = Channel::builder(server.uri()).connect().await.unwrap();
    let mut states = channel.watch_state();
    patiently(states.wait_for(|state| *state == ConnectivityState::Idle)).await.unwrap();
    assert!(Client::new(channel).unary_call(ask("hi")).await.is_ok());
}

#[tokio::test]
async fn draining_lets_calls_finish() {
    let (probe, mut seen) = Probe::new();
    let mut server = Running::start(Server::builder().add_service(probe.server())).await;
    let client = Client::new(server.channel().await);
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    requests.send(ask("before")).await.unwrap();
    let mut both =
        client.streaming_call(tokio_stream::wrappers::ReceiverStream::new(stream)).await.unwrap().into_inner();
    assert_eq!(text(&both.message().await.unwrap().unwrap()), "before");
    server.begin_stop();
    // The listener goes first: nobody new gets in.
    patiently(async { while endpoint(server.uri()).connect().await.is_ok() {} }).await;
    requests.send(ask("after")).await.unwrap();
    assert_eq!(text(&patiently(both.message()).await.unwrap().unwrap()), "after");
    drop(requests);
    assert!(patiently(both.message()).await.unwrap().is_none());
    server.ended().await;
    assert_eq!(seen.borrow_and_update().hanging, 0);
}

/// Proxies do that: they send a call with the connection, before they have heard a word.
#[tokio::test]
async fn a_call_that_came_with_its_connection_is_answered_by_a_server_that_goes() {
    let server = probe().bind("127.0.0.1:0").await.unwrap();
    let mut socket = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.testing.BenchmarkService/UnaryCall"),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    let call = [
        peer::PREFACE.to_vec(),
        frame(peer::SETTINGS, 0, 0, &[]),
        frame(peer::HEADERS, peer::END_HEADERS, 1, &peer::block(&fields)),
        frame(peer::DATA, peer::END_STREAM, 1, &framed(0, &[])),
    ];
    socket.write_all(&call.concat()).await.unwrap();
    // Nobody has accepted it yet, and the server is told to stop before it does.
    patiently(server.serve_with_shutdown(async {})).await.unwrap();
    let mut said = Vec::new();
    patiently(socket.read_to_end(&mut said)).await.unwrap();
    let mut kinds = Vec::new();
    while let [a, b, c, kind, _, _, _, _, stream, ..] = said[..] {
        kinds.push((kind, stream));
        said.drain(..9 + usize::from(a) * 65_536 + usize::from(b) * 256 + usize::from(c));
    }
    assert!(kinds.contains(&(peer::HEADERS, 1)) && kinds.contains(&(peer::GOAWAY, 0)), "{kinds:?}");
}

#[tokio::test]
async fn the_grace_is_the_end_of_patience() {
    let (probe, mut seen) = Probe::new();
    let server = Server::builder().drain_grace(Duration::from_millis(200)).add_service(probe.server());
    let server = Running::start(server).await;
    let client = Client::new(server.channel().await);
    let call = tokio::spawn(async move { client.unary_call(ask("hang")).await });
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    server.stop().await;
    assert_eq!(patiently(call).await.unwrap().unwrap_err().code(), Code::Unavailable);
    patiently(seen.wait_for(|seen| seen.dropped == 1)).await.unwrap();
}

#[tokio::test]
async fn a_grace_without_end_and_strange_sizes_are_understood() {
    let server = Server::builder()
        .drain_grace(Duration::MAX)
        .max_frame_size(1)
        .initial_stream_window_size(u32::MAX)
        .add_service(Probe::new().0.server());
    let server = Running::start(server).await;
    let client = Client::new(server.channel().await);
    assert!(client.unary_call(ask("hi")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn silent_peers_do_not_hold_a_server_up() {
    let server = Running::start(probe()).await;
    let _says_nothing = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let _idle = server.channel().await;
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
}
