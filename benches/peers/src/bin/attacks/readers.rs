//! R18: many large answers that nobody reads, and one that is read, on one connection.

use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use seltzer_peers::load::Error;
use seltzer_peers::load::caller::{Caller, Manner, SCRATCH_BYTES};
use seltzer_peers::load::work::Work;

use crate::Target;
use crate::report::Report;

/// Answers that stall.
const STALLED: usize = 200;

/// Each is 100 MB.
const SLOW: Work = Work::Down(6_400, 16_384);

/// What the server may keep for each of them: a window's worth that is not sent, and as much on its way.
const BUDGET_KIB: f64 = 128.0;

/// And for everything else.
const SLACK_KIB: f64 = 16.0 * 1024.0;

/// How much of its speed the answer that is read must keep.
const SPEED_SHARE_MIN: f64 = 0.8;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn slow(target: &Target, report: &mut Report) -> Result<(), Error> {
    let fast = target.pick(Work::Down(1_600, 16_384), SLOW);
    let alone = best(target, fast, 0)?;
    target.server.reset_peak();
    let kib = target.server.resident_kib();
    let beside = best(target, fast, STALLED)?;
    let growth_kib = target.server.peak_kib().saturating_sub(kib) as f64;
    let megabytes = fast.payload_bytes() as f64 / 1e6;
    report.note("alone_megabytes_per_second", megabytes / alone);
    report.note("beside_megabytes_per_second", megabytes / beside);
    report.at_least("speed_share", alone / beside, SPEED_SHARE_MIN);
    report.at_most("growth_kib", growth_kib, STALLED as f64 * BUDGET_KIB + SLACK_KIB);
    Ok(())
}

/// The middle of three runs, in seconds.
fn best(target: &Target, fast: Work, stalled: usize) -> Result<f64, Error> {
    let mut seconds = [0.0; 3];
    for run in &mut seconds {
        *run = time(target, fast, stalled)?;
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[1])
}

fn time(target: &Target, fast: Work, stalled: usize) -> Result<f64, Error> {
    let manner = Manner {
        port: target.port,
        security: target.security.clone(),
        window_bytes: Some(64 * 1024),
        ..Manner::default()
    };
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(16);
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut caller = Caller::connect(&manner, &poll, Token(0))?;
    let deadline = Instant::now() + PATIENCE;
    let mut began = None;
    loop {
        caller.send();
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        let was_up = caller.is_up;
        caller.receive(&mut scratch);
        if caller.is_up && !was_up {
            for lane in 1..=stalled {
                caller.begin(lane, SLOW, lane as u64);
                caller.stall(lane);
            }
        }
        let has_stalled = caller.is_up && (1..=stalled).all(|lane| caller.has_answer_begun(lane));
        if began.is_none() && has_stalled {
            began = Some(Instant::now());
            caller.begin(0, fast, 0);
        }
        if let (Some(began), Some(finished)) = (began, caller.finished.pop()) {
            return match finished.lane {
                0 if finished.is_right => Ok(began.elapsed().as_secs_f64()),
                _ => Err(caller.complaint.unwrap_or_default().into()),
            };
        }
        if let Some(broken) = caller.broken {
            return Err(broken.into());
        }
        if Instant::now() > deadline {
            return Err("the answer that is read does not come to its end".into());
        }
    }
}
