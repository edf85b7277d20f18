//! The command line as it is parsed, shown in help and completed.
//!
//! `profile` has many flags: `-h` shows the common ones, `--help` and `prony help profile` all of them.

use clap::{Arg, Command, CommandFactory, builder::PossibleValuesParser};

use super::Cli;

/// What `prony profile -h` shows, by the names of the fields.
const COMMON: [&str; 16] = [
    "model",
    "url",
    "endpoint_type",
    "streaming",
    "api_key",
    "mock",
    "concurrency",
    "request_rate",
    "request_count",
    "benchmark_duration",
    "warmup_request_count",
    "isl",
    "osl",
    "input_file",
    "tokenizer",
    "artifact_dir",
];

/// The whole command line.
pub(super) fn command() -> Command {
    Cli::command().mut_subcommand("profile", |profile| profile.mut_args(only_common_in_short))
}

fn only_common_in_short(arg: Arg) -> Arg {
    let is_common = COMMON.contains(&arg.get_id().as_str());
    arg.hide_short_help(!is_common)
}

/// The command line without what is hidden, with these names where an endpoint or a service is asked for. Scripts of
/// completions are made of it: they know no hidden items, and would offer files for a name.
pub(super) fn completed(endpoints: &[String], services: &[String]) -> Command {
    visible(&command(), endpoints, services)
}

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
    let mut copy =
        Arg::new(arg.get_id().clone()).action(arg.get_action().clone()).global(arg.is_global_set());
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
    use super::*;

    #[test]
    fn every_common_flag_is_one() {
        let command = command();
        let profile = command.find_subcommand("profile").unwrap();
        for name in COMMON {
            assert!(profile.get_arguments().any(|arg| arg.get_id() == name), "{name}");
        }
    }

    #[test]
    fn the_short_help_fits_on_a_screen() {
        let mut command = command().term_width(80);
        command.build();
        let help = command.find_subcommand_mut("profile").unwrap().render_help().to_string();
        assert!(help.lines().count() <= 42, "{help}");
        insta::assert_snapshot!(help);
    }
}
