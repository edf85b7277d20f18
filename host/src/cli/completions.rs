//! `prony completions SHELL`: a script that completes commands, flags and choices.

use clap::{Arg, Args, Command, builder::PossibleValuesParser};
use clap_complete::Shell;

use super::{
    exit::{Exit, Failure},
    terminal,
};
use crate::plugin::{Category, DiscoveryOptions, LockChoice, Registry};

/// For which shell.
#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell that will read the script.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script. It knows the names of the plugins that there are now.
pub(super) fn run(args: &CompletionsArgs, command_line: &Command) -> Result<Exit, Failure> {
    // Nothing is opened here.
    let options = DiscoveryOptions::from_env(Vec::new()).with_lock(LockChoice::None);
    let registry = Registry::discover(&options)?;
    let names = |category| registry.list(category).into_iter().map(|listed| listed.name).collect::<Vec<_>>();
    let command = visible(command_line, &names(Category::Endpoint), &names(Category::Service));
    terminal::print(&script(args.shell, command))?;
    Ok(Exit::Success)
}

fn script(shell: Shell, mut command: Command) -> String {
    // Into memory first: clap_complete panics when the pipe that it writes to is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "prony", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The command line without what is hidden, with these names where an endpoint or a service is asked for. Scripts of
/// completions are made of it: they know no hidden items, and would offer files for a name.
fn visible(command: &Command, endpoints: &[String], services: &[String]) -> Command {
    let args = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let args = args.map(|arg| match arg.get_id().as_str() {
        "endpoint_type" => offered(arg, endpoints),
        "service" | "no_service" => offered(arg, services),
        _ => offered(arg, &[]),
    });
    let below = command.get_subcommands().filter(|below| !below.is_hide_set());
    Command::new(command.get_name().to_owned())
        .about(command.get_about().cloned().unwrap_or_default())
        .version(command.get_version().unwrap_or_default().to_owned())
        .disable_help_flag(command.is_disable_help_flag_set())
        .args(args)
        .subcommands(below.map(|below| visible(below, endpoints, services)))
}

/// A flag or word as a script of completions needs it, with these names to choose from, or else its own. Its relations to
/// others are left out: those may be hidden.
fn offered(arg: &Arg, names: &[String]) -> Arg {
    let mut copy = Arg::new(arg.get_id().clone())
        .action(arg.get_action().clone())
        .global(arg.is_global_set())
        .last(arg.is_last_set());
    if let Some(long) = arg.get_long() {
        copy = copy.long(long.to_owned());
    }
    if let Some(short) = arg.get_short() {
        copy = copy.short(short);
    }
    if let Some(help) = arg.get_help() {
        copy = copy.help(help.clone());
    }
    for alias in arg.get_visible_aliases().unwrap_or_default() {
        copy = copy.visible_alias(alias.to_owned());
    }
    if !arg.get_action().takes_values() {
        return copy;
    }
    if let Some(placeholders) = arg.get_value_names() {
        copy = copy.value_names(placeholders.iter().cloned());
    }
    if let Some(count) = arg.get_num_args() {
        copy = copy.num_args(count);
    }
    let own = arg.get_possible_values();
    match names {
        [] if own.is_empty() => copy.value_hint(arg.get_value_hint()),
        [] => copy.value_parser(PossibleValuesParser::new(own)),
        names => copy.value_parser(PossibleValuesParser::new(names)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::cli::help::command;

    #[rstest]
    fn every_shell_learns_commands_flags_and_choices(
        #[values(Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh)] shell: Shell,
    ) {
        let script = script(shell, visible(&command(), &[], &[]));
        for word in ["profile", "completions", "endpoint-type"] {
            assert!(script.contains(word), "{shell} misses {word}");
        }
        for hidden in ["extra-verbose", "probe", "worker ", "Hold the `nats-server`", "nats__server"] {
            assert!(!script.contains(hidden), "{shell} shows {hidden}");
        }
    }

    #[rstest]
    fn choices_are_completed_where_the_shell_can(
        #[values(Shell::Bash, Shell::Fish, Shell::Zsh)] shell: Shell,
    ) {
        let script = script(shell, visible(&command(), &["acme_chat".to_owned()], &["acme_bill".to_owned()]));
        for choice in ["concurrency-burst", "acme_chat", "acme_bill"] {
            assert!(script.contains(choice), "{shell} misses {choice}");
        }
    }
}
