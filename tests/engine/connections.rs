//! What concerns a connection as a whole.

use seltzer::Server;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::engine::frames::{ACK, PING, PREFACE, SETTINGS, frame, next_frame};
use crate::engine::is_other_carrier;
use crate::support::probe::Probe;
use crate::support::{Running, patiently};

#[tokio::test]
async fn a_connection_goes_on_after_a_burst_of_settings() {
    if is_other_carrier() {
        return;
    }
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, b""));
    stream.write_all(&bytes).await.unwrap();
    // The connection is past its beginning, so that the burst comes in one read.
    while patiently(next_frame(&mut stream)).await != (SETTINGS, ACK) {}
    stream.write_all(&frame(SETTINGS, 0, 0, b"").repeat(1002)).await.unwrap();
    let mut acknowledged = 0;
    while acknowledged < 1002 {
        acknowledged += usize::from(patiently(next_frame(&mut stream)).await == (SETTINGS, ACK));
    }
    stream.write_all(&frame(PING, 0, 0, b"question")).await.unwrap();
    while patiently(next_frame(&mut stream)).await != (PING, ACK) {}
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn congestion_control_is_chosen_by_name() {
    let known = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_allowed_congestion_control").unwrap_or_default();
    let serve = async |algorithm: &str| {
        let server = Server::builder().tcp_congestion(algorithm).add_service(Probe::new().0.server());
        server.bind("127.0.0.1:0").await.unwrap().serve_with_shutdown(async {}).await
    };
    for algorithm in ["cubic", "reno"].into_iter().filter(|name| known.split_whitespace().any(|it| it == *name)) {
        patiently(serve(algorithm)).await.unwrap();
    }
    let said = patiently(serve("no-such")).await.unwrap_err().to_string();
    assert!(said.contains("\"no-such\""), "{said}");
}
