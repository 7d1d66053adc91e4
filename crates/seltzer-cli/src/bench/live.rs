//! What is shown while calls are made, and Ctrl-C.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime;

use crate::bench::worker::{Plan, Progress};
use crate::signals::Signals;

/// How often the line is written anew.
const INTERVAL: Duration = Duration::from_millis(250);

/// How wide the bar is.
const BAR_COLUMNS: usize = 20;

/// Shows progress on standard error, if that is a terminal, and ends everything on Ctrl-C.
pub(super) struct Live {
    end: Option<Sender<()>>,
    line: Option<JoinHandle<()>>,
}

impl Live {
    pub(super) fn start(plan: Plan, progress: Arc<Progress>) -> Self {
        let stopped = Arc::clone(&progress);
        thread::spawn(move || {
            let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                let Ok(mut signals) = Signals::listen() else { return };
                signals.next().await;
                stopped.stopped.store(true, Ordering::Relaxed);
            });
        });
        if !io::stderr().is_terminal() {
            return Live { end: None, line: None };
        }
        let (end, ended) = mpsc::channel::<()>();
        let line = thread::spawn(move || {
            let started = Instant::now();
            let mut before = Seen::default();
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(INTERVAL) {
                let now = Seen::of(&progress);
                show(&line(plan, started.elapsed(), before, now));
                before = now;
            }
            show("");
        });
        Live { end: Some(end), line: Some(line) }
    }

    /// Takes the line away.
    pub(super) fn finish(self) {
        drop(self.end);
        if let Some(line) = self.line {
            // It only writes.
            let _ = line.join();
        }
    }
}

/// Counters at one time.
#[derive(Default, Clone, Copy)]
struct Seen {
    ended: u64,
    failed: u64,
    latency_ns: u64,
}

impl Seen {
    fn of(progress: &Progress) -> Self {
        let Progress { ended, failed, latency_ns, .. } = progress;
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Seen { ended: load(ended), failed: load(failed), latency_ns: load(latency_ns) }
    }
}

fn line(plan: Plan, elapsed: Duration, before: Seen, now: Seen) -> String {
    let whole = plan.duration.map(|duration| (duration + plan.warmup).as_secs_f64());
    let done = match (plan.calls, whole) {
        (Some(calls), _) => now.ended as f64 / calls as f64,
        (None, Some(whole)) => elapsed.as_secs_f64() / whole,
        (None, None) => 0.0,
    };
    let filled = (done.clamp(0.0, 1.0) * BAR_COLUMNS as f64).round() as usize;
    let bar = format!("{}{}", "=".repeat(filled), " ".repeat(BAR_COLUMNS - filled));
    let calls = now.ended - before.ended;
    let rate = calls as f64 / INTERVAL.as_secs_f64();
    let mean = if calls == 0 { 0.0 } else { (now.latency_ns - before.latency_ns) as f64 / calls as f64 / 1e6 };
    let failed = if now.failed == 0 { String::new() } else { format!(", {} failed", now.failed) };
    let phase = if elapsed < plan.warmup { " (warming up)" } else { "" };
    let seconds = elapsed.as_secs_f64();
    format!("[{bar}] {seconds:.1} s{phase}  {rate:.0} calls a second, {mean:.2} ms in the mean{failed}")
}

/// Writes the line in the place of the one before.
fn show(line: &str) {
    let _ = io::stderr().write_all(format!("\r\u{1b}[K{line}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_and_how_it_goes() {
        let plan = Plan {
            concurrency: 1,
            rate: None,
            max_in_flight: 1,
            warmup: Duration::ZERO,
            duration: Some(Duration::from_secs(10)),
            calls: None,
            workers: 1,
        };
        let before = Seen { ended: 100, failed: 0, latency_ns: 0 };
        let now = Seen { ended: 350, failed: 3, latency_ns: 500_000_000 };
        assert_eq!(
            line(plan, Duration::from_secs(5), before, now),
            "[==========          ] 5.0 s  1000 calls a second, 2.00 ms in the mean, 3 failed"
        );
        let counted = Plan { calls: Some(1400), warmup: Duration::from_secs(6), ..plan };
        assert_eq!(
            line(counted, Duration::from_secs(5), now, now),
            "[=====               ] 5.0 s (warming up)  0 calls a second, 0.00 ms in the mean, 3 failed"
        );
    }
}
