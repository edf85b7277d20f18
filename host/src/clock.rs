//! The run's clock: the one file that takes instants.
//!
//! Every instant of a run is a number of nanoseconds since the run's start, on the monotonic clock. The wall clock is
//! read once, at the start; wall-clock times in exports are that stamp plus an offset, so that a step of the system
//! clock cannot bend a measurement.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

    /// Wall-clock nanoseconds since the Unix epoch at the start of the run.
    pub(crate) fn wall_start_ns(&self) -> u64 {
        self.wall_ns
    }
}
