//! From targets to addresses, and what becomes of connections when the addresses change.

use std::net::SocketAddr;
use std::time::Duration;

use seltzer::client::balance::Balance;
use seltzer::client::resolve::{Resolution, ResolveError, ResolveRequests, ResolvedEndpoint, Resolver};
use seltzer::client::{CallOptions, ConnectivityState};
use seltzer::{Channel, Code, Request, Server};
use tokio::sync::{mpsc, watch};

use crate::support::call::{begin, outcome, say};
use crate::support::peer::{Peer, Place, Reserved};
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, patiently};

/// Longer than any test: what waits for this waits for ever.
const NEVER: Duration = Duration::from_secs(3600);

const SOON: Duration = Duration::from_millis(10);

async fn server() -> Running {
    Running::start(Server::builder().add_service(Probe::new().0.server())).await
}

async fn says(channel: &Channel, command: &str) -> String {
    let client = Client::new(channel.clone());
    text(patiently(client.unary_call(ask(command))).await.unwrap().get_ref())
}

/// Says its name to every call, on every connection.
fn serve_as(place: Place, name: &'static str) {
    tokio::spawn(async move {
        loop {
            let mut peer = place.accept(&[]).await;
            tokio::spawn(async move {
                loop {
                    let stream = peer.next_call().await;
                    peer.answer(stream, &say(name)).await;
                }
            });
        }
    });
}

/// What a test tells a resolver, and what it hears of it.
#[derive(Clone)]
struct Script {
    addresses: watch::Receiver<Vec<SocketAddr>>,
    /// Each time the channel wants to know anew.
    asked: mpsc::UnboundedSender<()>,
}

/// Says at once what the script says, and says it again whenever it is asked.
struct Scripted {
    script: Script,
    has_begun: bool,
}

impl Resolver for Scripted {
    async fn next(&mut self, requests: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
        if std::mem::replace(&mut self.has_begun, true) {
            tokio::select! {
                _ = self.script.addresses.changed() => {}
                () = requests.wait() => self.script.asked.send(())?,
            }
        }
        let addresses = self.script.addresses.borrow_and_update().clone();
        Ok(Resolution::new(addresses.into_iter().map(ResolvedEndpoint::new).collect()))
    }
}

fn script(addresses: Vec<SocketAddr>) -> (Script, watch::Sender<Vec<SocketAddr>>, mpsc::UnboundedReceiver<()>) {
    let (sender, addresses) = watch::channel(addresses);
    let (asked, questions) = mpsc::unbounded_channel();
    (Script { addresses, asked }, sender, questions)
}

fn builder(script: &Script) -> seltzer::Endpoint {
    let script = script.clone();
    Channel::builder("script:///greeter").resolver(move |name| {
        assert_eq!(name, "greeter");
        Scripted { script: script.clone(), has_begun: false }
    })
}

#[tokio::test]
async fn lists_lead_to_the_first_address_that_answers() {
    let server = server().await;
    let port = server.address.port();
    let reserved = Reserved::new();
    let dead = reserved.address().port();
    for target in [format!("ipv4:127.0.0.1:{dead},127.0.0.1:{port}"), format!("ipv4:127.0.0.1:{port}")] {
        let channel = patiently(Channel::connect(target.clone())).await.unwrap();
        assert_eq!(says(&channel, "yield").await, "yielded", "{target}");
    }
    let list = [dead, port].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let channel = patiently(Channel::from_addresses(list).unwrap().connect()).await.unwrap();
    assert_eq!(says(&channel, "yield").await, "yielded");
    let none: [SocketAddr; 0] = [];
    assert!(Channel::from_addresses(none).unwrap_err().to_string().contains("empty"));
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn unix_sockets_need_no_file() {
    use std::os::linux::net::SocketAddrExt as _;

    let server = server().await;
    let name = format!("seltzer-test-{}", server.address);
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let listener = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::UnixListener::from_std(listener).unwrap();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        drop(server);
    });
    let channel = patiently(Channel::connect(format!("unix-abstract:{name}"))).await.unwrap();
    assert_eq!(says(&channel, "yield").await, "yielded");
}

#[tokio::test]
async fn a_list_of_endpoints_is_one_channel() {
    let places = [Place::new().await, Place::new().await];
    let endpoints = places.each_ref().map(|place| Channel::from_shared(place.uri()).unwrap());
    let [one, two] = places;
    serve_as(one, "one");
    serve_as(two, "two");
    let channel = Channel::balance_list(endpoints.into_iter());
    let mut heard = std::collections::BTreeSet::new();
    // Until both are connected, one has all calls.
    patiently(async {
        while heard.len() < 2 {
            heard.insert(says(&channel, "hi").await);
        }
    })
    .await;
    assert_eq!(heard.into_iter().collect::<Vec<_>>(), ["one", "two"]);

    let nothing = Client::new(Channel::balance_list(std::iter::empty()));
    let status = patiently(nothing.unary_call(ask("hi"))).await.unwrap_err();
    assert!(status.code() == Code::Unavailable && status.message().contains("empty"), "{status}");
}

#[tokio::test]
async fn new_addresses_replace_old_ones_and_calls_on_old_connections_finish() {
    let (old, new) = (Place::new().await, Place::new().await);
    let (script, addresses, _questions) = script(vec![old.address()]);
    let client = Client::new(builder(&script).connect_lazy());
    let early = begin(&client, "early");
    let mut old_peer = old.accept(&[]).await;
    let early_stream = old_peer.next_call().await;

    addresses.send(vec![new.address()]).unwrap();
    // The old connection takes no more calls as soon as the new addresses are known; the first to come connects.
    let mut late = begin(&client, "late");
    let mut new_peer: Peer = loop {
        tokio::select! {
            peer = new.accept(&[]) => break peer,
            stream = old_peer.next_call() => {
                old_peer.answer(stream, &say("old")).await;
                assert_eq!(outcome(late).await.unwrap(), "old");
                late = begin(&client, "late");
            }
        }
    };
    let late_stream = new_peer.next_call().await;
    new_peer.answer(late_stream, &say("new")).await;
    assert_eq!(outcome(late).await.unwrap(), "new");

    old_peer.answer(early_stream, &say("old")).await;
    assert_eq!(outcome(early).await.unwrap(), "old");
    old_peer.end().await;
}

#[tokio::test]
async fn an_address_that_stays_keeps_its_connection() {
    let (one, two) = (Place::new().await, Place::new().await);
    let (script, addresses, mut questions) = script(vec![one.address()]);
    let client = Client::new(builder(&script).connect_lazy());
    let call = begin(&client, "hi");
    let mut peer = one.accept(&[]).await;
    let stream = peer.next_call().await;
    addresses.send(vec![two.address(), one.address()]).unwrap();
    peer.answer(stream, &say("one")).await;
    assert_eq!(outcome(call).await.unwrap(), "one");
    let call = begin(&client, "hi");
    let stream = peer.next_call().await;
    peer.answer(stream, &say("still one")).await;
    assert_eq!(outcome(call).await.unwrap(), "still one");
    assert!(questions.try_recv().is_err(), "nothing was lost");
}

#[tokio::test]
async fn a_lost_connection_asks_for_addresses_and_uses_them() {
    let (old, new) = (Place::new().await, Place::new().await);
    let (script, addresses, mut questions) = script(vec![old.address()]);
    let channel = builder(&script).connect_lazy();
    let client = Client::new(channel.clone());
    let call = begin(&client, "hi");
    let mut peer = old.accept(&[]).await;
    let stream = peer.next_call().await;
    peer.answer(stream, &say("old")).await;
    assert_eq!(outcome(call).await.unwrap(), "old");

    drop(old);
    drop(peer);
    patiently(questions.recv()).await.unwrap();
    addresses.send(vec![new.address()]).unwrap();
    let mut request = Request::new(ask("hi"));
    request.extensions_mut().insert(CallOptions::new().wait_for_ready(true));
    let call = tokio::spawn(async move { client.unary_call(request).await });
    let mut peer = new.accept(&[]).await;
    let stream = peer.next_call().await;
    peer.answer(stream, &say("new")).await;
    assert_eq!(outcome(call).await.unwrap(), "new");
}

#[tokio::test]
async fn a_failure_asks_for_addresses_and_only_others_are_tried_before_the_pause_is_over() {
    let reserved = Reserved::new();
    let dead = reserved.address();
    let (script, addresses, mut questions) = script(vec![dead]);
    let channel = builder(&script).reconnect_backoff(NEVER, NEVER).connect_lazy();
    let mut states = channel.watch_state();
    let error = patiently(channel_error(&channel)).await;
    assert!(error.contains("script:///greeter") && error.contains(&dead.to_string()), "{error}");
    patiently(questions.recv()).await.unwrap();

    // The same address again: nothing happens, and so nobody asks.
    addresses.send(vec![dead]).unwrap();
    assert!(tokio::time::timeout(SOON, questions.recv()).await.is_err(), "it was tried again at once");

    let place = Place::new().await;
    addresses.send(vec![dead, place.address()]).unwrap();
    let _peer = place.accept(&[]).await;
    patiently(states.wait_for(|state| *state == ConnectivityState::Ready)).await.unwrap();
}

/// What a call that does not wait is told.
async fn channel_error(channel: &Channel) -> String {
    Client::new(channel.clone()).unary_call(ask("hi")).await.unwrap_err().message().to_owned()
}

#[tokio::test]
async fn a_resolver_that_fails_is_asked_again_and_the_error_says_what_it_said() {
    /// Fails once.
    struct Late(SocketAddr, usize);

    impl Resolver for Late {
        async fn next(&mut self, requests: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
            self.1 += 1;
            match self.1 {
                1 => Err("the registry is closed".into()),
                2 => {
                    requests.wait().await;
                    Ok(Resolution::new(vec![ResolvedEndpoint::new(self.0)]))
                }
                _ => std::future::pending().await,
            }
        }
    }

    let server = server().await;
    let address = server.address;
    for (pause, waits) in [(NEVER, false), (SOON, true)] {
        let builder = Channel::builder("registry:///greeter").resolver(move |_| Late(address, 0));
        let client = Client::new(builder.reconnect_backoff(pause, pause).connect_lazy());
        let mut request = Request::new(ask("yield"));
        request.extensions_mut().insert(CallOptions::new().wait_for_ready(waits));
        match patiently(client.unary_call(request)).await {
            Ok(answer) => assert!(waits && text(answer.get_ref()) == "yielded"),
            Err(status) => {
                assert!(!waits && status.code() == Code::Unavailable, "{status}");
                assert_eq!(status.message(), "cannot resolve registry:///greeter: the registry is closed");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_host_name_is_looked_up_by_the_system() {
    let server = server().await;
    let port = server.address.port();
    let endpoint = Channel::builder(format!("dns:///localhost:{port}")).balance(Balance::RoundRobin);
    let channel = patiently(endpoint.connect()).await.unwrap();
    assert_eq!(says(&channel, "yield").await, "yielded");
    server.stop().await;
}
