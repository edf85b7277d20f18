//! The run's clock: the one file that takes instants.
//!
//! Every instant of a run is a number of nanoseconds since the run's start, on the monotonic clock. The wall clock is
//! read once, at the start; wall-clock times in exports are that stamp plus an offset, so that a step of the system
//! clock cannot bend a measurement.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds since the run's start.
pub(crate) type RunNs = u64;

/// Converts to nanoseconds; saturates after 584 years.
pub(crate) fn as_ns(duration: Duration) -> RunNs {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A monotonic clock with one wall-clock anchor. Copies share the anchor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    // tokio's instant, so that a test's paused runtime also pauses this clock.
    anchor: tokio::time::Instant,
    wall_ns: u64,
}

impl Clock {
    /// Starts a clock at zero.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that takes instants")]
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: tokio::time::Instant::now(), wall_ns: as_ns(wall) }
    }

    /// Nanoseconds since the start.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that takes instants")]
    pub(crate) fn now(&self) -> RunNs {
        as_ns(tokio::time::Instant::now().duration_since(self.anchor))
    }

    /// The runtime's instant for a moment of the run, to wait for.
    pub(crate) fn instant(&self, at: RunNs) -> tokio::time::Instant {
        self.anchor + Duration::from_nanos(at)
    }

    /// Where this clock stands, for another process.
    pub(crate) fn anchor(&self) -> Anchor {
        let (monotonic_ns, now) = Reading::best();
        let run_ns = as_ns(now.duration_since(self.anchor));
        Anchor { monotonic_ns: monotonic_ns.saturating_sub(run_ns), wall_ns: self.wall_ns }
    }

    /// The same clock in another process of this machine.
    pub(crate) fn at(anchor: Anchor) -> Self {
        let (monotonic_ns, now) = Reading::best();
        let since = Duration::from_nanos(monotonic_ns.saturating_sub(anchor.monotonic_ns));
        Self { anchor: now.checked_sub(since).unwrap_or(now), wall_ns: anchor.wall_ns }
    }

    /// Wall-clock nanoseconds since the Unix epoch at the start of the run.
    pub(crate) fn wall_start_ns(&self) -> u64 {
        self.wall_ns
    }

    /// An instant of the run in seconds since 1970, as the anchor and the monotonic clock have it.
    pub(crate) fn unix_time_s(&self, at: RunNs) -> u64 {
        self.wall_ns.saturating_add(at) / 1_000_000_000
    }
}

/// Where a [`Clock`] stands on the clock that all processes of a machine share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    monotonic_ns: u64,
    wall_ns: u64,
}

impl Anchor {
    /// The same clock on a machine whose own clock said `monotonic_ns` at the run's start.
    pub(crate) fn on_machine(self, monotonic_ns: u64) -> Self {
        Self { monotonic_ns, ..self }
    }
}

/// Places stamps of the kernel, which are wall-clock times, on a run's clock.
///
/// The distance between the two clocks is measured again every second: it changes only when somebody sets the system's
/// clock, since both are slewed alike.
#[derive(Debug)]
pub(crate) struct KernelClock {
    clock: Clock,
    /// Wall-clock nanoseconds at the start of the run, as of the latest measurement.
    wall_start_ns: AtomicI64,
    measured: AtomicU64,
    steps: AtomicU64,
}

impl KernelClock {
    /// How long a measured distance is trusted.
    const TRUST_NS: u64 = 1_000_000_000;
    /// A distance that changed by more was a step, and not the width of a measurement.
    const STEP_NS: u64 = 200_000;
    /// How far a stamp may lie in the future: what a measurement can be off.
    const TOLERANCE_NS: u64 = 50_000;

    /// Measures the distance for the first time.
    pub(crate) fn new(clock: Clock) -> Self {
        let wall_start_ns = AtomicI64::new(clock.measure_wall_start());
        Self { clock, wall_start_ns, measured: AtomicU64::new(clock.now()), steps: AtomicU64::new(0) }
    }

    /// The moment of a stamp, or `None` if the system's clock was set and the stamp cannot be placed. `now` is a moment
    /// that was read after the stamp was made.
    pub(crate) fn place(&self, stamp_ns: u64, now: RunNs) -> Option<RunNs> {
        if now.saturating_sub(self.measured.load(Relaxed)) > Self::TRUST_NS {
            self.measure_again(now);
        }
        let at = i64::try_from(stamp_ns).ok()?.checked_sub(self.wall_start_ns.load(Relaxed))?;
        let at = u64::try_from(at).ok()?;
        (at <= now.saturating_add(Self::TOLERANCE_NS)).then(|| at.min(now))
    }

    /// How often the system's clock was set while the run lasted.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Relaxed)
    }

    fn measure_again(&self, now: RunNs) {
        self.measured.store(now, Relaxed);
        let found = self.clock.measure_wall_start();
        let moved_ns = found.abs_diff(self.wall_start_ns.swap(found, Relaxed));
        if moved_ns > Self::STEP_NS {
            self.steps.fetch_add(1, Relaxed);
            tracing::warn!(
                moved_ns,
                "the system's clock was set: arrivals of the last second may be off by as much"
            );
        }
    }
}

impl Clock {
    /// Wall-clock nanoseconds at the start of the run, if the system's clock had always been what it is now: the
    /// narrowest of some readings.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that takes instants")]
    fn measure_wall_start(&self) -> i64 {
        let take = || {
            let before = self.now();
            let wall_ns = as_ns(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
            let width_ns = self.now().saturating_sub(before);
            let at = before + width_ns / 2;
            (width_ns, i64::try_from(wall_ns).unwrap_or(i64::MAX).saturating_sub_unsigned(at))
        };
        (0..8).map(|_| take()).min_by_key(|(width_ns, _)| *width_ns).map_or(0, |(_, start)| start)
    }
}

/// One look at the machine's clock and at ours.
struct Reading {
    /// Nanoseconds between the looks at the machine's clock before and after ours.
    width_ns: u64,
    monotonic_ns: u64,
    instant: tokio::time::Instant,
}

impl Reading {
    /// Both clocks at one moment: the narrowest of some readings, so that a thread that is interrupted between two looks
    /// does not shift the clock.
    fn best() -> (u64, tokio::time::Instant) {
        let first = Self::take();
        let best = (0..7)
            .map(|_| Self::take())
            .fold(first, |best, next| if next.width_ns < best.width_ns { next } else { best });
        (best.monotonic_ns, best.instant)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one file that takes instants")]
    fn take() -> Self {
        let before = monotonic_ns();
        let instant = tokio::time::Instant::now();
        let width_ns = monotonic_ns().saturating_sub(before);
        Self { width_ns, monotonic_ns: before + width_ns / 2, instant }
    }
}

/// What the clock says that all processes of this machine share, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, rest) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000_000 + rest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_of_the_kernel_is_placed_on_the_runs_clock() {
        let clock = Clock::start();
        let kernel = KernelClock::new(clock);
        let start = u64::try_from(kernel.wall_start_ns.load(Relaxed)).unwrap();
        assert_eq!(kernel.place(start + 5_000, 7_000), Some(5_000));
        assert_eq!(kernel.place(start + 9_000, 7_000), Some(7_000), "within the error of a measurement");
        assert_eq!(kernel.place(start + 900_000, 7_000), None, "in the future");
        assert_eq!(kernel.place(start - 1, 7_000), None, "before the run");
    }

    #[test]
    fn a_clock_that_was_set_is_noticed() {
        let kernel = KernelClock::new(Clock::start());
        kernel.wall_start_ns.fetch_add(5_000_000_000, Relaxed);
        let now = 2 * KernelClock::TRUST_NS;
        let stamp = u64::try_from(kernel.clock.measure_wall_start()).unwrap() + now;
        let placed = kernel.place(stamp, now).unwrap();
        assert!(placed.abs_diff(now) < 1_000_000_000, "{placed} is off by as much as the clock was");
        assert_eq!(kernel.steps(), 1);
    }

    #[test]
    fn a_clock_goes_on_in_another_process() {
        let clock = Clock::start();
        let other = Clock::at(clock.anchor());
        let (before, between, after) = (clock.now(), other.now(), clock.now());
        // The two readings that make an anchor are not one; a busy machine may do something else between them.
        let tolerance = 50_000_000;
        assert!(between + tolerance >= before && between <= after + tolerance, "{before} {between} {after}");
        assert_eq!(other.wall_start_ns(), clock.wall_start_ns());
    }
}
