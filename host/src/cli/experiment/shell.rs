//! A command of the user's between two runs.

use std::{fs, path::Path, time::Duration};

use super::signals::Signals;
use crate::run::hooks::ShellCommand;

/// Carries out a command, and writes what it says into this file, without secrets that are known.
///
/// # Errors
/// What became of it, as a sentence goes on behind its name.
pub(super) fn carry_out(command: &str, output: &Path, signals: &Signals) -> Result<(), String> {
    let command =
        ShellCommand::start(command, &[]).map_err(|error| format!("cannot be carried out: {error}"))?;
    signals.set_shell(command.group());
    let (end, said) = command.wait(Duration::MAX);
    signals.set_shell(None);
    fs::write(output, said).map_err(|error| format!("has an output that cannot be kept: {error}"))?;
    if end.is_success() { Ok(()) } else { Err(end.in_words()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_says_is_kept_however_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("said.txt");
        let carried_out = |command| carry_out(command, &output, &Signals::default());
        assert_eq!(carried_out("echo one; echo two >&2"), Ok(()));
        assert_eq!(fs::read_to_string(&output).unwrap(), "one\ntwo\n");
        assert_eq!(carried_out("echo no; exit 7"), Err("failed with exit code 7".to_owned()));
        assert_eq!(fs::read_to_string(&output).unwrap(), "no\n");
    }
}
