//! Replays: recorded sessions start at the instants at which they were recorded.

use serde::{Deserialize, Serialize};

/// What is replayed of a recording, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Replay {
    /// Recorded times are divided by this.
    pub(crate) speed: f64,
    /// Sessions that began earlier are left out, in seconds after the first one.
    pub(crate) from_s: Option<f64>,
    /// Sessions that began later are left out, in seconds after the first one.
    pub(crate) until_s: Option<f64>,
}

/// What becomes of the times of a recording; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RecordedTiming {
    /// When steps go; as the file says it without this.
    pub(crate) steps: Option<StepTiming>,
    /// The longest delay before a step, in seconds.
    pub(crate) most_delay_s: Option<f64>,
    /// The longest time in which nothing of a session goes on, in seconds.
    pub(crate) most_session_idle_s: Option<f64>,
    /// The longest time in which no session goes on, in seconds.
    pub(crate) most_idle_s: Option<f64>,
}

impl RecordedTiming {
    /// All times stay as they are.
    pub(crate) fn is_unchanged(&self) -> bool {
        *self == Self::default()
    }
}

/// When the steps of a recorded session go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepTiming {
    /// At their instants since the session's start.
    Instants,
    /// As long after the end of the steps before them as they were recorded.
    Gaps,
    /// As soon as the steps before them are over.
    AtOnce,
}

impl Default for Replay {
    fn default() -> Self {
        Self { speed: 1.0, from_s: None, until_s: None }
    }
}
