//! What this process has used of the machine.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

use crate::record::ProcessUsage;

/// Processor time of all threads, and the most memory there ever was.
pub(crate) fn of_this_process() -> ProcessUsage {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, rest) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    ProcessUsage {
        cpu_ns: seconds.unwrap_or(0) * 1_000_000_000 + rest.unwrap_or(0),
        peak_memory_bytes: fs::read_to_string("/proc/self/status").ok().as_deref().and_then(peak),
    }
}

/// Forgets the most memory that there ever was, so that what this process did before does not count; where the system has no
/// way to (Linux has, `clear_refs` of `proc_pid_clear_refs(5)`), it goes on counting.
pub(crate) fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// What was used since `before`. The most memory is not known to have been used since.
pub(super) fn since(before: ProcessUsage) -> ProcessUsage {
    let now = of_this_process();
    ProcessUsage { cpu_ns: now.cpu_ns.saturating_sub(before.cpu_ns), ..now }
}

/// The high-water mark of resident memory (`VmHWM` of `proc_pid_status(5)`).
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_kilobytes() {
        assert_eq!(peak("VmPeak:\t 9 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 7 kB\n"), Some(1234 * 1024));
        assert_eq!(peak("Name:\tx\n"), None);
    }

    #[test]
    fn a_process_has_used_some_time() {
        assert!(of_this_process().cpu_ns > 0);
    }
}
