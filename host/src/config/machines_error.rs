//! Why agents, or the way to them, are refused.

use super::spec::Origin;
use crate::{explain::Explain, plan::MOST_AGENTS};

/// An address that is none of a NATS server. Its text holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reach NATS at `{url}`: {reason}")]
pub(crate) struct AddressError {
    /// As typed, without secrets.
    pub(super) url: String,
    pub(super) reason: &'static str,
    pub(super) hint: &'static str,
}

/// What to do about an address that is none.
pub(super) const ADDRESS_HINT: &str =
    "give an address such as `nats://localhost:4222`, or `tls://HOST:4222` for a server with TLS";

impl Explain for AddressError {
    fn hint(&self) -> String {
        self.hint.to_owned()
    }
}

/// Why a run cannot have these agents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MachinesError {
    /// More than a run can have.
    #[error("wait for {count} agents, which `{by}` asks for: a run has {MOST_AGENTS} at most")]
    TooMany { by: Origin, count: u64 },
    /// Some agents would have no place of a limit, and send nothing.
    #[error(
        "share {places} out among the {agents} agents of `{by}`, in the phase `{phase}`: there {} only {most}",
        if *.most == 1 { "is" } else { "are" }
    )]
    FewPlaces {
        by: Origin,
        phase: String,
        /// Of what there are too few.
        places: &'static str,
        most: u32,
        agents: u32,
    },
    /// A word that would be a machine if `ssh:` stood in front of it.
    #[error("use `{word}` of `{by}`: no `ssh:` stands in front of it")]
    NoSsh { by: Origin, word: String },
    /// Agents on two machines would have one name.
    #[error(
        "tell the agents of `{first}` and `{second}` apart, which `{by}` asks for: both would be named `{name}`"
    )]
    SameHost { by: Origin, first: String, second: String, name: String },
    /// An ssh program for no machine.
    #[error("`{by}` requires a machine in `--agents`")]
    SshAlone { by: Origin },
    /// Not the address of a NATS server.
    #[error("{error}")]
    Address { by: Origin, error: AddressError },
    /// A token that is set to nothing, as an unset secret of a pipeline leaves it.
    #[error("the token for NATS is empty: `{by}` is set to nothing")]
    EmptyToken { by: Origin },
}

impl MachinesError {
    /// The setting that it is about.
    pub(super) fn origin(&self) -> Origin {
        match self {
            Self::TooMany { by, .. }
            | Self::FewPlaces { by, .. }
            | Self::NoSsh { by, .. }
            | Self::SameHost { by, .. }
            | Self::SshAlone { by }
            | Self::Address { by, .. }
            | Self::EmptyToken { by } => *by,
        }
    }
}

impl Explain for MachinesError {
    fn hint(&self) -> String {
        match self {
            Self::TooMany { .. } => "take fewer agents, each with more `--workers`".to_owned(),
            Self::FewPlaces { agents, .. } => {
                format!(
                    "each agent needs a place of its own: take fewer agents, or raise the limit to {agents} at least"
                )
            }
            Self::NoSsh { word, .. } => {
                format!(
                    "write `ssh:{word}` for a machine on which the run starts an agent, `label={word}` for an agent with a label, or a \
                     number for agents that are there"
                )
            }
            Self::SameHost { .. } => {
                "a run has one agent on a machine: name another machine, or give the machine another name in ssh's configuration"
                    .to_owned()
            }
            Self::SshAlone { by } => {
                format!("name the machine, as in `--agents ssh:host1`, or leave out `{by}`")
            }
            Self::Address { error, .. } => error.hint(),
            Self::EmptyToken { by } => {
                format!(
                    "give `{by}` the token that the server takes, or do not set it where the server wants none"
                )
            }
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::EmptyToken { .. } | Self::SshAlone { .. })
    }
}
