//! The same call over and over, with an eye on how long each takes.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::check::{self, Result};
use crate::connect::client;
use crate::flags::{Flags, Soak};
use crate::schemas::{SimpleRequest, TestServiceClient, zeros};

/// All calls on one channel.
pub(crate) async fn rpc(flags: Flags) -> Result {
    let client = client(&flags).await?;
    run(flags, Some(client)).await
}

/// A new channel for each call.
pub(crate) async fn channel(flags: Flags) -> Result {
    run(flags, None).await
}

/// What came of a number of iterations.
#[derive(Default)]
struct Outcome {
    latencies: Vec<Duration>,
    failures: Vec<String>,
    iterations: u64,
}

async fn run(flags: Flags, shared: Option<TestServiceClient>) -> Result {
    let soak = flags.soak.clone();
    check::ensure(soak.threads > 0 && soak.iterations > 0, "soaking takes at least one thread and one iteration")?;
    let deadline = Instant::now() + Duration::from_secs(soak.overall_timeout_s);
    let mut threads = JoinSet::new();
    for thread in 0..soak.threads {
        // The first threads take what does not divide evenly.
        let share = soak.iterations / soak.threads + u64::from(thread < soak.iterations % soak.threads);
        threads.spawn(soak_thread(flags.clone(), shared.clone(), share, deadline));
    }
    let mut all = Outcome::default();
    while let Some(outcome) = threads.join_next().await {
        let outcome = outcome?;
        all.latencies.extend(outcome.latencies);
        all.failures.extend(outcome.failures);
        all.iterations += outcome.iterations;
    }
    judge(all, &soak)
}

async fn soak_thread(flags: Flags, shared: Option<TestServiceClient>, share: u64, deadline: Instant) -> Outcome {
    let soak = &flags.soak;
    let mut outcome = Outcome::default();
    for _ in 0..share {
        let start = Instant::now();
        if start >= deadline {
            break;
        }
        let result = timeout_at(deadline, iteration(&flags, shared.as_ref())).await;
        let latency = start.elapsed();
        outcome.iterations += 1;
        match result {
            Err(_) => outcome.failures.push("the overall timeout came first".to_owned()),
            Ok(Err(error)) => outcome.failures.push(error.to_string()),
            Ok(Ok(())) if latency > Duration::from_millis(soak.latency_max_ms) => {
                outcome.failures.push(format!("it took {} ms", latency.as_millis()));
            }
            Ok(Ok(())) => outcome.latencies.push(latency),
        }
        sleep_until(start + Duration::from_millis(soak.interval_min_ms)).await;
    }
    outcome
}

async fn iteration(flags: &Flags, shared: Option<&TestServiceClient>) -> Result {
    let client = match shared {
        Some(client) => client.clone(),
        None => client(flags).await?,
    };
    let request = SimpleRequest {
        response_size: flags.soak.response_bytes,
        payload: zeros(flags.soak.request_bytes),
        ..SimpleRequest::default()
    };
    check::unary(client.unary_call(request).await, flags.soak.response_bytes)?;
    Ok(())
}

fn judge(mut outcome: Outcome, soak: &Soak) -> Result {
    outcome.latencies.sort_unstable();
    let at = |share: usize| outcome.latencies.get(outcome.latencies.len() * share / 100).map_or(0, Duration::as_millis);
    println!(
        "{} of {} iterations, {} failed; latency in ms: median {}, 90th percentile {}, worst {}",
        outcome.iterations,
        soak.iterations,
        outcome.failures.len(),
        at(50),
        at(90),
        outcome.latencies.last().map_or(0, Duration::as_millis)
    );
    for failure in outcome.failures.iter().take(10) {
        println!("failed: {failure}");
    }
    check::equal("the number of iterations within the overall timeout", &outcome.iterations, &soak.iterations)?;
    let failed = outcome.failures.len() as u64;
    check::ensure(failed <= soak.failures_max, format!("{failed} failures are more than {}", soak.failures_max))
}
