//! What holds for the requests of a phase beside its load.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ramp::Ramp;

/// What holds for the requests of a phase; nothing by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    /// The most requests that wait for their first token at once.
    pub(crate) prefill: Option<Ramp<u32>>,
    /// Some are cancelled on purpose.
    pub(crate) cancellation: Option<Cancellation>,
    /// The run ends when more than this share of the requests has failed, from 0 to 1.
    pub(crate) most_failed: Option<f64>,
}

/// Requests that are cancelled on purpose, as users cancel them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cancellation {
    /// Their share, in percent.
    pub(crate) percent: f64,
    /// Seconds from the last byte of a request to its cancellation.
    pub(crate) delay_s: f64,
}

impl Cancellation {
    /// The time from the last byte of a request to its cancellation.
    pub(crate) fn delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.delay_s).unwrap_or(Duration::MAX)
    }
}
