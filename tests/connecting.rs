//! Opening connections, losing them, and opening them again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use seltzer::Channel;
use seltzer::client::ConnectivityState::{self, Connecting, Idle, Ready, TransientFailure};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::support::call::{begin, outcome, say};
use crate::support::patiently;
use crate::support::peer::{ENHANCE_YOUR_CALM, PING, Peer, Place, Reserved};
use crate::support::probe::Client;

const NEVER: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(10);

/// All states that a channel goes through, as far as a watch shows them.
fn states(channel: &Channel) -> mpsc::UnboundedReceiver<ConnectivityState> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut watched: watch::Receiver<_> = channel.watch_state();
    tokio::spawn(async move {
        loop {
            let state = *watched.borrow_and_update();
            if sender.send(state).is_err() || watched.changed().await.is_err() {
                return;
            }
        }
    });
    receiver
}

async fn expect(states: &mut mpsc::UnboundedReceiver<ConnectivityState>, expected: ConnectivityState) {
    assert_eq!(patiently(states.recv()).await, Some(expected));
}

#[tokio::test]
async fn a_channel_is_idle_until_it_is_called_and_after_it_was_cut_off() {
    let place = Place::new().await;
    let channel = Channel::builder(place.uri()).connect_lazy();
    let mut states = states(&channel);
    expect(&mut states, Idle).await;
    for _ in 0..2 {
        channel.connect_early();
        expect(&mut states, Connecting).await;
        let peer = place.accept(&[]).await;
        expect(&mut states, Ready).await;
        drop(peer);
        expect(&mut states, Idle).await;
    }
}

#[tokio::test]
async fn a_channel_that_fails_says_so_until_it_is_connected() {
    let reserved = Reserved::new();
    let channel =
        Channel::builder(format!("http://{}", reserved.address())).reconnect_backoff(SOON, SOON).connect_lazy();
    let mut states = states(&channel);
    expect(&mut states, Idle).await;
    channel.connect_early();
    expect(&mut states, Connecting).await;
    expect(&mut states, TransientFailure).await;
    // It goes on trying by itself, and the attempts in between do not show.
    let place = reserved.listen();
    let _peer = place.accept(&[]).await;
    expect(&mut states, Ready).await;
}

#[tokio::test]
async fn a_channel_without_calls_closes_its_connections_until_the_next_one() {
    let place = Place::new().await;
    let channel = Channel::builder(place.uri()).idle_timeout(SOON * 10).connect_lazy();
    let mut states = states(&channel);
    let client = Client::new(channel);
    expect(&mut states, Idle).await;
    for round in 0..2 {
        let call = begin(&client, "hi");
        expect(&mut states, Connecting).await;
        let mut peer = place.accept(&[]).await;
        expect(&mut states, Ready).await;
        let stream = peer.next_call().await;
        if round == 0 {
            // A call that runs is one, however long it takes.
            tokio::time::sleep(SOON * 30).await;
            assert!(states.try_recv().is_err());
        }
        peer.answer(stream, &say("done")).await;
        assert_eq!(outcome(call).await.unwrap(), "done");
        expect(&mut states, Idle).await;
        peer.end().await;
    }
}

/// A listener that does not even take connections: a program that connects there hears nothing.
async fn black_hole() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let address: SocketAddr = "[::1]:0".parse().unwrap();
    let socket = TcpSocket::new_v6().unwrap();
    let listener = match socket.bind(address) {
        Ok(()) => socket.listen(0).unwrap(),
        // Without IPv6 another address of the loopback does.
        Err(_) => {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
            socket.listen(0).unwrap()
        }
    };
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(stream) = tokio::time::timeout(SOON * 20, TcpStream::connect(address)).await {
        filling.push(stream.unwrap());
    }
    (address, listener, filling)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_swallows_everything_does_not_hold_up_the_others() {
    let (hole, _listener, _filling) = black_hole().await;
    let place = Place::new().await;
    let channel = Channel::from_addresses([hole, place.address()]).unwrap().connect_timeout(NEVER).connect_lazy();
    let client = Client::new(channel);
    let call = begin(&client, "hi");
    let mut peer = place.accept(&[]).await;
    let stream = peer.next_call().await;
    peer.answer(stream, &say("here")).await;
    assert_eq!(outcome(call).await.unwrap(), "here");
}

#[tokio::test]
async fn a_server_that_says_nothing_does_not_hold_up_the_others_and_is_let_go() {
    let places = [Place::new().await, Place::new().await];
    let list = places.each_ref().map(Place::address);
    let client = Client::new(Channel::from_addresses(list).unwrap().connect_timeout(NEVER).connect_lazy());
    let call = begin(&client, "hi");
    let mut silent = places[0].accept_socket().await;
    let other = places[1].accept_socket().await;
    // Both are tried now: the first was not given up for the second.
    let mut preface = [0; 1024];
    while let Ok(bytes) = silent.try_read(&mut preface) {
        assert!(bytes > 0, "it was given up");
    }
    let mut peer = Peer::greet(other, &[]).await;
    let id = peer.next_call().await;
    peer.answer(id, &say("here")).await;
    assert_eq!(outcome(call).await.unwrap(), "here");
    // It sees the end of the attempt.
    let mut rest = Vec::new();
    let _ = patiently(tokio::io::AsyncReadExt::read_to_end(&mut silent, &mut rest)).await;
}

#[tokio::test]
async fn a_server_that_complains_about_pings_gets_half_of_them() {
    const INTERVAL: Duration = Duration::from_millis(100);
    let place = Place::new().await;
    let endpoint = Channel::builder(place.uri()).http2_keep_alive_interval(INTERVAL).keep_alive_timeout(NEVER);
    let client = Client::new(endpoint.connect_lazy());
    for factor in [1, 2, 4] {
        let call = begin(&client, "hi");
        let before = Instant::now();
        let mut peer = place.accept(&[]).await;
        peer.next_call().await;
        peer.next_of(PING).await;
        let elapsed = before.elapsed();
        assert!(elapsed >= INTERVAL * factor, "a ping after {elapsed:?}, {factor} times the interval is due");
        peer.go_away_saying(u32::MAX >> 1, ENHANCE_YOUR_CALM, b"too_many_pings").await;
        drop(peer);
        let (_, words) = outcome(call).await.unwrap_err();
        assert!(words.contains("ENHANCE_YOUR_CALM") && words.contains("too_many_pings"), "{words}");
    }
}
