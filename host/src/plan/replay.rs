//! Replays: recorded sessions start at the instants at which they were recorded.

use serde::{Deserialize, Serialize};

/// What is replayed of a recording, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Replay {
    /// Recorded times are divided by this.
    pub(crate) speed: f64,
    /// Sessions that began earlier are left out, in seconds of the recording.
    pub(crate) from_s: Option<f64>,
    /// Sessions that began later are left out, in seconds of the recording.
    pub(crate) until_s: Option<f64>,
}

impl Default for Replay {
    fn default() -> Self {
        Self { speed: 1.0, from_s: None, until_s: None }
    }
}
