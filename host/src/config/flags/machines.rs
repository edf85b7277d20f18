//! The flags of a run whose workers are on several machines.

use std::path::PathBuf;

use clap::Args;

use super::choice::{ChoiceParser, MACHINES};
use crate::{
    config::{
        agents_word::{AgentsWord, agents_word, ssh_command},
        units::{self, Choice},
    },
    plan::OnLoss,
};

/// Agents, and the NATS server through which they are reached.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MachineFlags {
    /// Send the load from agents, which `prony agent` starts: `3` is any three, `label=site-a:2` two with this label; several
    /// separated by commas. `ssh:host1,user@host2` starts one on each of these machines.
    ///
    /// They share the load: together they send what one machine would. `label=site-a` is one agent. Behind `ssh:` all words are
    /// machines, up to a number or a label: `2,ssh:a,b` is four agents. Where a machine has no copy of this program it gets one. The
    /// run begins when all are there, and has 1000 at most.
    #[arg(long, value_name = "WHICH", value_delimiter = ',', value_parser = agents_word)]
    #[arg(help_heading = MACHINES)]
    pub(crate) agents: Vec<AgentsWord>,

    /// Maximum time to wait for agents [default: 60].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = MACHINES)]
    pub(crate) agents_timeout: Option<f64>,

    /// What to do when an agent is lost: end the run (`abort`), or go on with the others (`continue`) [default: abort].
    ///
    /// The report says what is missing. No agent takes the place of a lost one.
    #[arg(long, value_name = "WHAT", value_parser = ChoiceParser::<OnLoss>::new(), help_heading = MACHINES)]
    pub(crate) on_agent_loss: Option<OnLoss>,

    /// Program that starts agents on the machines of --agents, with its own flags, such as `ssh -p 2222 -i key` [default: ssh].
    ///
    /// A shell reads it. It asks nothing: keys, and who the machines are, must be known to it.
    #[arg(long, value_name = "COMMAND", value_parser = ssh_command, help_heading = MACHINES)]
    pub(crate) ssh: Option<String>,

    /// NATS server through which agents are reached, as `nats://HOST:4222` or `tls://HOST:4222`
    /// [default: one that prony starts, for agents on this machine].
    #[arg(long, value_name = "URL", help_heading = MACHINES)]
    pub(crate) nats: Option<String>,

    /// Program of the server that prony starts [default: `nats-server` on the `PATH`].
    #[arg(long, value_name = "FILE", help_heading = MACHINES)]
    pub(crate) nats_server: Option<PathBuf>,

    /// Token that the NATS server asks for.
    #[arg(long, value_name = "TOKEN", help_heading = MACHINES)]
    pub(crate) nats_token: Option<String>,

    /// Credentials for the NATS server, a file as `nsc` writes it.
    #[arg(long, value_name = "FILE", help_heading = MACHINES)]
    pub(crate) nats_creds: Option<PathBuf>,

    /// Certificates of authorities to trust in the NATS server as well as the system's, a PEM file.
    #[arg(long, value_name = "FILE", help_heading = MACHINES)]
    pub(crate) nats_tls_ca: Option<PathBuf>,

    /// Certificate to show to the NATS server, a PEM file.
    #[arg(long, value_name = "FILE", help_heading = MACHINES)]
    pub(crate) nats_tls_cert: Option<PathBuf>,

    /// Private key of --nats-tls-cert, a PEM file [default: in the same file].
    #[arg(long, value_name = "FILE", help_heading = MACHINES)]
    pub(crate) nats_tls_key: Option<PathBuf>,
}

impl Choice for OnLoss {
    const NAMES: &'static [(&'static str, Self)] = &[("abort", Self::Abort), ("continue", Self::Continue)];
}
