//! What holds for calls in every protocol, over HTTP/1.1 and HTTP/2: limits, and TLS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use seltzer::Server;
use seltzer::connect::Connect;
use seltzer::gateway::Gateway;
use seltzer::server::ConcurrencyLimit;
use seltzer::web::GrpcWeb;

use crate::support::page::{BOTH, Http, request};
use crate::support::probe::{Client, Probe, ask};
use crate::support::raw::{Answer, framed};
use crate::support::{Running, patiently};

const UNARY: &str = "/grpc.testing.BenchmarkService/UnaryCall";

/// A way to call the probe.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Protocol {
    Rest,
    Connect,
    ConnectJson,
    ConnectStream,
    Web,
    WebText,
}

const ALL: [Protocol; 6] = [
    Protocol::Rest,
    Protocol::Connect,
    Protocol::ConnectJson,
    Protocol::ConnectStream,
    Protocol::Web,
    Protocol::WebText,
];

impl Protocol {
    fn path(self) -> &'static str {
        if self == Protocol::ConnectStream { "/grpc.testing.BenchmarkService/StreamingCall" } else { UNARY }
    }

    fn content_type(self) -> &'static str {
        match self {
            Protocol::Rest => "application/x-www-form-urlencoded",
            Protocol::Connect => "application/proto",
            Protocol::ConnectJson => "application/json",
            Protocol::ConnectStream => "application/connect+proto",
            Protocol::Web => "application/grpc-web+proto",
            Protocol::WebText => "application/grpc-web-text",
        }
    }

    /// A request that tells the probe what to do.
    fn body(self, command: &str) -> Vec<u8> {
        let message = ask(command).encode_to_vec();
        match self {
            Protocol::Rest | Protocol::ConnectJson => {
                format!(r#"{{"payload":{{"body":"{}"}}}}"#, STANDARD.encode(command)).into_bytes()
            }
            Protocol::Connect => message,
            Protocol::ConnectStream | Protocol::Web => framed(0, &message),
            Protocol::WebText => STANDARD.encode(framed(0, &message)).into_bytes(),
        }
    }

    /// The answer as text, where the probe's own words can be found.
    fn said(self, answer: &Answer) -> String {
        let body = match self {
            Protocol::WebText => {
                let parts = answer.body.chunk_by(|before, after| *before != b'=' || *after == b'=');
                parts.flat_map(|part| STANDARD.decode(part).unwrap()).collect()
            }
            _ => answer.body.to_vec(),
        };
        if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&body)
            && let Some(said) = json["payload"]["body"].as_str()
        {
            return String::from_utf8(STANDARD.decode(said).unwrap()).unwrap();
        }
        String::from_utf8_lossy(&body).into_owned()
    }

    /// How it says that a call may take 20 milliseconds.
    fn timeout(self) -> (&'static str, &'static str) {
        match self {
            Protocol::Connect | Protocol::ConnectJson | Protocol::ConnectStream => ("connect-timeout-ms", "20"),
            Protocol::Rest | Protocol::Web | Protocol::WebText => ("grpc-timeout", "20m"),
        }
    }

    /// How it says a status, by its number, its name and the HTTP status of answers that are one message.
    fn status(self, number: u8, name: &str, http: u16) -> (u16, String) {
        match self {
            Protocol::Rest => (http, format!("\"code\":{number},")),
            Protocol::Connect | Protocol::ConnectJson => (http, format!("\"code\":\"{name}\"")),
            Protocol::ConnectStream => (200, format!("\"code\":\"{name}\"")),
            Protocol::Web | Protocol::WebText => (200, format!("grpc-status: {number}")),
        }
    }

    async fn call(self, http: Http, server: &Running, headers: &[(&str, &str)], command: &str) -> (u16, String) {
        let headers = [&[("content-type", self.content_type())], headers].concat();
        let answer = request(http, server.address, "POST", self.path(), &headers, &self.body(command)).await;
        (answer.status, self.said(&answer))
    }
}

async fn check(protocol: Protocol, http: Http, answer: (u16, String), (status, words): (u16, String)) {
    assert_eq!(answer.0, status, "{protocol:?} {http:?}: {}", answer.1);
    assert!(answer.1.contains(&words), "{protocol:?} {http:?}: {} without {words}", answer.1);
}

fn speaking(server: Server, probe: Probe) -> Server {
    server.add_service(probe.server()).speak(GrpcWeb::new()).speak(Connect::new()).speak(Gateway::new())
}

#[tokio::test]
async fn messages_are_as_large_as_they_may_be() {
    let server = Running::start(speaking(Server::builder().max_decoding_message_size(1000), Probe::new().0)).await;
    for http in BOTH {
        for protocol in ALL {
            // JSON is longer than what it says, and may not be longer either.
            let (fits, large) = ("a".repeat(700), "a".repeat(1000));
            check(protocol, http, protocol.call(http, &server, &[], &fits).await, (200, fits.clone())).await;
            let http_status = if protocol == Protocol::Rest { 413 } else { 429 };
            let refused = protocol.status(8, "resource_exhausted", http_status);
            check(protocol, http, protocol.call(http, &server, &[], &large).await, refused).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn answers_are_as_large_as_they_may_be() {
    let server = Running::start(speaking(Server::builder().max_encoding_message_size(1000), Probe::new().0)).await;
    for http in BOTH {
        for protocol in ALL {
            let refused = protocol.status(8, "resource_exhausted", 429);
            check(protocol, http, protocol.call(http, &server, &[], "size 2000").await, refused).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn calls_take_as_long_as_they_may() {
    let (probe, mut seen) = Probe::new();
    let server = Running::start(speaking(Server::builder(), probe)).await;
    let mut calls = 0;
    for http in BOTH {
        for protocol in ALL {
            let expired = protocol.status(4, "deadline_exceeded", 504);
            check(protocol, http, protocol.call(http, &server, &[protocol.timeout()], "hang").await, expired).await;
            // The probe does what a stream says in a task of its own.
            if protocol != Protocol::ConnectStream {
                calls += 1;
                patiently(seen.wait_for(|seen| seen.dropped == calls)).await.unwrap();
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_deadline_counts_while_the_body_is_awaited() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Running::start(speaking(Server::builder(), Probe::new().0)).await;
    for protocol in ALL {
        let (status, words) = protocol.status(4, "deadline_exceeded", 504);
        let (path, content_type, (name, value)) = (protocol.path(), protocol.content_type(), protocol.timeout());
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {content_type}\r\n{name}: {value}\r\ncontent-length: 99\r\n\r\n"
        );
        let mut read = Vec::new();
        patiently(async {
            let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let begins = format!("HTTP/1.1 {status} ");
            let is_there = |read: &[u8]| {
                let said = String::from_utf8_lossy(read);
                // The text form is base64, of which the status is enough.
                said.starts_with(&begins) && (protocol == Protocol::WebText || said.contains(&words))
            };
            while !is_there(&read) {
                let count = stream.read_buf(&mut read).await.unwrap();
                assert!(count > 0, "{protocol:?}: {}", String::from_utf8_lossy(&read));
            }
        })
        .await;
    }
    server.stop().await;
}

#[tokio::test]
async fn so_many_calls_run_in_whatever_protocol() {
    let (probe, mut seen) = Probe::new();
    let limited = Server::builder().intercept(ConcurrencyLimit::new(1));
    let server = Running::start(speaking(limited, probe)).await;
    let client = Client::new(server.channel().await);
    let mut begun = 0;
    for http in BOTH {
        for protocol in ALL {
            let hanging = tokio::spawn({
                let client = client.clone();
                async move { client.unary_call(ask("hang")).await }
            });
            patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
            let refused = protocol.status(14, "unavailable", 503);
            check(protocol, http, protocol.call(http, &server, &[], "hello").await, refused).await;
            hanging.abort();
            begun += 1;
            patiently(seen.wait_for(|seen| seen.dropped == begun && seen.hanging == 0)).await.unwrap();

            // One of its own takes the place too. What a stream says the probe does in a task that nobody ends.
            if protocol == Protocol::ConnectStream {
                continue;
            }
            let address = server.address;
            let hanging = tokio::spawn(async move {
                let headers = [("content-type", protocol.content_type())];
                request(http, address, "POST", protocol.path(), &headers, &protocol.body("hang")).await
            });
            patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
            let status = patiently(client.unary_call(ask("hello"))).await.unwrap_err();
            assert_eq!(status.code(), seltzer::Code::Unavailable, "{protocol:?} {http:?}");
            // Whoever goes away leaves it.
            hanging.abort();
            begun += 1;
            patiently(seen.wait_for(|seen| seen.dropped == begun && seen.hanging == 0)).await.unwrap();
        }
    }
}

#[cfg(feature = "tls")]
mod tls {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use seltzer::transport::ServerTlsConfig;
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::*;
    use crate::support::page::request_over;
    use crate::tls::{certificate, identity, pem};

    /// A connection of a client with this certificate, if any.
    async fn connect(server: &Running, http: Http, identity: Option<&str>) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem("ca.pem").as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(name) => {
                let chain = CertificateDer::pem_slice_iter(pem(&format!("{name}.pem")).as_bytes())
                    .map(Result::unwrap)
                    .collect::<Vec<_>>();
                let key = PrivateKeyDer::from_pem_slice(pem(&format!("{name}.key")).as_bytes()).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = vec![if http == Http::One { b"http/1.1".to_vec() } else { b"h2".to_vec() }];
        let stream = TcpStream::connect(server.address).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    async fn call(server: &Running, protocol: Protocol, http: Http, identity: Option<&str>) -> String {
        let headers = [("content-type", protocol.content_type())];
        let (path, body) = (protocol.path(), protocol.body("secure"));
        let stream = connect(server, http, identity).await.unwrap();
        let answer = patiently(request_over(stream, http, "POST", path, &headers, &body)).await;
        assert_eq!(answer.status, 200, "{protocol:?} {http:?}");
        protocol.said(&answer)
    }

    #[tokio::test]
    async fn handlers_learn_of_it_in_whatever_protocol() {
        let own = || ServerTlsConfig::new().identity(identity("server"));
        let table = [
            (own(), None, "true none"),
            (own().client_ca_root(certificate("ca")), Some("client"), "true 1 certificates"),
        ];
        for (config, client, expected) in table {
            let server = Server::builder().tls_config(config).unwrap();
            let server = Running::start(speaking(server, Probe::new().0)).await;
            for http in BOTH {
                for protocol in ALL {
                    let said = call(&server, protocol, http, client).await;
                    assert!(said.contains(expected), "{protocol:?} {http:?}: {said}");
                }
            }
            server.stop().await;
        }
    }

    #[tokio::test]
    async fn without_a_certificate_nobody_is_heard() {
        let config = ServerTlsConfig::new().identity(identity("server")).client_ca_root(certificate("ca"));
        let (probe, seen) = Probe::new();
        let server = Running::start(speaking(Server::builder().tls_config(config).unwrap(), probe)).await;
        for client in [None, Some("client-self-signed")] {
            // TLS 1.3 tells a client so only after its own handshake is done.
            let Ok(mut stream) = connect(&server, Http::One, client).await else { continue };
            let body = Protocol::Connect.body("hang");
            let head = format!(
                "POST {UNARY} HTTP/1.1\r\nhost: a\r\ncontent-type: application/proto\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let refused = patiently(async {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                stream.write_all(&[head.as_bytes(), &body].concat()).await?;
                let mut read = Vec::new();
                stream.read_to_end(&mut read).await.map(|_| read)
            })
            .await;
            assert!(refused.is_err(), "{client:?}: {refused:?}");
        }
        assert_eq!(seen.borrow().hanging, 0);
        server.stop().await;
    }
}
