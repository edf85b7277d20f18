//! What a worker knows about its own slowness: how late it read what had arrived, how late it woke, and how long its
//! thread waited for a processor.

use std::{
    fs,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::machine::{ProcessorTimes, descriptors_left, process_ticks};
use crate::clock::RunNs;

/// Delays of this and more are counted as this: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// Notes taken while a worker works.
#[derive(Debug)]
pub(crate) struct WorkerStatistics {
    reads: Delays,
    wakes: Delays,
    unstamped_reads: AtomicU64,
    held_back: AtomicU64,
}

/// Many delays of one kind.
#[derive(Debug)]
struct Delays(Mutex<Histogram<u64>>);

/// What is kept of many delays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DelaySummary {
    /// How many there were.
    pub(crate) count: u64,
    /// Median, in nanoseconds, to within 1 %.
    pub(crate) p50_ns: u64,
    /// 99th percentile, in nanoseconds, to within 1 %.
    pub(crate) p99_ns: u64,
    /// Longest, in nanoseconds, to within 1 %.
    pub(crate) max_ns: u64,
}

/// How one worker fared in one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct WorkerUsage {
    pub(crate) worker: u32,
    /// Length of its part of the phase, in nanoseconds.
    pub(crate) wall_ns: u64,
    /// Processor time of its thread, in nanoseconds, where the system tells.
    pub(crate) busy_ns: Option<u64>,
    /// Time that its thread was ready to run and waited for a processor, in nanoseconds, where the system tells.
    pub(crate) queued_ns: Option<u64>,
    /// The system let its thread run before others, at least while one of many streams waited for its first token.
    pub(crate) goes_first: bool,
    /// From the arrival of bytes, by the kernel's stamp, to the read that fetched them.
    pub(crate) read_delay: DelaySummary,
    /// Reads that the kernel had not stamped.
    pub(crate) unstamped_reads: u64,
    /// How often the system's clock was set meanwhile.
    pub(crate) clock_steps: u64,
    /// From the moment a request was due to the moment its worker was awake for it, in an open loop.
    pub(crate) wake_delay: DelaySummary,
    /// Time of all processors of the machine meanwhile, in ticks of the system, where it tells.
    pub(crate) machine_ticks: Option<u64>,
    /// Those in which nothing ran.
    pub(crate) machine_idle_ticks: Option<u64>,
    /// Those in which a thread of this process ran; unknown in older journals.
    pub(crate) process_ticks: Option<u64>,
    /// Requests of an open loop that were due while as many as may be were in flight.
    pub(crate) held_back: u64,
    /// How many more files and connections the process could have opened when the part was over.
    pub(crate) descriptors_left: Option<u64>,
}

impl Default for WorkerStatistics {
    fn default() -> Self {
        Self {
            reads: Delays::new(),
            wakes: Delays::new(),
            unstamped_reads: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        }
    }
}

impl WorkerStatistics {
    /// Bytes were read so long after the kernel had received them.
    pub(crate) fn note_read(&self, delay_ns: u64) {
        self.reads.note(delay_ns);
    }

    /// Bytes were read, and the instant of their arrival is not known.
    pub(crate) fn note_unstamped_read(&self) {
        self.unstamped_reads.fetch_add(1, Relaxed);
    }

    /// A request of an open loop was due, and as many as may be were in flight.
    pub(crate) fn note_held_back(&self) {
        self.held_back.fetch_add(1, Relaxed);
    }

    /// A worker woke so long after a request was due.
    pub(crate) fn note_wake(&self, delay_ns: u64) {
        self.wakes.note(delay_ns);
    }

    /// Begins anew, on the worker's own thread.
    pub(crate) fn begin(&self, now: RunNs) -> Shift {
        let _ = (self.reads.take(), self.wakes.take(), self.unstamped_reads.swap(0, Relaxed));
        self.held_back.store(0, Relaxed);
        Shift {
            began: now,
            times: ThreadTimes::now(),
            machine: ProcessorTimes::now(),
            process_ticks: process_ticks(),
        }
    }

    /// What was noted since `shift` began, on the same thread.
    pub(crate) fn end(&self, worker: u32, shift: &Shift, now: RunNs) -> WorkerUsage {
        let since = |part: fn(&ThreadTimes) -> u64| {
            let (before, after) = (shift.times.as_ref()?, ThreadTimes::now()?);
            Some(part(&after).saturating_sub(part(before)))
        };
        let machine = ProcessorTimes::now().zip(shift.machine).map(|(now, before)| now.since(before));
        WorkerUsage {
            worker,
            wall_ns: now.saturating_sub(shift.began),
            busy_ns: since(|times| times.busy_ns),
            queued_ns: since(|times| times.queued_ns),
            goes_first: false,
            read_delay: self.reads.take(),
            unstamped_reads: self.unstamped_reads.swap(0, Relaxed),
            wake_delay: self.wakes.take(),
            clock_steps: 0,
            machine_ticks: machine.map(|times| times.total),
            machine_idle_ticks: machine.map(|times| times.idle),
            process_ticks: Some(process_ticks().saturating_sub(shift.process_ticks)),
            held_back: self.held_back.swap(0, Relaxed),
            descriptors_left: descriptors_left(),
        }
    }
}

/// A worker's part of a phase that is under way.
#[derive(Debug)]
pub(crate) struct Shift {
    began: RunNs,
    times: Option<ThreadTimes>,
    machine: Option<ProcessorTimes>,
    process_ticks: u64,
}

impl Delays {
    #[expect(clippy::expect_used, reason = "the bounds are constants: it fails always or never")]
    fn new() -> Self {
        let histogram =
            Histogram::new_with_bounds(1_000, LONGEST_NS, 2).expect("bounds that a histogram has");
        Self(Mutex::new(histogram))
    }

    fn note(&self, delay_ns: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(delay_ns);
    }

    fn take(&self) -> DelaySummary {
        let mut histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if histogram.is_empty() {
            return DelaySummary::default();
        }
        let summary = DelaySummary {
            count: histogram.len(),
            p50_ns: histogram.value_at_quantile(0.5),
            p99_ns: histogram.value_at_quantile(0.99),
            max_ns: histogram.max(),
        };
        histogram.reset();
        summary
    }
}

/// What the system's scheduler says of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ThreadTimes {
    busy_ns: u64,
    queued_ns: u64,
}

impl ThreadTimes {
    /// Of the calling thread; `None` where the system does not tell.
    fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
    }

    /// Time on a processor, time on a run queue, and the number of turns (`Documentation/scheduler/sched-stats.rst` of
    /// Linux).
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().map(str::parse);
        Some(Self { busy_ns: numbers.next()?.ok()?, queued_ns: numbers.next()?.ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_counts_only_what_was_noted_in_it() {
        let statistics = WorkerStatistics::default();
        statistics.note_read(5_000_000);
        statistics.note_unstamped_read();
        let shift = statistics.begin(1_000);
        (1..=100).for_each(|n| statistics.note_read(n * 10_000));
        statistics.note_unstamped_read();
        let usage = statistics.end(3, &shift, 51_000);
        assert_eq!((usage.worker, usage.wall_ns, usage.unstamped_reads), (3, 50_000, 1));
        assert_eq!((usage.read_delay.count, usage.wake_delay.count), (100, 0));
        assert!((495_000..=510_000).contains(&usage.read_delay.p50_ns), "{usage:?}");
        assert!((990_000..=1_010_000).contains(&usage.read_delay.max_ns), "{usage:?}");
    }

    #[test]
    fn delays_beyond_the_longest_are_counted_as_the_longest() {
        let delays = Delays::new();
        delays.note(u64::MAX);
        let summary = delays.take();
        assert!(summary.max_ns >= LONGEST_NS, "{summary:?}");
        assert_eq!(delays.take(), DelaySummary::default());
    }

    #[test]
    fn the_schedulers_numbers_are_read_in_their_order() {
        let times = ThreadTimes::parse("9000 70 4\n");
        assert_eq!(times, Some(ThreadTimes { busy_ns: 9000, queued_ns: 70 }));
        assert_eq!(ThreadTimes::parse(""), None);
        assert_eq!(ThreadTimes::parse("-1 2 3"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_works_is_busy() {
        let before = ThreadTimes::now().unwrap();
        let mut work = 0_u64;
        let after = loop {
            (0..100_000_u64).for_each(|n| work = std::hint::black_box(work.wrapping_add(n)));
            let now = ThreadTimes::now().unwrap();
            if now.busy_ns > before.busy_ns {
                break now;
            }
        };
        assert!(after.queued_ns >= before.queued_ns);
    }
}
