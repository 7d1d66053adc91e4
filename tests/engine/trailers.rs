//! Trailers that are larger than a header block may be.

use bytes::Bytes;
use http::HeaderMap;
use seltzer::Server;

use crate::engine::{BOTH, GRPC, Place, UNARY, UP, Way, assert_alive, is_other_carrier, is_pending, message};
use crate::support::probe::Probe;
use crate::support::raw::{Connection, read};
use crate::support::{Running, patiently};

/// More fields than a header block may have.
const FIELDS: usize = 129;

fn large_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for _ in 0..FIELDS {
        trailers.append("x", http::HeaderValue::from_static("y"));
    }
    trailers
}

#[tokio::test]
async fn trailers_that_are_too_large_end_their_request() {
    if is_other_carrier() {
        return;
    }
    let place = Place::start(Server::builder().add_service(Probe::new().0.server())).await;
    for (way, path) in [(Way::Short, UNARY), (Way::General, UNARY), (Way::General, UP)] {
        let connection = place.open(way).await;
        let (response, mut sender) = connection.begin("POST", path, GRPC, false).await.unwrap();
        // In pieces, so that a unary call's message has to be collected.
        for byte in message("hi") {
            sender.send_data(Bytes::from(vec![byte]), false).unwrap();
        }
        sender.send_trailers(large_trailers()).unwrap();
        let answer = patiently(read(response)).await.unwrap();
        assert_eq!((answer.status, answer.grpc_status()), (200, Some("0")), "{way:?} {path}");
        assert_eq!(answer.body[answer.body.len() - 2..], *b"hi", "{way:?} {path}");
    }
}

#[tokio::test]
async fn trailers_that_are_too_large_free_no_place() {
    if is_other_carrier() {
        return;
    }
    const STREAMS: usize = 4;
    let (probe, mut seen) = Probe::new();
    // One more place for the call that shows how far the connection has come.
    let server = Server::builder().max_concurrent_streams(STREAMS as u32 + 1).add_service(probe.server());
    let server = Running::start(server).await;
    let connection = Connection::open(server.address).await.unwrap();
    let mut bodies = Vec::new();
    for _ in 0..STREAMS {
        let (response, mut sender) = connection.begin("POST", BOTH, GRPC, false).await.unwrap();
        sender.send_data(message("hang").into(), false).unwrap();
        bodies.push((patiently(response).await.unwrap().into_body(), sender));
    }
    patiently(seen.wait_for(|seen| seen.hanging == STREAMS)).await.unwrap();
    for (_, sender) in &mut bodies {
        sender.send_trailers(large_trailers()).unwrap();
    }
    assert_alive(&connection, UNARY).await;
    for (body, _) in &mut bodies {
        assert!(is_pending(body.data()), "its handler still runs");
    }
    assert_eq!((seen.borrow().hanging, seen.borrow().dropped), (STREAMS, 0));
    drop(bodies);
    patiently(seen.wait_for(|seen| seen.cancelled == STREAMS)).await.unwrap();
}
