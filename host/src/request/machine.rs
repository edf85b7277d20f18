//! What the machine and the process have left: time of all processors, and file descriptors.

use std::fs;

use rustix::{
    param::clock_ticks_per_second,
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// Time of all processors together since the machine started, in ticks of the system: usually 10 ms each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProcessorTimes {
    pub(crate) total: u64,
    /// In which nothing ran.
    pub(crate) idle: u64,
}

impl ProcessorTimes {
    /// Until now; `None` where the system does not tell.
    pub(crate) fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// The line of all processors: user, nice, system, idle, waiting for a disk, and times of interrupts and of other
    /// machines on the same hardware. Guests are counted in the first two (`proc_stat(5)`).
    fn parse(text: &str) -> Option<Self> {
        let times = text.lines().next()?.strip_prefix("cpu ")?;
        let times: Vec<u64> = times.split_whitespace().map_while(|time| time.parse().ok()).collect();
        let (idle, disk) = (times.get(3)?, times.get(4)?);
        Some(Self { total: times.iter().take(8).sum(), idle: idle + disk })
    }

    /// The part since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        let Self { total, idle } = earlier;
        Self { total: self.total.saturating_sub(total), idle: self.idle.saturating_sub(idle) }
    }
}

/// Processor time of all threads of this process, in the same ticks.
pub(super) fn process_ticks() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, rest) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    let ns = seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(rest.unwrap_or(0));
    ns / (1_000_000_000 / clock_ticks_per_second().max(1))
}

/// How many more files and connections this process may open; `None` where the system does not tell.
pub(super) fn descriptors_left() -> Option<u64> {
    // Listing them takes one.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    let most = getrlimit(Resource::Nofile).current?;
    Some(most.saturating_sub(open as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_all_processors_are_read() {
        let text = "cpu  10 1 20 300 40 2 3 4 5 6\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(ProcessorTimes::parse(text), Some(ProcessorTimes { total: 380, idle: 340 }));
        assert_eq!(ProcessorTimes::parse("cpu0 1 2 3 4 5\n"), None);
        assert_eq!(ProcessorTimes::parse(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_opened_is_no_longer_left() {
        let before = descriptors_left().unwrap();
        let opened: Vec<_> = (0..500).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        let after = descriptors_left().unwrap();
        // Other tests of this process open and close files meanwhile.
        assert!(after + 400 < before, "{before} before, {after} after");
        drop(opened);
    }
}
