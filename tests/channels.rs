//! How channels open, keep and lose connections.

use std::time::Duration;

use seltzer::client::ConnectivityState;
#[cfg(feature = "tls")]
use seltzer::client::resolve::{Resolution, ResolveError, ResolveRequests, ResolvedEndpoint, Resolver};
#[cfg(feature = "tls")]
use seltzer::transport::Step;
use seltzer::{Channel, Code, Server};

use crate::support::call::say;
use crate::support::peer::{MAX_CONCURRENT_STREAMS, Place};
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, endpoint, patiently};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_channel_outlives_the_runtime_that_it_began_on() {
    let (begin, begun) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        runtime().block_on(async {
            let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
            begin.send(server.uri()).unwrap();
            let _ = stopped.await;
        });
    });
    let channel = endpoint(begun.recv().unwrap()).connect_lazy();
    let client = Client::new(channel.clone());
    for round in ["first", "second", "third"] {
        // Each runtime ends, and with it the tasks of the channel that it ran.
        runtime().block_on(async {
            let answer = patiently(client.unary_call(ask(round))).await.unwrap();
            assert_eq!(text(answer.get_ref()), round);
            assert_eq!(channel.state(), ConnectivityState::Ready);
        });
        assert_eq!(channel.state(), ConnectivityState::Idle);
    }
    drop(stop);
    server.join().unwrap();
}

#[tokio::test]
async fn as_many_connections_open_as_calls_need() {
    let place = Place::new().await;
    let client = Client::new(Channel::builder(place.uri()).connections_max(3).connect_lazy());
    let call = |said: &str| {
        let (client, request) = (client.clone(), ask(said));
        tokio::spawn(async move { client.unary_call(request).await })
    };
    let first = call("0");
    let mut one = place.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    let stream = one.next_call().await;
    // These come together, and each needs a connection of its own.
    let (second, third) = (call("1"), call("2"));
    let mut two = place.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    let mut three = place.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    for peer in [&mut two, &mut three] {
        let stream = peer.next_call().await;
        peer.answer(stream, &say("well")).await;
    }
    one.answer(stream, &say("well")).await;
    for call in [first, second, third] {
        patiently(call).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_connection_opens_in_place_of_one_that_was_lost() {
    let place = Place::new().await;
    let client = Client::new(Channel::builder(place.uri()).connections_max(2).connect_lazy());
    let call = |said: &str| {
        let (client, request) = (client.clone(), ask(said));
        tokio::spawn(async move { client.unary_call(request).await })
    };
    let first = call("0");
    let mut one = place.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    let stream = one.next_call().await;
    let second = call("1");
    let mut two = place.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    two.next_call().await;
    // It wishes for a third, which may not be: a wish that must not stand in the way of later ones.
    let third = call("2");
    drop(two);
    assert_eq!(patiently(second).await.unwrap().unwrap_err().code(), Code::Unavailable);
    let mut two = place.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    let third_stream = two.next_call().await;
    let fourth = call("3");
    two.answer(third_stream, &say("well")).await;
    patiently(third).await.unwrap().unwrap();
    let fourth_stream = two.next_call().await;
    two.answer(fourth_stream, &say("well")).await;
    patiently(fourth).await.unwrap().unwrap();
    one.answer(stream, &say("well")).await;
    patiently(first).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_goes_while_another_connection_opens_is_noticed() {
    let place = Place::new().await;
    let endpoint = Channel::builder(place.uri()).connections_max(2);
    let channel = endpoint.reconnect_backoff(Duration::from_millis(5), Duration::from_millis(10)).connect_lazy();
    let client = Client::new(channel);
    let call = |said: &str| {
        let (client, request) = (client.clone(), ask(said));
        tokio::spawn(async move { client.unary_call(request).await })
    };
    let first = call("0");
    let mut one = place.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    one.next_call().await;
    let second = call("1");
    // The second connection is about to be made when the server is gone, and both calls hear of it.
    let opening = place.accept_socket().await;
    drop((one, opening, place));
    assert_eq!(patiently(first).await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(patiently(second).await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn https_stays_https_under_a_resolver_of_ones_own() {
    let place = Place::new().await;
    let address: std::net::SocketAddr = place.uri().trim_start_matches("http://").parse().unwrap();
    // Said with a path, it is no target that could be read otherwise.
    let endpoint = Channel::builder("https://region/greeter").resolver(move |_| Only(Some(address)));
    let calling = tokio::spawn(async move { endpoint.connect().await });
    let mut socket = place.accept_socket().await;
    let mut said = Vec::new();
    patiently(tokio::io::AsyncReadExt::read_buf(&mut socket, &mut said)).await.unwrap();
    assert!(matches!(said.first(), None | Some(22)), "nothing, or a TLS record that begins a handshake: {said:?}");
    drop(socket);
    assert_eq!(patiently(calling).await.unwrap().unwrap_err().step(), Step::Tls);
}

/// Finds one address.
#[cfg(feature = "tls")]
struct Only(Option<std::net::SocketAddr>);

#[cfg(feature = "tls")]
impl Resolver for Only {
    async fn next(&mut self, _: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
        match self.0.take() {
            Some(address) => Ok(Resolution::new(vec![ResolvedEndpoint::new(address)])),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn another_connection_opens_when_one_is_full() {
    let place = Place::new().await;
    let client = Client::new(Channel::builder(place.uri()).connections_max(2).connect_lazy());
    let call = |said: &str| {
        let (client, request) = (client.clone(), ask(said));
        tokio::spawn(async move { client.unary_call(request).await.map(|answer| text(answer.get_ref())) })
    };
    let first = call("0");
    let mut one = place.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    let stream = one.next_call().await;
    let second = call("1");
    let mut other = place.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await;
    let second_stream = other.next_call().await;
    // Both are full, and no third may open: this one waits for its turn.
    let third = call("2");
    other.answer(second_stream, &say("1")).await;
    assert_eq!(patiently(second).await.unwrap().unwrap(), "1");
    let third_stream = other.next_call().await;
    other.answer(third_stream, &say("2")).await;
    assert_eq!(patiently(third).await.unwrap().unwrap(), "2");
    one.answer(stream, &say("0")).await;
    assert_eq!(patiently(first).await.unwrap().unwrap(), "0");
}
