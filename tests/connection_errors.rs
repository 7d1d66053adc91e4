//! What a caller is told who cannot connect: the target, the address, the step, the system's words, what to try.

use std::net::SocketAddr;
use std::time::Duration;

use seltzer::transport::Step;
use seltzer::{Channel, Code, Endpoint, Server};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::peer::Reserved;
use crate::support::probe::{Client, Probe, ask};
use crate::support::{Running, endpoint, patiently};

const SOON: Duration = Duration::from_millis(50);

/// What connecting says, and that the first call says the same. `{}` stands for the address.
async fn check(what: &str, endpoint: Endpoint, address: SocketAddr, step: Step, expected: &[&str]) {
    let error = patiently(endpoint.connect()).await.unwrap_err();
    assert_eq!(error.step(), step, "{what}: {error}");
    let status = patiently(Client::new(endpoint.connect_lazy()).unary_call(ask("hi"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{what}: {status}");
    for words in expected {
        let words = words.replace("{}", &address.to_string()).replace("{port}", &address.port().to_string());
        assert!(error.to_string().contains(&words), "{what}: {error}\nwithout {words:?}");
        assert!(status.message().contains(&words), "{what}: {status}\nwithout {words:?}");
    }
}

/// A server that says these bytes to everybody, and nothing else.
async fn saying(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut streams = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(bytes).await.unwrap();
            streams.push(stream);
        }
    });
    address
}

fn builder(target: impl AsRef<str>) -> Endpoint {
    Channel::builder(target.as_ref())
}

#[tokio::test]
async fn nobody_listens() {
    let reserved = Reserved::new();
    let address = reserved.address();
    let refused = "Connection refused (os error 111) (nothing listens there: is the server running, and on this port?)";
    let whole = |target: &str| format!("cannot connect to {target}: {refused}");
    let table = [
        (format!("http://{address}"), whole("http://{}")),
        (format!("{address}"), whole("{}")),
        (format!("ipv4:{address}"), whole("ipv4:{}")),
        (format!("dns:///localhost:{}", address.port()), "cannot connect to dns:///localhost:{port}: ".to_owned()),
        (format!("dns:///localhost:{}", address.port()), "{}: Connection refused".to_owned()),
    ];
    for (target, expected) in table {
        check(&target, builder(&target), address, Step::Connect, &[&expected]).await;
    }
}

#[tokio::test]
async fn all_addresses_are_named_up_to_a_limit() {
    let reserved: Vec<_> = (0..6).map(|_| Reserved::new()).collect();
    let addresses: Vec<_> = reserved.iter().map(Reserved::address).collect();
    let ports: Vec<_> = addresses.iter().map(SocketAddr::port).collect();
    let refused = |port: &u16| format!("127.0.0.1:{port}: Connection refused (os error 111)");
    let hint = "(nothing listens there: is the server running, and on this port?)";

    let target = format!("ipv4:127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
    let error = patiently(builder(&target).connect()).await.unwrap_err().to_string();
    let [one, two] = [&ports[0], &ports[1]].map(refused);
    assert_eq!(error, format!("cannot connect to {target}: {one}; {two} {hint}"));

    let error = patiently(Channel::from_addresses(addresses).unwrap().connect()).await.unwrap_err().to_string();
    let told = ports[..4].iter().map(refused).collect::<Vec<_>>().join("; ");
    assert!(error.ends_with(&format!(": {told}; and 2 more addresses {hint}")), "{error}");
    assert!(error.contains(&format!("127.0.0.1:{} and 3 more", ports[2])), "{error}");
}

#[tokio::test]
async fn addresses_may_fail_at_different_steps() {
    let reserved = Reserved::new();
    let smtp = saying(b"220 mail.example ESMTP\r\n").await;
    let target = format!("ipv4:{},{smtp}", reserved.address());
    let expected = [
        format!("HTTP/2 failed with {target}: {}: connecting: Connection refused", reserved.address()),
        format!("; {smtp}: the connection broke: "),
    ];
    check("two steps", builder(&target), smtp, Step::Http2, &expected.each_ref().map(|words| &**words)).await;
}

#[tokio::test]
async fn the_name_is_not_known() {
    let address = Reserved::new().address();
    let expected = ["cannot resolve dns:///no-such-host.invalid:50051: ", "is the host name spelled right"];
    check("a name", builder("dns:///no-such-host.invalid:50051"), address, Step::Resolve, &expected).await;
}

#[tokio::test]
async fn the_server_speaks_something_else() {
    let address = saying(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await;
    let expected = ["HTTP/2 failed with http://{}: the connection broke: ", "does the server speak gRPC"];
    check("HTTP/1.1", builder(format!("http://{address}")), address, Step::Http2, &expected).await;

    let address = saying(b"").await;
    let silent = builder(format!("http://{address}")).connect_timeout(SOON);
    let expected = ["HTTP/2 failed with http://{}: no word of HTTP/2 within 50ms (it takes connections, but "];
    check("silence", silent, address, Step::Http2, &expected).await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_socket_is_not_there() {
    let address = Reserved::new().address();
    let expected = ["cannot connect to unix:/no/such/socket: No such file or directory (os error 2) (there is no such"];
    check("a file", builder("unix:/no/such/socket"), address, Step::Connect, &expected).await;
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_fails() {
    use seltzer::transport::ClientTlsConfig;

    let certificate = include_str!("support/tls/rsa.pem");
    let trusting = || ClientTlsConfig::new().ca_certificate(seltzer::transport::Certificate::from_pem(certificate));
    let address = saying(b"220 mail.example ESMTP\r\n").await;
    let plain = builder(format!("https://{address}")).tls_config(trusting()).unwrap();
    check("no TLS", plain, address, Step::Tls, &["TLS failed with https://{}: "]).await;

    // A target without a scheme has TLS where it is set.
    let address = saying(b"").await;
    for target in [format!("dns:///localhost:{}", address.port()), format!("ipv4:{address}")] {
        let silent = builder(&target).tls_config(trusting()).unwrap().connect_timeout(SOON);
        let expected = format!("TLS failed with {target}: ");
        let words = ["no end of its handshake within 50ms (does the server speak TLS on this port?)", &*expected];
        check(&target, silent, address, Step::Tls, &words).await;
    }
}

#[tokio::test]
async fn targets_that_cannot_be_read_are_quoted() {
    let address = Reserved::new().address();
    let table = [
        ("gopher://localhost", "cannot use the target \"gopher://localhost\": the scheme \"gopher\" is not known"),
        ("dns://8.8.8.8/greeter:1", "the name server \"8.8.8.8\" cannot be asked (write dns:///greeter:1; "),
    ];
    for (target, expected) in table {
        check(target, builder(target), address, Step::Target, &[expected]).await;
    }
}

#[tokio::test]
async fn a_connection_that_ends_later_is_named_by_its_address() {
    let mut server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let target = format!("dns:///localhost:{}", server.address.port());
    let client = Client::new(patiently(endpoint(&target).connect()).await.unwrap());
    patiently(client.unary_call(ask("yield"))).await.unwrap();
    server.begin_stop();
    server.ended().await;
    let status = patiently(client.unary_call(ask("yield"))).await.unwrap_err();
    let expected = format!("cannot connect to {target}: ");
    assert!(status.message().starts_with(&expected), "{status}");
    assert!(status.message().contains(&server.address.to_string()), "{status}");
}
