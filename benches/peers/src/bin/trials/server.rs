//! A server that is told to stop.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use seltzer::health::HealthReporter;
use seltzer::{Request, Response, Server, Status, Streaming};
use seltzer_peers::arguments::Arguments;
use seltzer_peers::load::Error;
use seltzer_peers::schemas::bench::bench_server::{Bench, BenchServer};
use seltzer_peers::schemas::bench::{Msg, Req};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Interval, interval};
use tokio_stream::Stream;

/// What a server says when it listens.
pub(crate) const LISTENING: &str = "listening";

/// What it says when it has answered its first unary call: its callers have found it.
pub(crate) const FOUND: &str = "found";

/// What it says before the number of its tasks, when SIGUSR1 asks.
pub(crate) const TASKS: &str = "tasks ";

/// Between two messages of an answer that streams.
pub(crate) const STEP: Duration = Duration::from_millis(100);

/// Answers calls as they come, and streams slowly.
#[derive(Debug, Default)]
struct Patient {
    is_found: AtomicBool,
}

impl Bench for Patient {
    async fn unary(&self, request: Request<Msg>) -> Result<Response<Msg>, Status> {
        if !self.is_found.load(Ordering::Relaxed) && !self.is_found.swap(true, Ordering::Relaxed) {
            println!("{FOUND}");
        }
        Ok(Response::new(request.into_inner()))
    }

    type DownStream = Slowly;

    async fn down(&self, request: Request<Req>) -> Result<Response<Slowly>, Status> {
        let order = request.into_inner();
        Ok(Response::new(Slowly { next: 0, count: u64::from(order.count), steps: interval(STEP) }))
    }

    async fn up(&self, request: Request<Streaming<Msg>>) -> Result<Response<Msg>, Status> {
        let mut messages = request.into_inner();
        let mut id = 0;
        while messages.message().await?.is_some() {
            id += 1;
        }
        Ok(Response::new(Msg { id, ..Msg::default() }))
    }

    type BidiStream = Streaming<Msg>;

    async fn bidi(&self, request: Request<Streaming<Msg>>) -> Result<Response<Streaming<Msg>>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

/// Numbered messages, one a step.
#[derive(Debug)]
struct Slowly {
    next: u64,
    count: u64,
    steps: Interval,
}

impl Stream for Slowly {
    type Item = Result<Msg, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.next == self.count {
            return Poll::Ready(None);
        }
        ready!(self.steps.poll_tick(cx));
        let id = self.next;
        self.next += 1;
        Poll::Ready(Some(Ok(Msg { id, ..Msg::default() })))
    }
}

/// Serves until SIGTERM, then as long as calls go on, within the grace.
pub(crate) async fn run(mut arguments: Arguments) -> Result<(), Error> {
    let port: u16 = arguments.word("PORT")?;
    let grace = Duration::from_millis(arguments.or("--grace-ms", 2_000)?);
    arguments.end()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Server::builder()
        .add_service(BenchServer::new(Patient::default()))
        .health(&HealthReporter::new())
        .drain_grace(grace)
        .bind(format!("127.0.0.1:{port}"))
        .await?;
    println!("{LISTENING}");
    let mut asked = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            println!("{TASKS}{}", Handle::current().metrics().num_alive_tasks());
        }
    });
    server
        .serve_with_shutdown(async {
            terminate.recv().await;
        })
        .await?;
    Ok(())
}
