//! `prony completions SHELL`: a script that completes commands, flags and choices.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{
    Cli,
    exit::{Exit, Failure},
    terminal,
};

/// For which shell.
#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell that will read the script.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    terminal::print(&script(args.shell))?;
    Ok(Exit::Success)
}

fn script(shell: Shell) -> String {
    // Into memory first: clap_complete panics when the pipe that it writes to is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "prony", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn every_shell_learns_commands_flags_and_choices(
        #[values(Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh)] shell: Shell,
    ) {
        let script = script(shell);
        for word in ["profile", "completions", "endpoint-type"] {
            assert!(script.contains(word), "{shell} misses {word}");
        }
    }

    #[rstest]
    fn choices_are_completed_where_the_shell_can(
        #[values(Shell::Bash, Shell::Fish, Shell::Zsh)] shell: Shell,
    ) {
        assert!(script(shell).contains("concurrency-burst"));
    }
}
