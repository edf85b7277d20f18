//! The command line: the way in, and the one place that decides what the user reads and which code the process ends
//! with.
//!
//! Each command has a file of its own and gives an `Exit` or a `Failure`. Parsing opens nothing: help and version depend
//! neither on the environment nor on plugins.

mod bar;
mod calibrate;
mod completions;
mod exit;
mod explain;
mod help;
mod limits;
mod logging;
mod mock_server;
mod option_rows;
mod outcome;
mod plugins;
mod profile;
mod progress;
mod recorded;
mod refusal;
mod report;
mod service;
mod terminal;
mod worker;

use std::{ffi::OsString, process::ExitCode};

use clap::{FromArgMatches, Parser, Subcommand};

use self::exit::{Exit, Failure};
use crate::{config::flags::ProfileFlags, plugin, run::survive_size_limit, stderr};

const EXIT_CODES: &str = "\
Exit codes:
  0  success               4  the target does not answer
  1  the run failed        6  the run is incomplete
  2  usage, configuration  130  interrupted (Ctrl-C)
  3  a plugin is at fault  143  ended by SIGTERM; 129 by SIGHUP";

const EXAMPLES: &str = "\
Examples:
  prony profile --mock
  prony profile --model m --streaming --concurrency 8 --request-count 200
  prony profile --model m --streaming --request-rate 5 --benchmark-duration 1m";

/// How a time is typed.
const TIMES: &str = "\
TIME is a number of seconds, or has a unit: 500ms, 60s, 1m, 1h.";

/// Measures LLM inference servers under load.
#[derive(Debug, Parser)]
#[command(name = "prony", version, max_term_width = 100)]
#[command(after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    log: logging::LogFlags,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a load test and report latency, throughput and errors.
    #[command(after_help = format!("{TIMES}\n\n{EXAMPLES}"), allow_negative_numbers = true)]
    Profile(Box<ProfileFlags>),
    /// Regenerate the report of a run from its journal.
    Report(report::ReportArgs),
    /// List plugins, install, check and write them.
    Plugins(plugins::PluginsArgs),
    /// Measure up to which load results are accurate on this machine.
    Calibrate(calibrate::CalibrateArgs),
    /// Run a mock LLM server whose latencies are known.
    MockServer(Box<mock_server::MockServerArgs>),
    /// Describe a service: `prony service NAME --help`.
    Service(service::ServiceArgs),
    /// Hold the workers of a run whose endpoint is isolated; started by `profile`.
    #[command(hide = true)]
    Worker,
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
}

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
            return match refusal::of(&error, &words, &command) {
                Some(refused) => Err(refused),
                None => terminal::answer(&error),
            };
        }
    };
    // The log of a child is its parent's.
    if !matches!(cli.command, Command::Service(_)) {
        logging::init(&cli.log)?;
    }
    // Before the first runtime, which cannot say what it lacks.
    limits::allow_many_files()?;
    survive_size_limit()
        .map_err(|error| Failure::new(Exit::Failed, "prepare for a limit of file sizes").caused_by(&error))?;
    if matches!(
        cli.command,
        Command::Profile(_) | Command::Report(_) | Command::Calibrate(_) | Command::Worker
    ) {
        limits::start_shared_threads()?;
    }
    match cli.command {
        Command::Profile(flags) => profile::run(&flags, &cli.log),
        Command::Report(args) => report::run(&args),
        Command::Plugins(args) => plugins::run(&args),
        Command::Calibrate(args) => calibrate::run(&args, &cli.log),
        Command::MockServer(args) => mock_server::run(*args),
        Command::Service(args) => service::run(&args, &cli.log),
        Command::Worker => worker::run(),
        Command::Completions(args) => completions::run(&args),
    }
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
