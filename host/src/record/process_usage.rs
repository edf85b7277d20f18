//! What a process used of its machine: [`ProcessUsage`].

use serde::{Deserialize, Serialize};

/// What the tool's own process used of the machine. Children, where plugins are isolated, are not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ProcessUsage {
    /// Processor time of all its threads, from its start, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// The most memory that was resident at any time, in bytes, where the system tells.
    pub(crate) peak_memory_bytes: Option<u64>,
}
