//! What a run needs to know of the machine of its agent: [`AgentMachine`].

use std::path::PathBuf;

use crate::{nats::Bus, plugin::DiscoveryOptions};

/// What a run needs to know of this machine.
#[derive(Clone, Debug)]
pub(super) struct AgentMachine {
    pub(super) bus: Bus,
    /// Name of this agent.
    pub(super) name: String,
    pub(super) discovery: DiscoveryOptions,
    /// Libraries of controllers may run here.
    pub(super) accepts_plugins: bool,
    /// Where those are kept.
    pub(super) libraries: PathBuf,
    /// What a child process is told about its log.
    pub(super) log_words: Vec<&'static str>,
    /// Where other files are kept that were sent.
    pub(super) store: PathBuf,
    /// The folder of the run.
    pub(super) dir: PathBuf,
    /// Threads that requests are sent from.
    pub(super) workers: usize,
}

impl AgentMachine {
    /// Where the files of the run are.
    pub(super) fn files(&self) -> PathBuf {
        self.dir.join("files")
    }
}
