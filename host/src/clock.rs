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

/// A clock on its way to another process of this machine, where the monotonic clock is the same.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct ClockAnchor {
    /// The clock's zero on the system's monotonic clock.
    monotonic_ns: u64,
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

    /// The clock for another process.
    pub(crate) fn anchor(&self) -> ClockAnchor {
        let monotonic_ns = monotonic_ns().saturating_sub(self.now());
        ClockAnchor { monotonic_ns, wall_ns: self.wall_ns }
    }

    /// The clock of another process.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that takes instants")]
    pub(crate) fn of(anchor: ClockAnchor) -> Self {
        let age = Duration::from_nanos(monotonic_ns().saturating_sub(anchor.monotonic_ns));
        let now = tokio::time::Instant::now();
        Self { anchor: now.checked_sub(age).unwrap_or(now), wall_ns: anchor.wall_ns }
    }

    /// The runtime's instant for a moment of the run, to wait for.
    pub(crate) fn instant(&self, at: RunNs) -> tokio::time::Instant {
        self.anchor + Duration::from_nanos(at)
    }

    /// Wall-clock nanoseconds since the Unix epoch at the start of the run.
    pub(crate) fn wall_start_ns(&self) -> u64 {
        self.wall_ns
    }
}

/// The system's monotonic clock, on which instants are.
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let ns = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_another_process_shows_the_same_time() {
        let ours = Clock::start();
        let theirs = Clock::of(ours.anchor());
        let (before, there, after) = (ours.now(), theirs.now(), ours.now());
        // The two readings that make an anchor are not one; a busy machine may do something else between them.
        let tolerance = 50_000_000;
        assert!(before <= there + tolerance && there <= after + tolerance, "{before} {there} {after}");
        assert_eq!(theirs.wall_start_ns(), ours.wall_start_ns());
    }
}
