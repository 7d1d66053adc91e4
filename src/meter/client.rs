//! What the calls of channels come to, and each attempt that is made for them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::meter::cells::{ByCode, Ended, Ends, Outcome};
use crate::meter::histogram::{Distribution, Durations, Histogram, RETRY_BOUNDS, TRANSPARENT_BOUNDS, Took};
use crate::meter::server::name_of;
use crate::meter::shards::{Sharded, Writer};
use crate::status::Code;

/// What calls of methods are called that no generated code names.
const OTHER: &str = "other";

/// Counts the calls of channels; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientMeter(Option<Arc<Targets>>);

#[derive(Debug, Default)]
struct Targets {
    by_name: RwLock<HashMap<String, Arc<Methods>>>,
}

/// Counts the calls of one channel, together with all that have the same target.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChannelMeter(Option<Arc<Methods>>);

/// The methods that were called of one target, in the order of their names: to compare a few of these takes less than
/// to hash one.
#[derive(Debug, Default)]
struct Methods {
    by_name: RwLock<Vec<(String, Arc<Method>)>>,
}

/// Counts the calls of one method of one target.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientMethodMeter(Option<Arc<Method>>);

#[derive(Debug, Default)]
struct Method {
    cells: Sharded<Cells>,
}

#[derive(Debug, Default)]
struct Cells {
    attempts_started: AtomicU64,
    /// Calls that had one attempt, which took as long as they: most of them.
    alone: ByCode<Ended>,
    /// All other attempts and calls.
    attempts: ByCode<Ended>,
    calls: ByCode<Durations>,
    again: OnceLock<Box<Again>>,
}

/// Calls that were made more than once.
#[derive(Debug, Default)]
struct Again {
    retries: Histogram<6>,
    transparent_retries: Histogram<7>,
    hedges: Histogram<6>,
    delays: Durations,
}

/// What channels have counted of one method of one target.
#[derive(Debug, Default)]
pub(crate) struct ClientReading {
    pub(crate) target: String,
    pub(crate) method: String,
    pub(crate) attempts_started: u64,
    pub(crate) attempts: BTreeMap<i32, Ends>,
    pub(crate) calls: BTreeMap<i32, Distribution>,
    pub(crate) retries: Distribution,
    pub(crate) transparent_retries: Distribution,
    pub(crate) hedges: Distribution,
    pub(crate) retry_delays: Distribution,
}

impl ClientMeter {
    /// A meter that counts.
    pub(crate) fn counting() -> Self {
        ClientMeter(Some(Arc::default()))
    }

    /// Of channels with this target.
    pub(crate) fn of_target(&self, target: &str) -> ChannelMeter {
        ChannelMeter(self.0.as_ref().map(|targets| {
            let mut by_name = targets.by_name.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(by_name.entry(target.to_owned()).or_default())
        }))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What was counted, in the order of targets and methods.
    pub(crate) fn read(&self) -> Vec<ClientReading> {
        let mut readings = Vec::new();
        let Some(targets) = &self.0 else { return readings };
        for (target, methods) in &*targets.by_name.read().unwrap_or_else(PoisonError::into_inner) {
            let by_name = methods.by_name.read().unwrap_or_else(PoisonError::into_inner);
            readings.extend(by_name.iter().map(|(method, cells)| cells.read(target, method)));
        }
        readings.sort_by(|one, other| (&one.target, &one.method).cmp(&(&other.target, &other.method)));
        readings
    }
}

impl ChannelMeter {
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Of a method that generated code names, by its path.
    pub(crate) fn method(&self, path: &str) -> ClientMethodMeter {
        ClientMethodMeter(self.0.as_ref().map(|methods| methods.of(name_of(path))))
    }

    /// Of whatever else is called.
    pub(crate) fn other(&self) -> ClientMethodMeter {
        self.method(OTHER)
    }
}

impl Methods {
    fn of(&self, name: &str) -> Arc<Method> {
        let place = |methods: &[(String, Arc<Method>)]| methods.binary_search_by(|(known, _)| known.as_str().cmp(name));
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        if let Ok(at) = place(&by_name) {
            return Arc::clone(&by_name[at].1);
        }
        drop(by_name);
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        let at = place(&by_name).unwrap_or_else(|at| {
            by_name.insert(at, (name.to_owned(), Arc::default()));
            at
        });
        Arc::clone(&by_name[at].1)
    }
}

impl Method {
    fn read(&self, target: &str, method: &str) -> ClientReading {
        let mut reading =
            ClientReading { target: target.to_owned(), method: method.to_owned(), ..ClientReading::default() };
        self.cells.each(|cells| {
            reading.attempts_started += cells.attempts_started.load(Relaxed);
            cells.attempts.each(|code, ended| ended.read(reading.attempts.entry(code as i32).or_default()));
            cells.calls.each(|code, ended| ended.read_seconds(reading.calls.entry(code as i32).or_default()));
            cells.alone.each(|code, ended| {
                ended.read(reading.attempts.entry(code as i32).or_default());
                ended.durations().read_seconds(reading.calls.entry(code as i32).or_default());
            });
            if let Some(again) = cells.again.get() {
                again.retries.read(&mut reading.retries);
                again.transparent_retries.read(&mut reading.transparent_retries);
                again.hedges.read(&mut reading.hedges);
                again.delays.read_seconds(&mut reading.retry_delays);
            }
        });
        reading
    }

    fn attempt_started(&self) {
        let (cells, writer) = self.cells.here();
        writer.add(&cells.attempts_started, 1);
    }

    fn attempt_ended(&self, outcome: &Outcome) {
        let (cells, writer) = self.cells.here();
        cells.attempts.of(outcome.code).record(outcome, writer);
    }
}

impl ClientMethodMeter {
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A call begins; it began a while ago if that is known.
    #[inline]
    pub(crate) fn begin(self, began: Option<Instant>) -> ClientCall {
        ClientCall(self.0.map(|method| Running {
            began: began.unwrap_or_else(Instant::now),
            method,
            retries: AtomicU32::new(0),
            transparent_retries: AtomicU32::new(0),
            hedges: AtomicU32::new(0),
            idle_ns: AtomicU64::new(0),
        }))
    }
}

/// A call that a channel makes. Dropped before it has ended, it was cancelled.
#[derive(Debug, Default)]
pub(crate) struct ClientCall(Option<Running>);

#[derive(Debug)]
struct Running {
    method: Arc<Method>,
    began: Instant,
    retries: AtomicU32,
    transparent_retries: AtomicU32,
    hedges: AtomicU32,
    /// How long no attempt was made.
    idle_ns: AtomicU64,
}

impl ClientCall {
    /// An attempt begins.
    pub(crate) fn attempt(&self) -> ClientAttempt {
        ClientAttempt(self.0.as_ref().map(|running| {
            running.method.attempt_started();
            let (method, began) = (Arc::clone(&running.method), Instant::now());
            Attempt { method, began, sent: 0, received: 0, counter: None }
        }))
    }

    /// An attempt begins whose caller keeps it together with the call; the first one as early as that.
    #[inline]
    pub(crate) fn unary_attempt(&self, is_first: bool) -> Option<UnaryAttempt> {
        self.0.as_ref().map(|running| {
            running.method.attempt_started();
            let began = if is_first { running.began } else { Instant::now() };
            UnaryAttempt { began, sent: 0, received: 0 }
        })
    }

    /// Such an attempt has ended, and the call goes on.
    pub(crate) fn end_attempt(&self, attempt: &UnaryAttempt, code: Code) {
        if let Some(running) = &self.0 {
            let (cells, writer) = running.method.cells.here();
            cells.attempts.of(code).record(&attempt.outcome(code, Took::of(attempt.began.elapsed())), writer);
        }
    }

    /// The call has ended together with such an attempt, at a time that may be known.
    #[inline]
    pub(crate) fn end_unary(mut self, attempt: Option<UnaryAttempt>, code: Code, at: Option<Instant>) {
        let Some(running) = self.0.take() else { return };
        let now = at.unwrap_or_else(Instant::now);
        let (cells, writer) = running.method.cells.here();
        let took = Took::of(now.saturating_duration_since(running.began));
        match attempt {
            Some(attempt) if attempt.began == running.began && !running.was_made_again() => {
                cells.alone.of(code).record(&attempt.outcome(code, took), writer);
            }
            Some(attempt) => {
                let own = Took::of(now.saturating_duration_since(attempt.began));
                cells.attempts.of(code).record(&attempt.outcome(code, own), writer);
                running.end(code, took, cells, writer);
            }
            None => running.end(code, took, cells, writer),
        }
    }

    /// The next attempt is a retry, after this pause.
    pub(crate) fn retries_after(&self, pause: Duration) {
        if let Some(running) = &self.0 {
            running.retries.fetch_add(1, Relaxed);
            running.idle_ns.fetch_add(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        }
    }

    /// The next attempt is made because the server has surely done nothing for the last one.
    pub(crate) fn retries_transparently(&self) {
        if let Some(running) = &self.0 {
            running.transparent_retries.fetch_add(1, Relaxed);
        }
    }

    /// The next attempt is made beside others.
    pub(crate) fn hedges(&self) {
        if let Some(running) = &self.0 {
            running.hedges.fetch_add(1, Relaxed);
        }
    }

    /// The call has ended.
    pub(crate) fn end(mut self, code: Code) {
        if let Some(running) = self.0.take() {
            running.end_at(code, Instant::now());
        }
    }

    /// The call has ended together with an attempt.
    #[inline]
    pub(crate) fn end_with(mut self, attempt: ClientAttempt, code: Code) {
        if let Some(running) = self.0.take() {
            let now = Instant::now();
            attempt.end_at(code, now);
            running.end_at(code, now);
        }
    }

    /// Somebody else counts the call.
    pub(crate) fn forget(mut self) {
        self.0 = None;
    }
}

impl Running {
    #[inline]
    fn was_made_again(&self) -> bool {
        [&self.retries, &self.transparent_retries, &self.hedges].into_iter().any(|number| number.load(Relaxed) > 0)
    }

    fn end_at(&self, code: Code, now: Instant) {
        let (cells, writer) = self.method.cells.here();
        self.end(code, Took::of(now.saturating_duration_since(self.began)), cells, writer);
    }

    #[inline]
    fn end(&self, code: Code, took: Took, cells: &Cells, writer: Writer) {
        cells.calls.of(code).record_duration(took, writer);
        if !self.was_made_again() {
            return;
        }
        let number = |number: &AtomicU32| Some(number.load(Relaxed)).filter(|number| *number > 0);
        let (retries, transparent, hedges) =
            (number(&self.retries), number(&self.transparent_retries), number(&self.hedges));
        self.end_again(retries, transparent, hedges, cells, writer);
    }

    /// What a call came to that was made more than once.
    #[cold]
    fn end_again(
        &self,
        retries: Option<u32>,
        transparent: Option<u32>,
        hedges: Option<u32>,
        cells: &Cells,
        writer: Writer,
    ) {
        let again = cells.again.get_or_init(Box::default);
        retries.inspect(|number| again.retries.record(*number, &RETRY_BOUNDS, writer));
        transparent.inspect(|number| again.transparent_retries.record(*number, &TRANSPARENT_BOUNDS, writer));
        hedges.inspect(|number| again.hedges.record(*number, &RETRY_BOUNDS, writer));
        let idle = self.idle_ns.load(Relaxed);
        if idle > 0 {
            again.delays.record_duration(Took::of(Duration::from_nanos(idle)), writer);
        }
    }
}

impl Drop for ClientCall {
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            running.end_at(Code::Cancelled, Instant::now());
        }
    }
}

/// An attempt that its caller keeps together with its call, and that ends by what it says.
#[derive(Debug)]
pub(crate) struct UnaryAttempt {
    began: Instant,
    sent: u64,
    received: u64,
}

impl UnaryAttempt {
    /// So many bytes of messages went out, in all.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent = bytes;
    }

    /// So many bytes of messages came.
    pub(crate) fn received(&mut self, bytes: u64) {
        self.received += bytes;
    }

    fn outcome(&self, code: Code, took: Took) -> Outcome {
        Outcome { code, took, sent: self.sent, received: self.received }
    }
}

/// One attempt of a call. Dropped before it has ended, it was cancelled.
#[derive(Debug, Default)]
pub(crate) struct ClientAttempt(Option<Attempt>);

#[derive(Debug)]
struct Attempt {
    method: Arc<Method>,
    began: Instant,
    sent: u64,
    received: u64,
    /// Counts what is sent, which goes on by itself.
    counter: Option<Arc<AtomicU64>>,
}

impl ClientAttempt {
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What goes out is counted by somebody else.
    pub(crate) fn sent_by(&mut self, counter: Arc<AtomicU64>) {
        if let Some(attempt) = &mut self.0 {
            attempt.counter = Some(counter);
        }
    }

    /// So many bytes of messages went out, and no more will.
    pub(crate) fn sent(&mut self, bytes: u64) {
        if let Some(attempt) = &mut self.0 {
            attempt.sent = bytes;
        }
    }

    /// So many bytes of messages came.
    #[inline]
    pub(crate) fn received(&mut self, bytes: u64) {
        if let Some(attempt) = &mut self.0 {
            attempt.received += bytes;
        }
    }

    /// The attempt has ended, and the call goes on.
    pub(crate) fn end(self, code: Code) {
        if self.is_on() {
            self.end_at(code, Instant::now());
        }
    }

    fn end_at(mut self, code: Code, now: Instant) {
        if let Some(attempt) = self.0.take() {
            attempt.end(code, now);
        }
    }
}

impl Attempt {
    fn end(&self, code: Code, now: Instant) {
        let sent = self.counter.as_ref().map_or(self.sent, |counter| counter.load(Relaxed));
        let duration = now.saturating_duration_since(self.began);
        let received = self.received;
        self.method.attempt_ended(&Outcome { code, took: Took::of(duration), sent, received });
    }
}

impl Drop for ClientAttempt {
    fn drop(&mut self) {
        if let Some(attempt) = &self.0 {
            attempt.end(Code::Cancelled, Instant::now());
        }
    }
}
