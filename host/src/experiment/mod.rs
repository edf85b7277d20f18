//! Experiments: several runs that belong together, over values of settings and as repeats.
//!
//! The stage's noun is the [`Design`]: cells, which are combinations of values, how often each is measured, and in which
//! order. [`carry_out()`] is a loop over runs, which it knows by their folders and summaries alone; [`RunExecutor`] is who runs them.
//! What was measured so far is the [`State`], a file in the experiment's folder, from which a killed experiment goes on.
//! [`Results`] are made of it: means and intervals, the best cell, and the cells that no other one beats.

mod best;
mod between;
mod carry_out;
mod cell;
mod cells;
pub(crate) mod compare;
mod convergence;
mod design;
mod design_error;
mod estimate;
mod files;
mod folder;
mod manifest;
mod measured;
mod number;
mod one_number;
mod order;
mod outcome;
mod page;
pub(crate) mod past;
mod read;
mod results;
mod rules;
mod run_executor;
pub(crate) mod search;
mod state;
mod statistic;
mod table;
mod two_samples;
mod variant;

#[cfg(test)]
pub(crate) use self::order::PlannedRun;
pub(crate) use self::{
    best::Key,
    carry_out::{Ended, carry_out},
    cell::Cell,
    cells::settings_of_sweep,
    design::Design,
    design_error::DesignError,
    files::write_results,
    folder::{ExperimentFolder, FolderError, is_experiment},
    measured::Measured,
    outcome::RunEnd,
    page::charts,
    read::{design, key_of},
    results::Results,
    run_executor::{RunExecutor, Upcoming},
    state::{Fit, Progress, State},
};
