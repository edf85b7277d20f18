//! What was done around the load, and when: the [`Mark`].

use serde::{Deserialize, Serialize};

/// What the mark of a call is named that empties a server's prefix cache.
pub(crate) const RESET_KV_CACHE: &str = "reset_kv_cache";

/// A command or a call before or after a run or a phase. In a journal, a field that has nothing to say is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Mark {
    /// `before_run`, `after_run`, `before_phase`, `after_phase`, `reset_kv_cache`, `start_profile` or `stop_profile`.
    pub(crate) name: String,
    /// Position of the phase that it is around, in the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<u32>,
    /// When it began, in nanoseconds since the run's start.
    pub(crate) begin_ns: u64,
    /// When it was over.
    pub(crate) end_ns: u64,
    /// `ok`, `failed`, `timed_out` or `interrupted`.
    pub(crate) outcome: String,
    /// Why, where it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Exit code of a command that ended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<i32>,
    /// File in the run's folder with what a command said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
    /// Address of a call, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}
