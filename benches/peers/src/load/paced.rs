//! An open loop: calls at their own pace, whether those before are over or not. This is the honest client beside
//! attacks.

use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use serde_json::{Value, json};

use crate::load::Error;
use crate::load::caller::{Caller, Manner, SCRATCH_BYTES};
use crate::load::figures::Durations;
use crate::load::work::Work;

/// Waits for time to pass: what pacing is.
#[allow(clippy::disallowed_methods, reason = "load at a pace has nothing else to wait for")]
pub fn wait(duration: Duration) {
    std::thread::sleep(duration);
}

/// How long answers may take after the last call began.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Calls so many a second for so long.
///
/// # Errors
/// The server cannot be reached at the beginning.
pub fn run(manner: &Manner, work: Work, per_second: f64, duration: Duration) -> Result<Value, Error> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(16);
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut caller = Caller::connect(manner, &poll, Token(0))?;
    let (mut durations, mut free) = (Durations::default(), Vec::new());
    let (mut begun, mut done, mut wrong, mut held_back, mut lanes) = (0_u64, 0_u64, 0_u64, 0_u64, 0);
    let began = Instant::now();
    loop {
        let passed = began.elapsed();
        let is_over = passed >= duration;
        if caller.broken.is_some() || (is_over && done == begun) || passed >= duration + LAST_ANSWERS {
            break;
        }
        let due = (passed.min(duration).as_secs_f64() * per_second) as u64;
        while caller.is_up && begun < due && !is_over {
            if caller.session.streams_left() == 0 {
                held_back += 1;
                break;
            }
            let lane = free.pop().unwrap_or_else(|| {
                lanes += 1;
                lanes - 1
            });
            begun += 1;
            caller.begin(lane, work, begun);
        }
        caller.send();
        poll.poll(&mut events, Some(Duration::from_millis(1)))?;
        caller.receive(&mut scratch);
        while let Some(finished) = caller.finished.pop() {
            done += 1;
            wrong += u64::from(!finished.is_right);
            durations.add(finished.took);
            free.push(finished.lane);
        }
    }
    let offered = per_second * duration.as_secs_f64();
    let mut report = json!({
        "offered": offered,
        "ok": done - wrong,
        "failed": wrong + (begun - done),
        "achieved_share": (done - wrong) as f64 / offered,
        "held_back": held_back,
        "latency": durations.to_json(),
    });
    if let Some(complaint) = caller.broken.or(caller.complaint) {
        report["complaint"] = complaint.into();
    }
    Ok(report)
}
