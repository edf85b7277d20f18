//! The phases of a run, as a file describes them. A command line has no words for them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::choice::LOAD;
use crate::plan;

/// The name of the setting.
pub(crate) const PHASES: &str = "phases";

/// Settings that a phase may have of its own, by the names of their flags, in the order of the help.
pub(crate) const PHASE_SETTINGS: [&str; 18] = [
    "concurrency",
    "request-rate",
    "arrival-pattern",
    "arrival-smoothness",
    "request-rate-series",
    "request-rate-ramp-duration",
    "concurrency-ramp-duration",
    "prefill-concurrency",
    "prefill-concurrency-ramp-duration",
    "request-cancellation-rate",
    "request-cancellation-delay",
    "failed-request-threshold",
    "user-centric-rate",
    "num-users",
    "request-count",
    "benchmark-duration",
    "benchmark-grace-period",
    "num-conversations",
];

/// Phases.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PhaseFlags {
    /// Phases of the run in their order, each with a `name` and settings of its own; they stand in a file.
    ///
    /// A phase is a mapping. Its `role` is `measure`, or `warmup` for one that is left out of the results [default: measure]. With
    /// `seamless: true`, the next phase begins while the last requests of this one are in flight. All else are settings of load and
    /// end, as `concurrency`, `request_rate` or `benchmark_duration`; one that a phase does not have is the one that stands outside.
    #[arg(long, value_name = "PHASE", hide = true, help_heading = LOAD)]
    pub(crate) phases: Vec<PhaseText>,
}

/// What a phase is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PhaseRole {
    Warmup,
    #[default]
    Measure,
}

impl PhaseRole {
    /// Their names, as they are written.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("warmup", Self::Warmup), ("measure", Self::Measure)];
}

impl From<PhaseRole> for plan::Role {
    fn from(role: PhaseRole) -> Self {
        match role {
            PhaseRole::Warmup => Self::Warmup,
            PhaseRole::Measure => Self::Measured,
        }
    }
}

/// One phase. Its text is a JSON object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PhaseText {
    /// Its name, which no other phase has.
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) role: PhaseRole,
    /// The next phase begins while the last requests of this one are in flight.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) seamless: bool,
    /// Its own settings, by the keys that they have in a file, as they are written.
    #[serde(flatten)]
    pub(crate) settings: BTreeMap<String, String>,
}

impl FromStr for PhaseText {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

impl fmt::Display for PhaseText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}
