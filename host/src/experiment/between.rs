//! The command between two runs.

use super::{
    bench::Bench,
    folder::{ExperimentFolder, FolderError},
};

/// Lets the shell carry out the command before the run with this place, from 1. Gives the reason if it failed.
///
/// # Errors
/// There is no folder for its output.
pub(super) fn carry_out(
    command: &str,
    place: usize,
    folder: &ExperimentFolder,
    bench: &mut dyn Bench,
) -> Result<Option<String>, FolderError> {
    let output = folder.output_of_between(place)?;
    let done = bench.between(command, &output);
    Ok(done.err().map(|reason| {
        format!("the command of `--between` {reason}; its output is in `{}`", output.display())
    }))
}
