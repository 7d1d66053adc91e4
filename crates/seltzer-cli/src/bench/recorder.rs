//! What is counted of calls.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use seltzer::{Code, Status};

/// How many digits of a latency are right.
const DIGITS: u8 = 3;

/// The same for each second, of which there are many.
const DIGITS_OF_A_SECOND: u8 = 2;

/// Seconds are told apart up to here; what comes later counts for the last one.
const SECONDS_MAX: usize = 24 * 60 * 60;

/// Failures are kept apart by their words up to this number.
const FAILURES_MAX: usize = 20;

/// What came of a call.
pub(super) struct Ended {
    pub(super) status: Status,
    pub(super) messages_sent: u64,
    pub(super) messages_received: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
}

/// Counts of one thread, or of all.
pub(super) struct Recorder {
    /// Of calls that ended with OK, in nanoseconds.
    pub(super) latencies: Histogram<u64>,
    pub(super) codes: BTreeMap<i32, u64>,
    /// By code and message, with how often each came.
    pub(super) failures: BTreeMap<(i32, String), u64>,
    pub(super) seconds: Vec<Second>,
    pub(super) messages_sent: u64,
    pub(super) messages_received: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    /// Calls that began more than [`LATE`](Self::LATE) after their time, for whatever reason.
    pub(super) late: u64,
    /// Calls that had not ended when there was no more waiting.
    pub(super) unfinished: u64,
}

/// The calls that ended within one second.
pub(super) struct Second {
    pub(super) latencies: Histogram<u64>,
    pub(super) failed: u64,
}

impl Recorder {
    /// From here on a call is late, in an open loop.
    pub(super) const LATE: Duration = Duration::from_millis(1);

    pub(super) fn new() -> Self {
        Recorder {
            latencies: histogram(DIGITS),
            codes: BTreeMap::new(),
            failures: BTreeMap::new(),
            seconds: Vec::new(),
            messages_sent: 0,
            messages_received: 0,
            bytes_sent: 0,
            bytes_received: 0,
            late: 0,
            unfinished: 0,
        }
    }

    /// Counts a call that ended so long after the start of counting.
    pub(super) fn record(&mut self, ended: &Ended, latency: Duration, since_start: Duration) {
        let code = ended.status.code();
        *self.codes.entry(code as i32).or_insert(0) += 1;
        self.messages_sent += ended.messages_sent;
        self.messages_received += ended.messages_received;
        self.bytes_sent += ended.bytes_sent;
        self.bytes_received += ended.bytes_received;
        let index = usize::try_from(since_start.as_secs()).unwrap_or(SECONDS_MAX).min(SECONDS_MAX - 1);
        while self.seconds.len() <= index {
            self.seconds.push(Second { latencies: histogram(DIGITS_OF_A_SECOND), failed: 0 });
        }
        let second = &mut self.seconds[index];
        if code == Code::Ok {
            let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
            // They grow as they must.
            let _ = self.latencies.record(nanoseconds);
            let _ = second.latencies.record(nanoseconds);
            return;
        }
        second.failed += 1;
        let key = (code as i32, ended.status.message().to_owned());
        if self.failures.len() < FAILURES_MAX || self.failures.contains_key(&key) {
            *self.failures.entry(key).or_insert(0) += 1;
        }
    }

    /// Adds what another thread counted.
    pub(super) fn merge(&mut self, other: Recorder) {
        // Both have the same bounds.
        let _ = self.latencies.add(&other.latencies);
        for (code, count) in other.codes {
            *self.codes.entry(code).or_insert(0) += count;
        }
        for (failure, count) in other.failures {
            *self.failures.entry(failure).or_insert(0) += count;
        }
        for (index, second) in other.seconds.into_iter().enumerate() {
            match self.seconds.get_mut(index) {
                Some(own) => {
                    let _ = own.latencies.add(&second.latencies);
                    own.failed += second.failed;
                }
                None => self.seconds.push(second),
            }
        }
        self.messages_sent += other.messages_sent;
        self.messages_received += other.messages_received;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.late += other.late;
        self.unfinished += other.unfinished;
    }

    /// How many calls ended.
    pub(super) fn calls(&self) -> u64 {
        self.codes.values().sum()
    }

    /// How many of them failed.
    pub(super) fn failed(&self) -> u64 {
        self.calls() - self.codes.get(&(Code::Ok as i32)).copied().unwrap_or(0)
    }
}

/// Of nanoseconds. It grows as it must, so that many of them take little.
fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new(digits).expect("so many digits are possible")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: Status) -> Ended {
        Ended { status, messages_sent: 1, messages_received: 2, bytes_sent: 10, bytes_received: 20 }
    }

    #[test]
    fn calls_are_counted_by_code_and_second() {
        let mut recorder = Recorder::new();
        let millis = Duration::from_millis;
        recorder.record(&ended(Status::ok("")), millis(5), millis(100));
        recorder.record(&ended(Status::ok("")), millis(15), millis(2_500));
        recorder.record(&ended(Status::not_found("gone")), millis(1), millis(2_900));
        let mut other = Recorder::new();
        other.record(&ended(Status::not_found("gone")), millis(1), millis(3_000));
        other.record(&ended(Status::ok("")), millis(25), millis(0));
        recorder.merge(other);
        assert_eq!((recorder.calls(), recorder.failed()), (5, 2));
        assert_eq!(recorder.failures.get(&(5, "gone".to_owned())), Some(&2));
        let seconds: Vec<_> = recorder.seconds.iter().map(|second| (second.latencies.len(), second.failed)).collect();
        assert_eq!(seconds, [(2, 0), (0, 0), (1, 1), (0, 1)]);
        assert_eq!((recorder.messages_sent, recorder.messages_received), (5, 10));
        assert_eq!((recorder.bytes_sent, recorder.bytes_received), (50, 100));
        // Three digits of a latency are right.
        for (quantile, milliseconds) in [(0.0, 5.0), (0.5, 15.0), (1.0, 25.0)] {
            let found = recorder.latencies.value_at_quantile(quantile) as f64 / 1e6;
            assert!((found / milliseconds - 1.0).abs() < 0.002, "{quantile}: {found}");
        }
    }

    #[test]
    fn many_different_failures_are_counted_but_not_all_kept() {
        let mut recorder = Recorder::new();
        for number in 0..100 {
            recorder.record(&ended(Status::internal(format!("{number}"))), Duration::ZERO, Duration::ZERO);
        }
        assert_eq!((recorder.failed(), recorder.failures.len()), (100, FAILURES_MAX));
    }
}
