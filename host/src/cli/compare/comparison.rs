//! What a comparison came to.

use std::path::PathBuf;

use serde::Serialize;

use crate::experiment::compare::{GateState, Row};

/// A side against the first one.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) first: String,
    pub(super) second: String,
    /// Runs that failed or were cut short, of both sides.
    pub(super) left_out: [usize; 2],
    /// Files of JSON beside the runs that are no results.
    pub(super) not_results: Vec<PathBuf>,
    pub(super) rows: Vec<Row>,
    pub(super) gates: Vec<GateResult>,
}

/// What became of a gate.
#[derive(Debug, Serialize)]
pub(super) struct GateResult {
    pub(super) gate: String,
    pub(super) state: GateState,
    /// Of each cell.
    pub(super) rows: Vec<Row>,
}
