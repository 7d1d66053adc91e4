//! Calls at a rate and streams that stay open, until standard input ends; then a report.

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use seltzer::client::balance::Balance;
use seltzer::{Channel, Request, Status};
use seltzer_peers::arguments::Arguments;
use seltzer_peers::load::Error;
use seltzer_peers::schemas::bench::Msg;
use seltzer_peers::schemas::bench::bench_client::BenchClient;
use tokio::task::JoinSet;

use crate::outcome::Outcome;
use crate::pace::Pace;
use crate::streams::keep_open;

/// A call may take so long. It is there to end what would hang.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Calls by a channel over all servers, with health checks and without a retry policy: whatever fails here would fail
/// for users.
pub(crate) async fn run(mut arguments: Arguments) -> Result<(), Error> {
    let servers: String = arguments.option("--servers")?.ok_or("--servers is missing")?;
    let (rate, streams) = (arguments.or("--rate", 5_000.0)?, arguments.or("--streams", 200)?);
    arguments.end()?;
    let addresses: Vec<_> = servers.split(',').map(|port| format!("127.0.0.1:{port}")).collect();
    let channel = Channel::builder(format!("ipv4:{}", addresses.join(",")))
        .balance(Balance::RoundRobin)
        .health_check("")
        .reconnect_backoff(Duration::from_millis(50), Duration::from_millis(150))
        .connect()
        .await?;
    let (stop, outcome) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Outcome>>::default());
    let mut kept = JoinSet::new();
    for number in 0..streams {
        kept.spawn(keep_open(number, channel.clone(), Arc::clone(&stop), Arc::clone(&outcome)));
    }
    let input = tokio::task::spawn_blocking({
        let stop = Arc::clone(&stop);
        move || {
            let _ = std::io::stdin().read(&mut [0]);
            stop.store(true, Ordering::Relaxed);
        }
    });
    let offered = calls(channel, rate, &stop, &outcome).await;
    while kept.join_next().await.is_some() {}
    input.await?;
    let outcome = Outcome { offered, ..std::mem::take(&mut *locked(&outcome)) };
    println!("{}", outcome.into_json());
    Ok(())
}

async fn calls(channel: Channel, rate: f64, stop: &AtomicBool, outcome: &Arc<Mutex<Outcome>>) -> u64 {
    let client = BenchClient::new(channel);
    let mut pace = Pace::new(rate);
    let mut running = JoinSet::new();
    let mut id = 0;
    while !stop.load(Ordering::Relaxed) {
        for at in pace.due().await {
            id += 1;
            running.spawn(call(client.clone(), id, at, Arc::clone(outcome)));
        }
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
    pace.begun()
}

async fn call(client: BenchClient<Channel>, id: u64, at: Instant, outcome: Arc<Mutex<Outcome>>) {
    let mut request = Request::new(Msg { id, ..Msg::default() });
    request.set_timeout(TIMEOUT);
    let ended = match client.unary(request).await {
        Ok(answer) if answer.get_ref().id == id => Ok(()),
        Ok(_) => Err(Status::data_loss("this is the answer to another call")),
        Err(status) => Err(status),
    };
    let took = at.elapsed();
    locked(&outcome).add(ended, took);
}

fn locked(outcome: &Mutex<Outcome>) -> MutexGuard<'_, Outcome> {
    // Only whole values are put in under this lock.
    outcome.lock().unwrap_or_else(PoisonError::into_inner)
}
