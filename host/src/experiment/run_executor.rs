//! Carries out the runs of an experiment, and hears what becomes of each: [`RunExecutor`].

use std::path::{Path, PathBuf};

use super::{measured::Measured, order::PlannedRun, outcome::RunEnd};
use crate::config::words::Words;

/// A run that is about to begin, or has ended.
#[derive(Clone, Debug)]
pub(crate) struct Upcoming {
    pub(crate) run: PlannedRun,
    /// Its place among all runs, from 1.
    pub(crate) place: usize,
    /// All runs; 0 where their number is not known beforehand.
    pub(crate) runs: usize,
    pub(crate) cells: usize,
    pub(crate) repeats: u32,
    /// What its cell is called.
    pub(crate) label: String,
    /// Its folder.
    pub(crate) dir: PathBuf,
    /// It ends before its time where the server cannot keep up with the load.
    pub(crate) ends_saturated: bool,
}

/// Carries out runs, and what the user wants done between two of them.
pub(crate) trait RunExecutor {
    /// Carries out a run with these settings, whose files go into its folder.
    fn measure(&mut self, upcoming: &Upcoming, settings: &Words) -> RunEnd;

    /// Waits.
    fn pause(&mut self, seconds: f64);

    /// Lets the shell carry out a command, and keeps what it says in this file.
    ///
    /// # Errors
    /// Why it failed.
    fn between(&mut self, command: &str, output: &Path) -> Result<(), String>;

    /// A run is over, and what it measured is on the disk.
    fn has_ended(&mut self, upcoming: &Upcoming, end: &RunEnd, measured: Option<&Measured>);

    /// Warns the user.
    fn warn(&mut self, text: &str);

    /// The exit code of the signal by which the user has asked for the end, if so.
    fn interrupted(&self) -> Option<u8>;
}
