//! `prony speed-bench-report DIR…`: runs over SPEED-Bench beside each other, category by category.

use std::path::PathBuf;

use clap::Args;

use super::{
    exit::{Exit, Failure, HasExit},
    terminal,
};
use crate::report::speed_bench::{self, Row, SpeedBenchError};

/// Which runs.
#[derive(Args, Debug)]
pub(super) struct SpeedBenchReportArgs {
    /// Folders of runs, or folders of such.
    #[arg(value_name = "DIR", required = true)]
    dirs: Vec<PathBuf>,

    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Prints the rows.
pub(super) fn run(args: &SpeedBenchReportArgs) -> Result<Exit, Failure> {
    let rows = speed_bench::rows(&args.dirs)?;
    let lines = if args.json { as_json(&rows)? } else { speed_bench::lines(&rows, terminal::screen()) };
    terminal::print(&lines.into_iter().map(|line| line + "\n").collect::<String>())?;
    Ok(Exit::Success)
}

fn as_json(rows: &[Row]) -> Result<Vec<String>, Failure> {
    let failed =
        |error: serde_json::Error| Failure::new(Exit::Failed, "write the rows as JSON").caused_by(&error);
    rows.iter().map(|row| serde_json::to_string(row).map_err(failed)).collect()
}

impl HasExit for SpeedBenchError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
