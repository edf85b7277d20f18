//! An agent: the process of `prony agent`, which waits for runs of a controller and does its part of each.
//!
//! [`serve()`] connects, answers who it is, and takes one run after the other. [`attend`] is one run, from being taken to being let go:
//! a select loop over commands, workers and time. [`prepare`] makes what the workers need, on a thread of its own, with the
//! [`library`] of the endpoint, and [`working`] is the load itself: workers, recorder and journal, as in a run on one machine;
//! [`sketcher`] has what the controller is told of it once a second, and [`lender`] the places that other agents may use meanwhile.
//! What is kept of runs that nobody fetched is given to any controller that asks for it ([`kept_runs`]). [`input_end`] ends an agent whose
//! controller has started it. The controller's side is `node/agent`.

mod attend;
mod config;
mod controller_link;
mod error;
mod input_end;
mod kept_runs;
mod lender;
mod library;
mod machine;
mod prepare;
mod serve;
mod sketcher;
mod working;

pub(crate) use config::AgentConfig;
pub(crate) use error::ServeError;
pub(crate) use serve::{Served, serve};
