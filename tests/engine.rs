//! Connections of our own engine under strain: what one call does must not reach the others, nor outlive itself.

mod connections;
mod frames;
mod handlers;
mod messages;
mod panics;
mod trailers;
mod uploads;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use seltzer::Server;
use seltzer::transport::Carrier;
use tokio::net::UnixStream;

use crate::support::probe::ask;
use crate::support::raw::{Answer, Connection, framed};
use crate::support::{Running, carrier, patiently};

const UNARY: &str = "/grpc.testing.BenchmarkService/UnaryCall";
const BOTH: &str = "/grpc.testing.BenchmarkService/StreamingCall";
const UP: &str = "/grpc.testing.BenchmarkService/StreamingFromClient";
const DOWN: &str = "/grpc.testing.BenchmarkService/StreamingFromServer";
const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("te", "trailers")];

fn is_other_carrier() -> bool {
    carrier() != Carrier::Engine
}

fn message(command: &str) -> Vec<u8> {
    framed(0, &prost::Message::encode_to_vec(&ask(command)))
}

/// Whether something that could be there by now is not.
fn is_pending<F: Future>(future: F) -> bool {
    matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}

/// Which way a server takes unary calls.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// The short one.
    Short,
    /// The general one: that of content types that are seldom seen.
    General,
}

const WAYS: [Way; 2] = [Way::Short, Way::General];

/// A server that listens on TCP and on a unix socket.
struct Place {
    server: Running,
    folder: tempfile::TempDir,
}

impl Place {
    async fn start(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("unix:{}", folder.path().join("socket").display());
        let server = server.bind("127.0.0.1:0").await.unwrap().bind_also(path.as_str()).await.unwrap();
        Place { server: Running::run(server), folder }
    }

    async fn unix(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("socket")).await.unwrap()
    }

    async fn open(&self, way: Way) -> Connection {
        match way {
            Way::Short => Connection::over(self.unix().await).await.unwrap(),
            Way::General => Connection::over(self.unix().await).await.unwrap().speaking("application/grpc;v=1"),
        }
    }
}

/// A call that is answered shows that the connection has seen all that was sent before, and that it lives.
async fn assert_alive(connection: &Connection, path: &str) -> Answer {
    let answer = patiently(connection.send("POST", path, GRPC, &message("hi"))).await.unwrap();
    assert_eq!(answer.grpc_status(), Some("0"), "{}", answer.grpc_message());
    answer
}
