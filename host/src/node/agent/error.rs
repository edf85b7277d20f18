//! Why a run cannot have its agents.

use std::path::PathBuf;

use super::ssh::SshError;
use crate::{
    explain::Explain,
    nats::{BlobError, BusError, ServerError},
    node::remote_error::{Class, RemoteError},
    plugin::{OfferRefusal, ReceiveError},
};

/// Why a run cannot have its agents, or not go on with them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    /// There is no NATS server of ours.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The NATS server cannot be used.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// Those that the run starts by itself do not start.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// There are too few.
    #[error("find {wanted} within {timeout_s} s (`--agents-timeout`): {found}")]
    TooFew {
        /// What was asked for, in words.
        wanted: String,
        timeout_s: f64,
        /// Who is there, in words.
        found: String,
    },
    /// One is another version of this program.
    #[error("use the agent `{name}`: it is prony {theirs}, and this is prony {ours}")]
    Version { name: String, theirs: String, ours: &'static str },
    /// Two have one name.
    #[error("tell the agents apart: two of them are named `{0}`")]
    SameName(String),
    /// The load cannot be divided among so many.
    #[error("divide the load among {nodes} agents: {reason}")]
    Indivisible { nodes: usize, reason: String },
    /// A file that a plan names cannot be sent.
    #[error("send a file to the agents")]
    File(#[source] BlobError),
    /// Nor can it be read.
    #[error("read `{}` for the agents", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// It does not come to the agent.
    #[error("fetch a file of the run")]
    Fetch(#[source] BlobError),
    /// It cannot be kept there.
    #[error("take in the files of the run")]
    Receive(#[source] std::io::Error),
    /// An agent does not take the library of the endpoint, and has none.
    #[error(transparent)]
    Library(#[from] OfferRefusal),
    /// It cannot take it in.
    #[error(transparent)]
    Received(#[from] ReceiveError),
    /// The controller is gone that was asked for it.
    #[error("hear of the library that the controller was asked for")]
    Unanswered,
    /// It does not send it.
    #[error("wait for the library that the controller was asked for: it did not come within {within_s} s")]
    LateLibrary { within_s: u64 },
    /// One cannot do its part.
    #[error("use the agent `{name}`")]
    Refused { name: String, source: RemoteError },
    /// One says nothing any more.
    #[error("use the agent `{name}`: {what}")]
    Silent {
        name: String,
        /// A sentence without a final stop.
        what: String,
    },
    /// A message is not what it is to be.
    #[error("write a message to the agents")]
    Message(#[from] rmp_serde::encode::Error),
    /// There is no thread left.
    #[error("start a thread")]
    Thread(#[source] std::io::Error),
    /// What an agent has kept cannot be written here.
    #[error("keep what the agent `{name}` has measured")]
    Keep { name: String, source: std::io::Error },
}

impl AgentError {
    /// What it says about the end of the run.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Refused { source, .. } => source.class(),
            Self::Version { .. } | Self::SameName(_) | Self::Indivisible { .. } | Self::Read { .. } => {
                Class::Usage
            }
            Self::Library(_) => Class::Plugin,
            Self::Ssh(error) => error.class(),
            Self::Server(_) | Self::Bus(_) | Self::TooFew { .. } => Class::Unreachable,
            Self::File(_)
            | Self::Fetch(_)
            | Self::Receive(_)
            | Self::Received(_)
            | Self::Unanswered
            | Self::LateLibrary { .. }
            | Self::Silent { .. }
            | Self::Message(_)
            | Self::Thread(_)
            | Self::Keep { .. } => Class::Failed,
        }
    }
}

impl Explain for AgentError {
    fn hint(&self) -> String {
        match self {
            Self::Server(error) => error.hint(),
            Self::Bus(error) => error.hint(),
            Self::Ssh(error) => error.hint(),
            Self::File(error) | Self::Fetch(error) => error.hint(),
            Self::Library(refusal) => refusal.hint(),
            Self::Received(error) => error.hint(),
            Self::Unanswered => "look at what the controller says".to_owned(),
            Self::LateLibrary { .. } => {
                "see that the NATS server runs and that its disk has room; or install the plugin on the agent's machine"
                    .to_owned()
            }
            Self::TooFew { .. } => {
                "start more with `prony agent --nats URL`, or ask for fewer with `--agents`".to_owned()
            }
            Self::Version { .. } => "use the same version everywhere".to_owned(),
            Self::SameName(_) => "give each its own name with `prony agent --name`".to_owned(),
            Self::Indivisible { .. } => "ask for fewer agents, or for a larger limit".to_owned(),
            Self::Read { .. } => "name a file that exists and may be read".to_owned(),
            Self::Receive(_) => "look at the space on the agent's disk and at its permissions".to_owned(),
            Self::Refused { source, .. } => source.hint(),
            Self::Silent { .. } => "look at what the agent says on its own machine".to_owned(),
            Self::Message(_) => "report this as a fault of prony".to_owned(),
            Self::Thread(_) => {
                "raise the limits on processes, threads and open files (`ulimit -u`, `ulimit -n`)".to_owned()
            }
            Self::Keep { .. } => {
                "make room on the disk; the agent keeps its files, which `prony collect` reads".to_owned()
            }
        }
    }
}
