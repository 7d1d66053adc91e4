//! Which backends fail so many calls that they get none for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::backend::Backend;
use crate::client::balance::{CallObserver, CallOutcome};
use crate::status::Code;

/// Keeps calls away from backends that fail many more of them than others do (gRFC A50).
///
/// At a fixed interval the calls since the last time are counted, backend by backend. One that stands out is ejected:
/// it gets no calls for a while, and longer each time. Says nothing by itself: give it one or both of the rules. Has no
/// effect on [`Balance::PickFirst`](crate::client::balance::Balance::PickFirst), which has nobody to compare with.
///
/// ```
/// use seltzer::Channel;
/// use seltzer::client::balance::{Balance, FailurePercentage, OutlierDetection};
///
/// let detection = OutlierDetection::new().failure_percentage(FailurePercentage::new().threshold(50));
/// let channel =
///     Channel::builder("dns:///greeter:50051").balance(Balance::RoundRobin).outlier_detection(detection);
/// # drop(channel);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlierDetection {
    interval: Duration,
    base_ejection_time: Duration,
    max_ejection_time: Duration,
    max_ejection_percent: u32,
    success_rate: Option<SuccessRate>,
    failure_percentage: Option<FailurePercentage>,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        OutlierDetection {
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_percent: 10,
            success_rate: None,
            failure_percentage: None,
        }
    }
}

impl OutlierDetection {
    /// With gRPC's defaults, and no rule yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How often calls are counted and rules applied. 10 seconds unless set.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long a backend is ejected the first time; the next times it is twice, three times as long and so on, and
    /// less again after it was good for a while. 30 seconds unless set.
    #[must_use]
    pub fn base_ejection_time(mut self, time: Duration) -> Self {
        self.base_ejection_time = time;
        self
    }

    /// How long it is ejected at most. 5 minutes unless set; the base time, if that is longer.
    #[must_use]
    pub fn max_ejection_time(mut self, time: Duration) -> Self {
        self.max_ejection_time = time;
        self
    }

    /// While this share of the backends is ejected, in percent, no other one is. 10 unless set.
    #[must_use]
    pub fn max_ejection_percent(mut self, percent: u32) -> Self {
        self.max_ejection_percent = percent.min(100);
        self
    }

    /// Ejects backends whose share of good calls is far below that of others.
    #[must_use]
    pub fn success_rate(mut self, rule: SuccessRate) -> Self {
        self.success_rate = Some(rule);
        self
    }

    /// Ejects backends whose share of failed calls is above a threshold.
    #[must_use]
    pub fn failure_percentage(mut self, rule: FailurePercentage) -> Self {
        self.failure_percentage = Some(rule);
        self
    }

    /// Whether any rule is given: without one nothing need be counted.
    pub(super) fn has_rules(&self) -> bool {
        self.success_rate.is_some() || self.failure_percentage.is_some()
    }

    pub(super) fn next_sweep(&self, now: Instant) -> Instant {
        now + self.interval
    }

    /// Counts, applies the rules, and lets those back whose time is over. `roll` draws from 0 to 99.
    pub(super) fn sweep(&self, hosts: &mut [Host], now: Instant, roll: &mut impl FnMut() -> u32) {
        let volumes: Vec<_> = hosts.iter().map(|host| host.calls.take()).collect();
        if let Some(rule) = &self.success_rate {
            let is_outlier = rule.judge(&volumes);
            self.eject(hosts, &volumes, now, is_outlier, || roll() < rule.enforcement_percentage);
        }
        if let Some(rule) = &self.failure_percentage {
            let is_outlier = rule.judge(&volumes);
            self.eject(hosts, &volumes, now, is_outlier, || roll() < rule.enforcement_percentage);
        }
        for host in hosts {
            host.relent(self, now);
        }
    }

    /// Ejects the outliers among those that are not ejected, as long as there are not too many.
    fn eject(
        &self,
        hosts: &mut [Host],
        volumes: &[Volume],
        now: Instant,
        is_outlier: impl Fn(&Volume) -> bool,
        mut is_enforced: impl FnMut() -> bool,
    ) {
        let count = hosts.len();
        for index in 0..count {
            let ejected = hosts.iter().filter(|host| host.is_ejected()).count();
            if ejected * 100 >= count * self.max_ejection_percent as usize {
                return;
            }
            let host = &mut hosts[index];
            if !host.is_ejected() && is_outlier(&volumes[index]) && is_enforced() {
                host.ejected_at = Some(now);
                host.multiplier = host.multiplier.saturating_add(1);
            }
        }
    }
}

/// Ejects backends whose share of good calls is far below the mean of all: lower by more than so many standard
/// deviations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuccessRate {
    stdev_factor: u32,
    enforcement_percentage: u32,
    minimum_hosts: usize,
    request_volume: u64,
}

impl Default for SuccessRate {
    fn default() -> Self {
        SuccessRate { stdev_factor: 1900, enforcement_percentage: 100, minimum_hosts: 5, request_volume: 100 }
    }
}

impl SuccessRate {
    /// With gRPC's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far below the mean, in thousandths of the standard deviation. 1900 unless set.
    #[must_use]
    pub fn stdev_factor(mut self, thousandths: u32) -> Self {
        self.stdev_factor = thousandths;
        self
    }

    /// How likely an outlier is ejected, in percent. 100 unless set.
    #[must_use]
    pub fn enforcement_percentage(mut self, percent: u32) -> Self {
        self.enforcement_percentage = percent.min(100);
        self
    }

    /// How many backends must have had enough calls for a comparison. 5 unless set.
    #[must_use]
    pub fn minimum_hosts(mut self, hosts: usize) -> Self {
        self.minimum_hosts = hosts;
        self
    }

    /// How many calls in an interval are enough. 100 unless set.
    #[must_use]
    pub fn request_volume(mut self, calls: u64) -> Self {
        self.request_volume = calls;
        self
    }

    fn judge(&self, volumes: &[Volume]) -> impl Fn(&Volume) -> bool {
        let rates: Vec<_> = volumes.iter().filter_map(|volume| volume.success_rate(self.request_volume)).collect();
        let is_enough = !rates.is_empty() && rates.len() >= self.minimum_hosts;
        let count = rates.len() as f64;
        let mean = rates.iter().sum::<f64>() / count;
        let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
        let least = mean - variance.sqrt() * f64::from(self.stdev_factor) / 1000.0;
        move |volume| is_enough && volume.success_rate(self.request_volume).is_some_and(|rate| rate < least)
    }
}

/// Ejects backends whose share of failed calls is above a threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailurePercentage {
    threshold: u32,
    enforcement_percentage: u32,
    minimum_hosts: usize,
    request_volume: u64,
}

impl Default for FailurePercentage {
    fn default() -> Self {
        FailurePercentage { threshold: 85, enforcement_percentage: 100, minimum_hosts: 5, request_volume: 50 }
    }
}

impl FailurePercentage {
    /// With gRPC's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Above how many failed calls in a hundred. 85 unless set.
    #[must_use]
    pub fn threshold(mut self, percent: u32) -> Self {
        self.threshold = percent.min(100);
        self
    }

    /// How likely such a backend is ejected, in percent. 100 unless set.
    #[must_use]
    pub fn enforcement_percentage(mut self, percent: u32) -> Self {
        self.enforcement_percentage = percent.min(100);
        self
    }

    /// How many backends must have had enough calls. 5 unless set.
    #[must_use]
    pub fn minimum_hosts(mut self, hosts: usize) -> Self {
        self.minimum_hosts = hosts;
        self
    }

    /// How many calls in an interval are enough. 50 unless set.
    #[must_use]
    pub fn request_volume(mut self, calls: u64) -> Self {
        self.request_volume = calls;
        self
    }

    fn judge(&self, volumes: &[Volume]) -> impl Fn(&Volume) -> bool {
        let rate = |volume: &Volume| volume.success_rate(self.request_volume);
        let is_enough = volumes.iter().filter(|volume| rate(volume).is_some()).count() >= self.minimum_hosts;
        let most = f64::from(self.threshold) / 100.0;
        move |volume| is_enough && volume.success_rate(self.request_volume).is_some_and(|rate| 1.0 - rate > most)
    }
}

/// What is known of a backend.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) calls: Arc<Calls>,
    ejected_at: Option<Instant>,
    /// How often it was ejected lately.
    multiplier: u32,
}

impl Host {
    pub(super) fn is_ejected(&self) -> bool {
        self.ejected_at.is_some()
    }

    fn relent(&mut self, settings: &OutlierDetection, now: Instant) {
        match self.ejected_at {
            None => self.multiplier = self.multiplier.saturating_sub(1),
            Some(at) => {
                let most = settings.base_ejection_time.max(settings.max_ejection_time);
                if now >= at + settings.base_ejection_time.saturating_mul(self.multiplier).min(most) {
                    self.ejected_at = None;
                }
            }
        }
    }
}

/// The calls of a backend since they were counted last.
#[derive(Debug, Default)]
pub(super) struct Calls {
    good: AtomicU64,
    failed: AtomicU64,
}

impl Calls {
    fn take(&self) -> Volume {
        Volume { good: self.good.swap(0, Ordering::Relaxed), failed: self.failed.swap(0, Ordering::Relaxed) }
    }

    /// One that was given up failed, too: a server that does not answer in time is no good one.
    pub(super) fn count(&self, code: Option<Code>) {
        let counter = if code == Some(Code::Ok) { &self.good } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl CallObserver for Calls {
    fn begin(&self, _: &Backend) {}

    fn end(&self, _: &Backend, outcome: &CallOutcome<'_>) {
        self.count(outcome.code);
    }
}

/// How many calls went how.
#[derive(Debug, Clone, Copy)]
struct Volume {
    good: u64,
    failed: u64,
}

impl Volume {
    /// The share of good calls, if there were enough.
    fn success_rate(&self, volume: u64) -> Option<f64> {
        let all = self.good + self.failed;
        (all > 0 && all >= volume).then(|| self.good as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings, the good and the failed calls of each host, and which of them are ejected.
    type Case = (OutlierDetection, &'static [(u64, u64)], &'static [usize]);

    const GOOD: (u64, u64) = (100, 0);
    const BAD: (u64, u64) = (0, 100);

    fn count(hosts: &[Host], calls: &[(u64, u64)]) {
        for (host, (good, failed)) in hosts.iter().zip(calls) {
            host.calls.good.store(*good, Ordering::Relaxed);
            host.calls.failed.store(*failed, Ordering::Relaxed);
        }
    }

    fn hosts(count: usize) -> Vec<Host> {
        (0..count).map(|_| Host::default()).collect()
    }

    fn ejected(hosts: &[Host]) -> Vec<usize> {
        (0..hosts.len()).filter(|index| hosts[*index].is_ejected()).collect()
    }

    fn by_rate(rule: SuccessRate) -> OutlierDetection {
        OutlierDetection::new().success_rate(rule)
    }

    fn by_failures(rule: FailurePercentage) -> OutlierDetection {
        OutlierDetection::new().failure_percentage(rule)
    }

    #[test]
    fn outliers_are_ejected() {
        let rate = || by_rate(SuccessRate::new());
        let failures = || by_failures(FailurePercentage::new());
        let few = |hosts| FailurePercentage::new().minimum_hosts(hosts);
        let table: [Case; 21] = [
            (OutlierDetection::new(), &[GOOD, GOOD, GOOD, GOOD, BAD], &[]),
            (rate(), &[GOOD, GOOD, GOOD, GOOD, BAD], &[4]),
            (rate(), &[GOOD, GOOD, GOOD, GOOD, GOOD], &[]),
            (rate(), &[BAD, BAD, BAD, BAD, BAD], &[]),
            // Too few hosts to compare, or too few calls.
            (rate(), &[GOOD, GOOD, GOOD, BAD], &[]),
            (rate(), &[GOOD, GOOD, GOOD, GOOD, (0, 99)], &[]),
            (rate(), &[GOOD, GOOD, GOOD, GOOD, GOOD, (0, 99)], &[]),
            (by_rate(SuccessRate::new().request_volume(99)), &[GOOD, GOOD, GOOD, GOOD, (0, 99)], &[4]),
            (by_rate(SuccessRate::new().minimum_hosts(6)), &[GOOD, GOOD, GOOD, GOOD, BAD], &[]),
            // With one bad of five the mean is two deviations above it.
            (by_rate(SuccessRate::new().stdev_factor(2100)), &[GOOD, GOOD, GOOD, GOOD, BAD], &[]),
            (by_rate(SuccessRate::new().stdev_factor(1000)), &[GOOD, GOOD, GOOD, GOOD, (95, 5)], &[4]),
            // One of five is more than ten percent, so there is no second one.
            (failures(), &[BAD, BAD, GOOD, GOOD, GOOD], &[0]),
            (failures().max_ejection_percent(20), &[BAD, BAD, GOOD, GOOD, GOOD], &[0]),
            (failures().max_ejection_percent(21), &[BAD, BAD, GOOD, GOOD, GOOD], &[0, 1]),
            (failures().max_ejection_percent(0), &[BAD, GOOD, GOOD, GOOD, GOOD], &[]),
            (failures().max_ejection_percent(100), &[BAD, BAD, BAD, BAD, BAD], &[0, 1, 2, 3, 4]),
            // Above the threshold, and not at it.
            (failures(), &[(15, 85), GOOD, GOOD, GOOD, GOOD], &[]),
            (failures(), &[(14, 86), GOOD, GOOD, GOOD, GOOD], &[0]),
            (failures(), &[(0, 49), GOOD, GOOD, GOOD, GOOD, GOOD], &[]),
            (failures(), &[BAD, GOOD, GOOD, GOOD], &[]),
            (by_failures(few(1)), &[(0, 50), (0, 0)], &[0]),
        ];
        for (settings, calls, expected) in table {
            let mut hosts = hosts(calls.len());
            count(&hosts, calls);
            settings.sweep(&mut hosts, Instant::now(), &mut || 99);
            assert_eq!(ejected(&hosts), expected, "{settings:?} {calls:?}");
        }
    }

    #[test]
    fn enforcement_is_by_lot() {
        let table = [(0, 0, false), (50, 49, true), (50, 50, false), (100, 99, true)];
        for (percent, lot, is_ejected) in table {
            for settings in [
                by_failures(FailurePercentage::new().enforcement_percentage(percent)),
                by_rate(SuccessRate::new().enforcement_percentage(percent)),
            ] {
                let mut hosts = hosts(5);
                count(&hosts, &[BAD, GOOD, GOOD, GOOD, GOOD]);
                settings.sweep(&mut hosts, Instant::now(), &mut || lot);
                assert_eq!(hosts[0].is_ejected(), is_ejected, "{settings:?}, lot {lot}");
            }
        }
    }

    #[test]
    fn each_sweep_counts_anew_and_each_call_once() {
        let settings = by_failures(FailurePercentage::new().minimum_hosts(1).request_volume(4));
        let mut hosts = hosts(1);
        let codes = [Some(Code::Internal), None, Some(Code::Unavailable), Some(Code::DeadlineExceeded)];
        for rounds in [&codes[..2], &codes[2..]] {
            rounds.iter().for_each(|code| hosts[0].calls.count(*code));
            settings.sweep(&mut hosts, Instant::now(), &mut || 0);
            assert!(!hosts[0].is_ejected(), "two calls are too few each time");
        }
        codes.iter().for_each(|code| hosts[0].calls.count(*code));
        settings.sweep(&mut hosts, Instant::now(), &mut || 0);
        assert!(hosts[0].is_ejected());
    }

    #[test]
    fn ejections_grow_longer_and_shorter_again() {
        let settings = by_failures(FailurePercentage::new()).max_ejection_time(Duration::from_secs(75));
        let begin = Instant::now();
        let mut hosts = hosts(5);
        // At which second, what it did before, whether it is ejected after.
        let table = [
            (10, BAD, true),
            (20, (0, 0), true),
            (30, (0, 0), true),
            (40, (0, 0), false),
            // At once bad again: twice as long.
            (50, BAD, true),
            (100, (0, 0), true),
            (110, (0, 0), false),
            // The third time it would be 90 seconds, which is too long.
            (120, BAD, true),
            (190, (0, 0), true),
            (195, (0, 0), false),
            // Good for two sweeps, of which each takes off one.
            (205, GOOD, false),
            (215, GOOD, false),
            (225, BAD, true),
            (284, (0, 0), true),
            (285, (0, 0), false),
        ];
        for (second, did, is_ejected) in table {
            count(&hosts, &[did, GOOD, GOOD, GOOD, GOOD]);
            settings.sweep(&mut hosts, begin + Duration::from_secs(second), &mut || 0);
            assert_eq!(hosts[0].is_ejected(), is_ejected, "at {second} s");
        }
    }

    #[test]
    fn an_outlier_by_both_rules_is_ejected_once() {
        let settings = by_failures(FailurePercentage::new()).success_rate(SuccessRate::new());
        let settings = settings.max_ejection_percent(100);
        let mut hosts = hosts(5);
        count(&hosts, &[BAD, GOOD, GOOD, GOOD, GOOD]);
        settings.sweep(&mut hosts, Instant::now(), &mut || 0);
        assert_eq!((ejected(&hosts), hosts[0].multiplier), (vec![0], 1));
    }
}
