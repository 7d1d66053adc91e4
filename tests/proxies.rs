//! Connections through HTTP proxies (gRFC A1).

use std::net::SocketAddr;

use seltzer::transport::Step;
use seltzer::{Channel, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::support::peer::Reserved;
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, endpoint, patiently};

const CONNECTED: &str = "HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n";

/// A proxy that gives this answer, and then leads to one server wherever it is asked to go.
struct Proxy {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
}

impl Proxy {
    async fn start(answer: &'static str, server: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(near.read_u8().await.unwrap());
                }
                let _ = heard.send(String::from_utf8(head).unwrap());
                // In pieces, and with the server's first words right behind, as the network likes it.
                let (one, two) = answer.split_at(answer.len() / 2);
                near.write_all(one.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
                near.write_all(two.as_bytes()).await.unwrap();
                let Some(server) = server else { continue };
                let mut far = TcpStream::connect(server).await.unwrap();
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
            }
        });
        Proxy { address, requests }
    }

    fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn request(&mut self) -> String {
        patiently(self.requests.recv()).await.unwrap()
    }
}

#[tokio::test]
async fn the_proxy_looks_the_name_up() {
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let mut proxy = Proxy::start(CONNECTED, Some(server.address)).await;
    let uri = proxy.uri();
    let with_user = uri.replace("http://", "http://Aladdin:open%20sesame@");
    let credentials = "proxy-authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    let table = [
        ("http://greeter.invalid:50051", &uri, "greeter.invalid:50051", ""),
        ("http://greeter.invalid", &with_user, "greeter.invalid:80", credentials),
        ("dns:///greeter.invalid:50051", &uri, "greeter.invalid:50051", ""),
        // What is an address already goes the same way, the loopback too: the program has said so.
        ("ipv4:127.0.0.1:1", &uri, "127.0.0.1:1", ""),
        ("ipv6:[::1]:1", &uri, "[::1]:1", ""),
    ];
    for (target, proxy_uri, place, credentials) in table {
        let channel = patiently(endpoint(target).proxy(proxy_uri).connect()).await.unwrap();
        let expected = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n{credentials}\r\n");
        assert_eq!(proxy.request().await, expected, "{target}");
        let answer = patiently(Client::new(channel).unary_call(ask("yield"))).await.unwrap();
        assert_eq!(text(answer.get_ref()), "yielded", "{target}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_loopback_needs_no_proxy_unless_the_program_says_so() {
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let proxy = Proxy::start("HTTP/1.1 502 Bad Gateway\r\n\r\n", None).await;
    let through = patiently(endpoint(server.uri()).proxy(proxy.uri()).connect()).await;
    assert!(through.is_err());
    let around = endpoint(server.uri()).proxy(proxy.uri()).no_proxy();
    patiently(around.connect()).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn the_environment_names_a_proxy() {
    const AGAIN: &str = "SELTZER_TEST_SERVER";
    if let Ok(server) = std::env::var(AGAIN) {
        for (target, is_reached) in [
            ("http://greeter.invalid:50051", true),
            ("ipv4:192.0.2.1:50051,192.0.2.2:50051", true),
            (&*server, true),
            ("http://direct.invalid:50051", false),
        ] {
            let connected = patiently(endpoint(target).connect()).await;
            assert_eq!(connected.is_ok(), is_reached, "{target}: {connected:?}");
        }
        return;
    }
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let mut proxy = Proxy::start(CONNECTED, Some(server.address)).await;
    // An environment is that of a whole process.
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", "proxies::the_environment_names_a_proxy"])
        .env(AGAIN, server.uri())
        .env("grpc_proxy", proxy.uri())
        .env("no_proxy", "example.com,.invalid:1,direct.invalid");
    let again = patiently(tokio::task::spawn_blocking(move || again.output())).await.unwrap().unwrap();
    let output = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && output.contains("1 passed"), "{output}");
    for place in ["greeter.invalid:50051", "192.0.2.1:50051"] {
        assert!(proxy.request().await.starts_with(&format!("CONNECT {place} ")), "{place}");
    }
    assert!(proxy.requests.try_recv().is_err(), "nothing else went through it");
    server.stop().await;
}

#[tokio::test]
async fn a_proxy_that_does_not_connect_is_named_with_what_it_said() {
    let reserved = Reserved::new();
    let dead = format!("http://u:secret@{}", reserved.address());
    let table = [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "answered HTTP 407 Proxy Authentication Required (name a user",
        ),
        ("HTTP/1.1 403 Forbidden\r\nx: y\r\n\r\nno", "answered HTTP 403 Forbidden (does the proxy permit CONNECT"),
        ("HTTP/1.0 502 Bad Gateway\r\n\r\n", "answered HTTP 502 Bad Gateway (can the proxy reach the server"),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n", "gave no HTTP answer (does an HTTP proxy listen there?)"),
    ];
    for (answer, expected) in table {
        let proxy = Proxy::start(answer, None).await;
        let error = patiently(Channel::builder("http://greeter.invalid:50051").proxy(proxy.uri()).connect()).await;
        let error = error.unwrap_err();
        let whole =
            format!("cannot connect to http://greeter.invalid:50051: the proxy http://{} {expected}", proxy.address);
        assert!(error.step() == Step::Connect && error.to_string().starts_with(&whole), "{error}");
    }
    let table = [(dead.as_str(), "cannot be reached: Connection refused"), ("socks5://a:secret@b:1", "\"socks5\"")];
    for (proxy, expected) in table {
        let error = patiently(Channel::builder("http://greeter.invalid:50051").proxy(proxy).connect()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("secret"), "{error}");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_is_with_the_server_and_not_with_the_proxy() {
    use seltzer::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

    let identity = Identity::from_pem(include_str!("support/tls/server.pem"), include_str!("support/tls/server.key"));
    let server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
    let server = Running::start(server.add_service(Probe::new().0.server())).await;
    let mut proxy = Proxy::start(CONNECTED, Some(server.address)).await;
    let trusting = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(include_str!("support/tls/ca.pem")));
    let endpoint = Channel::builder("https://localhost").tls_config(trusting).unwrap().proxy(proxy.uri());
    let channel = patiently(endpoint.connect()).await.unwrap();
    assert!(proxy.request().await.starts_with("CONNECT localhost:443 HTTP/1.1\r\n"));
    let answer = patiently(Client::new(channel).unary_call(ask("secure"))).await.unwrap();
    assert_eq!(text(answer.get_ref()), "true none");
    server.stop().await;
}
