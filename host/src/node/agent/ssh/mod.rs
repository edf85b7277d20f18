//! Agents that a run starts by itself, on machines that ssh reaches.
//!
//! The noun is [`SshAgents`]: all of them, which are started side by side and end with this value. On each machine ([`machine`]) a command
//! for its shell ([`script`]) looks whether it has a copy of this program; where it has none, [`bundle`] is sent there. Then the copy
//! becomes `prony agent`, which reaches a NATS server of ours through the connection that started it. [`session`] is one process of ssh
//! here, [`reply`] is what comes back in words, and [`attendant`] is with a session until it is over.
//!
//! What is written for the other side's shell and what is read of it is pure. An agent ends when its standard input does, so that none
//! outlives this process, however it ends: the agent's side of it is `run/agent/input_end.rs`.

mod agents;
mod attendant;
mod bundle;
mod error;
mod machine;
mod reply;
mod script;
mod session;

pub(super) use agents::{SshAgents, Way};
pub(crate) use error::SshError;
