//! What is done around a run and its phases: commands of the user's for the shell, and calls to the servers.

use serde::{Deserialize, Serialize};

/// Everything that is done around the load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Hooks {
    /// Before the run, and before it is looked whether the servers are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before_run: Option<String>,
    /// When the load is over, before the report is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after_run: Option<String>,
    /// Before phases, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) before_phase: Vec<PhaseCommand>,
    /// After phases, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) after_phase: Vec<PhaseCommand>,
    /// How long each command may take, in seconds; without a limit if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_s: Option<f64>,
    /// Empties the prefix caches of the servers before the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reset_kv_cache: Option<CacheReset>,
    /// Has the servers profile themselves in measured phases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_profiler: Option<ProfilerCalls>,
}

/// A command around a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PhaseCommand {
    /// Number of the phase; every one if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<u32>,
    /// What the shell carries out.
    pub(crate) command: String,
}

/// How the prefix caches of the servers are emptied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CacheReset {
    /// What is posted to, on each server.
    pub(crate) path: String,
    /// How long it may take on each server, in seconds.
    pub(crate) timeout_s: f64,
}

/// How the servers' own profilers are started and stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProfilerCalls {
    /// What is posted to before a measured phase, on each server.
    pub(crate) start_path: String,
    /// The same after it.
    pub(crate) stop_path: String,
    /// How long each call may take, in seconds.
    pub(crate) timeout_s: f64,
}

impl Hooks {
    /// Nothing is done.
    pub(crate) fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// Every command in it.
    pub(crate) fn commands_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let of_run = self.before_run.iter_mut().chain(&mut self.after_run);
        let of_phases = self.before_phase.iter_mut().chain(&mut self.after_phase);
        of_run.chain(of_phases.map(|hook| &mut hook.command))
    }

    /// The path of every call in it.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        let of_profiler = self.server_profiler.iter().flat_map(|calls| [&calls.start_path, &calls.stop_path]);
        self.reset_kv_cache.iter().map(|reset| &reset.path).chain(of_profiler)
    }

    /// The same, to be changed.
    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let of_profiler =
            self.server_profiler.iter_mut().flat_map(|calls| [&mut calls.start_path, &mut calls.stop_path]);
        self.reset_kv_cache.iter_mut().map(|reset| &mut reset.path).chain(of_profiler)
    }
}
