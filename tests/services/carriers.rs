//! One test body, both carriers.

use std::fmt::Debug;

use seltzer::services::{self, Settings};
use seltzer::{Channel, Code, Context, Request, Response, Server, Status, Streaming, context};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;

use crate::support::{Running, patiently};

/// How a call travels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Carrier {
    InProcess,
    Socket,
}

pub(crate) const CARRIERS: [Carrier; 2] = [Carrier::InProcess, Carrier::Socket];

/// A server of all demo services, and a channel to it.
pub(crate) struct Demo {
    pub(crate) channel: Channel,
    /// The server's side of each call, as it arrives.
    calls: mpsc::UnboundedReceiver<Context>,
    /// Ends the server of a socket when it is dropped.
    _running: Option<Running>,
}

impl Demo {
    pub(crate) async fn start(carrier: Carrier, settings: &Settings) -> Self {
        let (arrivals, calls) = mpsc::unbounded_channel();
        let witness = move |request: Request<()>| {
            arrivals.send(context::current()).map_err(|_| Status::unavailable("the test is over"))?;
            Ok(request)
        };
        let server = services::add_to(Server::builder().interceptor(witness), settings);
        match carrier {
            Carrier::InProcess => {
                let server = server.serve_in_process().unwrap();
                Demo { channel: Channel::in_process(&server), calls, _running: None }
            }
            Carrier::Socket => {
                let running = Running::start(server).await;
                Demo { channel: running.channel().await, calls, _running: Some(running) }
            }
        }
    }

    /// The server's side of the call that arrived first among those not asked for yet.
    pub(crate) async fn call(&mut self) -> Context {
        patiently(self.calls.recv()).await.unwrap()
    }
}

/// Runs a test once over each carrier, on a server of its own.
pub(crate) async fn over_both(test: impl AsyncFn(Demo)) {
    over_both_with(&Settings::default(), test).await;
}

pub(crate) async fn over_both_with(settings: &Settings, test: impl AsyncFn(Demo)) {
    for carrier in CARRIERS {
        println!("{carrier:?}");
        test(Demo::start(carrier, settings).await).await;
    }
}

/// The next message of a stream that has one.
pub(crate) async fn next<T>(stream: &mut Streaming<T>) -> T {
    patiently(stream.message()).await.unwrap().expect("the stream ended early")
}

/// All messages of a stream that ends well.
pub(crate) async fn all<T>(response: Response<Streaming<T>>) -> Vec<T> {
    patiently(response.into_inner().map(Result::unwrap).collect()).await
}

/// The status of a call that fails with this code.
#[track_caller]
pub(crate) fn refused<T: Debug>(result: Result<Response<T>, Status>, code: Code) -> Status {
    let status = result.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    status
}
