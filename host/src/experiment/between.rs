//! The command between two runs.

use super::{
    folder::{ExperimentFolder, FolderError},
    run_executor::RunExecutor,
};

/// Lets the shell carry out the command before the run with this place, from 1. Gives the reason if it failed.
///
/// # Errors
/// There is no folder for its output.
pub(super) fn carry_out(
    command: &str,
    place: usize,
    folder: &ExperimentFolder,
    executor: &mut dyn RunExecutor,
) -> Result<Option<String>, FolderError> {
    let output = folder.output_of_between(place)?;
    let done = executor.between(command, &output);
    Ok(done.err().map(|reason| {
        format!("the command of `--between` {reason}; its output is in `{}`", output.display())
    }))
}
