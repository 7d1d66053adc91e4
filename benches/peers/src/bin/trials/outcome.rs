//! What callers report at their end: one line of JSON.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use seltzer::Status;
use seltzer_peers::load::Error;
use seltzer_peers::load::figures::Durations;
use serde_json::{Value, json};

/// A call that is answered later than this after its time was not made at the rate that was offered.
pub(crate) const LATE: Duration = Duration::from_secs(1);

/// What became of unary calls and streams.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Unary calls that were to be made.
    pub(crate) offered: u64,
    pub(crate) ok: u64,
    /// Those of them that were answered soon after their time.
    pub(crate) in_time: u64,
    /// What the others ended with, and how many.
    pub(crate) failures: BTreeMap<String, u64>,
    /// From a call's time to its answer: the middle, 99 %, 99.9 % and the slowest, in microseconds.
    pub(crate) latency_us: [f64; 4],
    pub(crate) durations: Durations,
    /// Streams that came to their end.
    pub(crate) finished: u64,
    /// When streams ended as UNAVAILABLE that would not have ended by themselves, in milliseconds of the system's clock.
    pub(crate) cut_at_ms: Vec<u64>,
    /// What other streams ended with, and how many.
    pub(crate) broken: BTreeMap<String, u64>,
}

impl Outcome {
    /// With the percentiles of what was added.
    pub(crate) fn into_json(mut self) -> Value {
        let latency = [50.0, 99.0, 99.9, 100.0].map(|percent| self.durations.percentile_us(percent));
        json!({
            "offered": self.offered,
            "ok": self.ok,
            "in_time": self.in_time,
            "failures": self.failures,
            "latency_us": latency,
            "finished": self.finished,
            "cut_at_ms": self.cut_at_ms,
            "broken": self.broken,
        })
    }

    /// # Errors
    /// This is not what a caller reports.
    pub(crate) fn from_json(line: &str) -> Result<Self, Error> {
        let value: Value = serde_json::from_str(line).map_err(|_| format!("the caller reported: {line}"))?;
        let count = |name: &str| value[name].as_u64().ok_or_else(|| format!("the caller's report has no {name}"));
        let counts = |name: &str| -> BTreeMap<String, u64> {
            let pairs = value[name].as_object().into_iter().flatten();
            pairs.map(|(what, count)| (what.clone(), count.as_u64().unwrap_or_default())).collect()
        };
        let cut_at_ms = value["cut_at_ms"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let latency_us = std::array::from_fn(|index| value["latency_us"][index].as_f64().unwrap_or(f64::INFINITY));
        Ok(Outcome {
            offered: count("offered")?,
            ok: count("ok")?,
            in_time: count("in_time")?,
            failures: counts("failures"),
            latency_us,
            durations: Durations::default(),
            finished: count("finished")?,
            cut_at_ms,
            broken: counts("broken"),
        })
    }

    /// Takes in how a call ended that was to begin at this moment.
    pub(crate) fn add(&mut self, ended: Result<(), Status>, took: Duration) {
        match ended {
            Ok(()) => {
                self.ok += 1;
                self.in_time += u64::from(took <= LATE);
                self.durations.add(took);
            }
            Err(status) => *self.failures.entry(describe(&status)).or_default() += 1,
        }
    }
}

/// A status, so that equal ones are counted together.
pub(crate) fn describe(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

/// The system's clock, in milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A failure is a failed test.

    use super::*;

    #[test]
    fn what_is_reported_can_be_read() {
        let mut outcome = Outcome { offered: 3, finished: 2, cut_at_ms: vec![7, 9], ..Outcome::default() };
        outcome.add(Ok(()), Duration::from_millis(2));
        outcome.add(Ok(()), LATE * 2);
        outcome.add(Err(Status::unavailable("gone")), Duration::ZERO);
        let read = Outcome::from_json(&outcome.into_json().to_string()).unwrap();
        assert_eq!((read.offered, read.ok, read.in_time, read.finished), (3, 2, 1, 2));
        assert_eq!(read.failures, BTreeMap::from([("Unavailable: gone".to_owned(), 1)]));
        assert_eq!((read.cut_at_ms, read.latency_us[3]), (vec![7, 9], 2e6));
        assert!(Outcome::from_json("{}").is_err());
    }
}
