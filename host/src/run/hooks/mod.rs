//! What is done around a run and its phases: commands of the user's ([`shell`]) and calls to the servers ([`call`]).
//!
//! Each of them is a [`step`], which leaves a [`Mark`](crate::record::Mark) in the journal. [`planned`] knows which there are,
//! [`blocking`] carries out those before the event loop, and [`around`] those around a phase.

pub(super) mod around;
pub(super) mod blocking;
mod call;
mod limit;
mod planned;
mod shell;
mod step;

pub(crate) use self::shell::ShellCommand;
pub(super) use self::{
    limit::Limit,
    planned::PlannedHooks,
    step::{Done, FOLDER, Step, StepFailure},
};
