//! A closed loop: so many lanes on so many connections, each with the next call when the one before is over.

use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use serde_json::{Value, json};

use crate::load::Error;
use crate::load::caller::{Caller, Manner, SCRATCH_BYTES};
use crate::load::figures::Durations;
use crate::load::work::Work;
use crate::process::Process;

/// A server that says nothing for so long is stuck.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How.
    pub manner: Manner,
    /// What each call is.
    pub work: Work,
    /// Connections.
    pub connections: usize,
    /// Calls at a time on each.
    pub lanes: usize,
    /// Calls that are measured.
    pub calls: u64,
    /// Calls before those.
    pub warm_up: u64,
    /// The server, to see its processor time.
    pub server: Option<Process>,
    /// Stop reading for so long in every second.
    pub reader_pause: Duration,
}

/// Runs it, and says what came of it.
///
/// # Errors
/// The server cannot be reached, or is stuck.
pub fn run(plan: &Plan) -> Result<Value, Error> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut callers = Vec::with_capacity(plan.connections);
    for index in 0..plan.connections {
        callers.push(Caller::connect(&plan.manner, &poll, Token(index))?);
    }
    let mut tally = Tally::new(plan);
    for caller in &mut callers {
        caller.send();
    }
    let mut next_pause = Instant::now() + Duration::from_secs(1);
    while tally.is_going() {
        poll.poll(&mut events, Some(SILENCE_MAX))?;
        if events.is_empty() {
            return Err(format!("nothing came for {} seconds", SILENCE_MAX.as_secs()).into());
        }
        if !plan.reader_pause.is_zero() && Instant::now() >= next_pause {
            crate::load::paced::wait(plan.reader_pause);
            next_pause = Instant::now() + Duration::from_secs(1) - plan.reader_pause;
        }
        for event in &events {
            let caller = &mut callers[event.token().0];
            let was_up = caller.is_up;
            caller.receive(&mut scratch);
            if caller.is_up && !was_up {
                (0..plan.lanes).for_each(|lane| tally.begin(caller, lane));
            }
            tally.take(caller);
            caller.send();
        }
    }
    Ok(tally.report())
}

struct Tally<'p> {
    plan: &'p Plan,
    begun: u64,
    done: u64,
    wrong: u64,
    durations: Durations,
    began: Instant,
    ended: Instant,
    processor_ns: (u64, u64),
    complaint: Option<String>,
    lost: usize,
}

impl<'p> Tally<'p> {
    fn new(plan: &'p Plan) -> Self {
        let now = Instant::now();
        let mut tally = Tally {
            plan,
            begun: 0,
            done: 0,
            wrong: 0,
            durations: Durations::default(),
            began: now,
            ended: now,
            processor_ns: (0, 0),
            complaint: None,
            lost: 0,
        };
        if plan.warm_up == 0 {
            tally.processor_ns.0 = tally.now_ns();
        }
        tally
    }

    fn now_ns(&self) -> u64 {
        self.plan.server.map_or(0, Process::processor_ns)
    }

    fn all(&self) -> u64 {
        self.plan.calls + self.plan.warm_up
    }

    fn is_going(&self) -> bool {
        self.done < self.all() && self.lost == 0
    }

    fn begin(&mut self, caller: &mut Caller, lane: usize) {
        if self.begun < self.all() {
            self.begun += 1;
            caller.begin(lane, self.plan.work, self.begun);
        }
    }

    fn take(&mut self, caller: &mut Caller) {
        while let Some(finished) = caller.finished.pop() {
            self.done += 1;
            self.wrong += u64::from(!finished.is_right);
            self.durations.add(finished.took);
            if self.done == self.plan.warm_up {
                self.durations.clear();
                (self.began, self.processor_ns.0) = (Instant::now(), self.now_ns());
            }
            if self.done == self.all() {
                (self.ended, self.processor_ns.1) = (Instant::now(), self.now_ns());
            }
            self.begin(caller, finished.lane);
        }
        if let Some(broken) = &caller.broken {
            self.lost += 1;
            self.complaint.get_or_insert_with(|| broken.clone());
        }
        if let Some(complaint) = &caller.complaint {
            self.complaint.get_or_insert_with(|| complaint.clone());
        }
    }

    fn report(mut self) -> Value {
        let seconds = self.ended.saturating_duration_since(self.began).as_secs_f64().max(1e-9);
        let measured = self.plan.calls as f64;
        let messages = measured * self.plan.work.messages() as f64;
        let processor_us = self.processor_ns.1.saturating_sub(self.processor_ns.0) as f64 / 1e3;
        let payload = measured * self.plan.work.payload_bytes() as f64;
        let mut report = json!({
            "ok": self.done - self.wrong,
            "failed": self.all() - (self.done - self.wrong),
            "connections_lost": self.lost,
            "seconds": seconds,
            "calls_per_second": measured / seconds,
            "messages_per_second": messages / seconds,
            "payload_megabytes_per_second": payload / seconds / 1e6,
            "processor_us_per_call": processor_us / measured,
            "processor_us_per_message": processor_us / messages,
            "processor_ns_per_byte": if payload > 0.0 { processor_us * 1e3 / payload } else { 0.0 },
            "cores_busy": processor_us / 1e6 / seconds,
            "latency": self.durations.to_json(),
        });
        if let Some(server) = self.plan.server {
            report["peak_kib"] = server.peak_kib().into();
        }
        if let Some(complaint) = self.complaint {
            report["complaint"] = complaint.into();
        }
        report
    }
}
