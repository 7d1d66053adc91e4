//! PINGs beside calls that keep the server busy: does a connection answer while its handlers work?

use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use serde_json::{Value, json};

use crate::load::Error;
use crate::load::caller::{Caller, Manner, SCRATCH_BYTES};
use crate::load::figures::Durations;
use crate::load::work::Work;
use crate::process::Process;

/// Time between a PING's answer and the next PING.
const BETWEEN_PINGS: Duration = Duration::from_millis(10);

/// Keeps so many calls in flight on one connection for so long, and pings.
///
/// # Errors
/// The server cannot be reached.
pub fn run(
    manner: &Manner,
    work: Work,
    lanes: usize,
    duration: Duration,
    server: Option<Process>,
) -> Result<Value, Error> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(16);
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut caller = Caller::connect(manner, &poll, Token(0))?;
    while !caller.is_up && caller.broken.is_none() {
        caller.send();
        poll.poll(&mut events, Some(Duration::from_millis(10)))?;
        caller.receive(&mut scratch);
    }
    let (mut pings, mut calls) = (Durations::default(), Durations::default());
    let (mut begun, mut wrong) = (0, 0_u64);
    let (mut sent, mut next): (Option<Instant>, Instant) = (None, Instant::now());
    let began = Instant::now();
    let processor_ns = server.map_or(0, Process::processor_ns);
    (0..lanes).for_each(|lane| {
        begun += 1;
        caller.begin(lane, work, begun);
    });
    while began.elapsed() < duration && caller.broken.is_none() {
        if sent.is_none() && Instant::now() >= next {
            caller.session.ping(*b"how fast");
            sent = Some(Instant::now());
        }
        caller.send();
        poll.poll(&mut events, Some(Duration::from_millis(1)))?;
        caller.receive(&mut scratch);
        for (_, came) in caller.pongs.drain(..) {
            if let Some(sent) = sent.take() {
                pings.add(came - sent);
                next = came + BETWEEN_PINGS;
            }
        }
        while let Some(finished) = caller.finished.pop() {
            wrong += u64::from(!finished.is_right);
            calls.add(finished.took);
            begun += 1;
            caller.begin(finished.lane, work, begun);
        }
    }
    // One that is still out has taken at least this long.
    if let Some(sent) = sent {
        pings.add(sent.elapsed());
    }
    let seconds = began.elapsed().as_secs_f64();
    let busy_ns = server.map_or(0, Process::processor_ns).saturating_sub(processor_ns);
    let mut report = json!({
        "calls": calls.len(),
        "failed": wrong,
        "calls_per_second": calls.len() as f64 / seconds,
        "cores_busy": busy_ns as f64 / 1e9 / seconds,
        "pings": pings.len(),
        "ping": pings.to_json(),
        "latency": calls.to_json(),
    });
    if let Some(complaint) = caller.broken.or(caller.complaint) {
        report["complaint"] = complaint.into();
    }
    Ok(report)
}
