//! `prony completions SHELL`: a script that completes commands, flags and choices.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{
    exit::{Exit, Failure},
    help, terminal,
};
use crate::plugin::{Category, DiscoveryOptions, Registry};

/// For which shell.
#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell that will read the script.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script. It knows the names of the plugins that there are now.
pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let registry = Registry::discover(&DiscoveryOptions::from_env(Vec::new()))?;
    let names = |category| registry.list(category).into_iter().map(|listed| listed.name).collect::<Vec<_>>();
    let command = help::completed(&names(Category::Endpoint), &names(Category::Service));
    terminal::print(&script(args.shell, command))?;
    Ok(Exit::Success)
}

fn script(shell: Shell, mut command: Command) -> String {
    // Into memory first: clap_complete panics when the pipe that it writes to is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "prony", &mut script);
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
        let script = script(shell, help::completed(&[], &[]));
        for word in ["profile", "completions", "endpoint-type"] {
            assert!(script.contains(word), "{shell} misses {word}");
        }
        for hidden in ["extra-verbose", "probe", "worker "] {
            assert!(!script.contains(hidden), "{shell} shows {hidden}");
        }
    }

    #[rstest]
    fn choices_are_completed_where_the_shell_can(
        #[values(Shell::Bash, Shell::Fish, Shell::Zsh)] shell: Shell,
    ) {
        let script = script(shell, help::completed(&["acme_chat".to_owned()], &["acme_bill".to_owned()]));
        for choice in ["concurrency-burst", "acme_chat", "acme_bill"] {
            assert!(script.contains(choice), "{shell} misses {choice}");
        }
    }
}
