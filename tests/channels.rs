//! How channels open, keep and lose connections.

use seltzer::client::ConnectivityState;
use seltzer::{Channel, Server};

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
