//! What the numbers of a run are worth: a [`Verdict`], and the findings that it rests on.
//!
//! Each file asks one question of a finished [`Report`](super::Report), and answers in [`Finding`]s: sentences with their evidence. Nothing
//! here measures or prints anything. A report begins with the verdict, in every form that it has.

mod agents;
mod cache;
mod client;
mod complete;
mod connections;
mod errors;
mod finding;
mod judge;
mod load;
mod objectives;
mod samples;
mod server;
mod steady;
pub(super) mod tokens;

pub(crate) use self::{
    complete::why_incomplete,
    finding::{Finding, Severity},
    judge::Verdict,
    samples::carried,
};
