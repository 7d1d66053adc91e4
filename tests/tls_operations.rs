//! What an operator does with a server under TLS: new certificates while it runs, several names, who calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use seltzer::transport::{ClientTlsConfig, Identity, ServerTlsConfig, ServerTlsReload};
use seltzer::{Channel, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, carrier, patiently};
use crate::tls::{certificate, identity, pem};

async fn bind(config: ServerTlsConfig) -> (Running, ServerTlsReload) {
    let server = Server::builder().tls_config(config).unwrap().add_service(Probe::new().0.server());
    let bound = server.carrier(carrier()).bind("127.0.0.1:0").await.unwrap();
    let reload = bound.tls_reload().unwrap();
    (Running::run(bound), reload)
}

fn showing(name: &str) -> ServerTlsConfig {
    ServerTlsConfig::new().identity(identity(name))
}

fn trusting(names: &[&str]) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificates(names.iter().map(|name| certificate(name)))
}

async fn connect(address: SocketAddr, config: ClientTlsConfig) -> Result<Channel, seltzer::transport::Error> {
    let builder = Channel::builder(format!("https://localhost:{}", address.port())).carrier(carrier());
    patiently(builder.tls_config(config)?.connect()).await
}

async fn say(channel: &Channel, what: &str) -> Result<String, seltzer::Status> {
    let answer = patiently(Client::new(channel.clone()).unary_call(ask(what))).await?;
    Ok(text(answer.get_ref()))
}

/// Callers that stay, and callers that come anew for each call.
const CALLERS: usize = 4;

/// How often certificates change meanwhile.
const RELOADS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_change_under_load_and_no_call_fails() {
    let (server, reload) = bind(showing("rsa")).await;
    let over = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS * 2 {
        let (over, calls, address) = (Arc::clone(&over), Arc::clone(&calls), server.address);
        callers.spawn(async move {
            let both = trusting(&["rsa", "ecdsa"]);
            let staying = connect(address, both.clone()).await.unwrap();
            while !over.load(Ordering::Relaxed) {
                let channel = match caller < CALLERS {
                    true => staying.clone(),
                    false => connect(address, both.clone()).await.unwrap(),
                };
                assert_eq!(say(&channel, "hello").await.unwrap(), "hello");
                calls.fetch_add(1, Ordering::Relaxed);
            }
            // The connection from the beginning is still the same one.
            staying
        });
    }
    for round in 0..RELOADS {
        let (new, old) = if round % 2 == 0 { ("ecdsa", "rsa") } else { ("rsa", "ecdsa") };
        reload.reload(&showing(new)).unwrap();
        connect(server.address, trusting(&[new])).await.expect("the new certificate is shown at once");
        connect(server.address, trusting(&[old])).await.expect_err("the old certificate is shown no more");
    }
    over.store(true, Ordering::Relaxed);
    while let Some(caller) = patiently(callers.join_next()).await {
        caller.expect("no call fails");
    }
    assert!(calls.load(Ordering::Relaxed) >= CALLERS * 2, "{calls:?}");
}

#[tokio::test]
async fn settings_that_cannot_be_used_leave_the_old_ones_in_force() {
    let (server, reload) = bind(showing("rsa")).await;
    let mismatch = Identity::from_pem(pem("ecdsa.pem"), pem("rsa.key"));
    let error = reload.reload(&ServerTlsConfig::new().identity(mismatch)).unwrap_err();
    assert!(error.to_string().contains("the private key does not belong to the certificate"), "{error}");
    let channel = connect(server.address, trusting(&["rsa"])).await.unwrap();
    assert_eq!(say(&channel, "secure").await.unwrap(), "true none");
    server.stop().await;
    // Nobody uses it any more, and nothing breaks.
    reload.reload(&showing("ecdsa")).unwrap();
}

#[tokio::test]
async fn a_new_client_ca_is_asked_of_new_connections_alone() {
    let asking = |root: &str| showing("server").client_ca_root(certificate(root));
    let (server, reload) = bind(asking("ca")).await;
    let of_ca = trusting(&["ca"]).identity(identity("client"));
    let of_nobody = trusting(&["ca"]).identity(identity("client-self-signed"));
    let open = connect(server.address, of_ca.clone()).await.unwrap();
    assert_eq!(say(&open, "secure").await.unwrap(), "true 1 certificates");
    reload.reload(&asking("client-self-signed")).unwrap();
    assert_eq!(say(&open, "secure").await.unwrap(), "true 1 certificates");
    for (config, is_let_in) in [(of_ca, false), (of_nobody, true)] {
        // TLS 1.3 tells a client so only after its own handshake is done.
        let said = match connect(server.address, config).await {
            Ok(channel) => say(&channel, "secure").await.is_ok(),
            Err(_) => false,
        };
        assert_eq!(said, is_let_in);
    }
}

#[tokio::test]
async fn several_names_on_one_port() {
    let named = || ServerTlsConfig::new().identity_for("elsewhere.example", identity("wrong-name"));
    // (the server, the name, whom the client trusts, what an error says)
    let table = [
        (named().identity(identity("rsa")), "localhost", "rsa", None),
        (named().identity(identity("rsa")), "elsewhere.example", "wrong-name", None),
        (
            named().identity_for("*", identity("rsa")),
            "localhost",
            "rsa",
            Some("`*` is no name that clients can ask for"),
        ),
        (named(), "elsewhere.example", "wrong-name", None),
        (named(), "localhost", "rsa", Some("the server does not go by this name")),
    ];
    for (config, name, root, expected) in table {
        let server = Server::builder().tls_config(config).unwrap().add_service(Probe::new().0.server());
        let outcome = match server.carrier(carrier()).bind("127.0.0.1:0").await {
            Ok(bound) => {
                let server = Running::run(bound);
                connect(server.address, trusting(&[root]).domain_name(name)).await.map(drop)
            }
            Err(error) => Err(error),
        };
        match (outcome, expected) {
            (Ok(()), None) => {}
            (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{name}: {error}"),
            (outcome, _) => panic!("{name}: {outcome:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_handler_learns_who_calls() {
    let roots = ["ca", "workload", "client-self-signed"].map(|name| pem(&format!("{name}.pem"))).concat();
    let roots = seltzer::transport::Certificate::from_pem(roots);
    let (server, _) = bind(showing("rsa").client_ca_root(roots).client_auth_optional(true)).await;
    let table = [
        (None, "nobody"),
        (Some("client"), "a client [] [] none"),
        (Some("client-self-signed"), "a client [] [] none"),
        (
            Some("workload"),
            "a workload [\"checkout.example.org\"] [\"spiffe://example.org/shop/checkout\"] example.org /shop/checkout",
        ),
    ];
    for (name, expected) in table {
        let mut config = trusting(&["rsa"]);
        if let Some(name) = name {
            config = config.identity(identity(name));
        }
        let channel = connect(server.address, config).await.unwrap();
        for _ in 0..2 {
            assert_eq!(say(&channel, "identity").await.unwrap(), expected);
        }
    }
}

/// The first message of a client's handshake.
async fn first_message() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connecting = tokio::spawn(connect(address, trusting(&["rsa"])));
    let (mut accepted, _) = patiently(listener.accept()).await.unwrap();
    let mut message = vec![0; 64 * 1024];
    let length = patiently(accepted.read(&mut message)).await.unwrap();
    connecting.abort();
    message.truncate(length);
    message
}

#[tokio::test]
async fn a_handshake_that_stalls_holds_up_others_only_until_it_times_out() {
    const LIMIT: Duration = Duration::from_secs(2);
    let config = || showing("rsa").max_concurrent_handshakes(1);
    let (server, reload) = bind(config().timeout(LIMIT)).await;
    let mut stalled = TcpStream::connect(server.address).await.unwrap();
    stalled.write_all(&first_message().await).await.unwrap();
    patiently(stalled.read_u8()).await.unwrap();
    let begun = std::time::Instant::now();
    // The clients that wait may do so for longer than the one that they wait for.
    reload.reload(&config()).unwrap();
    let silent = TcpStream::connect(server.address).await.unwrap();
    let mut waiting = JoinSet::new();
    for _ in 0..3 {
        waiting.spawn(connect(server.address, trusting(&["rsa"])));
    }
    let first = patiently(waiting.join_next()).await.unwrap().unwrap().map(drop);
    // It began a little before its answer was read here.
    assert!(first.is_ok() && begun.elapsed() > LIMIT / 2, "{first:?} after {:?}", begun.elapsed());
    while let Some(connected) = patiently(waiting.join_next()).await {
        connected.unwrap().unwrap();
    }
    // It was closed; how, depends on what was not read.
    while patiently(stalled.read(&mut [0; 1024])).await.is_ok_and(|length| length > 0) {}
    drop(silent);
}
