//! An open loop of calls: so many a second, whether those before are over or not.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use seltzer::client::CallOptions;
use seltzer::{Channel, Code, Request};
use seltzer_peers::load::Error;
use seltzer_peers::load::figures::Durations;
use seltzer_peers::schemas::bench::Msg;
use seltzer_peers::schemas::bench::bench_client::BenchClient;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

/// How often calls begin.
const TICK: Duration = Duration::from_millis(1);

/// A call may take so long. It is there to end what would hang.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What is offered.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) channel: Channel,
    pub(crate) per_second: u32,
    pub(crate) wait_for_ready: bool,
    /// The number of the first call; others follow.
    pub(crate) first_id: u64,
}

/// Calls on their way.
#[derive(Debug)]
pub(crate) struct Load {
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// What became of calls.
#[derive(Debug)]
pub(crate) struct Ledger {
    began: Instant,
    calls: Mutex<Vec<Ended>>,
}

/// What became of a call.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// Since the load began.
    pub(crate) at: Duration,
    pub(crate) took: Duration,
    /// Who answered, or the status without an answer.
    pub(crate) outcome: Result<String, (Code, String)>,
}

impl Load {
    pub(crate) fn start(offer: Offer) -> Self {
        let ledger = Arc::new(Ledger { began: Instant::now(), calls: Mutex::default() });
        let stop = Arc::<AtomicBool>::default();
        let task = tokio::spawn(run(offer, Arc::clone(&ledger), Arc::clone(&stop)));
        Load { ledger, stop, task }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Ends it, and waits for the calls that are on their way. Tells how many were to begin at its pace, too.
    pub(crate) async fn end(self) -> Result<Arc<Ledger>, Error> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?;
        Ok(self.ledger)
    }
}

impl Ledger {
    /// How long it has gone on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn all(&self) -> Vec<Ended> {
        self.calls().clone()
    }

    /// Whether this server has answered a call that began after this moment.
    pub(crate) fn has_answered(&self, name: &str, since: Duration) -> bool {
        let calls = self.calls();
        calls.iter().rev().take(10_000).any(|call| call.at >= since && call.outcome.as_deref() == Ok(name))
    }

    /// How many calls that began within this time each server answered.
    pub(crate) fn spread(&self, time: &Range<Duration>) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for call in self.calls().iter().filter(|call| time.contains(&call.at)) {
            if let Ok(name) = &call.outcome {
                *counts.entry(name.clone()).or_default() += 1;
            }
        }
        counts
    }

    /// What calls ended with that failed, and how many.
    pub(crate) fn failures(&self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for call in &*self.calls() {
            if let Err((code, message)) = &call.outcome {
                *counts.entry(format!("{code:?}: {message}")).or_default() += 1;
            }
        }
        counts
    }

    /// How long calls took that were answered.
    pub(crate) fn durations(&self) -> Durations {
        let mut durations = Durations::default();
        self.calls().iter().filter(|call| call.outcome.is_ok()).for_each(|call| durations.add(call.took));
        durations
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Ended>> {
        // Only whole values are put in under this lock.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(offer: Offer, ledger: Arc<Ledger>, stop: Arc<AtomicBool>) {
    let client = BenchClient::new(offer.channel);
    let mut calls = JoinSet::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut begun = 0;
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let due = (ledger.elapsed().as_secs_f64() * f64::from(offer.per_second)) as u64;
        while begun < due {
            let mut request = Request::new(Msg { id: offer.first_id + begun, ..Msg::default() });
            request.set_timeout(TIMEOUT);
            request.extensions_mut().insert(CallOptions::new().wait_for_ready(offer.wait_for_ready));
            calls.spawn(call(client.clone(), request, Arc::clone(&ledger)));
            begun += 1;
        }
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
}

async fn call(client: BenchClient<Channel>, request: Request<Msg>, ledger: Arc<Ledger>) {
    let at = ledger.elapsed();
    let id = request.get_ref().id;
    let outcome = match client.unary(request).await {
        Ok(answer) if answer.get_ref().id == id => Ok(answer.into_inner().name),
        Ok(_) => Err((Code::DataLoss, "this is the answer to another call".to_owned())),
        Err(status) => Err((status.code(), status.message().to_owned())),
    };
    let took = ledger.elapsed() - at;
    ledger.calls().push(Ended { at, took, outcome });
}

/// Lets the load go on for a while.
pub(crate) async fn go_on(time: Duration) {
    tokio::time::sleep(time).await;
}
