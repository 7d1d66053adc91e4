//! A server that is to be killed.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use seltzer::{Request, Response, Server, Status, Streaming};
use seltzer_peers::arguments::Arguments;
use seltzer_peers::handlers::Numbered;
use seltzer_peers::load::Error;
use seltzer_peers::schemas::bench::bench_server::{Bench, BenchServer};
use seltzer_peers::schemas::bench::{Msg, Req};

/// What a server says when it listens, before the time: nanoseconds of the system's clock.
pub(crate) const LISTENING: &str = "listening at ";

/// Answers with its name, and writes down whom it answered.
struct Named {
    name: String,
    log: Option<File>,
    slow_permille: u64,
    slow: Duration,
    fails: bool,
    calls: AtomicU64,
}

impl Bench for Named {
    async fn unary(&self, request: Request<Msg>) -> Result<Response<Msg>, Status> {
        let id = request.get_ref().id;
        if let Some(mut log) = self.log.as_ref() {
            // Written before it is answered, in one piece: what the system has survives the server.
            log.write_all(&id.to_le_bytes()).map_err(|error| Status::internal(error.to_string()))?;
        }
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.fails {
            return Err(Status::unavailable("as told"));
        }
        // Evenly: as many of a thousand as there are to be.
        if (number * self.slow_permille) % 1000 + self.slow_permille >= 1000 {
            tokio::time::sleep(self.slow).await;
        }
        Ok(Response::new(Msg { id, name: self.name.clone(), ..Msg::default() }))
    }

    type DownStream = Numbered;

    async fn down(&self, _: Request<Req>) -> Result<Response<Numbered>, Status> {
        Err(Status::unimplemented("only unary calls are made here"))
    }

    async fn up(&self, _: Request<Streaming<Msg>>) -> Result<Response<Msg>, Status> {
        Err(Status::unimplemented("only unary calls are made here"))
    }

    type BidiStream = Streaming<Msg>;

    async fn bidi(&self, _: Request<Streaming<Msg>>) -> Result<Response<Streaming<Msg>>, Status> {
        Err(Status::unimplemented("only unary calls are made here"))
    }
}

/// Serves until it is killed.
pub(crate) fn run(mut arguments: Arguments) -> Result<(), Error> {
    let port: u16 = arguments.word("PORT")?;
    let log: Option<String> = arguments.option("--log")?;
    let log = log.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
    let service = Named {
        name: arguments.or("--name", "server".to_owned())?,
        log,
        slow_permille: arguments.or("--slow-permille", 0)?,
        slow: Duration::from_millis(arguments.or("--slow-ms", 100)?),
        fails: arguments.flag("--fail"),
        calls: AtomicU64::new(0),
    };
    arguments.end()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let bound = Server::builder().add_service(BenchServer::new(service)).bind(format!("127.0.0.1:{port}")).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        println!("{LISTENING}{now}");
        bound.serve().await.map_err(Into::into)
    })
}
