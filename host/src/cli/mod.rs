//! The command line: the way in, and the one place that decides what the user reads and which code the process ends
//! with.
//!
//! Each command has a file of its own and gives an `Exit` or a `Failure`. Parsing opens nothing: help and version depend
//! neither on the environment nor on plugins.

mod bar;
mod calibrate;
mod command_line;
mod completions;
mod dataset;
mod dry_run;
mod exit;
mod exit_codes;
mod experiment;
mod help;
mod limits;
mod logging;
mod mock_server;
mod names;
mod option_rows;
mod outcome;
mod plugins;
mod profile;
mod progress;
mod record;
mod recorded;
mod refusal;
mod report;
mod service;
mod terminal;
mod worker;

use std::{ffi::OsString, process::ExitCode};

use clap::FromArgMatches;

use self::{
    command_line::{Cli, Command},
    exit::{Exit, Failure},
    logging::LogFlags,
};
use crate::{config::words::Words, experiment::is_experiment, plugin, run::survive_size_limit, stderr};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    stderr::start();
    let exit = run(std::env::args_os()).unwrap_or_else(|failure| {
        terminal::explain(&failure);
        failure.exit
    });
    stderr::flush();
    plugin::end(exit as u8)
}

fn run(words: impl IntoIterator<Item = OsString>) -> Result<Exit, Failure> {
    let words: Vec<OsString> = words.into_iter().collect();
    let mut command = help::command();
    let parsed = command.try_get_matches_from_mut(&words).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            return match experiment::typed_with_lists(&words, error) {
                Ok((settings, log)) => run_with_lists(&settings, &log),
                Err(error) => match refusal::of(&error, &words, &command) {
                    Some(refused) => Err(refused),
                    None => terminal::answer(&error),
                },
            };
        }
    };
    // The log of a child is its parent's.
    if !matches!(cli.command, Command::Service(_)) {
        logging::init(&cli.log)?;
    }
    prepare()?;
    if matches!(
        cli.command,
        Command::Profile(_) | Command::Report(_) | Command::Calibrate(_) | Command::Worker
    ) {
        limits::start_shared_threads()?;
    }
    match cli.command {
        Command::Profile(flags) if flags.experiment.is_given() => match experiment::typed(&words) {
            Ok((settings, _)) => experiment::run(&settings, &cli.log),
            Err(error) => terminal::answer(&error),
        },
        Command::Profile(flags) => profile::run(&flags, &cli.log),
        Command::Report(args) if !args.messages && is_experiment(&args.dir) => experiment::report(&args.dir),
        Command::Report(args) => report::run(&args),
        Command::Dataset(args) => dataset::run(&args),
        Command::Plugins(args) => plugins::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Calibrate(args) => calibrate::run(&args, &cli.log),
        Command::MockServer(args) => mock_server::run(*args),
        Command::Service(args) => service::run(&args, &cli.log, command),
        Command::Worker => worker::run(),
        Command::Completions(args) => completions::run(&args, &help::command()),
    }
}

/// Measures what a command line with lists asks for, which is none to the usual reader.
fn run_with_lists(settings: &Words, log: &LogFlags) -> Result<Exit, Failure> {
    logging::init(log)?;
    prepare()?;
    limits::start_shared_threads()?;
    experiment::run(settings, log)
}

/// Before the first runtime, which cannot say what it lacks.
fn prepare() -> Result<(), Failure> {
    limits::allow_many_files()?;
    survive_size_limit()
        .map_err(|error| Failure::new(Exit::Failed, "prepare for a limit of file sizes").caused_by(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        help::command().debug_assert();
    }

    fn long_help(path: &[&str]) -> String {
        let mut command = help::command().term_width(100);
        command.build();
        let command =
            path.iter().fold(&mut command, |command, name| command.find_subcommand_mut(name).unwrap());
        command.render_long_help().to_string()
    }

    #[test]
    fn top_level_help() {
        insta::assert_snapshot!(long_help(&[]));
    }

    #[test]
    fn profile_help() {
        insta::assert_snapshot!(long_help(&["profile"]));
    }
}
