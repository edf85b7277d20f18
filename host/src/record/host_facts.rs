//! The machine of a run: [`HostFacts`]. Nothing in it names the machine or its owner.

use serde::{Deserialize, Serialize};

/// What the system says of the machine. What it does not say is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HostFacts {
    /// The operating system: `linux`, `macos`.
    pub(crate) os: String,
    /// The processor's architecture: `x86_64`, `aarch64`.
    pub(crate) architecture: String,
    /// Release of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kernel: Option<String>,
    /// Cores that the process may use.
    pub(crate) cores: u64,
    /// What the processor calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_model: Option<String>,
    /// Memory of the machine, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_bytes: Option<u64>,
}
