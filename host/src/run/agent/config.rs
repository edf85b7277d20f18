//! What an agent is to do, as its command line says it.

use std::{num::NonZeroU64, path::PathBuf};

use crate::{nats, plugin::DiscoveryOptions};

/// Everything that an agent knows before a controller takes it. It cannot be printed: there is a login in it.
pub(crate) struct AgentConfig {
    /// Its name, which no other agent of the NATS server has. It is good as the name of a folder.
    pub(crate) name: String,
    /// A controller has started it by ssh: its address on NATS. It ends when its standard input does.
    pub(crate) started_by_ssh: Option<String>,
    /// Words by which a controller may choose it.
    pub(crate) labels: Vec<String>,
    /// The NATS server at which it waits, and how it logs in there.
    pub(crate) access: nats::Access,
    /// Where its journals are kept.
    pub(crate) dir: PathBuf,
    /// It ends after so many runs; never by itself where there is no number.
    pub(crate) runs: Option<NonZeroU64>,
    /// Threads that send its part of a load.
    pub(crate) workers: usize,
    /// Where plugins are looked for, and which of them may be used.
    pub(crate) discovery: DiscoveryOptions,
    /// It runs libraries that controllers send.
    pub(crate) accepts_plugins: bool,
    /// What a child process is told about its log, on its command line.
    pub(crate) log_words: Vec<&'static str>,
}
