//! REST: requests of HTTP/1.1 and HTTP/2 that become calls, and what comes of them.

mod bodies;
mod errors;
mod library;
mod messages;
mod metadata;
mod rules;
mod streams;

use seltzer::Server;
use seltzer::gateway::Gateway;

use crate::gateway::library::Library;
use crate::support::Running;
use crate::support::http1::{self, Answer};

/// A library with a gateway before it.
async fn serve(gateway: Gateway) -> Running {
    Running::start(Server::builder().add_service(Library::server()).speak(gateway)).await
}

/// Sends a request such as `GET /v1/books`, over HTTP/1.1.
async fn ask(server: &Running, request: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let (method, target) = request.split_once(' ').unwrap();
    http1::send(server.address, method, target, headers, body.as_ref()).await
}

/// Sends requests, one after another, and says which were not answered as expected.
///
/// An expectation is the HTTP status and the body, or `...` and what must be in it.
async fn check(server: &Running, rows: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (request, body, expected) in rows {
        let answer = ask(server, request, &[], body).await;
        let said = format!("{} {}", answer.status, answer.text());
        let is_right = match expected.split_once("...") {
            Some((status, part)) => said.starts_with(status) && said.contains(part),
            None => said == *expected,
        };
        if !is_right {
            wrong.push(format!("{request} {body}\n   answered {said}\n   expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
