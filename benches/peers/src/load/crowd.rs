//! Many connections that do little: what does each of them cost?

use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use serde_json::{Value, json};

use crate::load::Error;
use crate::load::caller::{Caller, Manner, SCRATCH_BYTES};
use crate::load::figures::Durations;
use crate::load::paced::wait;
use crate::load::work::Work;
use crate::process::Process;

/// Connections that have not heard from the server yet, at a time: fewer than any queue of a listening socket.
const CONNECTING_MAX: usize = 256;

/// How long the server may take to notice that all have left.
const LEAVING: Duration = Duration::from_secs(20);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How.
    pub manner: Manner,
    /// What each call is.
    pub work: Work,
    /// Connections.
    pub connections: usize,
    /// Calls of each as soon as all are there.
    pub calls: usize,
    /// From then on, a call of each in this time.
    pub interval: Duration,
    /// How long that goes on.
    pub duration: Duration,
    /// How often all of it is done.
    pub rounds: usize,
    /// The server, to see its memory.
    pub server: Process,
}

/// Does it, and says what came of it.
///
/// # Errors
/// The server cannot be reached.
pub fn run(plan: &Plan) -> Result<Value, Error> {
    let (files, kib) = (plan.server.files(), plan.server.resident_kib());
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        let mut round = Crowd::new(plan)?.round()?;
        let deadline = Instant::now() + LEAVING;
        while plan.server.files() > files && Instant::now() < deadline {
            wait(Duration::from_millis(20));
        }
        round["files_after"] = plan.server.files().into();
        round["kib_after"] = plan.server.resident_kib().into();
        rounds.push(round);
    }
    Ok(json!({ "connections": plan.connections, "files_before": files, "kib_before": kib, "rounds": rounds }))
}

struct Crowd<'p> {
    plan: &'p Plan,
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    callers: Vec<Caller>,
    up: usize,
    done: u64,
    wrong: u64,
    lost: u64,
    durations: Durations,
    complaint: Option<String>,
}

impl<'p> Crowd<'p> {
    fn new(plan: &'p Plan) -> Result<Self, Error> {
        Ok(Crowd {
            plan,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            scratch: vec![0; SCRATCH_BYTES],
            callers: Vec::with_capacity(plan.connections),
            up: 0,
            done: 0,
            wrong: 0,
            lost: 0,
            durations: Durations::default(),
            complaint: None,
        })
    }

    fn round(mut self) -> Result<Value, Error> {
        let server = self.plan.server;
        let kib_before = server.resident_kib();
        let began = Instant::now();
        self.connect()?;
        let connect_seconds = began.elapsed().as_secs_f64();
        let per_connection = |kib: u64| kib.saturating_sub(kib_before) as f64 / self.plan.connections as f64;
        let kib_idle = per_connection(server.resident_kib());
        for _ in 0..self.plan.calls {
            let until = self.done + self.plan.connections as u64;
            for index in 0..self.callers.len() {
                self.call(index);
            }
            while self.done + self.lost < until && self.turn(Duration::from_secs(30))? {}
        }
        let kib_active = per_connection(server.resident_kib());
        let expected = (self.plan.calls * self.plan.connections) as u64 + self.at_a_pace()?;
        let mut report = json!({
            "connect_seconds": connect_seconds,
            "kib_idle": kib_idle,
            "kib_active": kib_active,
            "kib_end": per_connection(server.resident_kib()),
            "files": server.files(),
            "ok": self.done - self.wrong,
            "failed": expected.saturating_sub(self.done) + self.wrong,
            "lost": self.lost,
            "latency": self.durations.to_json(),
        });
        if let Some(complaint) = self.complaint {
            report["complaint"] = complaint.into();
        }
        Ok(report)
    }

    fn connect(&mut self) -> Result<(), Error> {
        while self.up < self.plan.connections {
            while self.callers.len() < self.plan.connections && self.callers.len() - self.up < CONNECTING_MAX {
                let mut caller = Caller::connect(&self.plan.manner, &self.poll, Token(self.callers.len()))?;
                caller.send();
                self.callers.push(caller);
            }
            if !self.turn(Duration::from_secs(10))? || self.lost > 0 {
                let why = self.complaint.clone().unwrap_or_else(|| "the server is silent".to_owned());
                return Err(format!("{} of {} connections are up: {why}", self.up, self.plan.connections).into());
            }
        }
        Ok(())
    }

    /// Calls for as long as planned; says how many calls that were.
    fn at_a_pace(&mut self) -> Result<u64, Error> {
        if self.plan.duration.is_zero() {
            return Ok(0);
        }
        let before = self.done;
        let per_second = self.plan.connections as f64 / self.plan.interval.as_secs_f64();
        let (began, mut begun) = (Instant::now(), 0_u64);
        while began.elapsed() < self.plan.duration {
            let due = (began.elapsed().as_secs_f64() * per_second) as u64;
            while begun < due {
                self.call(begun as usize % self.plan.connections);
                begun += 1;
            }
            self.turn(Duration::from_millis(1))?;
        }
        let until = before + begun;
        while self.done + self.lost < until && self.turn(Duration::from_secs(5))? {}
        Ok(begun)
    }

    fn call(&mut self, index: usize) {
        let caller = &mut self.callers[index];
        if caller.broken.is_none() {
            caller.begin(caller.free_lane(), self.plan.work, self.done);
            caller.send();
        }
    }

    /// Takes what comes; says whether something did.
    fn turn(&mut self, patience: Duration) -> Result<bool, Error> {
        self.poll.poll(&mut self.events, Some(patience))?;
        for event in &self.events {
            let caller = &mut self.callers[event.token().0];
            let (was_up, was_broken) = (caller.is_up, caller.broken.is_some());
            caller.receive(&mut self.scratch);
            caller.send();
            self.up += usize::from(caller.is_up && !was_up);
            while let Some(finished) = caller.finished.pop() {
                self.done += 1;
                self.wrong += u64::from(!finished.is_right);
                self.durations.add(finished.took);
            }
            if caller.broken.is_some() && !was_broken {
                self.lost += 1;
            }
            if let Some(complaint) = caller.broken.as_ref().or(caller.complaint.as_ref()) {
                self.complaint.get_or_insert_with(|| complaint.clone());
            }
        }
        Ok(!self.events.is_empty())
    }
}
