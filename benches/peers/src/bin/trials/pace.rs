//! An open loop: things begin at their time, whether those before are over or not.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

/// How often is looked at what is due.
const TICK: Duration = Duration::from_millis(1);

/// So many a second, each at its own time. What was held up begins later, and its time stays what it was.
#[derive(Debug)]
pub(crate) struct Pace {
    began: Instant,
    per_second: f64,
    begun: u64,
    ticks: tokio::time::Interval,
}

impl Pace {
    pub(crate) fn new(per_second: f64) -> Self {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Pace { began: Instant::now(), per_second, begun: 0, ticks }
    }

    /// How many have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// Waits a moment; then the times of all that are due by now.
    pub(crate) async fn due(&mut self) -> impl Iterator<Item = Instant> + use<> {
        self.ticks.tick().await;
        // The first is due at once.
        let due = (self.began.elapsed().as_secs_f64() * self.per_second) as u64 + 1;
        let (began, per_second) = (self.began, self.per_second);
        let first = self.begun;
        self.begun = due.max(first);
        (first..self.begun).map(move |number| began + Duration::from_secs_f64(number as f64 / per_second))
    }
}
