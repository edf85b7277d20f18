//! The run's clock: the one file that takes instants.
//!
//! Every instant of a run is a number of nanoseconds since the run's start, on the monotonic clock. The wall clock is
//! read once, at the start; wall-clock times in exports are that stamp plus an offset, so that a step of the system
//! clock cannot bend a measurement.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
}

/// Where a [`Clock`] stands on the clock that all processes of a machine share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    monotonic_ns: u64,
    wall_ns: u64,
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

fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, rest) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000_000 + rest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_goes_on_in_another_process() {
        let clock = Clock::start();
        let other = Clock::at(clock.anchor());
        let (before, between, after) = (clock.now(), other.now(), clock.now());
        // Both are read from the same hardware; what differs is how far apart two looks at it are.
        assert!(between + 20_000 >= before && between <= after + 20_000, "{before} {between} {after}");
        assert_eq!(other.wall_start_ns(), clock.wall_start_ns());
    }
}
