//! Agents: nodes on other machines, as the controller of a run sees them.
//!
//! [`call`] finds agents and takes them for a run; [`Agents`] equips them, with the [`files`] of the run and its [`identity`], and makes a [`link`] of each when the workers are to
//! start. What an agent measures stays in its own journal until the load is over; [`kept`] brings it here, in pieces ([`fetch`]). [`offset`] says how
//! far an agent's clock is from the run's, and [`clocks`] asks again while the run lasts; [`lendings`] says which places of a limit
//! agents lend each other. [`ssh`] starts agents that are not there yet. What agents keep of runs whose controller is gone comes by
//! [`Uncollected`]. The agent's side is `run/agent`.

mod agents;
mod call;
mod clocks;
mod command;
mod error;
mod fetch;
pub(crate) mod files;
pub(crate) mod identity;
mod kept;
mod lendings;
mod link;
pub(crate) mod messages;
pub(crate) mod offset;
mod permits;
mod shared;
mod ssh;
mod state;
pub(crate) mod subjects;
mod uncollected;

pub(crate) use agents::Agents;
pub(crate) use error::AgentError;
pub(crate) use fetch::chunk_of;
pub(crate) use files::SentFile;
pub(crate) use identity::Identity;
pub(crate) use uncollected::{Uncollected, UncollectedError, UncollectedRun};
