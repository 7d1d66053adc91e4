//! Processor time of this process.

use std::time::Duration;

/// How many of the system's ticks a second has, as Linux tells processes.
const TICKS_A_SECOND: u64 = 100;

/// What this process has used until now, all threads together; `None` where the system does not say.
pub(super) fn time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    ticks(&text).map(|ticks| Duration::from_millis(ticks * 1000 / TICKS_A_SECOND))
}

/// The sum of `utime` and `stime` (proc(5)).
fn ticks(stat: &str) -> Option<u64> {
    // The program's name stands in brackets and may have anything in it.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("42 (x"), None);
        assert_eq!(ticks("42 (x) S 1"), None);
    }
}
