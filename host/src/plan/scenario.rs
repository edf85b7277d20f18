//! Scenarios: settings that belong together, so that results of different servers can be put beside each other.

use serde::{Deserialize, Serialize};

/// A scenario by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScenarioName {
    /// Traces of coding agents in a closed loop, each begun in its middle.
    AgentX,
}

impl ScenarioName {
    /// What it is called on the command line and in files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AgentX => "inferencex-agentx-mvp",
        }
    }
}

/// The scenario of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// What the settings of the run have otherwise, a sentence for each without a final stop.
    pub(crate) departures: Vec<String>,
}
