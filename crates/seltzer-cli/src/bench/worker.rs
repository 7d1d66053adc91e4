//! One thread's share of the calls.
//!
//! A worker has a runtime and connections of its own: nothing is shared with other threads but a few counters.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::bench::caller::Caller;
use crate::bench::recorder::{Ended, Recorder};
use crate::bench::schedule::RateSchedule;

/// The clock of the runtime has milliseconds. Nearer to a call's time than this the worker asks the system's clock.
const NEAR: Duration = Duration::from_millis(2);

/// How many calls may begin before those under way get a turn, if the worker is behind.
const BEGUN_IN_A_TURN_MAX: u32 = 32;

/// How long calls that have begun are waited for when no more begin.
const GRACE: Duration = Duration::from_secs(10);

/// How often a worker looks whether it is over.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What is to be done, for all workers.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// How many calls are under way at once, for all workers together.
    pub(super) concurrency: u64,
    pub(super) rate: Option<RateSchedule>,
    pub(super) max_in_flight: u64,
    /// When counting begins and when calls end to begin; both after the start.
    pub(super) warmup: Duration,
    pub(super) duration: Option<Duration>,
    pub(super) calls: Option<u64>,
    pub(super) workers: u64,
}

/// What is shown while it runs.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) ended: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) latency_ns: AtomicU64,
    /// Ctrl-C: nothing begins any more.
    pub(super) stopped: AtomicBool,
}

/// A thread's share.
pub(super) struct Worker {
    plan: Plan,
    /// Which of the workers this is, from 0.
    index: u64,
    callers: Vec<Caller>,
    progress: Arc<Progress>,
    start: Instant,
    next: Cell<u64>,
    in_flight: Cell<u64>,
    /// One call ended.
    landed: Notify,
    recorder: RefCell<Recorder>,
}

impl Worker {
    /// Makes its share of the calls, and gives what was counted.
    pub(super) async fn run(plan: Plan, index: u64, callers: Vec<Caller>, progress: Arc<Progress>) -> Recorder {
        let worker = Rc::new(Worker {
            plan,
            index,
            callers,
            progress,
            start: Instant::now(),
            next: Cell::new(index),
            in_flight: Cell::new(0),
            landed: Notify::new(),
            recorder: RefCell::new(Recorder::new()),
        });
        let tasks = LocalSet::new();
        match plan.rate {
            None => worker.closed_loop(&tasks),
            Some(rate) => drop(tasks.spawn_local(Rc::clone(&worker).open_loop(rate))),
        }
        let unfinished = tokio::select! {
            () = tasks => 0,
            unfinished = worker.overdue() => unfinished,
        };
        // The tasks are gone, and what they had of the worker with them.
        let mut recorder = Rc::into_inner(worker).map_or_else(Recorder::new, |worker| worker.recorder.into_inner());
        recorder.unfinished = unfinished;
        recorder
    }

    /// Waits until there is no more waiting for calls, and gives how many have not ended.
    async fn overdue(&self) -> u64 {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let is_over = self.start.elapsed().checked_sub(GRACE).is_some_and(|elapsed| elapsed > self.end());
            if is_over || self.progress.stopped.load(Ordering::Relaxed) {
                return self.in_flight.get();
            }
        }
    }

    /// A number of calls is always under way.
    fn closed_loop(self: &Rc<Self>, tasks: &LocalSet) {
        for lane in 0..share(self.plan.concurrency, self.index, self.plan.workers) {
            let worker = Rc::clone(self);
            tasks.spawn_local(async move {
                let caller = worker.callers[lane as usize % worker.callers.len()].clone();
                let mut begun = Instant::now();
                while let Some(number) = worker.next_number()
                    && worker.goes_on(begun)
                {
                    worker.in_flight.set(worker.in_flight.get() + 1);
                    let ended = caller.call(number).await;
                    worker.in_flight.set(worker.in_flight.get() - 1);
                    let now = Instant::now();
                    worker.record(&ended, begun, now);
                    begun = now;
                }
            });
        }
    }

    /// Calls begin at their times, whatever became of those before.
    async fn open_loop(self: Rc<Self>, rate: RateSchedule) {
        let duration = self.plan.duration.unwrap_or(Duration::MAX);
        let mut begun_in_a_turn = 0;
        while let Some(number) = self.next_number() {
            let offset = rate.offset(number, duration);
            let Some(due) = self.start.checked_add(offset).filter(|_| offset < self.end()) else { return };
            if self.wait_until(due).await || begun_in_a_turn >= BEGUN_IN_A_TURN_MAX {
                begun_in_a_turn = 0;
                tokio::task::yield_now().await;
            }
            let in_flight_max = share(self.plan.max_in_flight, self.index, self.plan.workers).max(1);
            while self.in_flight.get() >= in_flight_max {
                self.landed.notified().await;
            }
            if self.progress.stopped.load(Ordering::Relaxed) {
                return;
            }
            begun_in_a_turn += 1;
            let late = due.elapsed();
            if late > Recorder::LATE && offset >= self.plan.warmup {
                self.recorder.borrow_mut().late += 1;
            }
            self.in_flight.set(self.in_flight.get() + 1);
            let worker = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                let caller = &worker.callers[(number / worker.plan.workers) as usize % worker.callers.len()];
                let ended = caller.call(number).await;
                worker.record(&ended, due, Instant::now());
                worker.in_flight.set(worker.in_flight.get() - 1);
                worker.landed.notify_one();
            });
        }
    }

    /// Waits; gives whether there was anything to wait for.
    async fn wait_until(&self, due: Instant) -> bool {
        let mut has_waited = false;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() || self.progress.stopped.load(Ordering::Relaxed) {
                return has_waited;
            }
            has_waited = true;
            if left > NEAR {
                tokio::time::sleep(left - NEAR).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    /// The number of the next call of this worker; none if there are enough.
    fn next_number(&self) -> Option<u64> {
        let number = self.next.get();
        self.next.set(number + self.plan.workers);
        self.plan.calls.is_none_or(|calls| number < calls).then_some(number)
    }

    fn goes_on(&self, now: Instant) -> bool {
        now.duration_since(self.start) < self.end() && !self.progress.stopped.load(Ordering::Relaxed)
    }

    /// After how long nothing begins any more.
    fn end(&self) -> Duration {
        self.plan.duration.map_or(Duration::MAX, |duration| duration.saturating_add(self.plan.warmup))
    }

    /// Counts a call, from the time at which it was to begin.
    fn record(&self, ended: &Ended, begin: Instant, now: Instant) {
        let latency = now.duration_since(begin);
        let since_start = now.duration_since(self.start);
        let progress = &self.progress;
        progress.ended.fetch_add(1, Ordering::Relaxed);
        progress.latency_ns.fetch_add(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if ended.status.code() != seltzer::Code::Ok {
            progress.failed.fetch_add(1, Ordering::Relaxed);
        }
        // What began in the time to warm up is not counted.
        if begin.duration_since(self.start) >= self.plan.warmup {
            self.recorder.borrow_mut().record(ended, latency, since_start - self.plan.warmup);
        }
    }
}

/// What one of several workers has of a whole.
fn share(whole: u64, index: u64, workers: u64) -> u64 {
    whole / workers + u64::from(index < whole % workers)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn nothing_is_lost_between_workers() {
        for (whole, workers) in [(1, 1), (10, 3), (2, 4), (50, 7)] {
            assert_eq!((0..workers).map(|index| share(whole, index, workers)).sum::<u64>(), whole);
        }
    }
}
