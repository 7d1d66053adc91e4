//! Time on the clock and on the processor.

use std::fs;

use tokio::time::Instant;

/// Measures from its start or its last reset.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    processor: Ticks,
}

/// What passed since then.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Elapsed {
    /// Seconds on the clock.
    pub(crate) seconds: f64,
    /// Seconds of this process outside the kernel; 0 where the system does not say.
    pub(crate) user_seconds: f64,
    /// Seconds of the kernel for this process; 0 where the system does not say.
    pub(crate) system_seconds: f64,
    /// Ticks of all processors of the machine.
    pub(crate) machine_ticks: u64,
    /// The idle ones of these.
    pub(crate) idle_ticks: u64,
}

/// What Linux counts; all 0 elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ticks {
    user: u64,
    system: u64,
    machine: u64,
    idle: u64,
}

/// Linux tells user programs 100 ticks a second, whatever its own clock does (USER_HZ in proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch { started: Instant::now(), processor: Ticks::now() }
    }

    pub(crate) fn elapsed(&self) -> Elapsed {
        let (before, now) = (self.processor, Ticks::now());
        let seconds = |ticks: u64| ticks as f64 / TICKS_PER_SECOND;
        Elapsed {
            seconds: self.started.elapsed().as_secs_f64(),
            user_seconds: seconds(now.user.saturating_sub(before.user)),
            system_seconds: seconds(now.system.saturating_sub(before.system)),
            machine_ticks: now.machine.saturating_sub(before.machine),
            idle_ticks: now.idle.saturating_sub(before.idle),
        }
    }
}

impl Ticks {
    fn now() -> Self {
        let process = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let machine = fs::read_to_string("/proc/stat").unwrap_or_default();
        Ticks::read(&process, &machine)
    }

    fn read(process: &str, machine: &str) -> Self {
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
        // The second field is the command in brackets, which may hold blanks; utime and stime are the 14th and 15th.
        let mut fields = process.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
        let (user, system) = (number(fields.next()), number(fields.next()));
        // "cpu", then user, nice, system, idle and more, over all processors.
        let counts: Vec<u64> = machine
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("cpu "))
            .map(|counts| counts.split_whitespace().map(|count| number(Some(count))).collect())
            .unwrap_or_default();
        Ticks { user, system, machine: counts.iter().sum(), idle: counts.get(3).copied().unwrap_or(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_is_read_and_its_absence_is_zero() {
        let process = "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 1100 1200 13 14";
        let machine = "cpu  10 20 30 40 5 0 0 0\ncpu0 1 2 3 4\n";
        let expected = Ticks { user: 1100, system: 1200, machine: 105, idle: 40 };
        assert_eq!(Ticks::read(process, machine), expected);
        for (process, machine) in [("", ""), ("42 (x) S", "intr 5"), (")", "cpu x")] {
            assert_eq!(Ticks::read(process, machine), Ticks::default());
        }
    }
}
