//! What the system tells about a process: processor time, memory, open files. Linux only; elsewhere all is zero.

use std::fs;

/// A process that is looked at from outside.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// Processor time of all its threads, in nanoseconds, from the scheduler's own account: exact for short runs too.
    pub fn processor_ns(self) -> u64 {
        let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", self.0)) else { return 0 };
        tasks
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
            .filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok())
            .sum()
    }

    /// Memory that is resident now, in KiB.
    pub fn resident_kib(self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that was resident since the start or since [`Process::reset_peak`], in KiB.
    pub fn peak_kib(self) -> u64 {
        self.status("VmHWM:")
    }

    /// Starts the peak anew. Needs the right to write to the process's files.
    pub fn reset_peak(self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.0), "5");
    }

    /// Open files.
    pub fn files(self) -> u64 {
        fs::read_dir(format!("/proc/{}/fd", self.0)).map_or(0, |files| files.count() as u64)
    }

    /// Whether it is there.
    pub fn is_alive(self) -> bool {
        // A zombie has no memory.
        self.resident_kib() > 0
    }

    fn status(self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_seen() {
        let this = Process(std::process::id());
        assert!(this.is_alive() && this.processor_ns() > 0 && this.files() > 2);
        assert!(this.peak_kib() > 0);
        assert!(!Process(u32::MAX).is_alive());
    }
}
