//! R13: traffic that looks like an attack and is none. Nobody may be turned away.

use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use seltzer_peers::load::Error;
use seltzer_peers::load::caller::{Caller, Manner, SCRATCH_BYTES};
use seltzer_peers::load::work::Work;
use seltzer_peers::wire::frame::reason;
use serde_json::Value;

use crate::Target;
use crate::honest;
use crate::report::Report;

/// Streams that are opened, read a little, and cancelled, in each second.
const CANCELS_PER_SECOND: f64 = 5_000.0;

/// Each answer is longer than its window, so that none ends by itself.
const ANSWER: Work = Work::Down(200, 10);
const WINDOW_BYTES: u32 = 1024;

/// How many of them are open at a time at most: a client's usual limit, below the server's.
const OPEN_MAX: usize = 100;

pub(crate) fn all(target: &Target, report: &mut Report) -> Result<(), Error> {
    let port = target.port.to_string();
    let calls = |quick: u32, full: u32| target.pick(quick, full).to_string();

    let count = calls(2_000, 10_000);
    let empty = ["run", &port, "unary:100", "--lanes", "10", "--calls", &count, "--empty-frame-first"];
    judge(report, "empty_frames", &honest::load(target, &empty)?);

    cancels(target, report)?;

    // Three sizes, so that a million messages are sent over twice 250 streams.
    let per_stream = target.pick(40, 667);
    for size in [1, 30, 64] {
        let work = format!("echo:{per_stream}x{size}");
        let words = ["run", &port, &work, "--connections", "2", "--lanes", "250", "--calls", "500"];
        let pauses = ["--frame-per-message", "--reader-pause-ms", "200"];
        judge(report, &format!("messages_of_{size}"), &honest::load(target, &[&words[..], &pauses[..]].concat())?);
    }

    let connections = calls(8, 40);
    let count = calls(2_000, 10_000);
    let replies = ["run", &port, "hold:500x10", "--connections", &connections, "--lanes", "250", "--calls", &count];
    judge(report, "concurrent_replies", &honest::load(target, &replies)?);
    Ok(())
}

fn judge(report: &mut Report, name: &str, fared: &Value) {
    let figure = |of: &str| fared[of].as_f64().unwrap_or(f64::INFINITY);
    report.note(&format!("{name}_ok"), fared["ok"].clone());
    report.at_most(&format!("{name}_failed"), figure("failed"), 0.0);
    report.at_most(&format!("{name}_connections_lost"), figure("connections_lost"), 0.0);
    if let Some(complaint) = fared.get("complaint") {
        report.note(&format!("{name}_complaint"), complaint.clone());
    }
}

/// One connection whose streams are all cancelled after the first message of their answers.
fn cancels(target: &Target, report: &mut Report) -> Result<(), Error> {
    let times: u64 = target.pick(20_000, 1_000_000);
    let manner = Manner {
        port: target.port,
        security: target.security.clone(),
        window_bytes: Some(WINDOW_BYTES),
        ..Manner::default()
    };
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(16);
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut caller = Caller::connect(&manner, &poll, Token(0))?;
    let (mut begun, mut cancelled, mut ended_early) = (0, 0, 0);
    let (mut alive, mut free): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..OPEN_MAX).rev().collect());
    let mut began = Instant::now();
    while cancelled + ended_early < times && caller.broken.is_none() {
        if !caller.is_up {
            began = Instant::now();
        }
        let due = (began.elapsed().as_secs_f64() * CANCELS_PER_SECOND) as u64;
        while caller.is_up && begun < due.min(times) {
            let Some(lane) = free.pop() else { break };
            begun += 1;
            caller.begin(lane, ANSWER, begun);
            alive.push(lane);
        }
        caller.send();
        poll.poll(&mut events, Some(Duration::from_millis(1)))?;
        caller.receive(&mut scratch);
        while let Some(finished) = caller.finished.pop() {
            ended_early += 1;
            alive.retain(|lane| *lane != finished.lane);
            free.push(finished.lane);
        }
        for lane in std::mem::take(&mut alive) {
            if caller.has_answer_begun(lane) {
                caller.cancel(lane, reason::CANCEL);
                cancelled += 1;
                free.push(lane);
            } else {
                alive.push(lane);
            }
        }
    }
    let rate = cancelled as f64 / began.elapsed().as_secs_f64();
    report.note("cancelled_streams", cancelled);
    report.note("cancelled_streams_that_ended_early", ended_early);
    report.note("cancelled_complaint", caller.complaint.clone());
    report.note("cancelled_connection_lost", caller.broken.clone());
    report.at_most("cancelled_streams_failed", (times - cancelled) as f64, 0.0);
    report.at_least("cancels_achieved_share", rate / CANCELS_PER_SECOND, 0.98);
    Ok(())
}
