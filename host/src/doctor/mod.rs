//! What would spoil a measurement on this machine.
//!
//! The noun is the [`Look`]: one thing that was looked at, what was found, what is needed, and what to do. Each file here has the
//! looks of one group: it reads what the system says, without special rights, and leaves the decision to a pure function. What
//! the system does not tell is a note and never a failure.
//!
//! A run finds some of it out by itself, too late: a [`Look`] is there before anything is sent.

mod clocks;
mod control_group;
mod files;
mod installation;
mod intended_runs;
mod look;
mod memory;
mod network;
mod processors;
mod system;

pub(crate) use self::{
    intended_runs::IntendedRuns,
    look::{Group, Look, State},
};

/// Looks at everything but plugins and tokenizers. It takes less than a second.
pub(crate) fn examine(wanted: &IntendedRuns) -> Vec<Look> {
    let groups = [
        processors::looks(wanted),
        memory::looks(wanted),
        clocks::looks(),
        network::looks(wanted),
        files::looks(wanted),
        installation::looks(wanted),
    ];
    groups.concat()
}
