//! The command line as it is parsed and shown in help.
//!
//! `profile` has many flags: `-h` shows the common ones, `--help` and `prony help profile` all of them.

use clap::{Arg, Command, CommandFactory};

use super::{command_line::Cli, search};
use crate::config::flags::experiment_settings;

/// What `prony profile -h` shows, by the names of the fields.
const COMMON: [&str; 17] = [
    "config",
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
    let short = |command: Command| command.mut_args(only_common_in_short);
    Cli::command().mut_subcommand("profile", short).mut_subcommand("search", |search| {
        search.mut_args(|arg| {
            let is_own = arg.get_help_heading() == Some("Search");
            if arg.get_id() == "slo" {
                // It is what a search is for.
                arg.help_heading("Search").display_order(0)
            } else if is_own {
                arg
            } else {
                only_common_in_short(of_search(arg))
            }
        })
    })
}

/// Flags about several runs, and of one run alone, mean nothing to a search.
fn of_search(arg: Arg) -> Arg {
    let name = arg.get_long().unwrap_or_default();
    let is_of_several = experiment_settings().iter().any(|known| known == name);
    let is_hidden = is_of_several && !search::SHARED.contains(&name) || search::OF_ONE_RUN.contains(&name);
    if is_hidden { arg.hide(true) } else { arg }
}

fn only_common_in_short(arg: Arg) -> Arg {
    let is_common = COMMON.contains(&arg.get_id().as_str());
    arg.hide_short_help(!is_common)
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
